package wire

import "fmt"

// MaxTag is the highest tag of a tagged attribute (RFC 2868 §3).
const MaxTag = 0x1f

// AddTaggedUint24 appends a tagged integer, such as Tunnel-Type: one octet of
// tag and three of value. Tag 0 means untagged.
func (e *Encoder) AddTaggedUint24(t Type, tag byte, value uint32) {
	if e.err == nil && (tag > MaxTag || value > 0xffffff) {
		e.err = fmt.Errorf("attribute %d: tag %d, value %d", t, tag, value)
		return
	}
	// RFC 2868 §3.1: an unused tag field is zero, and it is always there.
	e.AddUint32(t, uint32(tag)<<24|value)
}

// AddTaggedString appends a tagged string, such as Tunnel-Private-Group-Id.
//
// With tag 0 the tag octet is left out: RFC 2868 §3.6 lets a receiver take a
// first octet above 0x1F as text, and switches that know no tags read a zero
// octet as part of the VLAN name. The value may therefore not begin with an
// octet of 0x1F or below.
func (e *Encoder) AddTaggedString(t Type, tag byte, value string) {
	if e.err == nil && (tag > MaxTag || value == "" || value[0] <= MaxTag) {
		e.err = fmt.Errorf("attribute %d: tag %d, value %q", t, tag, value)
		return
	}
	if tag != 0 {
		value = string(rune(tag)) + value
	}
	e.AddString(t, value)
}

// AddVLAN appends the three attributes that place a port into a VLAN, given
// by number or name (RFC 3580 §3.31), untagged.
func (e *Encoder) AddVLAN(vlan string) {
	e.AddTaggedUint24(TunnelType, 0, TunnelTypeVLAN)
	e.AddTaggedUint24(TunnelMediumType, 0, TunnelMediumIEEE802)
	e.AddTaggedString(TunnelPrivateGroupID, 0, vlan)
}

// TaggedString splits the value of a tagged string attribute.
func TaggedString(value []byte) (tag byte, text []byte) {
	// RFC 2868 §3.3: a first octet above 0x1F belongs to the text.
	if len(value) > 0 && value[0] <= MaxTag {
		return value[0], value[1:]
	}
	return 0, value
}
