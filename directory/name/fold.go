package name

import (
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"
)

// maxFold bounds the search for a fixed point of fold; real names need two
// rounds.
const maxFold = 6

// fold maps width, case and composition until nothing changes any more, so that
// its result is its own fold. It reports false when there is no such point.
func fold(s string) (string, bool) {
	if isLowerASCII(s) {
		return s, true
	}
	for range maxFold {
		next := norm.NFC.String(cases.Fold().String(width.Fold.String(norm.NFC.String(s))))
		if next == s {
			return s, true
		}
		s = next
	}
	return "", false
}

func isLowerASCII(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= 0x80 || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return true
}

// foldSpace trims s and turns each run of spaces into one U+0020, as LDAP's
// caseIgnoreMatch does (RFC 4518 §2.6.1): two names that differ only in spaces
// would be one name there.
func foldSpace(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.Is(unicode.Zs, r) }), " ")
}

// domainKey returns the A-label form of a domain in lower case (RFC 5891).
func domainKey(domain string) (string, error) {
	profile := idna.New(
		idna.MapForLookup(),
		idna.BidiRule(),
		idna.StrictDomainName(true),
		idna.VerifyDNSLength(true),
		idna.Transitional(false),
	)
	a, err := profile.ToASCII(domain)
	if err != nil {
		return "", err
	}
	return strings.ToLower(a), nil
}
