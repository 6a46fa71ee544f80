package ldapd

import (
	"errors"

	"gatehouse/directory"
	"gatehouse/ldapd/wire"
)

// resultOf renders a failure of the core. It is the one place where kinds of failure become result codes.
func resultOf(err error) wire.Result {
	msg := directory.Message(err)
	switch directory.KindOf(err) {
	case directory.Invalid:
		return wire.Result{Code: wire.ConstraintViolation, Message: msg}
	case directory.NotFound:
		return wire.Result{Code: wire.NoSuchObject, Message: msg}
	case directory.Exists:
		return wire.Result{Code: wire.EntryAlreadyExists, Message: msg}
	case directory.Stale:
		return wire.Result{Code: wire.AssertionFailed, Message: msg}
	case directory.Denied:
		var e *directory.Error
		if errors.As(err, &e) && e.Field == "bindings" {
			// A guard, not a lack of rights: with the binding removed it goes.
			return wire.Result{Code: wire.UnwillingToPerform, Message: msg}
		}
		return wire.Result{Code: wire.InsufficientAccessRights, Message: msg}
	case directory.Throttled:
		return wire.Result{Code: wire.Busy, Message: msg}
	case directory.Unavailable:
		return wire.Result{Code: wire.Unavailable, Message: msg}
	case directory.Internal:
		return wire.Result{Code: wire.Other}
	default:
		return wire.Result{Code: wire.Other}
	}
}

// bindResultOf renders a failure to decide a bind. None of them may look like a wrong password, and none may tell
// whether the name exists.
func bindResultOf(err error) wire.Result {
	switch directory.KindOf(err) {
	case directory.Throttled:
		return wire.Result{Code: wire.Busy, Message: "too many requests, try again later"}
	case directory.Unavailable:
		return wire.Result{Code: wire.Unavailable, Message: "the directory cannot decide now, try again later"}
	case directory.Denied:
		return wire.Result{Code: wire.InvalidCredentials}
	case directory.Invalid, directory.NotFound, directory.Exists, directory.Stale, directory.Internal:
		return wire.Result{Code: wire.Other}
	default:
		return wire.Result{Code: wire.Other}
	}
}

// decisionResult renders what was decided about a bind.
func decisionResult(d *directory.Decision) wire.Result {
	switch {
	case d.Allowed():
		return wire.Result{}
	case d.Reason == directory.ReasonConfidentialityRequired:
		return wire.Result{Code: wire.ConfidentialityRequired, Message: "use TLS"}
	default:
		// Unknown name, wrong password, locked, disabled, throttled: one answer. Message is empty unless the password
		// was right.
		return wire.Result{Code: wire.InvalidCredentials, Message: d.Message}
	}
}

// malformedResult renders a request that could not be decoded but can be answered.
func malformedResult(e *wire.Error) wire.Result { return wire.Result{Code: e.Code, Message: e.Msg} }
