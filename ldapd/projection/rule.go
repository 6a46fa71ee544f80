package projection

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gatehouse/ldapd/wire"
)

// rule is how values of an attribute are compared. Equality, ordering and substring rules that prepare values in the
// same way are one rule here.
type rule uint8

const (
	noRule rule = iota
	ignoreCase
	exactCase
	ignoreCaseList
	telephone
	numeric
	integer
	boolean
	moment
	distinguishedName
	nameAndUID
	octets
	uuidRule
	objectID
	csnRule
	bitAnd
	bitOr
	inChain
)

// ruleOf returns the rule of a name or object identifier, noRule when we do not evaluate it.
func ruleOf(name string) rule {
	switch strings.ToLower(name) {
	case "caseignorematch", "2.5.13.2", "caseignoreorderingmatch", "caseignoresubstringsmatch",
		"caseignoreia5match", "1.3.6.1.4.1.1466.109.114.2", "caseignoreia5substringsmatch":
		return ignoreCase
	case "caseexactmatch", "2.5.13.5", "caseexactorderingmatch", "caseexactsubstringsmatch",
		"caseexactia5match", "1.3.6.1.4.1.1466.109.114.1", "caseexactia5substringsmatch":
		return exactCase
	case "caseignorelistmatch", "2.5.13.11", "caseignorelistsubstringsmatch":
		return ignoreCaseList
	case "telephonenumbermatch", "2.5.13.20", "telephonenumbersubstringsmatch":
		return telephone
	case "numericstringmatch", "2.5.13.8", "numericstringorderingmatch", "numericstringsubstringsmatch":
		return numeric
	case "integermatch", "2.5.13.14", "integerorderingmatch":
		return integer
	case "booleanmatch", "2.5.13.13":
		return boolean
	case "generalizedtimematch", "2.5.13.27", "generalizedtimeorderingmatch":
		return moment
	case "distinguishednamematch", "2.5.13.1":
		return distinguishedName
	case "uniquemembermatch", "2.5.13.23":
		return nameAndUID
	case "octetstringmatch", "2.5.13.17":
		return octets
	case "uuidmatch", "1.3.6.1.1.16.2", "uuidorderingmatch":
		return uuidRule
	case "objectidentifiermatch", "2.5.13.0":
		return objectID
	case "csnmatch", "1.3.6.1.4.1.4203.666.11.2.2", "csnorderingmatch":
		return csnRule
	case "integerbitandmatch", wire.OIDMatchBitAnd:
		return bitAnd
	case "integerbitormatch", wire.OIDMatchBitOr:
		return bitOr
	case "inchainmatch", wire.OIDMatchInChain:
		return inChain
	default:
		return noRule
	}
}

// text reports whether the rule compares strings, so that a filter may put another string rule in its place.
func (r rule) text() bool {
	return r == ignoreCase || r == exactCase || r == ignoreCaseList || r == telephone || r == numeric
}

// appendNormal appends v in the form in which two values match exactly when they are equal, and are in order when
// their octets are. It reports false when v is not a value of the syntax.
func (r rule) appendNormal(dst, v []byte) ([]byte, bool) {
	switch r {
	case ignoreCase:
		return wire.AppendFolded(dst, v), !wire.Prohibited(v)
	case ignoreCaseList:
		return appendLines(dst, v), !wire.Prohibited(v)
	case exactCase:
		return wire.AppendSpaceFolded(dst, v), !wire.Prohibited(v)
	case telephone, numeric:
		return appendDigits(dst, v, r == telephone), !wire.Prohibited(v)
	case integer, bitAnd, bitOr:
		n, ok := parseInteger(v)
		return appendOrdered(dst, n), ok
	case boolean:
		if bytes.EqualFold(v, []byte("TRUE")) {
			return append(dst, 1), true
		}
		return append(dst, 0), bytes.EqualFold(v, []byte("FALSE"))
	case moment:
		t, ok := parseMoment(v)
		return appendOrdered(dst, t), ok
	case distinguishedName:
		var n wire.Name
		err := n.Set(v)
		return append(dst, n.Key()...), err == nil
	case octets:
		return append(dst, v...), true
	case csnRule, objectID:
		return lower(dst, bytes.TrimSpace(v)), len(v) > 0
	case uuidRule:
		id, ok := parseUUID(v)
		return append(dst, id[:]...), ok
	default:
		return dst, false
	}
}

// appendLines folds the lines of a postal address one by one: they are compared each for itself (RFC 4517 §4.2.9).
func appendLines(dst, v []byte) []byte {
	for line := range bytes.SplitSeq(v, []byte("$")) {
		dst = append(wire.AppendFolded(dst, line), '$')
	}
	return dst[:len(dst)-1]
}

// appendDigits appends v without what is insignificant: spaces (RFC 4518 §2.6.2), of telephone numbers hyphens as well
// (§2.6.3).
func appendDigits(dst, v []byte, hyphens bool) []byte {
	start := len(dst)
	dst = wire.AppendFolded(dst, v)
	out := dst[:start]
	for rest := dst[start:]; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		switch {
		case r == ' ':
		case hyphens && (r == '-' || r == '\u058a' || r == '\u2010' || r == '\u2212'): // the others are compositions of these
		default:
			out = append(out, rest[:size]...)
		}
		rest = rest[size:]
	}
	return out
}

// appendOrdered appends n so that octets sort as numbers do.
func appendOrdered(dst []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(n)^1<<63)
}

// ordered is the number that appendOrdered wrote.
func ordered(b []byte) int64 { return int64(binary.BigEndian.Uint64(b) ^ 1<<63) }

// parseInteger reads an INTEGER (RFC 4517 §3.3.16). What does not fit is as far away as can be.
func parseInteger(v []byte) (int64, bool) {
	digits := bytes.TrimPrefix(v, []byte("-"))
	if len(digits) == 0 || len(bytes.Trim(digits, "0123456789")) > 0 {
		return 0, false
	}
	n, err := strconv.ParseInt(string(v), 10, 64)
	switch {
	case err == nil:
		return n, true
	case v[0] == '-':
		return math.MinInt64, true
	default:
		return math.MaxInt64, true
	}
}

// parseMoment reads a GeneralizedTime (RFC 4517 §3.3.13) as microseconds.
func parseMoment(v []byte) (int64, bool) {
	digits := 0
	for digits < len(v) && '0' <= v[digits] && v[digits] <= '9' {
		digits++
	}
	layout, ok := map[int]string{10: "2006010215", 12: "200601021504", 14: "20060102150405"}[digits]
	if !ok {
		return 0, false
	}
	t, err := time.Parse(layout, string(v[:digits]))
	if err != nil {
		return 0, false
	}
	unit := map[int]time.Duration{10: time.Hour, 12: time.Minute, 14: time.Second}[digits]
	rest := v[digits:]
	if len(rest) > 1 && (rest[0] == '.' || rest[0] == ',') {
		n := 1
		for n < len(rest) && '0' <= rest[n] && rest[n] <= '9' {
			n++
		}
		if n == 1 || n > 16 {
			return 0, false
		}
		f, err := strconv.ParseFloat("0."+string(rest[1:n]), 64)
		if err != nil {
			return 0, false
		}
		t = t.Add(time.Duration(math.Round(f*float64(unit)/1000)) * time.Microsecond)
		rest = rest[n:]
	}
	if len(rest) == 1 && rest[0] == 'Z' {
		return t.UnixMicro(), true
	}
	if len(rest) != 3 && len(rest) != 5 || rest[0] != '+' && rest[0] != '-' {
		return 0, false
	}
	zone, err := time.Parse("-0700", (string(rest) + "00")[:5])
	if err != nil {
		return 0, false
	}
	_, offset := zone.Zone()
	return t.Add(-time.Duration(offset) * time.Second).UnixMicro(), true
}

// parseUUID reads the form of RFC 9562 §4 in any case.
func parseUUID[T string | []byte](v T) (id [16]byte, ok bool) {
	if len(v) != 36 || v[8] != '-' || v[13] != '-' || v[18] != '-' || v[23] != '-' {
		return id, false
	}
	const pairs = "\x00\x02\x04\x06\x09\x0b\x0e\x10\x13\x15\x18\x1a\x1c\x1e\x20\x22" // where the octets begin
	bad := byte(0)
	for i := range id {
		high, low := hexDigit(v[pairs[i]]), hexDigit(v[pairs[i]+1])
		bad |= high | low
		id[i] = high<<4 | low
	}
	return id, bad < 16
}

// hexDigit returns the value of a digit, and more than 15 for what is none.
func hexDigit(o byte) byte {
	if d := o - '0'; d < 10 {
		return d
	}
	if d := (o | 0x20) - 'a'; d < 6 {
		return d + 10
	}
	return 0xff
}

func appendUUID(dst []byte, id []byte) []byte {
	const hex = "0123456789abcdef"
	for i, o := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, hex[o>>4], hex[o&15])
	}
	return dst
}
