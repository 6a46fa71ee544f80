package policy

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error is a mistake in a rule.
type Error struct {
	Line, Column int // from 1, in characters
	Message      string
	Text         string // the line of the rule; empty: the rule as a whole is at fault
}

// maxShown is the longest part of a line that an Error shows.
const maxShown = 120

// Error says where and what, with a caret under the mistake on a line of its
// own.
func (e *Error) Error() string {
	if e.Text == "" {
		return e.Message
	}
	text := []rune(strings.ReplaceAll(e.Text, "\t", " "))
	at := min(e.Column-1, len(text))
	start := 0
	if at > maxShown-20 {
		start = at - maxShown/2
	}
	end := min(len(text), start+maxShown)
	return fmt.Sprintf("line %d, column %d: %s\n  %s\n  %s^", e.Line, e.Column, e.Message,
		string(text[start:end]), strings.Repeat(" ", at-start))
}

// mistake makes an Error at a byte offset of the rule.
func mistake(rule string, offset int, format string, args ...any) *Error {
	offset = max(0, min(offset, len(rule)))
	start := strings.LastIndexByte(rule[:offset], '\n') + 1
	line, _, _ := strings.Cut(rule[start:], "\n")
	return &Error{
		Line:    strings.Count(rule[:start], "\n") + 1,
		Column:  utf8.RuneCountInString(rule[start:offset]) + 1,
		Message: fmt.Sprintf(format, args...),
		Text:    line,
	}
}
