package wire

import "encoding/binary"

// tokenEnd is where the Token of a packet of RADIUS/1.1 ends; it begins where
// the Authenticator field of others does.
const tokenEnd = authOffset + 4

// DecodeClear is [Decode] for a packet of RADIUS/1.1 (RFC 9765 §4.1): nothing
// in it is signed or hidden, because the connection is TLS. A
// Message-Authenticator counts as not there. The packet remembers its version:
// Password, [NewReply] and what is added to the reply follow it.
func DecodeClear(b []byte) (Packet, error) { return decode(b, true) }

// Clear reports whether p is a packet of RADIUS/1.1.
func (p Packet) Clear() bool { return p.clear }

// Token returns the octets of the Token field, which tell the requests of a
// connection of RADIUS/1.1 apart.
func (p Packet) Token() [4]byte { return [4]byte(p.raw[authOffset:tokenEnd]) }

// NewClearRequest is [NewRequest] in RADIUS/1.1, where a Token tells requests apart.
func NewClearRequest(code Code, token uint32) *Encoder {
	raw := append([]byte{byte(code), 0, 0, 0}, binary.BigEndian.AppendUint32(nil, token)...)
	return newClearReply(nil, code, Packet{raw: raw})
}

// newClearReply is NewReply in RADIUS/1.1.
//
// RFC 9765 §4.1: the Token is the request's, and what else was identifier and
// authenticator is zero. §5.2: no Message-Authenticator is sent.
func newClearReply(dst []byte, code Code, request Packet) *Encoder {
	dst = append(dst[:0], byte(code), 0, 0, 0)
	dst = append(dst, request.raw[authOffset:tokenEnd]...)
	return &Encoder{buf: append(dst, make([]byte, headerSize-tokenEnd)...), clear: true}
}
