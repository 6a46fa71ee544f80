package oidc

import (
	"encoding/json"
	"net/http"

	"gatehouse/directory"
	"gatehouse/idp/edge"
)

// failure is an answer that says no, or that nothing could be decided. Its
// description is written here and never taken from an error: what went wrong
// inside reaches the log only.
type failure struct {
	status      int
	code        string // RFC 6749 §4.1.2.1, §5.2, RFC 6750 §3.1, OpenID Connect Core §3.1.2.6
	description string
	challenge   challenge
	reason      directory.Reason // for the log; may be empty
	err         error            // what kept the request from being decided
}

// challenge is the scheme of WWW-Authenticate.
type challenge string

const (
	challengeNone   challenge = ""
	challengeBasic  challenge = "Basic"
	challengeBearer challenge = "Bearer"
)

// undecided is the one mapping of directory's kinds to OAuth errors.
func undecided(err error) *failure {
	switch kind := directory.KindOf(err); kind {
	case directory.Invalid, directory.Exists, directory.Stale, directory.NotFound:
		return &failure{status: http.StatusBadRequest, code: "invalid_request", description: directory.Message(err)}
	case directory.Denied:
		return &failure{status: http.StatusForbidden, code: "access_denied", description: directory.Message(err)}
	case directory.Throttled, directory.Unavailable:
		return &failure{status: http.StatusServiceUnavailable, code: "temporarily_unavailable", description: "try again in a moment", err: err}
	case directory.Internal:
		fallthrough
	default:
		return &failure{status: http.StatusInternalServerError, code: "server_error", description: "the request could not be finished", err: err}
	}
}

// outcome is the failure for the log and the metrics.
func (f *failure) outcome() edge.Outcome {
	if f.err != nil {
		return edge.Outcome{Result: edge.Failed, Reason: f.code, Err: f.err}
	}
	reason := f.code
	if f.reason != "" {
		reason += " " + string(f.reason)
	}
	return edge.Outcome{Result: edge.Refused, Reason: reason}
}

// write answers with the failure as JSON (RFC 6749 §5.2).
func (f *failure) write(w http.ResponseWriter) edge.Outcome {
	switch f.challenge {
	case challengeBasic:
		w.Header().Set("WWW-Authenticate", `Basic realm="gatehouse", charset="UTF-8"`)
	case challengeBearer:
		// RFC 6750 §3.1: no error code when the request showed no token at all.
		value := `Bearer realm="gatehouse"`
		if f.code != "" {
			value += `, error="` + f.code + `"`
		}
		w.Header().Set("WWW-Authenticate", value)
	case challengeNone:
	}
	if f.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "2")
	}
	writeJSON(w, f.status, map[string]string{"error": f.code, "error_description": f.description})
	return f.outcome()
}

// writeJSON answers with v. RFC 6749 §5.1: an answer that may hold a token is
// never stored.
func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
		h.Set("Pragma", "no-cache")
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client went away
}
