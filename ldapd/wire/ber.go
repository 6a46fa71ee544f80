package wire

// BER tags used by LDAP (RFC 4511 §5.1: universal types, definite lengths, low tag numbers only).
const (
	tagBoolean     = 0x01
	tagInteger     = 0x02
	tagOctetString = 0x04
	tagEnumerated  = 0x0a
	tagSequence    = 0x30
	tagSet         = 0x31
)

// maxLengthOctets is how many octets may follow a long-form length octet.
const maxLengthOctets = 4

// header reads the tag and length at the front of b. n is the size of the header, 0 when b holds too little of it to
// tell; size is the length of the contents.
func header(b []byte) (tag byte, n, size int, err error) {
	if len(b) < 2 {
		return 0, 0, 0, nil
	}
	tag = b[0]
	if tag&0x1f == 0x1f {
		return 0, 0, 0, malformed("high tag number")
	}
	l := b[1]
	if l < 0x80 {
		return tag, 2, int(l), nil
	}
	// RFC 4511 §5.1: only the definite form of length encoding is used.
	if l == 0x80 {
		return 0, 0, 0, malformed("indefinite length")
	}
	octets := int(l & 0x7f)
	if octets > maxLengthOctets {
		return 0, 0, 0, malformed("length of more than four octets")
	}
	if len(b) < 2+octets {
		return 0, 0, 0, nil
	}
	// X.690 §8.1.3.5 leaves the number of length octets to the sender: Windows and JNDI always send 84 00 00 00 nn.
	for _, o := range b[2 : 2+octets] {
		size = size<<8 | int(o)
	}
	return tag, 2 + octets, size, nil
}

// cursor walks the elements of one constructed value. The first mistake is kept in err and ends the walk: after it
// more is false and every read returns the zero value.
type cursor struct {
	rest []byte
	err  error
}

func (c *cursor) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.rest = nil
}

func (c *cursor) more() bool { return len(c.rest) > 0 }

// peek returns the tag of the next element, 0 at the end (0 is not a tag of LDAP).
func (c *cursor) peek() byte {
	if len(c.rest) == 0 {
		return 0
	}
	return c.rest[0]
}

// next returns the tag and contents of the next element.
func (c *cursor) next() (byte, []byte) {
	// The short form is nearly every element, so it does not go through header.
	if len(c.rest) >= 2 && c.rest[1] < 0x80 && c.rest[0]&0x1f != 0x1f {
		end := 2 + int(c.rest[1])
		if end <= len(c.rest) {
			tag, val := c.rest[0], c.rest[2:end:end]
			c.rest = c.rest[end:]
			return tag, val
		}
	}
	tag, n, size, err := header(c.rest)
	if err != nil {
		c.fail(err)
		return 0, nil
	}
	if n == 0 || size > len(c.rest)-n {
		c.fail(malformed("element longer than the one around it"))
		return 0, nil
	}
	end := n + size
	val := c.rest[n:end:end]
	c.rest = c.rest[end:]
	return tag, val
}

// want returns the contents of the next element, which must have this tag.
func (c *cursor) want(tag byte, what string) []byte {
	if c.err != nil {
		return nil
	}
	got, val := c.next()
	if c.err == nil && got != tag {
		c.fail(malformed(what + ": unexpected tag"))
		return nil
	}
	return val
}

func (c *cursor) octets(what string) []byte { return c.want(tagOctetString, what) }

func (c *cursor) integer(what string) int32 { return c.number(tagInteger, what) }

func (c *cursor) enumerated(what string) int32 { return c.number(tagEnumerated, what) }

func (c *cursor) number(tag byte, what string) int32 {
	v := c.want(tag, what)
	if c.err != nil {
		return 0
	}
	n, err := int32Of(v)
	if err != nil {
		c.fail(err)
	}
	return n
}

func (c *cursor) boolean(what string) bool {
	v := c.want(tagBoolean, what)
	return c.err == nil && c.truth(v)
}

// truth reads the contents of a BOOLEAN.
func (c *cursor) truth(v []byte) bool {
	if len(v) != 1 {
		c.fail(malformed("boolean of other than one octet"))
		return false
	}
	// RFC 4511 §5.1 wants 0xFF for true; X.690 §8.2.2 and some clients (old JNDI) use any non-zero octet.
	return v[0] != 0
}

// finish skips what follows the known components.
// RFC 4511 §4: trailing components of a SEQUENCE that are not recognised are ignored.
func (c *cursor) finish() error {
	for c.more() {
		c.next()
	}
	return c.err
}

// int32Of reads the contents of an INTEGER or ENUMERATED of at most 32 bits. Every integer of LDAP is within
// 0..2147483647 or an enumeration (RFC 4511 §4.1.1).
func int32Of(v []byte) (int32, error) {
	switch {
	case len(v) == 0:
		return 0, malformed("integer without octets")
	case len(v) > 4:
		return 0, malformed("integer of more than 32 bits")
	case len(v) > 1 && (v[0] == 0 && v[1] < 0x80 || v[0] == 0xff && v[1] >= 0x80):
		// X.690 §8.3.2: the first nine bits are not all equal.
		return 0, malformed("integer not in its shortest form")
	}
	n := int32(int8(v[0]))
	for _, o := range v[1:] {
		n = n<<8 | int32(o)
	}
	return n, nil
}
