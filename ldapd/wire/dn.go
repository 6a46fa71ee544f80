package wire

import "strings"

// Bounds of one distinguished name.
const (
	MaxDNSize = 8 << 10
	MaxRDNs   = 64
	maxAVAs   = 16 // of one RDN
)

// AVA is one attribute type and value of an RDN.
type AVA struct {
	// Type is a short name or a dotted OID, as written.
	Type string
	// Value is unescaped.
	Value string
}

// RDN is a relative distinguished name; never empty.
type RDN []AVA

// DN is a distinguished name, leaf first as it is written. The root is empty.
type DN []RDN

// ParseDN reads the string form of RFC 4514. Beyond it, spaces around "=", "+" and "," are allowed, as many clients
// write them. The error is an *Error with InvalidDNSyntax.
func ParseDN[T []byte | string](s T) (DN, error) {
	if len(s) > MaxDNSize {
		return nil, badName("name too long")
	}
	p := dnParser{s: string(s)}
	p.spaces()
	if p.end() {
		return nil, nil
	}
	var dn DN
	for {
		if len(dn) == MaxRDNs {
			return nil, badName("name with too many parts")
		}
		rdn, err := p.rdn()
		if err != nil {
			return nil, err
		}
		dn = append(dn, rdn)
		if p.end() {
			return dn, nil
		}
		p.i++ // rdn stops only at the end or at a comma
	}
}

// String prints the name as RFC 4514 wants it; ParseDN gives it back.
func (d DN) String() string {
	var b []byte
	for i, rdn := range d {
		if i > 0 {
			b = append(b, ',')
		}
		for j, a := range rdn {
			if j > 0 {
				b = append(b, '+')
			}
			b = append(append(b, a.Type...), '=')
			b = AppendDNValue(b, a.Value)
		}
	}
	return string(b)
}

// AppendDNValue appends v escaped as RFC 4514 §2.4 wants it.
func AppendDNValue[T []byte | string](dst []byte, v T) []byte {
	for i := 0; i < len(v); i++ {
		switch o := v[i]; {
		case o == '"', o == '+', o == ',', o == ';', o == '<', o == '>', o == '\\',
			o == '#' && i == 0, o == ' ' && (i == 0 || i == len(v)-1):
			dst = append(dst, '\\', o)
		case o < 0x20 || o == 0x7f:
			dst = appendHexPair(dst, o)
		default:
			dst = append(dst, o)
		}
	}
	return dst
}

func appendHexPair(dst []byte, o byte) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '\\', hex[o>>4], hex[o&0xf])
}

type dnParser struct {
	s string
	i int
}

func (p *dnParser) end() bool { return p.i >= len(p.s) }

func (p *dnParser) spaces() {
	for !p.end() && p.s[p.i] == ' ' {
		p.i++
	}
}

// rdn reads up to the end of the string or the comma.
func (p *dnParser) rdn() (RDN, error) {
	var rdn RDN
	for {
		if len(rdn) == maxAVAs {
			return nil, badName("relative name with too many values")
		}
		typ, err := p.attributeType()
		if err != nil {
			return nil, err
		}
		val, err := p.value()
		if err != nil {
			return nil, err
		}
		rdn = append(rdn, AVA{typ, val})
		if p.end() || p.s[p.i] == ',' {
			return rdn, nil
		}
		p.i++ // a plus
	}
}

// attributeType reads a type, the equals sign and the spaces around both.
func (p *dnParser) attributeType() (string, error) {
	p.spaces()
	from := p.i
	for !p.end() && isTypeOctet(p.s[p.i]) {
		p.i++
	}
	typ := p.s[from:p.i]
	p.spaces()
	if p.end() || p.s[p.i] != '=' || !isType(typ) {
		return "", badName("name with a part that has no attribute type")
	}
	p.i++
	p.spaces()
	return typ, nil
}

func isTypeOctet(o byte) bool {
	return 'a' <= o && o <= 'z' || 'A' <= o && o <= 'Z' || '0' <= o && o <= '9' || o == '-' || o == '.'
}

// isType tells whether s is a descr or a numericoid of RFC 4512 §1.4.
func isType(s string) bool {
	if s == "" {
		return false
	}
	if o := s[0]; o < '0' || o > '9' {
		return o != '-' && o != '.' && !strings.Contains(s, ".")
	}
	for _, arc := range strings.Split(s, ".") {
		if arc == "" || len(arc) > 1 && arc[0] == '0' || strings.Trim(arc, "0123456789") != "" {
			return false
		}
	}
	return true
}

// value reads and unescapes a value up to the end, a comma or a plus.
func (p *dnParser) value() (string, error) {
	if !p.end() && p.s[p.i] == '#' {
		return p.hexValue()
	}
	var b []byte
	solid := 0 // what is left when unescaped spaces at the end are dropped
	for ; !p.end(); p.i++ {
		switch o := p.s[p.i]; o {
		case ',', '+':
			return string(b[:solid]), nil
		case '"', ';', '<', '>', 0:
			// RFC 4514 §3: these only occur escaped.
			return "", badName("name with a character that must be escaped")
		case '\\':
			o, err := p.escaped()
			if err != nil {
				return "", err
			}
			b = append(b, o)
			solid = len(b)
		default:
			b = append(b, o)
			if o != ' ' {
				solid = len(b)
			}
		}
	}
	return string(b[:solid]), nil
}

// escaped reads what follows a backslash and stops on its last octet.
func (p *dnParser) escaped() (byte, error) {
	if p.i+1 >= len(p.s) {
		return 0, badName("name that ends in a backslash")
	}
	p.i++
	switch o := p.s[p.i]; o {
	case '"', '+', ',', ';', '<', '>', ' ', '#', '=', '\\':
		return o, nil
	}
	if p.i+1 < len(p.s) {
		if o, ok := hexPair(p.s[p.i], p.s[p.i+1]); ok {
			p.i++
			return o, nil
		}
	}
	return 0, badName("name with a wrong escape")
}

// hexValue reads the # form (RFC 4514 §2.4), the BER encoding of a value, of which string types are taken.
func (p *dnParser) hexValue() (string, error) {
	p.i++
	var b []byte
	for ; p.i+1 < len(p.s); p.i += 2 {
		o, ok := hexPair(p.s[p.i], p.s[p.i+1])
		if !ok {
			break
		}
		b = append(b, o)
	}
	p.spaces()
	if !p.end() && p.s[p.i] != ',' && p.s[p.i] != '+' {
		return "", badName("name with a wrong hexadecimal value")
	}
	const (
		tagUTF8String      = 0x0c
		tagPrintableString = 0x13
		tagIA5String       = 0x16
	)
	c := cursor{rest: b}
	tag, val := c.next()
	if c.err != nil || c.more() {
		return "", badName("name with a wrong hexadecimal value")
	}
	switch tag {
	case tagOctetString, tagUTF8String, tagPrintableString, tagIA5String:
		return string(val), nil
	}
	return "", badName("name with a hexadecimal value that is not a string")
}

func hexPair(a, b byte) (byte, bool) {
	h, ok1 := hexDigit(a)
	l, ok2 := hexDigit(b)
	return h<<4 | l, ok1 && ok2
}

func hexDigit(o byte) (byte, bool) {
	switch {
	case '0' <= o && o <= '9':
		return o - '0', true
	case 'a' <= o && o <= 'f':
		return o - 'a' + 10, true
	case 'A' <= o && o <= 'F':
		return o - 'A' + 10, true
	}
	return 0, false
}
