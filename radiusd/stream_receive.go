package radiusd

import (
	"context"
	"net/netip"

	"gatehouse/radiusd/wire"
)

// receive checks a packet of a connection and queues it, answers it, or discards
// it. It never waits for a handler.
func (c *stream) receive(ctx context.Context, raw []byte) {
	holder := c.client()
	decode := wire.Decode
	if c.clear {
		decode = wire.DecodeClear
	}
	p, err := decode(raw)
	if err != nil {
		c.t.refuse(ctx, malformed, c.peer, holder)
		c.end(endMalformed)
		return
	}
	if !p.Code().Request() {
		c.reply(p)
		return
	}
	key, why := c.authentic(p)
	switch {
	case why == unexpectedCode:
		c.t.refuse(ctx, why, c.peer, holder)
		c.unwanted(p)
	case why != "":
		c.t.refuse(ctx, why, c.peer, holder)
		if why == wrongSecret {
			// RFC 6613 §2.6.4: the peer is not what it should be.
			c.end(endForged)
		}
	case p.Code() == wire.StatusServer:
		if answer := c.t.status(wire.AccessAccept, p, key); answer != nil {
			c.answer(answer)
		}
	default:
		c.meet(nasName(text(p, wire.NASIdentifier), nasAddress(p, c.peer)))
		if again := c.t.take(ctx, holder, key, p, c); again != nil {
			c.answer(again)
		}
	}
}

// authentic returns the key of the connection when p may be looked at; else why
// not.
func (c *stream) authentic(p wire.Packet) (*wire.Key, discard) {
	code := p.Code()
	switch {
	case code != wire.AccessRequest && code != wire.AccountingRequest && code != wire.StatusServer:
		return nil, unexpectedCode
	case c.clear:
		return c.t.streams.keys[0], ""
	case code != wire.AccessRequest || p.HasMessageAuthenticator():
		return signedWith(c.t.streams.keys, p)
	case p.Has(wire.EAPMessage):
		// RFC 3579 §3.1: EAP-Message without Message-Authenticator is silently
		// discarded.
		return nil, bareEAP
	default:
		// Inside TLS nobody can have changed it.
		return c.t.streams.keys[0], ""
	}
}

// reply takes an answer to what the NAS was asked. One to nothing is ignored.
func (c *stream) reply(p wire.Packet) {
	switch ok, err := c.answered(p); {
	case err != nil:
		// RFC 6613 §2.6.4: the peer is not what it should be.
		c.t.metrics.disconnectIgnored.Inc()
		c.end(endForged)
	case !ok:
		c.t.metrics.disconnectIgnored.Inc()
	}
}

// unwanted answers a request that is not for this server.
func (c *stream) unwanted(p wire.Packet) {
	code := wire.Code(0)
	switch p.Code() {
	// RFC 6614 §2.5: with a NAK of its kind; another code is silently discarded.
	case wire.DisconnectRequest:
		code = wire.DisconnectNAK
	case wire.CoARequest:
		code = wire.CoANAK
	default:
		return
	}
	e := wire.NewReply(nil, code, p, true)
	e.AddUint32(wire.ErrorCause, wire.CauseUnsupported)
	if b, err := e.Finish(c.t.streams.keys[0]); err == nil {
		c.answer(b)
	}
}

// refer tells a client of RADIUS/1.1 to ask somebody else.
//
// RFC 9765 §6.1: a Protocol-Error with the cause; without Original-Packet-Code
// (§5.5), because the Token says which request it was.
func (c *stream) refer(p wire.Packet, cause uint32) {
	e := wire.NewReply(nil, wire.ProtocolError, p, false)
	e.AddUint32(wire.ErrorCause, cause)
	if b, err := e.Finish(nil); err == nil {
		c.answer(b)
	}
}

// id is part of origin.
//
// RFC 9765 §4.2.2: in RADIUS/1.1 the Token and nothing else, on each connection
// for itself.
func (c *stream) id(p wire.Packet) replayKey {
	if p.Clear() {
		key := replayKey{from: c.peer, link: c.link}
		token := p.Token()
		copy(key.authenticator[:], token[:])
		return key
	}
	return replayKey{from: c.peer, authenticator: p.Authenticator(), link: c.link, code: p.Code(), identifier: p.Identifier()}
}

// local is part of origin.
func (c *stream) local() netip.Addr { return c.here }

// answer is part of origin. A peer that lets answers pile up loses the
// connection.
func (c *stream) answer(b []byte) {
	if !c.outbox.put(b) {
		c.end(endSlow)
	}
}

// unable is part of origin.
func (c *stream) unable(p wire.Packet, why discard) {
	if !c.clear {
		return // RFC 2865 §2.4: silence
	}
	switch why {
	case repeated:
		// RFC 9765 §4.2.2: who uses a Token twice at once is not understood.
		c.end(endToken)
	case misplacedEAP:
		c.refer(p, wire.CauseInvalidEAP)
	default:
		c.refer(p, wire.CauseResources)
	}
}
