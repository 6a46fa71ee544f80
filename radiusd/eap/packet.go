package eap

import "encoding/binary"

// Code is the kind of an EAP packet (RFC 3748 §4).
type Code byte

// The codes.
const (
	Request  Code = 1
	Response Code = 2
	Success  Code = 3
	Failure  Code = 4
)

// Type is what a request or response is about (RFC 3748 §5).
type Type byte

// The types.
const (
	TypeIdentity Type = 1
	TypeNAK      Type = 3
	TypeGTC      Type = 6
	TypeTLS      Type = 13
	TypeTTLS     Type = 21
	TypePEAP     Type = 25
	TypeMSCHAPv2 Type = 26
	TypeTLV      Type = 33 // results and crypto-binding inside PEAP
)

const (
	headerSize = 4
	// maxPacket is the longest packet: RADIUS carries no more.
	maxPacket = 4096
)

// packet is a decoded request or response.
type packet struct {
	code Code
	id   byte
	typ  Type
	data []byte // after the type
}

// parse decodes a request or response; false: it is none.
//
// RFC 3748 §4: octets beyond Length are padding, a packet shorter than Length is
// discarded.
func parse(b []byte) (packet, bool) {
	if len(b) < headerSize+1 || len(b) > maxPacket {
		return packet{}, false
	}
	length := int(binary.BigEndian.Uint16(b[2:]))
	p := packet{code: Code(b[0]), id: b[1], typ: Type(b[4])}
	if length < headerSize+1 || length > len(b) || p.code != Request && p.code != Response {
		return packet{}, false
	}
	p.data = b[headerSize+1 : length]
	return p, true
}

// encode is the opposite of parse.
func (p packet) encode() []byte {
	b := make([]byte, 0, headerSize+1+len(p.data))
	b = append(b, byte(p.code), p.id)
	b = binary.BigEndian.AppendUint16(b, uint16(headerSize+1+len(p.data)))
	b = append(b, byte(p.typ))
	return append(b, p.data...)
}

// verdictPacket is EAP-Success or EAP-Failure (RFC 3748 §4.2).
func verdictPacket(code Code, id byte) []byte { return []byte{byte(code), id, 0, headerSize} }
