package name

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"
)

const (
	maxUsername = 64   // characters of a username
	maxLogin    = 1024 // bytes of what is looked at when somebody signs in
)

// Username returns the key of a username, or an *Error that says which
// character is wrong and where.
//
// The key must match [a-z0-9][a-z0-9._@-]{0,63}; capital letters are accepted
// and folded. With wide, the name may be any UsernameCaseMapped identifier
// (RFC 8265 §3.3) of at most 64 characters whose parts (between ". _ @ - +")
// are each of one script and are not made of look-alikes of Latin letters only.
func Username(s string, wide bool) (key string, err error) {
	const kind = "username"
	if s == "" {
		return "", whole(kind, "is empty")
	}
	if utf8.RuneCountInString(s) > maxUsername {
		return "", whole(kind, fmt.Sprintf("is longer than %d characters", maxUsername))
	}
	if err := checkChars(kind, s, ""); err != nil {
		return "", err
	}
	if !wide {
		return plainUsername(kind, s)
	}
	return wideUsername(kind, s)
}

func plainUsername(kind, s string) (string, error) {
	pos := 0
	for _, r := range s {
		pos++
		alnum := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		switch {
		case alnum:
		case pos == 1:
			return "", &Error{Kind: kind, Char: r, Pos: pos, Msg: "must begin with a letter or digit, not"}
		case !contains("._@-", r):
			return "", &Error{Kind: kind, Char: r, Pos: pos, Msg: "only a-z, 0-9 and . _ @ - are allowed, not"}
		}
	}
	return loginKey(strings.ToLower(s), kind)
}

func wideUsername(kind, s string) (string, error) {
	// RFC 8265 §3.3.3: width mapping, case mapping, NFC, bidi rule.
	mapped, err := precis.UsernameCaseMapped.String(s)
	if err != nil {
		return "", whole(kind, "is not an identifier of RFC 8265")
	}
	// Before the domain of an address becomes A-labels, which are all Latin.
	if err := checkScripts(kind, mapped); err != nil {
		return "", err
	}
	key, lerr := loginKey(mapped, kind)
	if lerr != nil {
		return "", lerr
	}
	if utf8.RuneCountInString(key) > maxUsername {
		return "", whole(kind, fmt.Sprintf("is longer than %d characters", maxUsername))
	}
	if err := checkChars(kind, key, ""); err != nil {
		return "", err
	}
	if first, _ := utf8.DecodeRuneInString(key); !unicode.In(first, unicode.L, unicode.Nd) {
		return "", &Error{Kind: kind, Char: first, Pos: 1, Msg: "must begin with a letter or digit, not"}
	}
	// Folding can make a look-alike of what was none (a final sigma).
	if err := checkScripts(kind, key); err != nil {
		return "", err
	}
	return key, nil
}

// Login returns the key of what somebody typed at a sign-in prompt, sent in a
// User-Name or wrote in an RDN: surrounding space and case do not matter, and
// the domain of an address may be written in either form. It never fails: what
// cannot be anybody's name gives "", which no user has.
func Login(typed string) string {
	if len(typed) > maxLogin || !utf8.ValidString(typed) {
		return ""
	}
	s := strings.TrimFunc(typed, unicode.IsSpace)
	// An address may hold a "|" (RFC 5322 atext); a username cannot.
	if checkChars("", s, "|") != nil {
		return ""
	}
	key, err := loginKey(s, "")
	if err != nil {
		return ""
	}
	return key
}

// loginKey folds s; when it ends in "@" and a domain name, the domain becomes
// A-labels, so that a username which looks like an address has the key of that
// address. The domain has its own mapping (RFC 5895) and is not folded first.
func loginKey(s, kind string) (string, error) {
	wide := s
	if !isASCII(s) {
		wide = width.Fold.String(norm.NFC.String(s))
	}
	if at := strings.LastIndexByte(wide, '@'); at >= 0 {
		if domain, err := domainKey(wide[at+1:]); err == nil {
			local, ok := fold(wide[:at])
			if !ok {
				return "", whole(kind, "has no stable form")
			}
			return local + "@" + domain, nil
		}
	}
	key, ok := fold(s)
	if !ok {
		return "", whole(kind, "has no stable form")
	}
	return key, nil
}
