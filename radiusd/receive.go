package radiusd

import (
	"context"
	"net"
	"net/netip"

	"gatehouse/radiusd/wire"
)

// receive checks one packet of a UDP socket and queues it, answers it, or
// discards it. It is called by one goroutine per socket and never waits for a
// handler.
func (t *transport) receive(ctx context.Context, s *socket, b, oob []byte, from *net.UDPAddr) {
	peer := from.AddrPort()
	known := t.clients.Load()
	if known == nil {
		t.metrics.discarded[notReady].Inc() // whose it is will be known when it comes again
		return
	}
	c := known.lookup(peer.Addr())
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
	a := s.arrival(from, oob)
	if p.Code() == wire.StatusServer {
		// RFC 5997 §4.2: what the port answers with.
		code := wire.AccessAccept
		if s.accounting {
			code = wire.AccountingResponse
		}
		if answer := t.status(code, p, key); answer != nil {
			a.offer(answer)
		}
		return
	}
	if again := t.take(ctx, c, key, p, a); again != nil {
		a.offer(again)
	}
}

// take queues an authentic request, or discards it. A repeated one returns the
// octets of its answer, which have to be sent again.
func (t *transport) take(ctx context.Context, c *client, key *wire.Key, p wire.Packet, from origin) (again []byte) {
	id, now := from.id(p), t.now()
	refuse := func(why discard) {
		t.refuse(ctx, why, id.from, c)
		from.unable(p, why)
	}
	switch verdict, answer := c.replays.begin(id, now); verdict {
	case answered:
		t.metrics.repeats.Inc()
		return answer
	case inFlight:
		t.metrics.discarded[repeated].Inc()
		from.unable(p, repeated)
		return nil
	case full:
		refuse(overloaded)
		return nil
	case fresh:
	}
	if !c.rate.take(c.limit, now) {
		c.replays.forget(id)
		refuse(overLimit)
		return nil
	}
	r := &request{packet: p.Clone(), client: c, key: key, origin: from, local: from.local(), id: id, received: now}
	t.open.Add(1)
	t.metrics.requests[p.Code()].Inc()
	q := t.access
	if p.Code() == wire.AccountingRequest {
		q = t.account
	}
	if !q.push(r.lane(), r) {
		t.drop(r, overloaded)
	}
	return nil
}

// authentic returns the secret of c that a packet on a UDP socket was made
// with; nil, and why not, when there is none or the packet may not be looked
// at.
func authentic(c *client, accounting bool, p wire.Packet) (*wire.Key, discard) {
	switch code := p.Code(); {
	case code == wire.AccessRequest && accounting, code == wire.AccountingRequest && !accounting:
		return nil, unexpectedCode
	case code == wire.AccessRequest && !p.HasMessageAuthenticator():
		return unprotected(c, p)
	}
	return signedWith(c.keys, p)
}

// signedWith returns the key that a request was signed with; nil, and why not,
// when there is none.
func signedWith(keys []*wire.Key, p wire.Packet) (*wire.Key, discard) {
	verify := wire.Packet.VerifyRequest
	switch p.Code() {
	case wire.AccessRequest:
	case wire.AccountingRequest:
		verify = wire.Packet.VerifyAccounting
	case wire.StatusServer:
		// RFC 5997 §3: without a Message-Authenticator it is silently discarded.
		if !p.HasMessageAuthenticator() {
			return nil, noAuthenticator
		}
	default:
		return nil, unexpectedCode
	}
	for _, key := range keys {
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

// status makes the answer to a Status-Server at once, whatever waits in the
// queues; nil: there is none. While nothing can be decided the server stays
// silent (RFC 5997 §4.2), so that the NAS uses another one.
func (t *transport) status(code wire.Code, p wire.Packet, key *wire.Key) []byte {
	t.metrics.requests[wire.StatusServer].Inc()
	if !t.ready.Load() {
		t.metrics.discarded[notReady].Inc()
		return nil
	}
	e := wire.NewReply(nil, code, p, true)
	echoProxyState(e, p)
	b, err := e.Finish(key)
	if err != nil {
		t.metrics.discarded[unanswerable].Inc()
		return nil
	}
	t.metrics.answers[code].Inc()
	return b
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
