package scimd

import "fmt"

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
	status   int
	scimType string
	detail   string
}

// Error implements error.
func (p *problem) Error() string { return p.detail }

// badRequest is a 400 with a detail keyword.
func badRequest(scimType, format string, args ...any) error {
	return &problem{status: 400, scimType: scimType, detail: fmt.Sprintf(format, args...)}
}
