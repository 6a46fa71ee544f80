package radiusd

import (
	"context"
	"net"
	"net/netip"

	"gatehouse/radiusd/wire"
)

// receive checks one packet and queues it, answers it, or discards it. It is
// called by one goroutine per socket and never waits for a handler.
func (t *transport) receive(ctx context.Context, s *socket, b, oob []byte, from *net.UDPAddr) {
	peer := from.AddrPort()
	c := t.clients.Load().lookup(peer.Addr())
	if c == nil {
		// RFC 2865 §3: a request from a client without a shared secret is
		// silently discarded.
		t.refuse(ctx, unknownClient, peer, nil)
		return
	}
	p, err := wire.Decode(b)
	if err != nil {
		t.refuse(ctx, malformed, peer, c)
		return
	}
	key, why := authentic(c, s.accounting, p)
	if key == nil {
		t.refuse(ctx, why, peer, c)
		return
	}
	// A Status-Server always has one and says nothing of other requests.
	if p.Code() == wire.AccessRequest && p.HasMessageAuthenticator() && c.auto && !c.protected.Swap(true) {
		t.seen(c)
	}
	if p.Code() == wire.StatusServer {
		t.status(s, p, key, oob, from)
		return
	}
	id := replayKey{from: peer, authenticator: p.Authenticator(), socket: s.index, code: p.Code(), identifier: p.Identifier()}
	now := t.now()
	switch verdict, answer := c.replays.begin(id, now); verdict {
	case answered:
		t.metrics.repeats.Inc()
		_, control := s.local(oob)
		s.send(datagram{answer, from, control})
		return
	case inFlight:
		t.metrics.discarded[repeated].Inc()
		return
	case full:
		t.refuse(ctx, overloaded, peer, c)
		return
	case fresh:
	}
	r := &request{packet: p.Clone(), client: c, key: key, socket: s, from: from, id: id, received: now}
	r.local, r.oob = s.local(oob)
	t.open.Add(1)
	t.metrics.requests[p.Code()].Inc()
	q := t.access
	if s.accounting {
		q = t.account
	}
	if !q.push(r.lane(), r) {
		t.drop(r, overloaded)
	}
}

// authentic returns the secret of c that p was made with; nil, and why not,
// when there is none or the packet may not be looked at.
func authentic(c *client, accounting bool, p wire.Packet) (*wire.Key, discard) {
	verify := wire.Packet.VerifyRequest
	switch p.Code() {
	case wire.AccessRequest:
		if accounting {
			return nil, unexpectedCode
		}
		if !p.HasMessageAuthenticator() {
			return unprotected(c, p)
		}
	case wire.AccountingRequest:
		if !accounting {
			return nil, unexpectedCode
		}
		verify = wire.Packet.VerifyAccounting
	case wire.StatusServer:
		// RFC 5997 §3: without a Message-Authenticator it is silently discarded.
		if !p.HasMessageAuthenticator() {
			return nil, noAuthenticator
		}
	default:
		return nil, unexpectedCode
	}
	for _, key := range c.keys {
		if !verify(p, key) {
			continue
		}
		// RFC 3579 §3.2: a wrong Message-Authenticator is silently discarded,
		// also where it is optional.
		if p.Code() == wire.AccountingRequest && p.HasMessageAuthenticator() && !p.VerifyRequest(key) {
			continue
		}
		return key, ""
	}
	return nil, wrongSecret
}

// unprotected decides about an Access-Request without Message-Authenticator.
// Nothing in it proves a secret, so the current one counts.
func unprotected(c *client, p wire.Packet) (*wire.Key, discard) {
	switch {
	case !c.unprotected():
		return nil, noAuthenticator
	case p.Has(wire.EAPMessage):
		// RFC 3579 §3.1: EAP-Message without Message-Authenticator is silently
		// discarded.
		return nil, bareEAP
	case p.Has(wire.ProxyState):
		// CVE-2024-3596: the attack needs attributes that are echoed.
		return nil, bareProxyState
	}
	return c.keys[0], ""
}

// refuse counts a packet without an answer and says so, within limits.
func (t *transport) refuse(ctx context.Context, why discard, peer netip.AddrPort, c *client) {
	t.metrics.discarded[why].Inc()
	t.troubles.say(ctx, why, peer.Addr(), c)
}

// status answers a Status-Server at once, whatever waits in the queues.
//
// RFC 5997 §4.2: Access-Accept on the authentication port and
// Accounting-Response on the accounting port. While nothing can be decided it
// stays silent, so that the NAS uses another server.
func (t *transport) status(s *socket, p wire.Packet, key *wire.Key, oob []byte, from *net.UDPAddr) {
	t.metrics.requests[wire.StatusServer].Inc()
	if !t.ready.Load() {
		t.metrics.discarded[notReady].Inc()
		return
	}
	code := wire.AccessAccept
	if s.accounting {
		code = wire.AccountingResponse
	}
	e := wire.NewReply(nil, code, p, true)
	echoProxyState(e, p)
	b, err := e.Finish(key)
	if err != nil {
		t.metrics.discarded[unanswerable].Inc()
		return
	}
	t.metrics.answers[code].Inc()
	_, control := s.local(oob)
	s.send(datagram{b, from, control})
}

// send puts an answer in line for the writer; with a full line it is lost, as
// on the network, so that a reader never waits.
func (s *socket) send(d datagram) {
	select {
	case s.out <- d:
	default:
	}
}

// echoProxyState copies the Proxy-State attributes of a request.
//
// RFC 2865 §5.33: all of them, unmodified and in order.
func echoProxyState(e *wire.Encoder, request wire.Packet) {
	for t, v := range request.Attributes() {
		if t == wire.ProxyState {
			e.Add(t, v)
		}
	}
}
