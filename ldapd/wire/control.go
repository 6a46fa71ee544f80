package wire

import "errors"

// MaxControls is how many controls one message may carry.
const MaxControls = 32

// Control is one control of a request (RFC 4511 §4.1.11).
type Control struct {
	OID      []byte
	Critical bool
	// Value is nil when absent, which differs from empty.
	Value []byte
}

// decodeControls reads the contents of the [0] of an LDAPMessage into list.
func decodeControls(list []Control, b []byte) ([]Control, error) {
	c := cursor{rest: b}
	for c.more() {
		in := cursor{rest: c.want(tagSequence, "control")}
		if c.err != nil {
			break
		}
		if len(list) == MaxControls {
			return list, tooMuch("too many controls")
		}
		var ctl Control
		ctl.OID = in.octets("control type")
		if in.peek() == tagBoolean {
			ctl.Critical = in.boolean("criticality")
		}
		if in.peek() == tagOctetString {
			ctl.Value = in.octets("control value")
		}
		if err := in.finish(); err != nil {
			return list, err
		}
		list = append(list, ctl)
	}
	return list, c.err
}

// AppendControl appends one control of a response. A nil value is left out.
func AppendControl(dst []byte, oid string, critical bool, value []byte) []byte {
	size := sizeOf(len(oid))
	if critical {
		size += 3
	}
	if value != nil {
		size += sizeOf(len(value))
	}
	dst = AppendHeader(dst, tagSequence, size)
	dst = AppendOctets(dst, oid)
	if critical {
		// RFC 4511 §5.1: a default value (FALSE) is not encoded.
		dst = append(dst, tagBoolean, 1, 0xff)
	}
	if value != nil {
		dst = AppendOctets(dst, value)
	}
	return dst
}

// Paged is the value of the paged results control (RFC 2696 §2).
type Paged struct {
	// Size is the wanted page size in a request (0 gives up the rest of the pages) and an estimate of the total in a
	// response (0 when unknown).
	Size int32
	// Cookie is opaque; empty in the first request and in the last response.
	Cookie []byte
}

// DecodePaged reads the value of a paged results control. The cookie points into value.
func DecodePaged(value []byte) (Paged, error) {
	c := cursor{rest: value}
	in := cursor{rest: c.want(tagSequence, "paged results")}
	if c.err == nil && c.more() {
		c.fail(malformed("octets after the paged results value"))
	}
	if c.err != nil {
		return Paged{}, asInvalid(c.err)
	}
	p := Paged{Size: in.integer("page size"), Cookie: in.octets("cookie")}
	if err := in.finish(); err != nil {
		return Paged{}, asInvalid(err)
	}
	if p.Size < 0 {
		return Paged{}, invalid("negative page size")
	}
	return p, nil
}

// AppendPaged appends the paged results control of a response, complete with its OID.
func AppendPaged(dst []byte, p Paged) []byte {
	inner := 2 + intSize(p.Size) + sizeOf(len(p.Cookie))
	value := sizeOf(inner)
	dst = AppendHeader(dst, tagSequence, sizeOf(len(OIDPagedResults))+sizeOf(value))
	dst = AppendOctets(dst, OIDPagedResults)
	dst = AppendHeader(dst, tagOctetString, value)
	dst = AppendHeader(dst, tagSequence, inner)
	dst = appendInt(dst, tagInteger, p.Size)
	return AppendOctets(dst, p.Cookie)
}

// asInvalid makes a mistake inside an octet string answerable: the frame around it is sound.
func asInvalid(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Fatal {
		return &Error{Code: e.Code, Msg: e.Msg}
	}
	return err
}
