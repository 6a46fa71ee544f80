package idp_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/pkg/client/rp"
	"github.com/zitadel/oidc/v3/pkg/oidc"

	"gatehouse/directory"
)

// A relying party of another library: discovery, code with PKCE, verified ID
// token with the address in it, userinfo, refresh.
func TestFlowWithARelyingParty(t *testing.T) {
	for _, tt := range []struct{ name, issuer, id, redirect, alg string }{
		{"issuer per app", wikiIssuer, "wiki", callback, "RS256"},
		{"issuer of the site, ES256", "", "grafana", "https://grafana.example.com/cb?x=1", "ES256"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, nil)
			s.later(time.Since(s.clock.Now())) // the library looks at its own clock
			b := s.signedIn("alice")
			party, err := rp.NewRelyingPartyOIDC(t.Context(), s.url+tt.issuer, tt.id, clientSecret, tt.redirect,
				[]string{"openid", "email", "profile", "groups", "offline_access"},
				rp.WithHTTPClient(s.http.Client()), rp.WithVerifierOpts(rp.WithSupportedSigningAlgorithms(tt.alg)))
			if err != nil {
				t.Fatal(err)
			}
			answer := b.get(rp.AuthURL("xyz", party, rp.WithCodeChallenge(challengeOf(verifier)))).location(t)
			q := answer.Query()
			if !strings.HasPrefix(answer.String(), tt.redirect) || q.Get("state") != "xyz" || q.Get("iss") != s.url+tt.issuer {
				t.Fatalf("answer %s", answer)
			}
			got, err := rp.CodeExchange[*oidc.IDTokenClaims](t.Context(), q.Get("code"), party, rp.WithCodeVerifier(verifier))
			if err != nil {
				t.Fatal(err)
			}
			c := got.IDTokenClaims
			if c.Subject != s.alice.UID || c.Email != "alice@example.com" || !bool(c.EmailVerified) || c.Name != "Alice Liddell" || c.PreferredUsername != "alice" {
				t.Errorf("claims %+v", c)
			}
			info, err := rp.Userinfo[*oidc.UserInfo](t.Context(), got.AccessToken, "Bearer", c.Subject, party)
			if err != nil || info.Email != "alice@example.com" || info.Claims["groups"] == nil {
				t.Errorf("userinfo %+v, %v", info, err)
			}
			next, err := rp.RefreshTokens[*oidc.IDTokenClaims](t.Context(), party, got.RefreshToken, "", "")
			if err != nil || next.RefreshToken == got.RefreshToken || next.RefreshToken == "" || next.IDTokenClaims.Subject != c.Subject {
				t.Errorf("refresh %+v, %v", next, err)
			}
		})
	}
}

func TestDiscovery(t *testing.T) {
	s := newSite(t, nil)
	for _, tt := range []struct {
		name, path, issuer, token string
		status                    int
	}{
		{"site", "/.well-known/openid-configuration", "", "/oauth2/token", 200},
		{"app", "/application/o/wiki/.well-known/openid-configuration", "/application/o/wiki/", "/application/o/wiki/token", 200},
		{"RFC 8414", "/.well-known/oauth-authorization-server", "", "/oauth2/token", 200},
		{"RFC 8414 with a path", "/.well-known/oauth-authorization-server/application/o/wiki/", "/application/o/wiki/", "/application/o/wiki/token", 200},
		{"no such app", "/application/o/nope/.well-known/openid-configuration", "", "", 404},
		{"an app without OIDC", "/application/o/directory/.well-known/openid-configuration", "", "", 404},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := s.browser().get(tt.path)
			if p.status != tt.status {
				t.Fatalf("got %d %s", p.status, p.body)
			}
			if p.status != http.StatusOK {
				return
			}
			doc := p.json(t)
			if doc["issuer"] != s.url+tt.issuer || doc["token_endpoint"] != s.url+tt.token {
				t.Errorf("got %v", doc)
			}
			for name, want := range map[string]string{
				"response_types_supported": `["code"]`, "code_challenge_methods_supported": `["S256"]`,
				"grant_types_supported":                          `["authorization_code","refresh_token","client_credentials"]`,
				"authorization_response_iss_parameter_supported": "true", "request_uri_parameter_supported": "false",
				"token_endpoint_auth_methods_supported": `["client_secret_basic","client_secret_post","none"]`,
			} {
				if got, _ := json.Marshal(doc[name]); string(got) != want {
					t.Errorf("%s: got %s, want %s", name, got, want)
				}
			}
		})
	}
}

func TestKeySet(t *testing.T) {
	s := newSite(t, nil)
	for _, path := range []string{"/oauth2/jwks", wikiIssuer + "jwks/"} {
		p := s.browser().get(path)
		keys, _ := p.json(t)["keys"].([]any)
		algs := map[any]bool{}
		for _, k := range keys {
			key, _ := k.(map[string]any)
			algs[key["alg"]] = key["use"] == "sig" && key["kid"] != "" && key["d"] == nil && key["p"] == nil
		}
		if p.status != http.StatusOK || len(keys) != 2 || !algs["ES256"] || !algs["RS256"] {
			t.Errorf("%s: %d %s", path, p.status, p.body)
		}
	}
}

// claimsOf decodes a token without checking it.
func claimsOf(t *testing.T, token any) (header, claims map[string]any) {
	t.Helper()
	s, _ := token.(string)
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		t.Fatalf("not a token: %v", token)
	}
	for i, out := range []*map[string]any{&header, &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(raw, out) != nil {
			t.Fatalf("part %d of %s", i, s)
		}
	}
	return header, claims
}

func TestTokens(t *testing.T) {
	s := newSite(t, nil)
	got := s.tokens()
	header, c := claimsOf(t, got["id_token"])
	if header["alg"] != "RS256" || header["typ"] != "JWT" || c["iss"] != s.url+wikiIssuer || c["aud"] != "wiki" || c["sub"] != s.alice.UID ||
		c["nonce"] != "a nonce" || c["email"] != "alice@example.com" || c["sid"] == "" || c["auth_time"] != float64(s.clock.Now().Unix()) {
		t.Errorf("ID token %v %v", header, c)
	}
	// RFC 9068 §2.1, §2.2
	header, c = claimsOf(t, got["access_token"])
	if header["alg"] != "ES256" || header["typ"] != "at+jwt" || c["iss"] != s.url+wikiIssuer || c["client_id"] != "wiki" || c["jti"] == "" ||
		c["exp"].(float64)-c["iat"].(float64) != 300 || c["scope"] != "openid email profile offline_access" {
		t.Errorf("access token %v %v", header, c)
	}
	if got["token_type"] != "Bearer" || got["expires_in"] != float64(300) {
		t.Errorf("answer %v", got)
	}
	t.Run("only what was asked for", func(t *testing.T) {
		p := s.post("token", redemption(s.signedIn("alice").code("scope", "openid", "nonce", "")))
		_, c := claimsOf(t, p.json(t)["id_token"])
		if c["email"] != nil || c["name"] != nil || c["nonce"] != nil || p.json(t)["refresh_token"] != nil {
			t.Errorf("claims %v", c)
		}
		p = s.post("token", redemption(s.signedIn("alice").code("scope", "email")))
		if p.json(t)["id_token"] != nil || p.json(t)["access_token"] == nil {
			t.Errorf("without openid: %s", p.body)
		}
	})
}

func TestClientCredentials(t *testing.T) {
	s := newSite(t, nil)
	p := s.post("token", url.Values{"grant_type": {"client_credentials"}})
	if p.status != http.StatusOK {
		t.Fatalf("got %d %s", p.status, p.body)
	}
	access := p.json(t)["access_token"]
	header, c := claimsOf(t, access)
	if header["alg"] != "ES256" || c["sub"] != "wiki" || c["client_id"] != "wiki" {
		t.Errorf("token %v %v", header, c)
	}
	if p := s.userinfo(access); p.status != http.StatusForbidden {
		t.Errorf("userinfo of a client: %d %s", p.status, p.body)
	}
	p = s.browser().do(http.MethodPost, "/oauth2/token", url.Values{"grant_type": {"client_credentials"}}, func(r *http.Request) {
		r.SetBasicAuth("grafana", url.QueryEscape(clientSecret))
	})
	if p.status != http.StatusBadRequest || p.json(t)["error"] != "unauthorized_client" {
		t.Errorf("a client without the grant: %d %s", p.status, p.body)
	}
}

// Clients of authentik know addresses without the slug.
func TestAddressesOfAuthentik(t *testing.T) {
	s := newSite(t, nil)
	b := s.signedIn("alice")
	q := b.get("/application/o/authorize/?" + request().Encode()).location(t).Query()
	if q.Get("iss") != s.url+wikiIssuer {
		t.Errorf("issuer %s", q.Get("iss"))
	}
	p := s.browser().do(http.MethodPost, "/application/o/token/", redemption(q.Get("code")), asWiki)
	if p.status != http.StatusOK {
		t.Fatalf("token: %d %s", p.status, p.body)
	}
	access, _ := p.json(t)["access_token"].(string)
	p = s.browser().do(http.MethodGet, "/application/o/userinfo/", nil, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+access) })
	if p.status != http.StatusOK || p.json(t)["email"] != "alice@example.com" {
		t.Errorf("userinfo: %d %s", p.status, p.body)
	}
}

func TestIntrospectionAndRevocation(t *testing.T) {
	s := newSite(t, nil)
	active := func(token any) bool {
		t.Helper()
		value, _ := token.(string)
		p := s.post("introspect", url.Values{"token": {value}})
		if p.status != http.StatusOK {
			t.Fatalf("introspect: %d %s", p.status, p.body)
		}
		a, _ := p.json(t)["active"].(bool)
		if !a && len(p.json(t)) != 1 {
			t.Errorf("an inactive token tells more: %s", p.body)
		}
		return a
	}
	got := s.tokens()
	if !active(got["access_token"]) || !active(got["refresh_token"]) || active("nonsense") || active(got["id_token"]) {
		t.Error("introspection is wrong about fresh tokens")
	}
	value, _ := got["access_token"].(string)
	if p := s.post("revoke", url.Values{"token": {value}}); p.status != http.StatusOK {
		t.Errorf("revoke: %d %s", p.status, p.body)
	}
	if active(got["access_token"]) || s.userinfo(got["access_token"]).status != http.StatusUnauthorized || !active(got["refresh_token"]) {
		t.Error("an access token was revoked: it and only it must be dead")
	}
	next := s.refresh(got["refresh_token"]).json(t)
	value, _ = next["refresh_token"].(string)
	s.post("revoke", url.Values{"token": {value}, "token_type_hint": {"refresh_token"}})
	if active(next["access_token"]) || active(next["refresh_token"]) || s.refresh(next["refresh_token"]).status != http.StatusBadRequest {
		t.Error("a refresh token was revoked: its family must be dead")
	}
	if p := s.post("revoke", url.Values{"token": {"unknown"}}); p.status != http.StatusOK {
		t.Errorf("RFC 7009 §2.2: an unknown token is answered with 200, got %d", p.status)
	}
	t.Run("of another client", func(t *testing.T) {
		got := s.tokens()
		value, _ := got["refresh_token"].(string)
		asGrafana := func(r *http.Request) { r.SetBasicAuth("grafana", url.QueryEscape(clientSecret)) }
		p := s.browser().do(http.MethodPost, "/oauth2/introspect", url.Values{"token": {value}}, asGrafana)
		if a, _ := p.json(t)["active"].(bool); a {
			t.Error("a client learns about another client's token")
		}
		access, _ := got["access_token"].(string)
		p = s.browser().do(http.MethodPost, "/application/o/introspect/", url.Values{"token": {access}}, asGrafana)
		if a, _ := p.json(t)["active"].(bool); a {
			t.Error("a client learns about another client's access token")
		}
		s.browser().do(http.MethodPost, "/oauth2/revoke", url.Values{"token": {value}}, asGrafana)
		if s.refresh(value).status != http.StatusOK {
			t.Error("a client revoked another client's token")
		}
	})
}

func TestSignOutFromAnApp(t *testing.T) {
	s := newSite(t, nil)
	end := wikiIssuer + "end-session"
	hintOf := func(got map[string]any) string {
		hint, _ := got["id_token"].(string)
		return hint
	}
	t.Run("with the ID token of this session", func(t *testing.T) {
		b := s.signedIn("alice")
		got := s.tokensOf(b)
		p := b.get(end + "?" + url.Values{"id_token_hint": {hintOf(got)}, "post_logout_redirect_uri": {loggedOut}, "state": {"s"}}.Encode())
		if to := p.location(t).String(); to != loggedOut+"?state=s" {
			t.Errorf("sent to %s", to)
		}
		if p := b.get("/"); p.status != http.StatusSeeOther {
			t.Error("the session goes on")
		}
		if s.refresh(got["refresh_token"]).status != http.StatusOK {
			t.Error("offline access ended with the session (OpenID Connect Core §11)")
		}
	})
	t.Run("without a hint the person is asked", func(t *testing.T) {
		b := s.signedIn("alice")
		p := b.get(end + "?" + url.Values{"client_id": {"wiki"}, "post_logout_redirect_uri": {loggedOut}}.Encode())
		if p.status != http.StatusOK || !strings.Contains(p.body, "Wiki asks to sign you out") || b.get("/").status != http.StatusOK {
			t.Fatalf("got %d %s", p.status, p.body)
		}
		if p := b.do(http.MethodPost, end, url.Values{"csrf": {"x"}}, nil); b.get("/").status != http.StatusOK {
			t.Errorf("a foreign form signed out: %d", p.status)
		}
		p = b.do(http.MethodPost, end, url.Values{"csrf": {p.field(t, "csrf")}, "client_id": {"wiki"}, "post_logout_redirect_uri": {loggedOut}}, nil)
		if p.status != http.StatusOK || !strings.Contains(p.body, loggedOut) || b.get("/").status != http.StatusSeeOther {
			t.Errorf("after yes: %d %s", p.status, p.body)
		}
	})
	t.Run("the hint of another session", func(t *testing.T) {
		hint := hintOf(s.tokens())
		b := s.signedIn("alice")
		if p := b.get(end + "?id_token_hint=" + hint); p.status != http.StatusOK || b.get("/").status != http.StatusOK {
			t.Errorf("got %d, and the session ended", p.status)
		}
	})
	t.Run("an address that is not registered", func(t *testing.T) {
		b := s.signedIn("alice")
		p := b.get(end + "?client_id=wiki&post_logout_redirect_uri=https%3A%2F%2Fevil.example%2F")
		if p.status != http.StatusBadRequest || p.header.Get("Location") != "" {
			t.Errorf("got %d to %q", p.status, p.header.Get("Location"))
		}
	})
	t.Run("tokens without offline access end", func(t *testing.T) {
		b := s.signedIn("alice")
		got := s.post("token", redemption(b.code("scope", "openid email"))).json(t)
		if p := s.userinfo(got["access_token"]); p.status != http.StatusOK {
			t.Fatalf("userinfo: %d", p.status)
		}
		p := b.get("/")
		b.do(http.MethodPost, "/sign-out", url.Values{"csrf": {p.field(t, "csrf")}}, nil)
		if p := s.userinfo(got["access_token"]); p.status != http.StatusUnauthorized {
			t.Errorf("userinfo after sign-out: %d", p.status)
		}
	})
}

func TestPrompt(t *testing.T) {
	s := newSite(t, nil)
	authorize := func(b *browser, edits ...string) *url.URL {
		t.Helper()
		return b.get(wikiIssuer + "authorize?" + request(edits...).Encode()).location(t)
	}
	if q := authorize(s.browser(), "prompt", "none").Query(); q.Get("error") != "login_required" || q.Get("iss") != s.url+wikiIssuer || q.Get("state") != "a state" {
		t.Errorf("prompt=none without a session: %v", q)
	}
	b := s.signedIn("alice")
	if q := authorize(b, "prompt", "none").Query(); q.Get("code") == "" {
		t.Errorf("prompt=none with a session: %v", q)
	}
	for _, edits := range [][]string{{"prompt", "login"}, {"max_age", "60"}} {
		s.later(2 * time.Minute)
		to := authorize(b, edits...)
		if to.Path != "/sign-in" || to.Query().Get("again") == "" {
			t.Fatalf("%v: sent to %s", edits, to)
		}
		before := s.clock.Now()
		s.later(time.Second)
		p := b.signIn("alice", password, to.Query().Get("return"))
		if p.status != http.StatusOK || !strings.Contains(p.body, `http-equiv="refresh"`) {
			t.Fatalf("sign in again: %d", p.status)
		}
		code := b.get(to.Query().Get("return")).location(t).Query().Get("code")
		_, c := claimsOf(t, s.post("token", redemption(code)).json(t)["id_token"])
		if at, _ := c["auth_time"].(float64); int64(at) <= before.Unix() {
			t.Errorf("%v: auth_time %v is from before", edits, at)
		}
	}
	t.Run("max_age=0 does not go round in circles", func(t *testing.T) {
		s.later(time.Second)
		to := authorize(b, "max_age", "0")
		s.later(time.Second)
		b.signIn("alice", password, to.Query().Get("return"))
		s.later(time.Second)
		if q := b.get(to.Query().Get("return")).location(t).Query(); q.Get("code") == "" {
			t.Errorf("got %v", q)
		}
	})
	t.Run("a hint at somebody else", func(t *testing.T) {
		hint, _ := s.tokensOf(b)["id_token"].(string)
		if q := authorize(b, "id_token_hint", hint).Query(); q.Get("code") == "" {
			t.Errorf("the right person: %v", q)
		}
		s.write(func(w *directory.Writer) error {
			bob, err := w.UserByName(directory.Person, "bob")
			if err != nil {
				return err
			}
			return w.AddMembers(s.staff.ID, directory.Membership{User: bob.ID})
		})
		bob := s.signedIn("bob")
		if q := authorize(bob, "id_token_hint", hint, "prompt", "none").Query(); q.Get("error") != "login_required" {
			t.Errorf("somebody else, silently: %v", q)
		}
		to := authorize(bob, "id_token_hint", hint)
		s.later(time.Second)
		bob.signIn("bob", password, to.Query().Get("return"))
		if q := bob.get(to.Query().Get("return")).location(t).Query(); q.Get("error") != "login_required" {
			t.Errorf("somebody else again: %v", q)
		}
	})
}
