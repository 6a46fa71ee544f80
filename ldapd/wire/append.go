package wire

// sizeOfLength returns how many octets the shortest length field for n contents takes.
func sizeOfLength(n int) int {
	switch {
	case n < 0x80:
		return 1
	case n < 1<<8:
		return 2
	case n < 1<<16:
		return 3
	case n < 1<<24:
		return 4
	default:
		return 5
	}
}

// sizeOf returns the size of an element with n octets of contents.
func sizeOf(n int) int { return 1 + sizeOfLength(n) + n }

// AppendHeader appends the tag and the shortest length field for size octets of contents, which the caller appends next.
func AppendHeader(dst []byte, tag byte, size int) []byte {
	switch {
	case size < 0x80:
		return append(dst, tag, byte(size))
	case size < 1<<8:
		return append(dst, tag, 0x81, byte(size))
	case size < 1<<16:
		return append(dst, tag, 0x82, byte(size>>8), byte(size))
	case size < 1<<24:
		return append(dst, tag, 0x83, byte(size>>16), byte(size>>8), byte(size))
	default:
		return append(dst, tag, 0x84, byte(size>>24), byte(size>>16), byte(size>>8), byte(size))
	}
}

// AppendOctets appends an OCTET STRING.
func AppendOctets[T []byte | string](dst []byte, v T) []byte {
	return append(AppendHeader(dst, tagOctetString, len(v)), v...)
}

// intSize returns how many octets the shortest form of n takes.
func intSize(n int32) int {
	switch {
	case n >= -1<<7 && n < 1<<7:
		return 1
	case n >= -1<<15 && n < 1<<15:
		return 2
	case n >= -1<<23 && n < 1<<23:
		return 3
	default:
		return 4
	}
}

func appendInt(dst []byte, tag byte, n int32) []byte {
	size := intSize(n)
	dst = append(dst, tag, byte(size))
	for shift := 8 * (size - 1); shift >= 0; shift -= 8 {
		dst = append(dst, byte(n>>shift))
	}
	return dst
}

// Mark remembers where an element began whose size is not known yet.
type Mark int

// headerRoom is the largest header: a tag, 84, and four octets.
const headerRoom = 6

// Begin leaves room for a header at the end of dst. Append the contents and then call End; marks nest.
func Begin(dst []byte) ([]byte, Mark) {
	return append(dst, make([]byte, headerRoom)...), Mark(len(dst))
}

// End writes the header of the element that began at m with its exact length and closes the gap.
func End(dst []byte, m Mark, tag byte) []byte {
	body := int(m) + headerRoom
	size := len(dst) - body
	h := AppendHeader(dst[:m], tag, size)
	if gap := body - len(h); gap > 0 {
		copy(dst[len(h):], dst[body:])
		dst = dst[:len(dst)-gap]
	}
	return dst
}
