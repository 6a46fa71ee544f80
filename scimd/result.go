package scimd

import (
	"errors"
	"net/http"
	"strconv"

	"gatehouse/directory"
)

// result is how a failure is told to the client (RFC 7644 §3.12).
type result struct {
	status     int
	scimType   string
	detail     string
	retryAfter int // seconds; 0: no header
}

// resultOf maps every failure to its answer. It is the one place that does.
func resultOf(err error) result {
	var p *problem
	if errors.As(err, &p) {
		return result{status: p.status, scimType: p.scimType, detail: p.detail, retryAfter: p.retryAfter}
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return result{status: http.StatusRequestEntityTooLarge, detail: "the body is larger than " + strconv.FormatInt(tooLarge.Limit, 10) + " bytes"}
	}
	detail := directory.Message(err)
	switch directory.KindOf(err) {
	case directory.Invalid:
		return result{status: http.StatusBadRequest, scimType: errInvalidValue, detail: detail}
	case directory.NotFound:
		return result{status: http.StatusNotFound, detail: detail}
	case directory.Exists:
		return result{status: http.StatusConflict, scimType: errUniqueness, detail: detail + inTheWay(err)}
	case directory.Stale:
		return result{status: http.StatusPreconditionFailed, detail: detail}
	case directory.Denied:
		return result{status: http.StatusForbidden, detail: detail}
	case directory.Throttled:
		return result{status: http.StatusTooManyRequests, detail: detail, retryAfter: 1}
	case directory.Unavailable:
		return result{status: http.StatusServiceUnavailable, detail: "the directory cannot be reached; try again", retryAfter: 2}
	case directory.Internal:
	}
	return result{status: http.StatusInternalServerError, detail: "internal error"}
}

// inTheWay names the id of the resource that has the unique value already, so
// that a client which lost our answer to its POST can go on.
func inTheWay(err error) string {
	var e *directory.Error
	if errors.As(err, &e) && e.Ref != "" {
		return " (id " + e.Ref + ")"
	}
	return ""
}

// body renders the SCIM error message.
func (r result) body() *object {
	return newObject(
		"schemas", []any{messageURN + "Error"},
		"scimType", r.scimType,
		"detail", r.detail,
		"status", strconv.Itoa(r.status),
	)
}

// outcome is the result as a metric label and in the log: a closed set.
func (r result) outcome() string {
	switch {
	case r.status < 400:
		return "ok"
	case r.status == http.StatusUnauthorized:
		return "unauthenticated"
	case r.status == http.StatusForbidden:
		return "denied"
	case r.status == http.StatusNotFound:
		return "not_found"
	case r.status == http.StatusConflict:
		return "conflict"
	case r.status == http.StatusPreconditionFailed:
		return "stale"
	case r.status == http.StatusTooManyRequests:
		return "throttled"
	case r.status == http.StatusServiceUnavailable:
		return "unavailable"
	case r.status < 500:
		return "invalid"
	}
	return "internal"
}
