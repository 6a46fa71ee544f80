package scimd

import (
	"fmt"
	"net/http"
)

// The detail error keywords of RFC 7644 §3.12, table 9.
const (
	errInvalidFilter = "invalidFilter"
	errInvalidPath   = "invalidPath"
	errInvalidSyntax = "invalidSyntax"
	errInvalidValue  = "invalidValue"
	errMutability    = "mutability"
	errNoTarget      = "noTarget"
	errUniqueness    = "uniqueness"
)

// problem is a request that SCIM itself refuses, before the core is asked. Its
// text is shown to the client.
type problem struct {
	status     int
	scimType   string
	detail     string
	retryAfter int // seconds; 0: not said
}

// Error implements error.
func (p *problem) Error() string { return p.detail }

// refuse is a problem without a detail keyword.
func refuse(status int, format string, args ...any) error {
	return &problem{status: status, detail: fmt.Sprintf(format, args...)}
}

// badRequest is a 400 with a detail keyword.
func badRequest(scimType, format string, args ...any) error {
	return &problem{status: http.StatusBadRequest, scimType: scimType, detail: fmt.Sprintf(format, args...)}
}
