package wire

import (
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// AppendFolded appends v as caseIgnoreMatch compares it (RFC 4518): mapped, compatibility-composed, case folded, spaces
// at either end dropped and runs of spaces made one. Two values match exactly when their folded forms are equal and
// neither is Prohibited. Octets that are not UTF-8 are kept as they are and only folded where they are ASCII.
func AppendFolded[T []byte | string](dst []byte, v T) []byte {
	for i := 0; i < len(v); i++ {
		if v[i] >= utf8.RuneSelf {
			return appendFoldedUnicode(dst, string(v))
		}
	}
	return appendSpaceFolded(dst, v, true)
}

// AppendSpaceFolded appends v as caseExactMatch compares it: like AppendFolded without folding case.
func AppendSpaceFolded[T []byte | string](dst []byte, v T) []byte {
	for i := 0; i < len(v); i++ {
		if v[i] >= utf8.RuneSelf && utf8.ValidString(string(v)) {
			return appendSpaceFolded(dst, norm.NFKC.String(mapped(string(v))), false)
		}
	}
	return appendSpaceFolded(dst, v, false)
}

func appendFoldedUnicode(dst []byte, v string) []byte {
	if !utf8.ValidString(v) {
		return appendSpaceFolded(dst, v, true)
	}
	// RFC 4518 §2.2 and §2.3: map, then normalise; folding may undo composition, so compose on both sides.
	s := norm.NFKC.String(cases.Fold().String(norm.NFKC.String(mapped(v))))
	return appendSpaceFolded(dst, s, true)
}

// appendSpaceFolded maps what is ASCII (RFC 4518 §2.2) and handles spaces (§2.6.1), for stored and asserted values
// alike.
func appendSpaceFolded[T []byte | string](dst []byte, v T, lower bool) []byte {
	start, pending := len(dst), false
	for i := 0; i < len(v); i++ {
		o := v[i]
		switch {
		case o == ' ', '\t' <= o && o <= '\r':
			pending = len(dst) > start
			continue
		case o < ' ' || o == 0x7f:
			continue
		case lower && 'A' <= o && o <= 'Z':
			o += 'a' - 'A'
		}
		if pending {
			dst, pending = append(dst, ' '), false
		}
		dst = append(dst, o)
	}
	return dst
}
