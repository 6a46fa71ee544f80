package main

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
)

// device authenticates again and again by one method, through an access point of
// its own. Every conversation that ends well is checked: the certificate of the
// server by crypto/tls, both session keys against those of the tunnel, and what
// the method has to say of success.
type device struct {
	*nas

	secret  string
	kind    eapKind
	person  func(n int) (name, password string) // who uses it
	station func(n int) string                  // its address
	config  *tls.Config

	identifier byte
	asked      int  // the n of the ask under way
	before     bool // it was let in before
}

// eapKind is a method at a version of TLS.
type eapKind struct {
	typ     byte
	version uint16
	resumed bool
}

// ask authenticates the n-th time.
func (d *device) ask(n int) (int, error) {
	d.asked = n
	name, password := d.person(n)
	outer := "anonymous"
	if d.kind.typ == typeTLS {
		outer = name
	}
	l := &link{conversation: &conversation{
		nas: d.nas, secret: d.secret, method: d.kind.typ, outer: outer, station: d.station(n), identifier: &d.identifier,
	}}
	if err := l.begin(); err != nil {
		return 0, err
	}
	conn := tls.Client(l, d.config)
	if err := d.authenticate(l, conn, name, password); err != nil {
		return 0, fmt.Errorf("EAP type %d, TLS %x, packet %d: %w", d.kind.typ, d.kind.version, l.packets, err)
	}
	d.before = true
	return 1, nil
}

func (d *device) authenticate(l *link, conn *tls.Conn, name, password string) error {
	if err := conn.Handshake(); err != nil {
		return errors.Join(err, l.failed)
	}
	state := conn.ConnectionState()
	if state.Version != d.kind.version {
		return fmt.Errorf("TLS %x was spoken", state.Version)
	}
	if state.DidResume != (d.kind.resumed && d.before) {
		return fmt.Errorf("resumed: %v", state.DidResume)
	}
	var err error
	switch {
	case d.kind.typ == typePEAP:
		err = l.insidePEAP(conn, name, password)
	case d.kind.typ == typeTTLS && !state.DidResume:
		if d.config.ClientSessionCache != nil {
			// FreeRADIUS gives no ticket when the first data come with the end of the
			// handshake.
			l.exchange()
		}
		_, err = conn.Write(ttlsPAP(name, password))
	}
	if err != nil {
		return errors.Join(err, l.failed)
	}
	said, err := l.finish(conn)
	if err != nil {
		return err
	}
	// RFC 9190 §2.5: a server that is done says so by one octet of zero.
	if d.kind.typ == typeTLS && state.Version == tls.VersionTLS13 && !bytes.Equal(said, []byte{0}) {
		return fmt.Errorf("the commitment is % x", said)
	}
	recv, send, err := sessionKeys(&state, d.kind.typ)
	if err != nil {
		return err
	}
	return l.accept.carries(recv, send, l.request, l.secret)
}

// finish goes on until the device is let in, and returns what the server said in
// the tunnel meanwhile. It reads everything, so that crypto/tls gets the tickets.
func (l *link) finish(conn *tls.Conn) (said []byte, err error) {
	l.eager = true
	for {
		b := make([]byte, 512)
		n, err := conn.Read(b)
		said = append(said, b[:n]...)
		switch {
		case l.accept != nil:
			return said, nil
		case l.failed != nil:
			return nil, l.failed
		case errors.Is(err, nothingMore{}):
			l.exchange()
		case err != nil:
			return nil, err
		}
	}
}

// sessionKeys are the halves of the MSK of a tunnel.
func sessionKeys(state *tls.ConnectionState, typ byte) (recv, send []byte, err error) {
	// RFC 5216 §2.3 and RFC 5281 §8; PEAP takes the label of EAP-TLS.
	label, context := "client EAP encryption", []byte(nil)
	if typ == typeTTLS {
		label = "ttls keying material"
	}
	if state.Version == tls.VersionTLS13 {
		// RFC 9190 §2.3, RFC 9427 §2.1.
		label, context = "EXPORTER_EAP_TLS_Key_Material", []byte{typ}
	}
	keys, err := state.ExportKeyingMaterial(label, context, 128)
	if err != nil {
		return nil, nil, err
	}
	return keys[:32], keys[32:64], nil
}

// ttlsPAP is a name and its password for EAP-TTLS (RFC 5281 §11.2.5).
func ttlsPAP(name, password string) []byte {
	padded := make([]byte, (len(password)+15)/16*16) // which hides the length
	copy(padded, password)
	return appendAVP(appendAVP(nil, userName, []byte(name)), userPassword, padded)
}

// appendAVP encodes a mandatory attribute without a vendor (RFC 5281 §10.1).
func appendAVP(b []byte, code uint32, data []byte) []byte {
	length := 8 + len(data)
	b = binary.BigEndian.AppendUint32(b, code)
	b = append(b, 0x40, byte(length>>16), byte(length>>8), byte(length))
	b = append(b, data...)
	return append(b, make([]byte, -length&3)...)
}

// The messages of EAP-MSCHAPv2 (draft-kamath-pppext-eap-mschapv2 §2).
const (
	chapChallenge = 1
	chapResponse  = 2
	chapSuccess   = 3
)

// insidePEAP answers what a server asks in PEAPv0 until both agree on the result.
// It offers no crypto-binding, which not every server knows.
func (l *link) insidePEAP(conn *tls.Conn, name, password string) error {
	var answer chap
	committed := false
	for {
		b := make([]byte, 1024)
		n, err := conn.Read(b)
		if committed && l.accept != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("inside PEAP: %w", err)
		}
		if committed = n == 1 && b[0] == 0; committed {
			continue // FreeRADIUS ends what is resumed as EAP-TLS does
		}
		id, typ, data := insideRequest(b[:n])
		var reply []byte
		switch {
		case typ == typeIdentity:
			reply = append([]byte{typeIdentity}, name...)
		case typ == typeMSCHAPv2 && len(data) > 20 && data[0] == chapChallenge && data[4] == 16:
			if answer, err = newCHAP(data[5:21], name, password); err != nil {
				return err
			}
			reply = answer.eapResponse(data[1])
		case typ == typeMSCHAPv2 && len(data) > 4 && data[0] == chapSuccess:
			if !bytes.HasPrefix(data[4:], []byte(answer.success)) {
				return fmt.Errorf("inside PEAP: the server proves nothing: %q", data)
			}
			reply = []byte{typeMSCHAPv2, chapSuccess}
		case typ == typeTLV && bytes.Contains(data, []byte{0x80, 3, 0, 2, 0, 1}):
			// The Result TLV, which is the last: success ([MS-PEAP] §2.2.8.1.2).
			_, err := conn.Write([]byte{eapResponse, id, 0, 11, typeTLV, 0x80, 3, 0, 2, 0, 1})
			return err
		default:
			return fmt.Errorf("inside PEAP: type %d, %q", typ, data)
		}
		if _, err := conn.Write(reply); err != nil {
			return err
		}
	}
}

// insideRequest takes an inner packet apart. It has no EAP header unless it is of
// type 33; some servers give an identity request one too.
func insideRequest(b []byte) (id, typ byte, data []byte) {
	if len(b) >= 5 && b[0] == eapRequest && int(binary.BigEndian.Uint16(b[2:])) == len(b) && (b[4] == typeIdentity || b[4] == typeTLV) {
		return b[1], b[4], b[5:]
	}
	if len(b) == 0 {
		return 0, 0, nil
	}
	return 0, b[0], b[1:]
}

// eapResponse is the answer to a challenge, in EAP.
func (c *chap) eapResponse(id byte) []byte {
	value := append(append([]byte{}, c.response...), 0) // flags
	b := []byte{typeMSCHAPv2, chapResponse, id}
	b = binary.BigEndian.AppendUint16(b, uint16(5+len(value)+len(c.name)))
	b = append(b, byte(len(value)))
	return append(append(b, value...), c.name...)
}
