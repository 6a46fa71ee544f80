package radiusd

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"gatehouse/radiusd/wire"
)

// timetable is when the packets of one request are sent, counted from its
// beginning, and when it is given up.
type timetable struct {
	send   []time.Duration
	giveUp time.Duration
}

// defaultTimetable asks often at first: a lockdown is to be felt within a second,
// and a datagram may be lost.
func defaultTimetable() timetable {
	return timetable{
		send:   []time.Duration{0, 300 * time.Millisecond, time.Second, 3 * time.Second, 10 * time.Second},
		giveUp: 15 * time.Second,
	}
}

// errSilence means that nobody has answered a request in its time.
var errSilence = errors.New("no answer")

// exchange is one request to the dynamic authorization server of a NAS.
type exchange struct {
	local  netip.Addr // to send from, where that is possible
	remote netip.AddrPort
	keys   []*wire.Key // of the client; the first one is tried first
	build  func(beginning) *wire.Encoder
	table  timetable
	// ignored is told of each packet that is no answer.
	ignored func()
}

// outgoing is a request as one secret makes it.
type outgoing struct {
	key    *wire.Key
	bytes  []byte
	packet wire.Packet
}

// run sends the request until it is answered, and returns the answer. The error is
// errSilence, that of ctx, or says why nothing can be sent.
//
// RFC 5176 §2.3: a retransmission has the same identifier, authenticator and
// source port. During a rotation of the secret the NAS may have either: what is
// made with the second one joins in when the first one was not answered at once.
func (x *exchange) run(ctx context.Context) (wire.Packet, error) {
	requests, err := x.requests()
	if err != nil {
		return wire.Packet{}, err
	}
	conn, err := x.open()
	if err != nil {
		return wire.Packet{}, err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	begun := time.Now()
	var failed error
	for i, at := range x.table.send {
		known := requests
		if i == 0 {
			known = requests[:1]
		}
		for _, r := range known {
			// An error here is one of the network, which may be well in a moment.
			if _, err := conn.WriteToUDPAddrPort(r.bytes, x.remote); err != nil {
				failed = err
			}
		}
		until := x.table.giveUp
		if i+1 < len(x.table.send) {
			until = x.table.send[i+1]
		}
		answer, ok, err := x.listen(ctx, conn, requests, begun.Add(max(until, at)))
		if ok || err != nil {
			return answer, err
		}
	}
	if failed != nil {
		return wire.Packet{}, fmt.Errorf("%w: %w", errSilence, failed)
	}
	return wire.Packet{}, errSilence
}

// requests makes the request with each secret, each with an identifier of its own.
func (x *exchange) requests() ([]outgoing, error) {
	first := byte(rand.Uint32()) //nolint:gosec // an identifier is no secret; the port is new as well
	out := make([]outgoing, 0, len(x.keys))
	for i, key := range x.keys {
		b, err := x.build(func(code wire.Code) *wire.Encoder { return wire.NewRequest(code, first+byte(i)) }).Finish(key)
		if err != nil {
			return nil, fmt.Errorf("build the request: %w", err)
		}
		p, err := wire.Decode(b)
		if err != nil {
			return nil, fmt.Errorf("build the request: %w", err)
		}
		out = append(out, outgoing{key, b, p})
	}
	return out, nil
}

// open binds the socket of the exchange: to the address that the NAS asked, because
// it may take requests from its servers only. That address may be gone from this
// host, or another host's.
func (x *exchange) open() (*net.UDPConn, error) {
	local := netip.AddrPortFrom(x.local.Unmap(), 0)
	if local.Addr().Is4() == x.remote.Addr().Is4() && local.Addr().IsLoopback() == x.remote.Addr().IsLoopback() {
		if conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(local)); err == nil {
			return conn, nil
		}
	}
	network := "udp6"
	if x.remote.Addr().Is4() {
		network = "udp4"
	}
	conn, err := net.ListenUDP(network, nil)
	if err != nil {
		return nil, fmt.Errorf("open a socket: %w", err)
	}
	return conn, nil
}

// listen waits for an answer to one of the requests; ok is false when there was
// none until the deadline.
func (x *exchange) listen(ctx context.Context, conn *net.UDPConn, requests []outgoing, deadline time.Time) (answer wire.Packet, ok bool, err error) {
	if err := conn.SetReadDeadline(deadline); err != nil {
		return wire.Packet{}, false, fmt.Errorf("wait for an answer: %w", err)
	}
	b := make([]byte, wire.MaxLength)
	for {
		if err := ctx.Err(); err != nil {
			return wire.Packet{}, false, err
		}
		n, from, err := conn.ReadFromUDPAddrPort(b)
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			return wire.Packet{}, false, ctx.Err()
		case err != nil:
			return wire.Packet{}, false, fmt.Errorf("wait for an answer: %w", err)
		}
		if p, ok := x.answers(b[:n], from, requests); ok {
			return p.Clone(), true, nil
		}
		x.ignored()
	}
}

// answers reports whether a packet is the answer to one of the requests: from
// where it was sent to, with its identifier, of its kind and made with its secret.
//
// RFC 5176 §2.3, §3.4: anything else is silently discarded.
func (x *exchange) answers(b []byte, from netip.AddrPort, requests []outgoing) (wire.Packet, bool) {
	if netip.AddrPortFrom(from.Addr().Unmap(), from.Port()) != x.remote {
		return wire.Packet{}, false
	}
	p, err := wire.Decode(b)
	if err != nil {
		return wire.Packet{}, false
	}
	for _, r := range requests {
		if p.Identifier() == r.packet.Identifier() && p.Code().Answers(r.packet.Code()) && p.VerifyReply(r.packet.Authenticator(), r.key) {
			return p, true
		}
	}
	return wire.Packet{}, false
}
