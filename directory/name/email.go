package name

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// RFC 5321 §4.5.3.1: limits in octets.
const (
	maxAddress = 254
	maxLocal   = 64
)

// Email returns an address as it is stored and shown, and its key, or an
// *Error. The address keeps its case, composed (NFC), with the domain in
// A-labels where it was not ASCII, so that it fits an IA5String. Quoted local
// parts and address literals are refused.
func Email(s string) (address, key string, err error) {
	const kind = "e-mail address"
	if len(s) > maxLogin {
		return "", "", whole(kind, "is too long")
	}
	s = norm.NFC.String(strings.TrimSpace(s))
	if err := checkChars(kind, s, "|"); err != nil {
		return "", "", err
	}
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return "", "", whole(kind, "has no @")
	}
	local, domain := s[:at], s[at+1:]
	if err := checkLocal(kind, local); err != nil {
		return "", "", err
	}
	ascii, derr := domainKey(domain)
	if derr != nil {
		return "", "", whole(kind, "has an invalid domain")
	}
	if !isASCII(domain) {
		domain = ascii
	}
	address = local + "@" + domain
	if len(local) > maxLocal || len(address) > maxAddress {
		return "", "", whole(kind, "is too long")
	}
	folded, ok := fold(local)
	if !ok {
		return "", "", whole(kind, "has no stable form")
	}
	if err := checkLocal(kind, folded); err != nil {
		return "", "", err
	}
	return address, folded + "@" + ascii, nil
}

// checkLocal accepts a dot-string (RFC 5321 §4.1.2, RFC 6531 §3.3).
func checkLocal(kind, local string) *Error {
	if local == "" {
		return whole(kind, "has nothing before the @")
	}
	pos, prev := 0, '.'
	for _, r := range local {
		pos++
		if r == '.' && prev == '.' {
			return &Error{Kind: kind, Char: r, Pos: pos, Msg: "misplaced"}
		}
		if r <= ' ' || contains(`"(),:;<>@[\]`, r) || foldSpace(string(r)) == "" {
			return &Error{Kind: kind, Char: r, Pos: pos, Msg: "not allowed before the @:"}
		}
		prev = r
	}
	if prev == '.' {
		return &Error{Kind: kind, Char: prev, Pos: pos, Msg: "misplaced"}
	}
	return nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
