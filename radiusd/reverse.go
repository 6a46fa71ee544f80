package radiusd

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"gatehouse/radiusd/wire"
)

// maxInquiries is how many requests may wait on one connection, answered or given
// up: there is one identifier for each (RFC 2865 §3).
const maxInquiries = 256

var (
	errGone    = fmt.Errorf("%w: the connection has ended", errSilence)
	errCrowded = fmt.Errorf("%w: it has not answered %d requests on this connection", errSilence, maxInquiries)
)

// inquiries are the requests that went the other way: to a NAS on the connection
// that it has opened.
//
// RFC 6614 §2.5 lets all packets share a connection; RFC 5176 §3 says what is in
// these, and draft-ietf-radext-reverse-coa-08 that they may go this way.
type inquiries struct {
	mu   sync.Mutex
	last uint32
	// open is by identifier, in RADIUS/1.1 by Token. One that was given up stays until
	// its late answer: its number must not mean two things.
	open map[uint32]*inquiry
}

type inquiry struct {
	request wire.Packet
	answer  chan wire.Packet // has room for the one answer
}

// ask sends a request to the NAS and returns its answer. The error is errSilence,
// that of ctx, or says why nothing can be sent.
//
// RFC 6613 §2.6.1: a request is not repeated on the same connection.
func (c *stream) ask(ctx context.Context, build func(beginning) *wire.Encoder, within time.Duration) (wire.Packet, error) {
	q, err := c.inquire(build)
	if err != nil {
		return wire.Packet{}, err
	}
	if !c.outbox.put(q.request.Raw()) {
		c.end(endSlow)
		return wire.Packet{}, errGone
	}
	late := time.NewTimer(within)
	defer late.Stop()
	select {
	case answer := <-q.answer:
		return answer, nil
	case <-c.written:
		return wire.Packet{}, errGone
	case <-late.C:
		return wire.Packet{}, errSilence
	case <-ctx.Done():
		return wire.Packet{}, ctx.Err()
	}
}

// inquire builds a request under a number that is free.
func (c *stream) inquire(build func(beginning) *wire.Encoder) (*inquiry, error) {
	s := &c.asked
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		// RFC 9765 §4.2.1: Tokens are counted from a random one on.
		s.open, s.last = map[uint32]*inquiry{}, rand.Uint32() //nolint:gosec // it tells requests apart and proves nothing
	}
	if len(s.open) >= maxInquiries {
		return nil, errCrowded
	}
	n := c.number(s.last + 1)
	for s.open[n] != nil {
		n = c.number(n + 1)
	}
	begin := func(code wire.Code) *wire.Encoder { return wire.NewRequest(code, byte(n)) }
	decode := wire.Decode
	if c.clear {
		begin = func(code wire.Code) *wire.Encoder { return wire.NewClearRequest(code, n) }
		decode = wire.DecodeClear
	}
	b, err := build(begin).Finish(c.t.streams.keys[0])
	if err != nil {
		return nil, fmt.Errorf("build the request: %w", err)
	}
	p, err := decode(b)
	if err != nil {
		return nil, fmt.Errorf("build the request: %w", err)
	}
	q := &inquiry{request: p, answer: make(chan wire.Packet, 1)}
	s.last, s.open[n] = n, q
	return q, nil
}

// number is what of a counter fits into a packet.
func (c *stream) number(n uint32) uint32 {
	if c.clear {
		return n
	}
	return n & 0xff
}

// errForged means that an answer is not of whoever was asked.
var errForged = errors.New("wrong authenticator")

// answered hands an answer to who waits for it; ok is false when nobody does.
// errForged ends the connection.
func (c *stream) answered(p wire.Packet) (ok bool, err error) {
	s := &c.asked
	s.mu.Lock()
	defer s.mu.Unlock()
	n := uint32(p.Identifier())
	if c.clear {
		token := p.Token()
		n = binary.BigEndian.Uint32(token[:])
	}
	q := s.open[n]
	// RFC 9765 §5.5: in RADIUS/1.1 the Token says which request a Protocol-Error is about.
	refused := c.clear && p.Code() == wire.ProtocolError
	if q == nil || !refused && !p.Code().Answers(q.request.Code()) {
		return false, nil
	}
	if !c.clear && !p.VerifyReply(q.request.Authenticator(), c.t.streams.keys[0]) {
		return false, errForged
	}
	delete(s.open, n)
	q.answer <- p.Clone()
	return true, nil
}
