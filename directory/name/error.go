package name

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// Error says why a name is refused. Its text may be shown to whoever sent the
// name; it repeats at most one character of it.
type Error struct {
	Kind string // "username", "group name", "e-mail address" or "slug"
	Char rune   // the character at fault; 0: the name as a whole
	Pos  int    // its position in the name, in characters, from 1; 0: as a whole
	Msg  string // what is wrong, lower case
}

// Error returns, for example, `username: upper case letter "A" at character 3`.
func (e *Error) Error() string {
	switch {
	case e.Pos == 0:
		return e.Kind + ": " + e.Msg
	case unicode.IsGraphic(e.Char) && !unicode.IsSpace(e.Char) && !unicode.IsMark(e.Char):
		return fmt.Sprintf("%s: %s %q (U+%04X) at character %d", e.Kind, e.Msg, string(e.Char), e.Char, e.Pos)
	default:
		return fmt.Sprintf("%s: %s U+%04X at character %d", e.Kind, e.Msg, e.Char, e.Pos)
	}
}

func whole(kind, msg string) *Error { return &Error{Kind: kind, Msg: msg} }

// dangerous names what makes r unfit for any name, or returns "".
func dangerous(r rune) string {
	switch {
	case r > ' ' && r < 0x7f && r != '|':
		return ""
	case r == 0:
		return "NUL"
	case r == '|':
		return "separator"
	case unicode.Is(unicode.Bidi_Control, r):
		return "text direction control"
	case unicode.Is(unicode.Cc, r):
		return "control character"
	case unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
		return "invisible character"
	case unicode.In(r, unicode.Zl, unicode.Zp):
		return "line separator"
	case unicode.Is(unicode.Co, r):
		return "private character"
	case unicode.Is(unicode.Noncharacter_Code_Point, r) || !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Zs):
		return "unassigned character"
	default:
		return ""
	}
}

// checkChars refuses invalid UTF-8 and every dangerous character except those
// in allowed.
func checkChars(kind, s, allowed string) *Error {
	pos := 0
	for i, r := range s {
		pos++
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size < 2 {
				return &Error{Kind: kind, Char: r, Pos: pos, Msg: "invalid UTF-8"}
			}
		}
		if what := dangerous(r); what != "" && !contains(allowed, r) {
			return &Error{Kind: kind, Char: r, Pos: pos, Msg: what}
		}
	}
	return nil
}

func contains(set string, r rune) bool {
	for _, c := range set {
		if c == r {
			return true
		}
	}
	return false
}
