package eap

import (
	"crypto/tls"
	"io"
	"sync"
	"time"

	"gatehouse/directory"
)

const (
	// maxTickets bounds the sessions that can be resumed; the oldest go first.
	maxTickets = 20_000
	// ticketLife is how long after a full authentication a device may resume.
	ticketLife = 24 * time.Hour
)

// handle is all that a device gets of a ticket.
type handle [16]byte

// proven is what a ticket stands for: who was let in, by what, and when. It
// opens nothing by itself; the directory decides again.
type proven struct {
	user        directory.UserID
	epoch       int64
	factors     []directory.Factor
	credential  directory.CredentialID
	version     int64
	certificate string
	method      string // "eap-ttls/pap"
	at          time.Time
}

// ticket is a TLS session that may be resumed once whoever made it was let in.
type ticket struct {
	session []byte
	typ     Type
	until   time.Time
	proven  *proven // nil: the authentication has not ended well, or not yet
}

// tickets keeps sessions in this process, so that what a device carries is short
// and can be taken back. It is safe for concurrent use.
type tickets struct {
	now  func() time.Time
	rand io.Reader

	mu    sync.Mutex
	byID  map[handle]*ticket
	order []handle // oldest first; those that are gone are skipped
}

func newTickets(now func() time.Time, rand io.Reader) *tickets {
	return &tickets{now: now, rand: rand, byID: map[handle]*ticket{}}
}

// issue keeps a session under a new handle, good for nothing until bind.
func (t *tickets) issue(typ Type, session []byte) (h handle, err error) {
	if _, err := io.ReadFull(t.rand, h[:]); err != nil {
		return h, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.byID) >= maxTickets {
		delete(t.byID, t.order[0])
		t.order = t.order[1:]
	}
	if len(t.order) >= 2*maxTickets {
		live := make([]handle, 0, len(t.byID))
		for _, h := range t.order {
			if t.byID[h] != nil {
				live = append(live, h)
			}
		}
		t.order = live
	}
	t.byID[h] = &ticket{session: session, typ: typ, until: t.now().Add(ticketLife)}
	t.order = append(t.order, h)
	return h, nil
}

// bind makes the ticket good: it stands for p from now on.
func (t *tickets) bind(h handle, p proven) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if k := t.byID[h]; k != nil {
		k.proven, k.until = &p, p.at.Add(ticketLife)
	}
}

// forget makes a ticket useless.
func (t *tickets) forget(h handle) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.byID, h)
}

// find returns the session of a ticket of the method typ and what it stands for;
// false: there is none that is good.
//
// RFC 9190 §2.1.2: a session is resumed by the method that made it only.
func (t *tickets) find(h handle, typ Type) ([]byte, proven, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.byID[h]
	if k == nil || k.proven == nil || k.typ != typ || !t.now().Before(k.until) {
		return nil, proven{}, false
	}
	return k.session, *k.proven, true
}

// resumption is the part of one conversation in this.
type resumption struct {
	tickets *tickets
	typ     Type
	issued  []handle // in this handshake
	shown   handle   // that the device resumes by
	proven  proven
	resumes bool
}

// wrap is tls.Config.WrapSession.
func (r *resumption) wrap(_ tls.ConnectionState, s *tls.SessionState) ([]byte, error) {
	b, err := s.Bytes()
	if err != nil {
		return nil, err
	}
	h, err := r.tickets.issue(r.typ, b)
	if err != nil {
		return nil, err
	}
	r.issued = append(r.issued, h)
	return h[:], nil
}

// unwrap is tls.Config.UnwrapSession. What is not known is no error: there will
// be a full handshake.
func (r *resumption) unwrap(identity []byte, _ tls.ConnectionState) (*tls.SessionState, error) {
	if len(identity) != len(handle{}) {
		return nil, nil
	}
	h := handle(identity)
	b, p, ok := r.tickets.find(h, r.typ)
	if !ok {
		return nil, nil
	}
	s, err := tls.ParseSessionState(b)
	if err != nil {
		return nil, err
	}
	r.shown, r.proven, r.resumes = h, p, true
	return s, nil
}

// settle ends the conversation's part: the tickets made in it stand for p, or,
// nil, for nobody. The one shown has been used up either way.
func (r *resumption) settle(p *proven) {
	if r.resumes {
		r.tickets.forget(r.shown)
	}
	for _, h := range r.issued {
		if p != nil {
			r.tickets.bind(h, *p)
		} else {
			r.tickets.forget(h)
		}
	}
}
