package wire

// Error says why bytes are not a request that can be served. Its text may be shown to the client: it never contains
// anything but constants of this package.
type Error struct {
	// Code answers the request when it can be answered at all.
	Code ResultCode
	// Fatal means that the frame cannot be trusted any more: Notice of Disconnection, then close.
	// RFC 4511 §4.1.1: a tag, message id, encoding structure or length that is incorrect.
	Fatal bool
	// Msg is a lower-case phrase without a full stop.
	Msg string
}

func (e *Error) Error() string { return e.Msg }

func malformed(msg string) error { return &Error{Code: ProtocolError, Fatal: true, Msg: msg} }

func invalid(msg string) error { return &Error{Code: ProtocolError, Msg: msg} }

func tooMuch(msg string) error { return &Error{Code: AdminLimitExceeded, Msg: msg} }

func badName(msg string) error { return &Error{Code: InvalidDNSyntax, Msg: msg} }
