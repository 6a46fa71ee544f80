package oidc

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// The limits of a request, from the address line and from a form.
const (
	maxQuery  = 12 << 10
	maxForm   = 64 << 10
	maxParams = 64
)

// params are the parameters of a protocol request. Each appears at most once; an
// empty one counts as absent (RFC 6749 §3.1, §3.2).
type params map[string]string

// parseParams decodes application/x-www-form-urlencoded. A name that appears
// twice, in whatever case, is refused: the bytes checked are the bytes used.
func parseParams(raw string, limit int) (params, *failure) {
	if len(raw) > limit {
		return nil, invalidRequest("the request is longer than %d bytes", limit)
	}
	if strings.Count(raw, "&") >= maxParams {
		return nil, invalidRequest("more than %d parameters", maxParams)
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, invalidRequest("the parameters are not form-encoded")
	}
	out := make(params, len(values))
	seen := make(map[string]bool, len(values))
	for name, v := range values {
		folded := strings.ToLower(name)
		if len(v) > 1 || seen[folded] {
			return nil, invalidRequest("a parameter appears more than once")
		}
		seen[folded] = true
		if strings.ContainsRune(v[0], 0) {
			return nil, invalidRequest("a parameter holds a NUL")
		}
		if v[0] != "" {
			out[name] = v[0]
		}
	}
	return out, nil
}

// postParams reads the form of an endpoint that takes POST only.
//
// Trap 06 "token endpoint takes GET with secrets in URL": parameters in the
// address would end up in logs and histories, so any query is refused too.
func postParams(w http.ResponseWriter, r *http.Request) (params, *failure) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, &failure{status: http.StatusMethodNotAllowed, code: "invalid_request", description: "this endpoint takes POST only"}
	}
	if r.URL.RawQuery != "" {
		return nil, invalidRequest("parameters belong into the body, not into the address")
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return nil, invalidRequest("the body must be application/x-www-form-urlencoded")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	if err != nil {
		return nil, invalidRequest("the body could not be read")
	}
	return parseParams(string(body), maxForm)
}

// fields splits a space-delimited list (scope, prompt …) without repetitions.
func (p params) fields(name string) []string {
	var out []string
	seen := make(map[string]bool)
	for _, f := range strings.Fields(p[name]) {
		if !seen[f] {
			seen[f] = true
			out = append(out, f)
		}
	}
	return out
}

// clientAuth is how a client showed who it is.
type clientAuth struct {
	id     string
	secret string
	basic  bool
	given  bool // a secret was shown
}

// clientAuthOf reads the client's credentials from the header or the body.
func clientAuthOf(r *http.Request, p params) (clientAuth, *failure) {
	header := r.Header.Values("Authorization")
	if len(header) == 0 {
		return clientAuth{id: p["client_id"], secret: p["client_secret"], given: p["client_secret"] != ""}, nil
	}
	user, password, ok := r.BasicAuth()
	if !ok || len(header) > 1 {
		return clientAuth{}, invalidClient("the Authorization header is not Basic")
	}
	// RFC 6749 §2.3.1: both are form-encoded before they go into the header.
	id, err1 := url.QueryUnescape(user)
	secret, err2 := url.QueryUnescape(password)
	if err1 != nil || err2 != nil {
		return clientAuth{}, invalidClient("the Authorization header is not form-encoded")
	}
	// RFC 6749 §2.3: not more than one method in one request.
	if p["client_secret"] != "" || p["client_assertion"] != "" || (p["client_id"] != "" && p["client_id"] != id) {
		return clientAuth{}, invalidRequest("the client shows who it is in two ways")
	}
	return clientAuth{id: id, secret: secret, basic: true, given: secret != ""}, nil
}

func invalidRequest(format string, args ...any) *failure {
	return &failure{status: http.StatusBadRequest, code: "invalid_request", description: fmt.Sprintf(format, args...)}
}

// invalidClient is answered with 401 and a challenge (RFC 6749 §5.2).
func invalidClient(description string) *failure {
	return &failure{status: http.StatusUnauthorized, code: "invalid_client", description: description, challenge: challengeBasic}
}

func invalidGrant(description string) *failure {
	return &failure{status: http.StatusBadRequest, code: "invalid_grant", description: description}
}
