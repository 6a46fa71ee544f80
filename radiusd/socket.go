package radiusd

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"gatehouse/radiusd/wire"
)

// batchSize is how many packets one system call reads or writes at most.
const batchSize = 32

// outbox is how many answers may wait for one socket's writer.
const outbox = 1024

// receiveBuffer is how much the kernel keeps for a socket.
const receiveBuffer = 4 << 20

// batchConn is what ipv4.PacketConn and ipv6.PacketConn have in common; their
// Message types are one type.
type batchConn interface {
	ReadBatch(ms []ipv4.Message, flags int) (int, error)
	WriteBatch(ms []ipv4.Message, flags int) (int, error)
}

// socket is one UDP socket, for authentication or for accounting.
type socket struct {
	conn       *net.UDPConn
	batch      batchConn
	index      uint16 // among the server's sockets
	accounting bool
	v6         bool
	wildcard   bool       // bound to all addresses: answers name theirs
	addr       netip.Addr // bound address
	out        chan datagram
}

// arrival is the origin of one packet on a UDP socket.
type arrival struct {
	socket *socket
	from   *net.UDPAddr
	to     netip.Addr // the address it came to
	oob    []byte     // with which the answer leaves from there
}

// arrival describes a packet; the result does not refer to oob.
func (s *socket) arrival(from *net.UDPAddr, oob []byte) *arrival {
	a := &arrival{socket: s, from: from}
	a.to, a.oob = s.local(oob)
	return a
}

// id is part of origin.
//
// RFC 5080 §2.2.2: the same source address and port, code, identifier and
// Request Authenticator.
func (a *arrival) id(p wire.Packet) replayKey {
	return replayKey{
		from: a.from.AddrPort(), authenticator: p.Authenticator(), link: uint64(a.socket.index),
		code: p.Code(), identifier: p.Identifier(),
	}
}

// local is part of origin.
func (a *arrival) local() netip.Addr { return a.to }

// answer is part of origin.
func (a *arrival) answer(b []byte) { a.socket.out <- datagram{b, a.from, a.oob} }

// unable is part of origin. In UDP that is silence (RFC 2865 §2.4).
func (a *arrival) unable(wire.Packet, discard) {}

// offer is answer without waiting: with a full line the answer is lost, as on
// the network, so that a reader never waits.
func (a *arrival) offer(b []byte) {
	select {
	case a.socket.out <- datagram{b, a.from, a.oob}:
	default:
	}
}

// datagram is an answer on its way.
type datagram struct {
	bytes []byte
	to    net.Addr
	oob   []byte
}

// newSocket wraps a UDP socket. On a socket bound to all addresses the kernel
// is asked which one each packet came to.
func newSocket(c net.PacketConn, index int, accounting bool) (*socket, error) {
	conn, ok := c.(*net.UDPConn)
	if !ok {
		return nil, fmt.Errorf("listen on %s: not a UDP socket", c.LocalAddr())
	}
	addr := conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr()
	s := &socket{
		conn: conn, index: uint16(index), accounting: accounting,
		v6: addr.Is6() && !addr.Is4In6(), wildcard: addr.IsUnspecified(), addr: addr.Unmap(),
		out: make(chan datagram, outbox),
	}
	// A burst of a whole site's re-authentications waits in the kernel. Less than
	// this is granted where the system's limit is lower.
	_ = conn.SetReadBuffer(receiveBuffer)
	var err error
	if s.v6 {
		p := ipv6.NewPacketConn(conn)
		s.batch = p
		if s.wildcard {
			err = p.SetControlMessage(ipv6.FlagDst|ipv6.FlagInterface, true)
		}
	} else {
		p := ipv4.NewPacketConn(conn)
		s.batch = p
		if s.wildcard {
			err = p.SetControlMessage(ipv4.FlagDst|ipv4.FlagInterface, true)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("ask for the destination address on %s: %w", conn.LocalAddr(), err)
	}
	return s, nil
}

// local returns the address that a packet came to and the control message
// with which the answer leaves from there; nil: the kernel has no choice.
func (s *socket) local(oob []byte) (netip.Addr, []byte) {
	if !s.wildcard || len(oob) == 0 {
		return s.addr, nil
	}
	if !s.v6 {
		var cm ipv4.ControlMessage
		if cm.Parse(oob) != nil || cm.Dst == nil {
			return s.addr, nil
		}
		return from4(cm.Dst)
	}
	var cm ipv6.ControlMessage
	if cm.Parse(oob) != nil || cm.Dst == nil {
		return s.addr, nil
	}
	if v4 := cm.Dst.To4(); v4 != nil {
		// IPv4 on an IPv6 socket is sent by the kernel's IPv4 code.
		return from4(v4)
	}
	dst, _ := netip.AddrFromSlice(cm.Dst)
	answer := ipv6.ControlMessage{Src: cm.Dst}
	if dst.IsLinkLocalUnicast() {
		answer.IfIndex = cm.IfIndex
	}
	return dst, answer.Marshal()
}

// from4 makes an answer leave from an IPv4 address. Without an interface index
// it is routed like any packet.
func from4(ip net.IP) (netip.Addr, []byte) {
	addr, _ := netip.AddrFromSlice(ip)
	return addr.Unmap(), (&ipv4.ControlMessage{Src: ip}).Marshal()
}

// read calls fn for each packet until the socket is closed or its read
// deadline has passed. The bytes are valid during the call only. failed is
// told of errors that do not end it.
func (s *socket) read(fn func(b, oob []byte, from *net.UDPAddr), failed func(error)) {
	ms := make([]ipv4.Message, batchSize)
	for i := range ms {
		// RFC 2865 §3: octets beyond Length are padding, so what does not fit
		// into the longest packet may be cut off.
		ms[i].Buffers = [][]byte{make([]byte, wire.MaxLength)}
		ms[i].OOB = make([]byte, 128)
	}
	for {
		n, err := s.batch.ReadBatch(ms, 0)
		for i := range ms[:max(n, 0)] {
			if from, ok := ms[i].Addr.(*net.UDPAddr); ok {
				fn(ms[i].Buffers[0][:ms[i].N], ms[i].OOB[:ms[i].NN], from)
			}
		}
		var timeout net.Error
		switch {
		case err == nil:
		case errors.Is(err, net.ErrClosed), errors.As(err, &timeout) && timeout.Timeout():
			return
		default:
			failed(err)
		}
	}
}

// write sends what is put into out, in batches, until out is closed.
func (s *socket) write(failed func(error)) {
	ms := make([]ipv4.Message, 0, batchSize)
	for d := range s.out {
		ms = append(ms[:0], message(d))
	more:
		for len(ms) < batchSize {
			select {
			case d, ok := <-s.out:
				if !ok {
					break more
				}
				ms = append(ms, message(d))
			default:
				break more
			}
		}
		for rest := ms; len(rest) > 0; {
			n, err := s.batch.WriteBatch(rest, 0)
			if err != nil {
				// The first one could not be sent; the others still may.
				failed(err)
				n = max(n, 1)
			}
			rest = rest[n:]
		}
	}
}

func message(d datagram) ipv4.Message {
	return ipv4.Message{Buffers: [][]byte{d.bytes}, OOB: d.oob, Addr: d.to}
}
