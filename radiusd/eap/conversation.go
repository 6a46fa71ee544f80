package eap

import (
	"bytes"
	"container/list"
	"context"
	"fmt"
	"strings"
	"time"

	"gatehouse/directory"
)

// conversation is one authentication of one device. Whoever has taken it out of
// the table is the only one to use it.
type conversation struct {
	origin   origin
	state    [stateSize]byte // that the next round must show
	id       byte            // of the request that it must answer
	until    time.Time
	identity string // outer
	offers   []string
	rounds   int
	octets   int
	rank     rank

	proposed string   // the method under way, by its name in the configuration
	typ      Type     // of proposed
	session  *session // nil: the peer has not taken it up
	lost     error    // why it could not be decided; nil: it goes on

	inAll, inOwn *list.Element // places in the table
}

// step is what comes of one packet of the peer: the next request, or the end.
type step struct {
	typ  Type // of the next request
	data []byte

	done     bool // the directory has decided
	decision directory.Decision
	msk      [64]byte
	method   string

	refusal string // why it is over without a decision
	fault   Fault  // of refusal
	err     error  // nothing was decided
}

func refuse(f Fault, format string, args ...any) *step {
	return &step{refusal: fmt.Sprintf(format, args...), fault: f}
}

// limits ends a conversation that never does.
func (c *conversation) limits() *step {
	switch {
	case c.rounds > maxRounds:
		return refuse(Protocol, "more than %d rounds", maxRounds)
	case c.octets > maxOctets:
		return refuse(Protocol, "more than %d octets", maxOctets)
	default:
		return nil
	}
}

// step takes one packet.
func (c *conversation) step(ctx context.Context, s *Server, r *Round, p packet) *step {
	switch {
	case c.typ == 0: // the identity
		return c.propose(ctx, s, r)
	case p.typ == TypeNAK:
		return c.instead(ctx, s, r, p.data)
	case p.typ != c.typ:
		return refuse(Protocol, "type %d, %d was asked", p.typ, c.typ)
	}
	c.rank = min(c.rank+1, underWay)
	if c.session == nil {
		c.session = newSession(s, c.typ, c.proposed, c.identity, r.LegacyTLS)
	}
	return c.session.step(ctx, r, p.data)
}

// propose begins the first of the client's methods that is left.
func (c *conversation) propose(ctx context.Context, s *Server, r *Round) *step {
	for len(c.offers) > 0 {
		c.proposed, c.offers = c.offers[0], c.offers[1:]
		if c.typ = typeOf(c.proposed); c.typ != 0 {
			break
		}
	}
	switch c.typ {
	case 0:
		return refuse(NoCommonMethod, "the client has no EAP method among its methods: add one (eap-tls, eap-ttls, peap) in radius_clients")
	case TypeMSCHAPv2:
		// The server speaks first: the challenge is the proposal.
		c.session = newSession(s, c.typ, c.proposed, c.identity, r.LegacyTLS)
		return c.session.step(ctx, r, nil)
	default:
		// RFC 5216 §3.1: a start has no data. Version 0 is offered.
		return &step{typ: c.typ, data: []byte{flagStart}}
	}
}

// instead goes on with a method that the peer wants more than the one proposed.
//
// RFC 3748 §5.3.1: a NAK answers the proposal and nothing later; it lists what
// the peer would take, 0 is nothing.
func (c *conversation) instead(ctx context.Context, s *Server, r *Round, wanted []byte) *step {
	if c.rank != proposed {
		return refuse(Protocol, "a NAK in the middle of %s", c.proposed)
	}
	for i, offer := range c.offers {
		if t := typeOf(offer); t != 0 && bytes.IndexByte(wanted, byte(t)) >= 0 {
			c.close()
			c.session, c.typ, c.offers = nil, 0, c.offers[i:]
			return c.propose(ctx, s, r)
		}
	}
	return refuse(NoCommonMethod, "the device would take %s and none of the client's methods: add one to methods of the client, or choose another on the device",
		strings.Join(typeNames(wanted), ", "))
}

// method names what was spoken so far.
func (c *conversation) method() string {
	if c.session != nil {
		return c.session.methodName()
	}
	return c.proposed
}

// named is the name that the device says inside the method, if it has come to that.
func (c *conversation) named() string {
	if c.session != nil {
		return c.session.named
	}
	return ""
}

// close ends the method, if it still runs.
func (c *conversation) close() {
	if c.session != nil {
		_ = c.session.pipe.Close() // never fails
	}
}
