package wire

import (
	"encoding/binary"
	"fmt"
)

// Encoder builds one packet by appending. Start it with [NewReply] or
// [NewRequest], add attributes, call Finish. The first mistake sticks and Finish returns it.
type Encoder struct {
	buf   []byte // the packet so far, its Authenticator field holding the request's
	auth  int    // offset of the Message-Authenticator's value; 0: none
	clear bool   // RADIUS/1.1
	err   error
}

// NewReply starts the answer to request in dst[:0]; dst may be nil and is
// grown as needed.
//
// With sign the Message-Authenticator is the first attribute. Every Access-*
// reply and every answer to a Status-Server is signed: a forger of the
// Response Authenticator (CVE-2024-3596) would have to place his collision
// behind a keyed checksum. The answer to a request of RADIUS/1.1 is of that
// version, and never signed.
func NewReply(dst []byte, code Code, request Packet, sign bool) *Encoder {
	if request.clear {
		return newClearReply(dst, code, request)
	}
	dst = append(dst[:0], byte(code), request.Identifier(), 0, 0)
	dst = append(dst, request.raw[authOffset:headerSize]...)
	e := &Encoder{buf: dst}
	if sign {
		e.auth = headerSize + 2
		e.buf = append(e.buf, byte(MessageAuthenticator), 2+authSize)
		e.buf = append(e.buf, make([]byte, authSize)...)
	}
	return e
}

// NewRequest starts a request whose Request Authenticator is a digest of it
// (Disconnect-Request, CoA-Request), with a Message-Authenticator.
//
// RFC 5176 §3.4: both are computed over sixteen zero octets, which is what an
// answer would be computed over whose request had these.
func NewRequest(code Code, identifier byte) *Encoder {
	return NewReply(nil, code, Packet{raw: append([]byte{byte(code), identifier, 0, 0}, make([]byte, authSize)...)}, true)
}

// Add appends one attribute.
//
// RFC 2865 §5: a value of zero octets must not be sent; the attribute is left
// out instead, so an empty value is an error here.
func (e *Encoder) Add(t Type, value []byte) { add(e, t, value) }

// AddString appends a text attribute (RFC 2865 §5).
func (e *Encoder) AddString(t Type, value string) { add(e, t, value) }

// AddUint32 appends an integer or time attribute (RFC 2865 §5).
func (e *Encoder) AddUint32(t Type, value uint32) {
	add(e, t, binary.BigEndian.AppendUint32(make([]byte, 0, 4), value))
}

func add[V []byte | string](e *Encoder, t Type, value V) {
	if e.err != nil {
		return
	}
	if len(value) == 0 || len(value) > MaxValue {
		e.err = fmt.Errorf("attribute %d: value of %d octets", t, len(value))
		return
	}
	if len(e.buf)+2+len(value) > MaxLength {
		e.err = fmt.Errorf("attribute %d: packet over %d octets", t, MaxLength)
		return
	}
	e.buf = append(e.buf, byte(t), byte(2+len(value)))
	e.buf = append(e.buf, value...)
}

// Finish fills in Length, Message-Authenticator and Response Authenticator
// and returns the packet, which refers to the encoder's buffer. The encoder
// must not be used afterwards. In RADIUS/1.1 there is only the Length, and k
// is not used.
func (e *Encoder) Finish(k *Key) ([]byte, error) {
	if e.err != nil {
		return nil, e.err
	}
	binary.BigEndian.PutUint16(e.buf[2:4], uint16(len(e.buf)))
	if e.clear {
		return e.buf, nil
	}
	nonce := [16]byte(e.buf[authOffset:])
	if e.auth != 0 {
		mac := k.messageAuthenticator(e.buf, e.auth, nonce)
		copy(e.buf[e.auth:], mac[:])
	}
	// RFC 2865 §3: the Response Authenticator covers the reply as sent, with
	// the Message-Authenticator already in place (RFC 3579 §3.2).
	sum := k.digest(e.buf, nonce)
	copy(e.buf[authOffset:], sum[:])
	return e.buf, nil
}
