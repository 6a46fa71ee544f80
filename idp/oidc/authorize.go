package oidc

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/directory"
	"gatehouse/idp/edge"
	"gatehouse/idp/session"
	"gatehouse/idp/web"
)

// authorization is a checked authorization request.
type authorization struct {
	client   *client
	redirect string
	state    string
	scope    []string
	nonce    string
	prompt   []string
	maxAge   time.Duration // negative: any
	after    time.Time     // the sign-in must not be older; zero: any
	pkce     string        // code_challenge, S256
	subject  string        // of a valid id_token_hint
}

// afterParam is a parameter of our own: when we send a browser to sign in again,
// the request comes back with the time after which the sign-in must lie, instead
// of prompt=login.
const afterParam = "gatehouse_after"

// authorize is the authorization endpoint (RFC 6749 §3.1, OpenID Connect Core
// §3.1.2). A code leaves only in answer to a request that carries the session
// cookie: there is no callback that another browser could be made to follow
// (trap 06 "authorize callback not bound to the browser").
func (s *Server) authorize(w http.ResponseWriter, r *edge.Request, at place) edge.Outcome {
	w.Header().Set("Cache-Control", "no-store")
	if r.Method == http.MethodPost {
		p, fail := postParams(w, r.Request)
		if fail != nil {
			return s.edge.BadRequest(w, r, fail.description)
		}
		return toGet(w, r, p)
	}
	p, fail := parseParams(r.URL.RawQuery, maxQuery)
	if fail != nil {
		return s.edge.BadRequest(w, r, fail.description)
	}
	c, err := s.clients.find(r.Context(), p["client_id"], at)
	if err != nil {
		return s.edge.Fail(w, r, err)
	}
	// RFC 6749 §4.1.2.1: without a client and an address of that client nothing is
	// sent anywhere.
	if c == nil || !c.config.codes() {
		return s.edge.BadRequest(w, r, "client_id")
	}
	if !c.config.redirectKnown(p["redirect_uri"]) {
		out := s.edge.BadRequest(w, r, "redirect_uri")
		out.App = c.app.Slug
		return out
	}
	a := &authorization{client: c, redirect: p["redirect_uri"], state: p["state"]}
	if fail := a.read(p); fail != nil {
		return s.redirectError(w, r, a, fail)
	}
	if fail := s.readHint(r.Context(), a, p["id_token_hint"]); fail != nil {
		return s.redirectError(w, r, a, fail)
	}
	return s.decide(w, r, a)
}

// toGet turns a form into an address of our own: a form that comes from the
// app's site does not carry the session cookie (SameSite=Lax), a GET after it
// does.
func toGet(w http.ResponseWriter, r *edge.Request, p params) edge.Outcome {
	query := url.Values{}
	for name, value := range p {
		query.Set(name, value)
	}
	http.Redirect(w, r.Request, r.URL.Path+"?"+query.Encode(), http.StatusSeeOther)
	return edge.Outcome{Result: edge.OK}
}

// read checks the parameters; what is wrong goes to the client's address.
func (a *authorization) read(p params) *failure {
	bad := func(code, description string) *failure { return &failure{code: code, description: description} }
	// Trap 06 "request_uri silently ignored" (OpenID Connect Core §3.1.2.6).
	for name, code := range map[string]string{"request_uri": "request_uri_not_supported", "request": "request_not_supported", "registration": "registration_not_supported"} {
		if p[name] != "" {
			return bad(code, name+" is not served here")
		}
	}
	switch {
	case p["response_type"] == "":
		return bad("invalid_request", "response_type is missing")
	case p["response_type"] != "code":
		return bad("unsupported_response_type", "only code is served here")
	case p["response_mode"] != "" && p["response_mode"] != "query":
		return bad("invalid_request", "only response_mode query is served here")
	}
	if a.scope = a.client.config.granted(p.fields("scope")); len(a.scope) == 0 {
		return bad("invalid_scope", "none of the scopes may be asked for")
	}
	if fail := a.readChallenge(p); fail != nil {
		return fail
	}
	return a.readPrompt(p)
}

// readChallenge checks PKCE (RFC 7636 §4.3, §4.4.1).
func (a *authorization) readChallenge(p params) *failure {
	challenge, method := p["code_challenge"], p["code_challenge_method"]
	switch {
	case challenge == "" && method == "" && !a.client.config.public():
		return nil
	case challenge == "":
		return &failure{code: "invalid_request", description: "code_challenge is missing"}
	case method != "S256":
		// Trap 06 "PKCE plain": an absent method means plain, too.
		return &failure{code: "invalid_request", description: "code_challenge_method must be S256"}
	case len(challenge) != 43 || strings.Trim(challenge, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "":
		return &failure{code: "invalid_request", description: "code_challenge is not the base64url of a SHA-256"}
	}
	a.pkce = challenge
	return nil
}

func (a *authorization) readPrompt(p params) *failure {
	a.nonce, a.prompt, a.maxAge = p["nonce"], p.fields("prompt"), -1
	for _, v := range a.prompt {
		if !slices.Contains([]string{"none", "login", "consent", "select_account"}, v) || v == "none" && len(a.prompt) > 1 {
			return &failure{code: "invalid_request", description: "prompt is not understood"}
		}
	}
	if v := p["max_age"]; v != "" {
		n, err := strconv.ParseUint(v, 10, 31)
		if err != nil {
			return &failure{code: "invalid_request", description: "max_age is not a number of seconds"}
		}
		a.maxAge = time.Duration(n) * time.Second
	}
	if v := p[afterParam]; v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return &failure{code: "invalid_request", description: afterParam + " is not a time"}
		}
		a.after = time.UnixMicro(n)
	}
	return nil
}

// readHint takes the subject from an id_token_hint; one that has expired is as
// good (OpenID Connect Core §3.1.2.1).
func (s *Server) readHint(ctx context.Context, a *authorization, hint string) *failure {
	if hint == "" {
		return nil
	}
	keys, err := s.keys.set(ctx)
	if err != nil {
		return undecided(err)
	}
	var claims hintClaims
	if keys.openToken(hint, typeID, &claims) != nil || claims.Issuer != a.client.issuer || claims.Audience != a.client.id {
		return &failure{code: "invalid_request", description: "id_token_hint is not one of ours"}
	}
	a.subject = claims.Subject
	return nil
}

// decide answers a checked request: a code, the sign-in page, a refusal.
func (s *Server) decide(w http.ResponseWriter, r *edge.Request, a *authorization) edge.Outcome {
	silent := slices.Contains(a.prompt, "none")
	live, err := s.sessions.Current(r.Context(), r, a.client.app.Slug, directory.ProtocolOIDC)
	switch {
	case err != nil && silent:
		return s.redirectError(w, r, a, undecided(err))
	case err != nil:
		return s.edge.Fail(w, r, err)
	case live == nil || s.stale(a, live):
		if silent {
			return s.redirectError(w, r, a, &failure{code: "login_required", description: "nobody is signed in, or not freshly enough"})
		}
		return s.toSignIn(w, r, a, live != nil)
	case live.StepUp && silent:
		// OpenID Connect Core §3.1.2.6: the person would have to authenticate.
		return s.redirectError(w, r, a, &failure{code: "login_required", description: "the app asks for a second factor", reason: live.Decision.Reason})
	case live.StepUp:
		return s.toFactor(w, r, a)
	case !live.Decision.Allowed() && silent:
		return s.redirectError(w, r, a, &failure{code: "access_denied", description: "the person may not enter this app", reason: live.Decision.Reason})
	case !live.Decision.Allowed():
		// The person was found, so the denial is about the app: say so here, where
		// they can read it, and send the app nothing.
		out := s.edge.NotEntitled(w, r, a.client.app.Name, live.User.Username, live.Decision.Message)
		out.App, out.User, out.Reason = a.client.app.Slug, live.User.Username, string(live.Decision.Reason)
		return out
	case a.subject != "" && live.User.UID != a.subject:
		if silent || a.answered(live) {
			return s.redirectError(w, r, a, &failure{code: "login_required", description: "somebody else is signed in"})
		}
		return s.toSignIn(w, r, a, true)
	default:
		return s.grant(w, r, a, live)
	}
}

// stale reports whether the request wants a newer sign-in than the session's.
func (s *Server) stale(a *authorization, live *session.Live) bool {
	now := s.d.Now()
	// A sign-in that we asked for counts for the request that made us ask.
	asked := a.answered(live) && now.Sub(a.after) <= 10*time.Minute
	switch {
	case slices.Contains(a.prompt, "login"), slices.Contains(a.prompt, "select_account"), live.AuthTime.Before(a.after):
		return true
	default:
		return a.maxAge >= 0 && now.Sub(live.AuthTime) > a.maxAge && !asked
	}
}

// answered reports whether the person has signed in since we sent them to.
func (a *authorization) answered(live *session.Live) bool {
	return !a.after.IsZero() && !live.AuthTime.Before(a.after)
}

// toSignIn sends the browser to the sign-in page, and from there back to this
// request. again: somebody is signed in, and is to sign in once more.
func (s *Server) toSignIn(w http.ResponseWriter, r *edge.Request, a *authorization, again bool) edge.Outcome {
	back := *r.URL
	query := back.Query()
	if slices.Contains(a.prompt, "login") || slices.Contains(a.prompt, "select_account") || a.maxAge >= 0 || a.subject != "" {
		query.Set(afterParam, strconv.FormatInt(s.d.Now().UnixMicro(), 10))
		query.Del("prompt")
	}
	back.RawQuery = query.Encode()
	target := url.Values{"return": {back.RequestURI()}}
	if again {
		target.Set("again", "1")
	}
	http.Redirect(w, r.Request, SignInPath+"?"+target.Encode(), http.StatusSeeOther)
	return edge.Outcome{Result: edge.OK, App: a.client.app.Slug}
}

// toFactor sends the browser to prove a second factor, and from there back to this
// request.
func (s *Server) toFactor(w http.ResponseWriter, r *edge.Request, a *authorization) edge.Outcome {
	http.Redirect(w, r.Request, FactorPath+"?"+url.Values{"return": {r.URL.RequestURI()}, "up": {"1"}}.Encode(), http.StatusSeeOther)
	return edge.Outcome{Result: edge.OK, App: a.client.app.Slug}
}

// FactorPath is where a browser with a session is sent to prove a second factor,
// with "up=1". Its parameter "return" is the local address to come back to.
const FactorPath = "/sign-in/factor"

// SignInPath is where a browser is sent to sign in. Its parameter "return" is the
// local address to come back to; "again" asks also somebody who is signed in.
const SignInPath = "/sign-in"

// grant issues a code and sends the browser back to the client.
func (s *Server) grant(w http.ResponseWriter, r *edge.Request, a *authorization, live *session.Live) edge.Outcome {
	data := grantData{
		RedirectURI: a.redirect, Challenge: a.pkce, Nonce: a.nonce, AuthTime: live.AuthTime, Factors: live.Factors,
		Client: r.Client, UserAgent: session.UserAgent(r.Request),
	}
	code, err := s.issueCode(r.Context(), a.client, live, a.scope, data)
	if err != nil {
		return s.edge.Fail(w, r, err)
	}
	s.redirect(w, r, a, url.Values{"code": {code}})
	return edge.Outcome{Result: edge.Allowed, App: a.client.app.Slug, User: live.User.Username}
}

// redirectError tells the client what was wrong (RFC 6749 §4.1.2.1).
func (s *Server) redirectError(w http.ResponseWriter, r *edge.Request, a *authorization, fail *failure) edge.Outcome {
	s.redirect(w, r, a, url.Values{"error": {fail.code}, "error_description": {fail.description}})
	out := fail.outcome()
	out.App = a.client.app.Slug
	return out
}

// redirect sends the browser back to the client. Every answer carries the issuer
// (RFC 9207 §2), so that a client of several providers cannot be confused.
func (s *Server) redirect(w http.ResponseWriter, r *edge.Request, a *authorization, answer url.Values) {
	if a.state != "" {
		answer.Set("state", a.state)
	}
	answer.Set("iss", a.client.issuer)
	separator := "?"
	if strings.Contains(a.redirect, "?") {
		separator = "&" // RFC 6749 §3.1.2: a registered query is kept
	}
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r.Request, a.redirect+separator+answer.Encode(), http.StatusSeeOther)
}

// Destination says which app an authorization request leads to, for the sign-in
// page; ok is false when the address is not one. login is what the app thinks
// the person is called.
func (s *Server) Destination(ctx context.Context, local string) (app, login string, ok bool) {
	u, err := url.Parse(web.LocalPath(local))
	if err != nil {
		return "", "", false
	}
	at, ok := authorizePlace(u.Path)
	if !ok {
		return "", "", false
	}
	p, fail := parseParams(u.RawQuery, maxQuery)
	if fail != nil {
		return "", "", false
	}
	c, err := s.clients.find(ctx, p["client_id"], at)
	if err != nil || c == nil {
		return "", "", false
	}
	return c.app.Name, p["login_hint"], true
}
