package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"iter"
)

// Sizes of RFC 2865 §3 and §5.
const (
	LengthEnd  = 4    // where the Length field ends
	MinLength  = 20   // a packet without attributes
	MaxLength  = 4096 // the largest packet
	MaxValue   = 253  // the longest value of one attribute
	headerSize = 20
	authOffset = 4
	authSize   = 16
)

// Why a packet is not one. All of them mean: discard silently.
var (
	ErrShort     = errors.New("shorter than its length field")
	ErrLength    = errors.New("length field outside 20 to 4096")
	ErrAttribute = errors.New("attribute length leaves the packet")
	ErrDuplicate = errors.New("message-authenticator of wrong size or given twice")
)

// Packet is a decoded packet: a view of the bytes given to [Decode], valid as
// long as they are unchanged. The zero value is not a packet.
type Packet struct {
	raw   []byte // exactly Length octets
	auth  int    // offset of the Message-Authenticator's value; 0: there is none
	clear bool   // RADIUS/1.1
}

// Decode checks the packet at the start of b. Octets beyond the Length field
// are padding and ignored; the errors are ErrShort, ErrLength, ErrAttribute
// and ErrDuplicate. The result refers to b.
func Decode(b []byte) (Packet, error) { return decode(b, false) }

// decode is Decode, for a packet of RADIUS/1.1 when clear.
func decode(b []byte, clear bool) (Packet, error) {
	if len(b) < MinLength {
		return Packet{}, ErrShort
	}
	length, err := Length(b)
	if err != nil {
		return Packet{}, err
	}
	// RFC 2865 §3: octets outside the range of the Length field are padding;
	// a packet shorter than the Length field is silently discarded.
	if len(b) < length {
		return Packet{}, ErrShort
	}
	p := Packet{raw: b[:length:length], clear: clear}
	for at := headerSize; at < length; {
		// RFC 2865 §5: the length of an attribute includes type and length.
		if length-at < 2 || b[at+1] < 2 || int(b[at+1]) > length-at {
			return Packet{}, ErrAttribute
		}
		size := int(b[at+1])
		// RFC 9765 §5.2: in RADIUS/1.1 the attribute means nothing.
		if Type(b[at]) == MessageAuthenticator && !clear {
			// RFC 3579 §3.2 and §3.3: 18 octets, at most one.
			if size != 2+authSize || p.auth != 0 {
				return Packet{}, ErrDuplicate
			}
			p.auth = at + 2
		}
		at += size
	}
	return p, nil
}

// Length returns the Length field of a packet of which at least four octets
// are there. The error is ErrLength.
func Length(b []byte) (int, error) {
	length := int(binary.BigEndian.Uint16(b[2:4]))
	if length < MinLength || length > MaxLength {
		return 0, ErrLength
	}
	return length, nil
}

// Raw returns exactly the Length octets of the packet.
func (p Packet) Raw() []byte { return p.raw }

// Clone returns a copy of p in memory of its own.
func (p Packet) Clone() Packet { return Packet{bytes.Clone(p.raw), p.auth, p.clear} }

// Code returns the packet type.
func (p Packet) Code() Code { return Code(p.raw[0]) }

// Identifier returns the octet that matches an answer to its request.
func (p Packet) Identifier() byte { return p.raw[1] }

// Authenticator returns the sixteen octets of the Authenticator field.
func (p Packet) Authenticator() [16]byte { return [16]byte(p.raw[authOffset:]) }

// Attributes yields type and value of each attribute, in order. The values
// refer to the packet.
func (p Packet) Attributes() iter.Seq2[Type, []byte] {
	return func(yield func(Type, []byte) bool) {
		for at := headerSize; at < len(p.raw); {
			end := at + int(p.raw[at+1])
			if !yield(Type(p.raw[at]), p.raw[at+2:end:end]) {
				return
			}
			at = end
		}
	}
}

// Lookup returns the value of the first attribute of type t.
func (p Packet) Lookup(t Type) ([]byte, bool) {
	for at := headerSize; at < len(p.raw); {
		end := at + int(p.raw[at+1])
		if Type(p.raw[at]) == t {
			return p.raw[at+2 : end : end], true
		}
		at = end
	}
	return nil, false
}

// Has reports whether there is an attribute of type t.
func (p Packet) Has(t Type) bool {
	_, ok := p.Lookup(t)
	return ok
}

// Uint32 returns the first attribute of type t as an integer; false when
// there is none or it is not four octets long.
func (p Packet) Uint32(t Type) (uint32, bool) {
	v, ok := p.Lookup(t)
	if !ok || len(v) != 4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(v), true
}
