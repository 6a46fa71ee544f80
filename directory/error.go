package directory

import (
	"context"
	"errors"
	"fmt"
)

// Kind says what sort of failure an Error is. The set is closed; each protocol
// renders it in exactly one function.
type Kind int

// The kinds of failure. The zero value is Internal, so that an unknown error
// says nothing to the outside.
const (
	Internal    Kind = iota // a bug or broken data
	Invalid                 // the request breaks a rule; Msg says which
	NotFound                // there is no such thing
	Exists                  // a unique value is taken; Field says which
	Stale                   // somebody else changed it meanwhile
	Denied                  // the actor has no right to
	Throttled               // too many requests (never a guess limit: that is a Decision)
	Unavailable             // the store cannot be reached or is too slow; try again
)

// String returns the kind in words.
func (k Kind) String() string {
	names := [...]string{"internal", "invalid", "not found", "exists", "stale", "denied", "throttled", "unavailable"}
	if k < 0 || int(k) >= len(names) {
		return names[Internal]
	}
	return names[k]
}

// Error is what every method of the core returns when it fails. Msg may be
// shown to the caller; Err only reaches the log.
type Error struct {
	Kind   Kind
	Entity string // "user", "group", "app" …; may be empty
	Field  string // the field at fault in site.yaml's terms; may be empty
	Ref    string // uid of the row in the way, with Exists; may be empty
	Msg    string // a sentence for the caller
	Err    error  // the cause, for the log
}

// Error returns the message and the cause.
func (e *Error) Error() string {
	s := e.Msg
	if s == "" {
		s = e.Kind.String()
	}
	if e.Entity != "" {
		s = e.Entity + ": " + s
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of err. A context that ended is Unavailable; an error
// that is not an *Error is Internal. err must not be nil.
func KindOf(err error) Kind {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Kind
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return Unavailable
	default:
		return Internal
	}
}

// Is reports whether err is a failure of kind k. A nil err is of no kind.
func Is(err error, k Kind) bool { return err != nil && KindOf(err) == k }

// Message returns the sentence of err that may be shown to the caller.
func Message(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Kind != Internal && e.Msg != "" {
		if e.Entity != "" {
			return e.Entity + ": " + e.Msg
		}
		return e.Msg
	}
	return KindOf(err).String()
}

func invalid(entity, field, format string, args ...any) error {
	return &Error{Kind: Invalid, Entity: entity, Field: field, Msg: fmt.Sprintf(format, args...)}
}

func notFound(entity, name string) error {
	return &Error{Kind: NotFound, Entity: entity, Msg: fmt.Sprintf("there is no %s %q", entity, name)}
}

func unavailable(doing string, err error) error {
	return &Error{Kind: Unavailable, Msg: doing, Err: err}
}
