package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// The codes and types of EAP (RFC 3748 §4, §5) that a device meets.
const (
	eapRequest  = 1
	eapResponse = 2
	eapSuccess  = 3

	typeIdentity = 1
	typeTLS      = 13
	typeTTLS     = 21
	typePEAP     = 25
	typeMSCHAPv2 = 26
	typeTLV      = 33
)

// The flags of a TLS packet (RFC 5216 §3.1).
const (
	flagLength = 0x80
	flagMore   = 0x40
	flagStart  = 0x20
)

const (
	// fragment is how much TLS a packet of ours carries; mtu is what the link is
	// said to carry, which bounds those of the server.
	fragment = 1000
	mtu      = 1400
	// patience is how many packets one authentication may take.
	patience = 40
)

// conversation is one EAP authentication of a device through an access point.
type conversation struct {
	nas     *nas
	secret  string
	method  byte // EAP type
	outer   string
	station string

	packets    int
	identifier *byte  // of RADIUS; goes on from one conversation to the next
	id         byte   // of the EAP request that is to be answered
	state      []byte // to bring back
	request    packet // the last one
	accept     packet // ends it; nil: it goes on
}

// begin sends the identity and takes up the method, which must be the first that
// is proposed.
func (c *conversation) begin() error {
	data, err := c.respond(typeIdentity, []byte(c.outer))
	if err != nil {
		return err
	}
	if c.accept != nil || len(data) != 1 || data[0]&flagStart == 0 {
		return fmt.Errorf("EAP type %d is not started: % x", c.method, data)
	}
	return nil
}

// respond answers the last EAP request and returns the data of the next one, nil
// when there is none because the device is let in.
func (c *conversation) respond(typ byte, data []byte) ([]byte, error) {
	if c.packets++; c.packets > patience {
		return nil, errors.New("the conversation does not end")
	}
	*c.identifier++
	p := newPacket(accessRequest)
	p[1] = *c.identifier
	p = p.addText(userName, c.outer).add(nasIPAddress, []byte{127, 0, 0, 1}).addNumber(nasPortType, wireless)
	p = p.addText(callingStationID, c.station).addText(calledStationID, "02-00-00-00-00-FF:bench").addNumber(framedMTU, mtu)
	if c.state != nil {
		p = p.add(stateOf, c.state)
	}
	message := append([]byte{eapResponse, c.id, 0, 0, typ}, data...)
	binary.BigEndian.PutUint16(message[2:], uint16(len(message)))
	for len(message) > 0 {
		n := min(len(message), 253)
		p, message = p.add(eapMessage, message[:n]), message[n:]
	}
	c.request = p.authenticate(c.secret)
	answer, err := c.nas.exchange(c.request)
	if err != nil {
		return nil, err
	}
	if err := answer.answers(c.request, c.secret); err != nil {
		return nil, err
	}
	return c.read(answer)
}

// read takes an answer apart.
func (c *conversation) read(answer packet) ([]byte, error) {
	message := answer.value(eapMessage)
	if len(message) < 4 || int(binary.BigEndian.Uint16(message[2:])) != len(message) {
		return nil, fmt.Errorf("code %d without an EAP packet", answer[0])
	}
	switch answer[0] {
	case accessAccept:
		if message[0] != eapSuccess {
			return nil, fmt.Errorf("accepted by EAP code %d", message[0])
		}
		c.accept = append(packet(nil), answer...)
		return nil, nil
	case accessChallenge:
		if message[0] != eapRequest || len(message) < 5 || message[4] != c.method {
			return nil, fmt.Errorf("challenged by % x", message[:min(len(message), 8)])
		}
		c.id, c.state = message[1], answer.value(stateOf)
		return message[5:], nil
	default:
		return nil, fmt.Errorf("answered with code %d", answer[0])
	}
}

// flight sends one TLS message in fragments and returns the whole one that
// answers it, nil when the device is let in instead.
func (c *conversation) flight(out []byte) ([]byte, error) {
	data := []byte{0}
	rest := out
	if len(out) > fragment {
		// RFC 5216 §2.1.5: the first fragment says how long the message is.
		data = binary.BigEndian.AppendUint32([]byte{flagLength}, uint32(len(out)))
	}
	for {
		n := min(len(rest), fragment)
		data, rest = append(data, rest[:n]...), rest[n:]
		if len(rest) == 0 {
			break
		}
		data[0] |= flagMore
		ack, err := c.respond(c.method, data)
		if err != nil {
			return nil, err
		}
		if len(ack) != 1 || ack[0] != 0 {
			return nil, fmt.Errorf("a fragment is answered by % x", ack)
		}
		data = []byte{0}
	}
	in, err := c.respond(c.method, data)
	return c.assemble(in, err)
}

// assemble acknowledges fragments until the message is whole.
func (c *conversation) assemble(in []byte, err error) (whole []byte, _ error) {
	total := -1
	for ; err == nil && c.accept == nil; in, err = c.respond(c.method, []byte{0}) {
		if len(in) < 1 {
			return nil, errors.New("a packet without flags")
		}
		flags := in[0]
		if in = in[1:]; flags&flagLength != 0 {
			if len(in) < 4 {
				return nil, errors.New("a packet without its length")
			}
			total, in = int(binary.BigEndian.Uint32(in)), in[4:]
		}
		if whole = append(whole, in...); flags&flagMore != 0 {
			continue
		}
		if total >= 0 && total != len(whole) {
			return nil, fmt.Errorf("%d octets of TLS, %d were announced", len(whole), total)
		}
		return whole, nil
	}
	return nil, err
}

// link is the network connection of a TLS client over a conversation. What is
// written waits until something is read: then it is one flight, and what answers
// it is read. So one goroutine does it all.
type link struct {
	*conversation

	in, out []byte
	failed  error // of the conversation; nothing works after it
	eager   bool  // Read does not wait for another flight
}

// nothingMore is the error of a Read that may not wait. It is temporary, so that
// crypto/tls goes on after it.
type nothingMore struct{}

func (nothingMore) Error() string   { return "nothing more has come" }
func (nothingMore) Timeout() bool   { return true }
func (nothingMore) Temporary() bool { return true }

// Read reads what has come, after another flight when that is nothing.
func (l *link) Read(b []byte) (int, error) {
	for len(l.in) == 0 {
		switch {
		case l.failed != nil:
			return 0, l.failed
		case l.accept != nil:
			return 0, io.EOF
		case l.eager:
			return 0, nothingMore{}
		}
		l.exchange()
	}
	n := copy(b, l.in)
	l.in = l.in[n:]
	return n, nil
}

// exchange sends what was written, nothing being an acknowledgement.
func (l *link) exchange() {
	var in []byte
	in, l.failed = l.flight(l.out)
	l.in, l.out = append(l.in, in...), nil
}

// Write keeps b for the next flight.
func (l *link) Write(b []byte) (int, error) {
	l.out = append(l.out, b...)
	return len(b), l.failed
}

// Close and the methods below make a net.Conn of the link; they do nothing.
func (*link) Close() error                     { return nil }
func (*link) LocalAddr() net.Addr              { return nil }
func (*link) RemoteAddr() net.Addr             { return nil }
func (*link) SetDeadline(time.Time) error      { return nil }
func (*link) SetReadDeadline(time.Time) error  { return nil }
func (*link) SetWriteDeadline(time.Time) error { return nil }
