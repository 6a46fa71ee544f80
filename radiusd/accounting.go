package radiusd

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"gatehouse/directory"
	"gatehouse/radiusd/wire"
)

// account stores a batch of Accounting-Requests in one transaction and
// acknowledges them after its commit.
func (s *Server) account(ctx context.Context, rs []*request) {
	records := make([]*record, 0, len(rs))
	for _, r := range rs {
		rec, err := s.record(r)
		if err != nil {
			s.undecided.warn(ctx, "accounting could not be stored; no answer", slog.Any("err", err))
			s.transport.drop(r, undecided)
			continue
		}
		records = append(records, rec)
	}
	if len(records) == 0 {
		return
	}
	err := s.store(ctx, records)
	if err != nil && len(records) > 1 && !directory.Is(err, directory.Unavailable) {
		// One of them is at fault; the others must not suffer.
		for _, rec := range records {
			s.acknowledge(ctx, rec, s.store(ctx, []*record{rec}))
		}
		return
	}
	for _, rec := range records {
		s.acknowledge(ctx, rec, err)
	}
}

// record is one Accounting-Request, taken apart.
type record struct {
	request *request
	claims  []claim
	spare   int64 // the id of the row and, if one is made, of the session
	status  uint32
	row     directory.RADIUSAccounting
	update  usage
}

// usage is what a record says of its session.
type usage struct {
	id       string // Acct-Session-Id
	at       time.Time
	in, out  int64
	seconds  int64
	cause    string
	framedIP string
	nasIP    string // of the NAS
	nasPort  string
	received time.Time
}

func (s *Server) record(r *request) (*record, error) {
	id, err := s.directory.NewID()
	if err != nil {
		return nil, fmt.Errorf("make an id: %w", err)
	}
	p := r.packet
	seconds, _ := p.Uint32(wire.AcctSessionTime)
	rec := &record{request: r, spare: id}
	rec.status, _ = p.Uint32(wire.AcctStatusType)
	rec.update = usage{
		id: text(p, wire.AcctSessionID), at: happened(p, r.received), received: r.received,
		in:      octets(p, wire.AcctInputOctets, wire.AcctInputGigawords),
		out:     octets(p, wire.AcctOutputOctets, wire.AcctOutputGigawords),
		seconds: int64(seconds), cause: cause(p),
		framedIP: address(p, wire.FramedIPAddress), nasIP: nasAddress(r.packet, r.id.from), nasPort: nasPort(p),
	}
	for t, v := range p.Attributes() {
		if t != wire.Class {
			continue
		}
		if k, ok := parseClass(v); ok {
			rec.claims = append(rec.claims, k)
		}
	}
	rec.row = directory.RADIUSAccounting{
		ID: id, Day: r.received.Unix() / 86_400, At: r.received, Client: r.client.id, Status: statusName(rec.status),
		SessionID: rec.update.id, Username: text(p, wire.UserName), Packet: p.Raw()[wire.MinLength:],
	}
	return rec, nil
}

// statusName names an Acct-Status-Type (RFC 2866 §5.1).
func statusName(n uint32) string {
	switch n {
	case wire.AcctStart:
		return "Start"
	case wire.AcctStop:
		return "Stop"
	case wire.AcctInterimUpdate:
		return "Interim-Update"
	case wire.AcctOn:
		return "Accounting-On"
	case wire.AcctOff:
		return "Accounting-Off"
	}
	return strconv.FormatUint(uint64(n), 10)
}

// store writes records and what they change, all or nothing.
func (s *Server) store(ctx context.Context, records []*record) error {
	ctx, cancel := context.WithTimeout(ctx, storeWithin)
	defer cancel()
	var b batch
	err := s.directory.RecordArtefacts(ctx, func(a *directory.Artefacts) error {
		b = batch{tables: a, classes: s.classes, sessions: make(map[int64]*tracked)}
		return b.run(records)
	})
	if err != nil {
		return fmt.Errorf("store %d accounting records: %w", len(records), err)
	}
	for id, t := range b.sessions {
		if !open(t) {
			s.recent.forget(id)
		}
	}
	if b.revived != nil {
		s.reviewer.mark(b.revived...)
	}
	return nil
}

// acknowledge answers a record that was stored.
//
// RFC 2866 §4.2: without a stored record there must be no answer.
func (s *Server) acknowledge(ctx context.Context, rec *record, err error) {
	r := rec.request
	if err != nil {
		s.undecided.warn(ctx, "accounting could not be stored; no answer",
			slog.String("client", r.client.name), slog.Any("err", err))
		s.transport.drop(r, undecided)
		return
	}
	e := wire.NewReply(nil, wire.AccountingResponse, r.packet, r.packet.HasMessageAuthenticator())
	echoProxyState(e, r.packet)
	answer, err := e.Finish(r.key)
	if err != nil {
		s.transport.drop(r, unanswerable)
		return
	}
	s.log.LogAttrs(ctx, slog.LevelDebug, "accounting", slog.String("status", rec.row.Status),
		slog.String("user", rec.row.Username), slog.String("client", r.client.name),
		slog.String("session", rec.row.SessionID), slog.Bool("class", rec.row.Session != 0))
	s.transport.answer(r, answer)
}
