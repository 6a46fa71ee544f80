package idp_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/schema"
)

// The tests of this file are named after the traps of 06-idp "OIDC/OAuth2" that
// were reproduced in the library, and after the rules of 10-security.

// Trap "confidential client may omit the PKCE verifier (200)".
func TestVerifierIsDemanded(t *testing.T) {
	s := newSite(t, nil)
	b := s.signedIn("alice")
	for _, tt := range []struct {
		name      string
		challenge []string
		verifier  string
		status    int
	}{
		{"right", nil, verifier, 200},
		{"missing", nil, "", 400},
		{"wrong", nil, strings.Repeat("x", 43), 400},
		{"too short", nil, "short", 400},
		{"a confidential client without PKCE", []string{"code_challenge", "", "code_challenge_method", ""}, "", 200},
		{"a verifier without a challenge (RFC 9700 §2.1.1)", []string{"code_challenge", "", "code_challenge_method", ""}, verifier, 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := s.post("token", redemption(b.code(tt.challenge...), "code_verifier", tt.verifier))
			if p.status != tt.status || tt.status == 400 && p.json(t)["error"] != "invalid_grant" {
				t.Errorf("got %d %s, want %d", p.status, p.body, tt.status)
			}
		})
	}
}

// Trap "PKCE plain", and a public client without PKCE.
func TestPlainChallengeIsRefused(t *testing.T) {
	s := newSite(t, nil)
	b := s.signedIn("alice")
	spa := []string{"client_id", "spa", "redirect_uri", "https://spa.example.com/cb"}
	for _, tt := range []struct {
		name, path string
		edits      []string
		want       string
	}{
		{"plain", wikiIssuer, []string{"code_challenge_method", "plain"}, "invalid_request"},
		{"no method means plain", wikiIssuer, []string{"code_challenge_method", ""}, "invalid_request"},
		{"not a SHA-256", wikiIssuer, []string{"code_challenge", "abc"}, "invalid_request"},
		{"method without challenge", wikiIssuer, []string{"code_challenge", ""}, "invalid_request"},
		{"public client without PKCE", "/application/o/spa/", append(spa, "code_challenge", "", "code_challenge_method", ""), "invalid_request"},
		{"public client with PKCE", "/application/o/spa/", spa, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := b.get(tt.path + "authorize?" + request(tt.edits...).Encode()).location(t).Query()
			if q.Get("error") != tt.want || (tt.want == "") != (q.Get("code") != "") {
				t.Errorf("got %v, want %q", q, tt.want)
			}
		})
	}
}

// Trap "default crypto decrypts unauthenticated CFB (flip a user id without the
// key)": every bit of every token counts.
func TestChangedTokenIsRefused(t *testing.T) {
	s := newSite(t, nil)
	got := s.tokens()
	access, _ := got["access_token"].(string)
	head, claims := claimsOf(t, access)
	forge := func(header, payload map[string]any, sig string) string {
		h, err1 := json.Marshal(header)
		c, err2 := json.Marshal(payload)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		return base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(c) + "." + sig
	}
	sig := access[strings.LastIndexByte(access, '.')+1:]
	other := map[string]any{}
	for k, v := range claims {
		other[k] = v
	}
	other["sub"] = "00000000-0000-4000-8000-000000000000"
	for name, token := range map[string]string{
		"another subject": forge(head, other, sig),
		"alg none":        forge(map[string]any{"alg": "none", "kid": head["kid"], "typ": "at+jwt"}, claims, ""),
		"alg HS256":       forge(map[string]any{"alg": "HS256", "kid": head["kid"], "typ": "at+jwt"}, claims, sig),
		"crit":            forge(map[string]any{"alg": "ES256", "kid": head["kid"], "typ": "at+jwt", "crit": []string{"x"}}, claims, sig),
		"jwk":             forge(map[string]any{"alg": "ES256", "kid": head["kid"], "typ": "at+jwt", "jwk": map[string]any{}}, claims, sig),
		"an ID token":     got["id_token"].(string), // 10-security: an ID token is accepted nowhere as an access token
		"empty":           "..",
		"too long":        access + strings.Repeat("A", 20<<10),
	} {
		if p := s.userinfo(token); p.status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, p.status, p.body)
		}
	}
	for i := 0; i < len(access); i += 7 {
		changed := []byte(access)
		if changed[i] == '.' {
			continue
		}
		if changed[i]++; changed[i] == 'Z'+1 || changed[i] == 'z'+1 || changed[i] == '9'+1 || changed[i] == '_'+1 {
			changed[i] = 'A'
		}
		if p := s.userinfo(string(changed)); p.status != http.StatusUnauthorized && i < len(access)-1 {
			t.Errorf("byte %d changed: %d", i, p.status)
		}
	}
	if p := s.userinfo(access); p.status != http.StatusOK {
		t.Errorf("the token itself: %d", p.status)
	}
}

// Trap "code redemption is not atomic: consume …, keep a tombstone, reuse revokes
// the family".
func TestCodeWorksOnce(t *testing.T) {
	s := newSite(t, nil)
	b := s.signedIn("alice")
	t.Run("in parallel", func(t *testing.T) {
		code := b.code()
		var wg sync.WaitGroup
		won := make(chan map[string]any, 16)
		for range 16 {
			wg.Go(func() {
				if p := s.post("token", redemption(code)); p.status == http.StatusOK {
					won <- p.json(t)
				}
			})
		}
		wg.Wait()
		if len(won) > 1 {
			t.Fatalf("%d of 16 got tokens", len(won))
		}
		if len(won) == 1 && s.refresh((<-won)["refresh_token"]).status == http.StatusOK {
			t.Error("the code was used again, and the family lives")
		}
	})
	t.Run("many codes at once in a new session", func(t *testing.T) {
		b := s.signedIn("alice")
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				if p := b.get(wikiIssuer + "authorize?" + request().Encode()); p.status != http.StatusSeeOther || !strings.Contains(p.header.Get("Location"), "code=") {
					t.Errorf("got %d", p.status)
				}
			})
		}
		wg.Wait()
	})
	t.Run("reuse revokes the family", func(t *testing.T) {
		code := b.code()
		got := s.post("token", redemption(code)).json(t)
		if s.userinfo(got["access_token"]).status != http.StatusOK {
			t.Fatal("the tokens do not work")
		}
		if p := s.post("token", redemption(code)); p.status != http.StatusBadRequest || p.json(t)["error"] != "invalid_grant" {
			t.Errorf("second use: %d %s", p.status, p.body)
		}
		if s.userinfo(got["access_token"]).status != http.StatusUnauthorized || s.refresh(got["refresh_token"]).status != http.StatusBadRequest {
			t.Error("what came from the code lives on")
		}
	})
	t.Run("also by a thief without the verifier", func(t *testing.T) {
		code := b.code()
		got := s.post("token", redemption(code)).json(t)
		s.post("token", redemption(code, "code_verifier", ""))
		if s.refresh(got["refresh_token"]).status != http.StatusBadRequest {
			t.Error("what came from the code lives on")
		}
	})
	t.Run("after a minute", func(t *testing.T) {
		code := b.code()
		s.later(time.Minute)
		if p := s.post("token", redemption(code)); p.status != http.StatusBadRequest {
			t.Errorf("got %d", p.status)
		}
	})
	t.Run("bound to what it was issued for", func(t *testing.T) {
		asGrafana := func(r *http.Request) { r.SetBasicAuth("grafana", url.QueryEscape(clientSecret)) }
		code := b.code()
		if p := s.browser().do(http.MethodPost, "/oauth2/token", redemption(code), asGrafana); p.status != http.StatusBadRequest {
			t.Errorf("another client: %d", p.status)
		}
		if p := s.post("token", redemption(code, "redirect_uri", "https://rp.example.com/other")); p.status != http.StatusBadRequest {
			t.Errorf("another redirect_uri: %d", p.status)
		}
		if p := s.post("token", redemption(code)); p.status != http.StatusOK {
			t.Errorf("the right one afterwards: %d %s", p.status, p.body)
		}
	})
	t.Run("not in a session that somebody else ended", func(t *testing.T) {
		code := s.signedIn("alice").code()
		err := s.d.RecordArtefacts(t.Context(), func(a *directory.Artefacts) error {
			var rows []directory.Session
			for row, err := range a.Sessions.Take(directory.SessionQuery{User: s.alice.ID}) {
				if err != nil {
					return err
				}
				row.Revoked = s.clock.Now()
				rows = append(rows, row)
			}
			for _, row := range rows {
				if err := a.Sessions.Update(row); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if p := s.post("token", redemption(code)); p.status != http.StatusBadRequest {
			t.Errorf("got %d", p.status)
		}
	})
	t.Run("not after sign-out", func(t *testing.T) {
		b := s.signedIn("alice")
		code := b.code()
		p := b.get("/")
		b.do(http.MethodPost, "/sign-out", url.Values{"csrf": {p.field(t, "csrf")}}, nil)
		if p := s.post("token", redemption(code)); p.status != http.StatusBadRequest {
			t.Errorf("got %d", p.status)
		}
	})
}

// "refresh families (rotation, 30 s idempotent grace, reuse revokes)".
func TestRefreshFamily(t *testing.T) {
	s := newSite(t, nil)
	t.Run("rotation and grace", func(t *testing.T) {
		first := s.tokens()["refresh_token"]
		second := s.refresh(first).json(t)["refresh_token"]
		if second == first || second == nil {
			t.Fatal("no rotation")
		}
		s.later(29 * time.Second)
		if again := s.refresh(first); again.status != http.StatusOK || again.json(t)["refresh_token"] != second {
			t.Errorf("a retry within the grace: %d %s", again.status, again.body)
		}
		if p := s.refresh(second); p.status != http.StatusOK {
			t.Errorf("the successor: %d %s", p.status, p.body)
		}
	})
	t.Run("after the grace", func(t *testing.T) {
		first := s.tokens()["refresh_token"]
		second := s.refresh(first).json(t)
		s.later(31 * time.Second)
		if p := s.refresh(first); p.status != http.StatusBadRequest || p.json(t)["error"] != "invalid_grant" {
			t.Errorf("reuse: %d %s", p.status, p.body)
		}
		if s.refresh(second["refresh_token"]).status != http.StatusBadRequest || s.userinfo(second["access_token"]).status != http.StatusUnauthorized {
			t.Error("the family lives on")
		}
	})
	t.Run("within the grace, but the successor was used", func(t *testing.T) {
		first := s.tokens()["refresh_token"]
		third := s.refresh(s.refresh(first).json(t)["refresh_token"]).json(t)["refresh_token"]
		if p := s.refresh(first); p.status != http.StatusBadRequest {
			t.Errorf("reuse: %d", p.status)
		}
		if p := s.refresh(third); p.status != http.StatusBadRequest {
			t.Errorf("the family lives on: %d", p.status)
		}
	})
	t.Run("in parallel everybody gets the same", func(t *testing.T) {
		first := s.tokens()["refresh_token"]
		var wg sync.WaitGroup
		got := make(chan any, 8)
		for range 8 {
			wg.Go(func() { got <- s.refresh(first).json(t)["refresh_token"] })
		}
		wg.Wait()
		close(got)
		want := <-got
		for g := range got {
			if g != want || g == nil {
				t.Errorf("got %v and %v", want, g)
			}
		}
	})
	t.Run("scope", func(t *testing.T) {
		token, _ := s.tokens()["refresh_token"].(string)
		narrow := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "scope": {"openid"}}
		wide := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "scope": {"openid groups"}}
		if p := s.post("token", wide); p.status != http.StatusBadRequest || p.json(t)["error"] != "invalid_scope" {
			t.Errorf("wider: %d %s", p.status, p.body)
		}
		if p := s.post("token", narrow); p.status != http.StatusOK || p.json(t)["scope"] != "openid" {
			t.Errorf("narrower: %d %s", p.status, p.body)
		}
	})
	t.Run("idle for thirty days", func(t *testing.T) {
		token := s.tokens()["refresh_token"]
		s.later(30 * 24 * time.Hour)
		if p := s.refresh(token); p.status != http.StatusBadRequest {
			t.Errorf("got %d", p.status)
		}
	})
	t.Run("a refresh token is stored hashed", func(t *testing.T) {
		token, _ := s.tokens()["refresh_token"].(string)
		err := s.d.ReadArtefacts(t.Context(), func(a *directory.Artefacts) error {
			for row, err := range a.Tokens.Find(directory.TokenQuery{User: s.alice.ID}) {
				if err != nil {
					return err
				}
				if string(row.Hash) == token || strings.Contains(string(row.Data), token) || row.Family == token {
					t.Error("the store holds the token")
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// Trap "authorize callback not bound to the browser": the address that one
// browser comes back to gives another browser nothing.
func TestCodeNeedsTheBrowserThatSignedIn(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	to := b.get(wikiIssuer + "authorize?" + request().Encode()).location(t)
	back := to.Query().Get("return")
	if to.Path != "/sign-in" || !strings.HasPrefix(back, wikiIssuer+"authorize?") {
		t.Fatalf("sent to %s", to)
	}
	b.signIn("alice", password, back)
	if q := b.get(back).location(t).Query(); q.Get("code") == "" {
		t.Errorf("the same browser: %v", q)
	}
	if to := s.browser().get(back).location(t); to.Path != "/sign-in" {
		t.Errorf("another browser is sent to %s", to)
	}
}

// Trap "token endpoint takes GET with secrets in URL".
func TestTokenEndpointTakesPostOnly(t *testing.T) {
	s := newSite(t, nil)
	q := url.Values{"grant_type": {"client_credentials"}, "client_id": {"wiki"}, "client_secret": {clientSecret}}
	for _, name := range []string{"token", "introspect", "revoke"} {
		if p := s.browser().get(wikiIssuer + name + "?" + q.Encode()); p.status != http.StatusMethodNotAllowed || p.header.Get("Allow") != "POST" {
			t.Errorf("GET %s: %d", name, p.status)
		}
		if p := s.browser().do(http.MethodPost, wikiIssuer+name+"?"+q.Encode(), url.Values{}, nil); p.status != http.StatusBadRequest {
			t.Errorf("POST %s with a query: %d", name, p.status)
		}
	}
	if strings.Contains(s.log.String(), clientSecret) || strings.Contains(s.log.String(), url.QueryEscape(clientSecret)) {
		t.Error("the secret is in the log")
	}
	if p := s.browser().do(http.MethodPost, wikiIssuer+"token", q, nil); p.status != http.StatusOK {
		t.Errorf("the same in the body: %d %s", p.status, p.body)
	}
	if p := s.browser().get(wikiIssuer + "userinfo?access_token=" + s.tokens()["access_token"].(string)); p.status != http.StatusUnauthorized {
		t.Errorf("an access token in the address: %d", p.status)
	}
}

// Trap "no Cache-Control: no-store, no WWW-Authenticate", and "400 instead of 401
// for a bad client".
func TestHeadersOfAnswers(t *testing.T) {
	s := newSite(t, nil)
	b := s.signedIn("alice")
	form := url.Values{"grant_type": {"client_credentials"}}
	as := func(id, secret string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(id, url.QueryEscape(secret)) }
	}
	twice := url.Values{"grant_type": {"client_credentials"}, "client_secret": {clientSecret}}
	for _, tt := range []struct {
		name   string
		got    page
		status int
		code   string
		scheme string
	}{
		{"tokens", s.post("token", redemption(b.code())), 200, "", ""},
		{"wrong secret", s.browser().do(http.MethodPost, wikiIssuer+"token", form, as("wiki", "wrong")), 401, "invalid_client", "Basic"},
		{"empty secret", s.browser().do(http.MethodPost, wikiIssuer+"token", form, as("wiki", "")), 401, "invalid_client", "Basic"},
		{"unknown client", s.browser().do(http.MethodPost, wikiIssuer+"token", form, as("nobody", clientSecret)), 401, "invalid_client", "Basic"},
		{"no client", s.browser().do(http.MethodPost, wikiIssuer+"token", form, nil), 401, "invalid_client", "Basic"},
		{"not Basic", s.browser().do(http.MethodPost, wikiIssuer+"token", form, func(r *http.Request) { r.Header.Set("Authorization", "Digest x") }), 401, "invalid_client", "Basic"},
		{"two ways at once", s.browser().do(http.MethodPost, wikiIssuer+"token", twice, asWiki), 400, "invalid_request", ""},
		{"a public client with a secret", s.browser().do(http.MethodPost, "/application/o/spa/token", form, as("spa", "x")), 401, "invalid_client", "Basic"},
		{"introspection without a client", s.browser().do(http.MethodPost, wikiIssuer+"introspect", url.Values{"token": {"x"}}, nil), 401, "invalid_client", "Basic"},
		{"no bearer token", s.browser().get(wikiIssuer + "userinfo"), 401, "", "Bearer"},
		{"bad bearer token", s.userinfo("x"), 401, "invalid_token", "Bearer"},
		{"unknown grant", s.post("token", url.Values{"grant_type": {"password"}}), 400, "unsupported_grant_type", ""},
		{"no grant", s.post("token", url.Values{"x": {"y"}}), 400, "invalid_request", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			challenge := tt.got.header.Get("WWW-Authenticate")
			code, _ := tt.got.json(t)["error"].(string)
			if tt.got.status != tt.status || code != tt.code || !strings.HasPrefix(challenge, tt.scheme) || (tt.scheme == "") != (challenge == "") {
				t.Errorf("got %d %s %q", tt.got.status, tt.got.body, challenge)
			}
			if tt.got.header.Get("Cache-Control") != "no-store" {
				t.Errorf("Cache-Control %q", tt.got.header.Get("Cache-Control"))
			}
		})
	}
}

// Trap "CORS any origin with credentials".
func TestScriptsOfOtherSites(t *testing.T) {
	s := newSite(t, nil)
	form := url.Values{"grant_type": {"authorization_code"}, "client_id": {"spa"}, "code": {"x"}}
	for _, tt := range []struct{ name, method, path, origin, want string }{
		{"preflight of the app", http.MethodOptions, "/application/o/spa/token", "https://spa.example.com", "https://spa.example.com"},
		{"preflight of a stranger", http.MethodOptions, "/application/o/spa/token", "https://evil.example", ""},
		{"preflight of another app", http.MethodOptions, "/application/o/spa/token", "https://rp.example.com", ""},
		{"the app", http.MethodPost, "/application/o/spa/token", "https://spa.example.com", "https://spa.example.com"},
		{"a stranger", http.MethodPost, "/application/o/spa/token", "https://evil.example", ""},
		{"null", http.MethodPost, "/application/o/spa/token", "null", ""},
		{"discovery, the app", http.MethodGet, "/application/o/spa/.well-known/openid-configuration", "https://spa.example.com", "https://spa.example.com"},
		{"discovery, a stranger", http.MethodGet, "/application/o/spa/.well-known/openid-configuration", "https://evil.example", ""},
		{"keys, any app", http.MethodGet, "/oauth2/jwks", "https://spa.example.com", "https://spa.example.com"},
		{"keys, a stranger", http.MethodGet, "/oauth2/jwks", "https://evil.example", ""},
		{"the sign-in page never", http.MethodOptions, "/application/o/spa/authorize", "https://spa.example.com", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var body url.Values
			if tt.method == http.MethodPost {
				body = form
			}
			p := s.browser().do(tt.method, tt.path, body, func(r *http.Request) {
				r.Header.Set("Origin", tt.origin)
				r.Header.Set("Access-Control-Request-Method", "POST")
			})
			if got := p.header.Get("Access-Control-Allow-Origin"); got != tt.want || p.header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("got %d %q", p.status, got)
			}
		})
	}
}

// Trap "request_uri silently ignored", and what else is refused at the client's
// address.
func TestRequestsThatAreRefused(t *testing.T) {
	s := newSite(t, nil)
	b := s.signedIn("alice")
	for _, tt := range []struct{ name, parameter, value, want string }{
		{"request_uri", "request_uri", "https://rp.example.com/r", "request_uri_not_supported"},
		{"request", "request", "x.y.z", "request_not_supported"},
		{"registration", "registration", "{}", "registration_not_supported"},
		{"token", "response_type", "token", "unsupported_response_type"},
		{"hybrid", "response_type", "code id_token", "unsupported_response_type"},
		{"no response_type", "response_type", "", "invalid_request"},
		{"fragment", "response_mode", "fragment", "invalid_request"},
		{"no scope of ours", "scope", "nonsense", "invalid_scope"},
		{"prompt none and more", "prompt", "none login", "invalid_request"},
		{"max_age", "max_age", "soon", "invalid_request"},
		{"a foreign hint", "id_token_hint", "x.y.z", "invalid_request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			to := b.get(wikiIssuer + "authorize?" + request(tt.parameter, tt.value).Encode()).location(t)
			q := to.Query()
			// RFC 9207 §2: errors carry the issuer, too.
			if !strings.HasPrefix(to.String(), callback) || q.Get("error") != tt.want || q.Get("state") != "a state" || q.Get("iss") != s.url+wikiIssuer || q.Get("code") != "" {
				t.Errorf("sent to %s", to)
			}
		})
	}
}

// RFC 6749 §4.1.2.1: nothing is sent to an address that is not the client's.
func TestNoOpenRedirect(t *testing.T) {
	s := newSite(t, nil)
	b := s.signedIn("alice")
	for _, tt := range []struct {
		name, path string
		edits      []string
	}{
		{"no client", wikiIssuer, []string{"client_id", ""}},
		{"unknown client", wikiIssuer, []string{"client_id", "nobody"}},
		{"no address", wikiIssuer, []string{"redirect_uri", ""}},
		{"another host", wikiIssuer, []string{"redirect_uri", "https://evil.example/callback"}},
		{"a longer path", wikiIssuer, []string{"redirect_uri", callback + "/x"}},
		{"a query", wikiIssuer, []string{"redirect_uri", callback + "?x=y"}},
		{"upper case", wikiIssuer, []string{"redirect_uri", "https://RP.example.com/callback"}},
		{"user info", wikiIssuer, []string{"redirect_uri", "https://rp.example.com@evil.example/callback"}},
		{"a loopback port of a confidential client", wikiIssuer, []string{"redirect_uri", "http://127.0.0.1:81/cb"}},
		{"another loopback path", "/application/o/spa/", []string{"client_id", "spa", "redirect_uri", "http://127.0.0.1:81/other"}},
		{"localhost is not a loopback address", "/application/o/spa/", []string{"client_id", "spa", "redirect_uri", "http://localhost:81/cb"}},
		// 10-security: /application/o/<slug>/ serves exactly that app's client.
		{"another app's issuer", "/application/o/spa/", nil},
		{"the site's issuer", "/oauth2/", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := b.get(tt.path + "authorize?" + request(tt.edits...).Encode())
			if p.status != http.StatusBadRequest || p.header.Get("Location") != "" {
				t.Errorf("got %d to %q", p.status, p.header.Get("Location"))
			}
		})
	}
	t.Run("twice", func(t *testing.T) {
		p := b.get(wikiIssuer + "authorize?" + request().Encode() + "&redirect_uri=https%3A%2F%2Fevil.example")
		if p.status != http.StatusBadRequest {
			t.Errorf("got %d", p.status)
		}
	})
	t.Run("loopback port (RFC 8252 §7.3)", func(t *testing.T) {
		to := b.get("/application/o/spa/authorize?" + request("client_id", "spa", "redirect_uri", "http://127.0.0.1:50123/cb").Encode()).location(t)
		if to.Host != "127.0.0.1:50123" || to.Query().Get("code") == "" {
			t.Errorf("sent to %s", to)
		}
	})
	t.Run("a registered query is kept", func(t *testing.T) {
		to := b.get("/oauth2/authorize?" + request("client_id", "grafana", "redirect_uri", "https://grafana.example.com/cb?x=1").Encode()).location(t)
		if to.Query().Get("x") != "1" || to.Query().Get("code") == "" {
			t.Errorf("sent to %s", to)
		}
	})
}

// 10-security "Issuers": every later step at another issuer fails.
func TestIssuerIsFixed(t *testing.T) {
	s := newSite(t, nil)
	s.app("both", schema.OIDC{
		ClientID: "both", Issuer: schema.IssuerSite, RedirectURIs: []string{callback},
		Grants: []string{"authorization_code", "refresh_token", "client_credentials"},
	})
	b := s.signedIn("alice")
	as := func(r *http.Request) { r.SetBasicAuth("both", url.QueryEscape(clientSecret)) }
	at := func(prefix string) (code string, iss string) {
		q := b.get(prefix + "authorize?" + request("client_id", "both").Encode()).location(t).Query()
		return q.Get("code"), q.Get("iss")
	}
	const app = "/application/o/both/"
	code, iss := at("/oauth2/")
	if iss != s.url {
		t.Errorf("issuer %q", iss)
	}
	if p := s.browser().do(http.MethodPost, app+"token", redemption(code), as); p.status != http.StatusBadRequest {
		t.Errorf("the code of the site at the app's issuer: %d", p.status)
	}
	p := s.browser().do(http.MethodPost, "/oauth2/token", redemption(code), as)
	if p.status != http.StatusOK {
		t.Fatalf("the code where it belongs: %d %s", p.status, p.body)
	}
	got := p.json(t)
	refresh, _ := got["refresh_token"].(string)
	access, _ := got["access_token"].(string)
	if p := s.browser().do(http.MethodPost, app+"token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}, as); p.status != http.StatusBadRequest {
		t.Errorf("the refresh token at the other issuer: %d", p.status)
	}
	for path, want := range map[string]int{app + "userinfo": 401, "/oauth2/userinfo": 200} {
		if p := s.browser().do(http.MethodGet, path, nil, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+access) }); p.status != want {
			t.Errorf("%s: %d, want %d", path, p.status, want)
		}
	}
	own, _ := s.browser().do(http.MethodPost, "/oauth2/token", url.Values{"grant_type": {"client_credentials"}}, as).json(t)["access_token"].(string)
	for path, want := range map[string]bool{app + "introspect": false, "/oauth2/introspect": true} {
		if p := s.browser().do(http.MethodPost, path, url.Values{"token": {own}}, as); p.json(t)["active"] != want {
			t.Errorf("the client's own token at %s: %s", path, p.body)
		}
	}
	if _, iss := at(app); iss != s.url+app {
		t.Errorf("issuer %q", iss)
	}
}

// Trap "internal error text shown".
func TestStoreGoneIsUnavailable(t *testing.T) {
	s := newSite(t, nil)
	b := s.signedIn("alice")
	got := s.tokensOf(b)
	code := b.code()
	form := b.get("/sign-in?again=1")
	s.store.set(true)
	token, _ := got["refresh_token"].(string)
	for _, typed := range []string{password, "wrong"} {
		p := b.do(http.MethodPost, "/sign-in", url.Values{"csrf": {form.field(t, "csrf")}, "return": {"/"}, "username": {"alice"}, "password": {typed}}, nil)
		if p.status != http.StatusServiceUnavailable || strings.Contains(p.body, "not right") || p.header.Get("Retry-After") == "" {
			t.Errorf("sign-in: %d %s", p.status, p.body)
		}
	}
	for name, p := range map[string]page{
		"portal":    b.get("/"),
		"authorize": b.get(wikiIssuer + "authorize?" + request().Encode()),
		"code":      s.post("token", redemption(code)),
		"refresh":   s.post("token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}),
		"userinfo":  s.userinfo(got["access_token"]),
	} {
		if p.status != http.StatusServiceUnavailable || strings.Contains(p.body, "store is gone") {
			t.Errorf("%s: %d %s", name, p.status, p.body)
		}
	}
	s.store.set(false)
	if p := s.post("token", redemption(code)); p.status != http.StatusOK {
		t.Errorf("the code afterwards: %d %s", p.status, p.body)
	}
	if p := s.refresh(token); p.status != http.StatusOK {
		t.Errorf("the refresh token afterwards: %d %s", p.status, p.body)
	}
}
