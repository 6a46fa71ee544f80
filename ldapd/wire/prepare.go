package wire

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// mapped applies the mapping of RFC 4518 §2.2 to what is not ASCII; case is folded elsewhere, and appendSpaceFolded
// maps ASCII.
func mapped(v string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < utf8.RuneSelf:
			return r
		case mapsToSpace(r):
			return ' '
		case mapsToNothing(r):
			return -1
		default:
			return r
		}
	}, v)
}

// mapsToSpace reports whether a character beyond ASCII is a space to LDAP.
func mapsToSpace(r rune) bool {
	switch r {
	case 0x85, 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000:
		return true
	default:
		return 0x2000 <= r && r <= 0x200a
	}
}

// mapsToNothing reports whether a character beyond ASCII counts for nothing: soft hyphens, variation selectors, and
// what has a control function.
func mapsToNothing(r rune) bool {
	switch r {
	case 0xad, 0x34f, 0x6dd, 0x70f, 0x1806, 0xfeff, 0xfffc, 0xe0001:
		return true
	}
	for _, in := range [...][2]rune{
		{0x80, 0x84},
		{0x86, 0x9f},
		{0x180b, 0x180e},
		{0x200b, 0x200f},
		{0x202a, 0x202e},
		{0x2060, 0x2063},
		{0x206a, 0x206f},
		{0xfe00, 0xfe0f},
		{0xfff9, 0xfffb},
		{0x1d173, 0x1d17a},
		{0xe0020, 0xe007f},
	} {
		if in[0] <= r && r <= in[1] {
			return true
		}
	}
	return false
}

// Prohibited reports whether v cannot be prepared for comparing (RFC 4518 §2.1, §2.4), so that whatever compares with
// it is Undefined: it is not UTF-8, or has a replacement character, one for private use or none at all.
//
// RFC 4518 §2.4, not done: what Unicode 3.2 had not assigned yet is not prohibited, for names are written with it now.
func Prohibited[T []byte | string](v T) bool {
	for i := 0; i < len(v); i++ {
		if v[i] >= utf8.RuneSelf {
			return prohibited(string(v[i:]))
		}
	}
	return false
}

func prohibited(v string) bool {
	for _, r := range v {
		// A range over octets that are not UTF-8 gives replacement characters, which are prohibited as well.
		if r == utf8.RuneError || r&0xfffe == 0xfffe || 0xfdd0 <= r && r <= 0xfdef || unicode.Is(unicode.Co, r) {
			return true
		}
	}
	return false
}

// IsSpace reports whether the first or the last character of a value is a space once it is mapped (RFC 4518 §2.6.1).
func IsSpace(v []byte) (first, last bool) {
	space := func(r rune) bool { return r == ' ' || '\t' <= r && r <= '\r' || mapsToSpace(r) }
	head, _ := utf8.DecodeRune(v)
	tail, _ := utf8.DecodeLastRune(v)
	return space(head), space(tail)
}
