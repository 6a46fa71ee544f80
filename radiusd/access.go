package radiusd

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/radiusd/wire"
)

// decideWithin bounds one decision. A NAS has asked again, or another server,
// long before.
const decideWithin = 10 * time.Second

// access decides one Access-Request.
func (s *Server) access(ctx context.Context, r *request) {
	ctx = s.patience.bound(ctx)
	m := methodOf(r.packet)
	name := text(r.packet, wire.UserName)
	if name == "" || m == "" || !r.client.allows(m) {
		s.logAccess(ctx, r, name, string(directory.Deny), directory.ReasonMethodNotAllowed)
		s.reject(r, nextTick(r.received, s.now()))
		return
	}
	hidden, _ := r.packet.Lookup(wire.UserPassword)
	password, err := wire.RevealPassword(hidden, r.packet.Authenticator(), r.key)
	if err != nil {
		s.logAccess(ctx, r, name, string(directory.Deny), directory.ReasonMethodNotAllowed)
		s.reject(r, nextTick(r.received, s.now()))
		return
	}
	dec, err := s.directory.Authenticate(ctx, s.attempt(r, name, directory.PasswordProof{Password: directory.Secret(password)}))
	switch {
	case err != nil:
		s.failed(ctx, r, name, err)
	case dec.Allowed() && r.client.networkOnly && !slices.Contains(dec.Factors, directory.FactorAppPassword):
		s.logAccess(ctx, r, name, string(directory.Deny), directory.ReasonCredentialScope)
		s.reject(r, nextTick(r.received, s.now()))
	case dec.Allowed():
		s.accept(ctx, r, name, &dec)
	default:
		s.logAccess(ctx, r, name, string(dec.Outcome), dec.Reason)
		s.reject(r, dec.LeaveAt)
	}
}

// methodOf tells the method by the attributes that carry it; "": none that is
// understood.
func methodOf(p wire.Packet) string {
	// RFC 2865 §4.1, CHAP-Password, not done: it needs the password in clear.
	if p.Has(wire.UserPassword) && !p.Has(wire.EAPMessage) && !p.Has(wire.CHAPPassword) {
		return schema.MethodPAP
	}
	return ""
}

// attempt describes a request to the core. The NAS is a relay: it speaks for
// everybody behind it, so it is never the source of guesses.
func (s *Server) attempt(r *request, name string, proof directory.Proof) directory.Attempt {
	called := text(r.packet, wire.CalledStationID)
	a := directory.Attempt{
		Name: r.client.local(name), Proof: proof, App: r.client.app, Protocol: directory.ProtocolRADIUS,
		Received: r.received, Peer: r.id.from.Addr().Unmap(), Client: device(r.packet), Relay: true,
		Device: station(r.packet), NAS: r.client.id, Unhurried: true,
		Context: map[string]string{"nas": r.client.name, "method": schema.MethodPAP},
	}
	if network := ssid(called); network != "" {
		a.Context["ssid"] = network
	}
	if n, ok := r.packet.Uint32(wire.NASPortType); ok {
		a.Context["port_type"] = strconv.FormatUint(uint64(n), 10)
	}
	return a
}

// accept sends the Access-Accept after its session was stored.
func (s *Server) accept(ctx context.Context, r *request, name string, dec *directory.Decision) {
	row := s.session(r, dec)
	known, again := s.recent.find(placeOf(&row), row.Accepted)
	if !again {
		var err error
		if row.ID, err = s.directory.NewID(); err != nil {
			s.failed(ctx, r, name, err)
			return
		}
		known.class = s.classes.of(&row)
	}
	answer, err := acceptPacket(r, dec, known.class)
	if err != nil {
		// A reply rule that cannot be applied fails closed: nobody gets in with
		// less than the rules say.
		s.log.LogAttrs(ctx, slog.LevelError, "reply could not be built; rejected",
			slog.String("client", r.client.name), slog.String("user", dec.User.Username), slog.Any("err", err))
		s.reject(r, nextTick(r.received, s.now()))
		return
	}
	if !again {
		ok, err := s.open(ctx, r, dec, row)
		if err != nil {
			s.failed(ctx, r, name, err)
			return
		}
		if !ok {
			s.logAccess(ctx, r, name, string(directory.Deny), directory.ReasonDisabled)
			s.reject(r, nextTick(r.received, s.now()))
			return
		}
		s.recent.add(&row, known.class)
	}
	s.logAccess(ctx, r, name, string(dec.Outcome), dec.Reason)
	s.transport.answer(r, answer)
}

// open stores a new session and reports whether the decision still holds. A
// disable looks for open sessions in its own transaction; one that came too
// early to see this row is seen here.
func (s *Server) open(ctx context.Context, r *request, dec *directory.Decision, row directory.RADIUSSession) (bool, error) {
	seq, err := s.opener.open(ctx, row)
	if err != nil {
		return false, err
	}
	if seq != dec.Seq {
		now, err := s.directory.Authorize(ctx, directory.Admission{
			User: dec.User.ID, Epoch: dec.User.Epoch, App: r.client.app, Protocol: directory.ProtocolRADIUS,
			Peer: r.id.from.Addr().Unmap(), Client: device(r.packet), Factors: dec.Factors,
		})
		if err != nil || !now.Allowed() {
			return false, err
		}
	}
	return true, nil
}

// session makes the row of a session that is about to be accepted.
func (s *Server) session(r *request, dec *directory.Decision) directory.RADIUSSession {
	now := s.now()
	return directory.RADIUSSession{
		Client: r.client.id, User: dec.User.ID, Username: dec.User.Username, Epoch: dec.User.Epoch,
		State: directory.RADIUSAccepted, CallingStationID: station(r.packet),
		CalledStationID: text(r.packet, wire.CalledStationID), NASIP: nasAddress(r), NASPort: nasPort(r.packet),
		Instance: s.instance, LocalAddr: r.local.String(), Accepted: now, Updated: now,
	}
}

// reject sends an Access-Reject at a time that says nothing of what was
// computed. It holds nothing that a stranger could learn from.
func (s *Server) reject(r *request, at time.Time) {
	e := wire.NewReply(nil, wire.AccessReject, r.packet, true)
	if eap, ok := r.packet.Lookup(wire.EAPMessage); ok && len(eap) >= 2 {
		// RFC 3579 §2.6.3: a reject of an EAP conversation carries EAP-Failure
		// (RFC 3748 §4.2) with the identifier of the response.
		e.Add(wire.EAPMessage, []byte{4, eap[1], 0, 4})
	}
	echoProxyState(e, r.packet)
	b, err := e.Finish(r.key)
	if err != nil {
		s.transport.drop(r, unanswerable)
		return
	}
	wait := at.Sub(s.now())
	if wait <= 0 {
		s.transport.answer(r, b)
		return
	}
	time.AfterFunc(wait, func() { s.transport.answer(r, b) })
}

// nextTick is when a denial leaves that the core did not make: the next full
// second after receipt.
func nextTick(received, now time.Time) time.Time {
	spent := max(now.Sub(received), 0)
	return received.Add(spent.Truncate(time.Second) + time.Second)
}

// failed ends a request that could not be decided.
func (s *Server) failed(ctx context.Context, r *request, name string, err error) {
	if render(directory.KindOf(err)) == reject {
		s.logAccess(ctx, r, name, string(directory.Deny), directory.Reason(directory.KindOf(err).String()))
		s.reject(r, nextTick(r.received, s.now()))
		return
	}
	s.undecided.warn(ctx, "access could not be decided; no answer",
		slog.String("client", r.client.name), slog.String("user", name), slog.Any("err", err))
	s.transport.drop(r, undecided)
}

// logAccess writes the one line of a decided request. Who got in is in the audit
// and among the sessions, so here it is a detail.
func (s *Server) logAccess(ctx context.Context, r *request, name, outcome string, reason directory.Reason) {
	level := slog.LevelInfo
	if outcome == string(directory.Allow) {
		level = slog.LevelDebug
	}
	if !s.log.Enabled(ctx, level) {
		return
	}
	s.log.LogAttrs(ctx, level, "access", slog.String("outcome", outcome), slog.String("reason", string(reason)),
		slog.String("user", name), slog.String("client", r.client.name), slog.String("peer", r.id.from.String()),
		slog.String("station", station(r.packet)), slog.Duration("took", s.now().Sub(r.received)))
}
