package policy

import "strings"

// memberIn is how the method in() is called inside: "in" is an operator of CEL
// and cannot name a method. It has the same length, so that every place stays
// where it is.
const memberIn = "In"

// renameIn writes x.in(…) as CEL can parse it, or back.
func renameIn(rule, from, to string) string {
	out := []byte(rule)
	methods(rule, func(at int, name string) {
		if name == from {
			copy(out[at:], to)
		}
	})
	return string(out)
}

// loops counts the calls of macros that go through a list.
func loops(rule string) int {
	n := 0
	methods(rule, func(_ int, name string) {
		switch name {
		case "all", "exists", "exists_one", "existsOne", "filter", "map":
			n++
		}
	})
	return n
}

// methods finds every .name( outside of strings and comments.
func methods(rule string, found func(at int, name string)) {
	for i := 0; i < len(rule); {
		switch c := rule[i]; {
		case c == '"' || c == '\'':
			i = endOfString(rule, i)
		case c == '/' && strings.HasPrefix(rule[i:], "//"):
			i = endOfLine(rule, i)
		case c == '.':
			i = skipSpace(rule, i+1)
			start := i
			for i < len(rule) && isLetter(rule[i]) {
				i++
			}
			if next := skipSpace(rule, i); next < len(rule) && rule[next] == '(' {
				found(start, rule[start:i])
			}
		default:
			i++
		}
	}
}

func isLetter(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// endOfString returns where the string literal that opens at i ends: after its
// closing quotes, at a line's end, or at the end of the rule.
func endOfString(rule string, i int) int {
	raw := i > 0 && (rule[i-1] == 'r' || rule[i-1] == 'R') ||
		i > 1 && (rule[i-2] == 'r' || rule[i-2] == 'R') && (rule[i-1] == 'b' || rule[i-1] == 'B')
	quote := rule[i : i+1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(rule[i:], triple) {
		quote = triple
	}
	for i += len(quote); i < len(rule); i++ {
		switch {
		case strings.HasPrefix(rule[i:], quote):
			return i + len(quote)
		case rule[i] == '\\' && !raw:
			i++
		case (rule[i] == '\n' || rule[i] == '\r') && len(quote) == 1:
			return i // unclosed: CEL says so
		}
	}
	return len(rule)
}

func endOfLine(rule string, i int) int {
	if n := strings.IndexByte(rule[i:], '\n'); n >= 0 {
		return i + n
	}
	return len(rule)
}

func skipSpace(rule string, i int) int {
	for i < len(rule) && strings.IndexByte(" \t\r\n\f", rule[i]) >= 0 {
		i++
	}
	return i
}
