package idp_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	"gatehouse/directory/schema"
	"gatehouse/idp"
)

const (
	password     = "correct horse battery staple"
	clientSecret = "a client secret of thirty-two ch"
	callback     = "https://rp.example.com/callback"
	loggedOut    = "https://rp.example.com/bye"
)

// site is an identity provider with Alice, who is in staff, and Bob, who is not.
type site struct {
	t     testing.TB
	d     *directory.Directory
	store *flaky
	clock *directorytest.Clock
	url   string
	log   *syncBuffer
	http  *httptest.Server
	alice directory.User
	staff directory.Group
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// flaky is a store that can be taken away.
type flaky struct {
	directory.Store
	mu   sync.Mutex
	gone bool
}

func (f *flaky) set(gone bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gone = gone
}

func (f *flaky) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gone {
		return &directory.Error{Kind: directory.Unavailable, Msg: "the store is gone"}
	}
	return nil
}

func (f *flaky) View(ctx context.Context, fn func(*directory.Tx) error) error {
	if err := f.err(); err != nil {
		return err
	}
	return f.Store.View(ctx, fn)
}

func (f *flaky) Record(ctx context.Context, fn func(*directory.Tx) error) error {
	if err := f.err(); err != nil {
		return err
	}
	return f.Store.Record(ctx, fn)
}

func (f *flaky) Head(ctx context.Context) (directory.Head, error) {
	if err := f.err(); err != nil {
		return directory.Head{}, err
	}
	return f.Store.Head(ctx)
}

func newSite(t testing.TB, edit func(*idp.Config)) *site {
	t.Helper()
	s := &site{t: t, clock: directorytest.NewClock(), log: new(syncBuffer), store: &flaky{Store: directorytest.OpenSQLite(t)}}
	s.d = directorytest.Core(t, s.store, func(c *directory.Config) { c.Now = s.clock.Now })
	hash, err := s.d.HashPassword(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	s.write(func(w *directory.Writer) error {
		for _, name := range []string{"alice", "bob"} {
			u, err := w.CreateUser(directory.User{
				Kind: directory.Person, Username: name, Profile: directory.Attributes{"givenName": {strings.ToUpper(name[:1]) + name[1:]}, "familyName": {"Liddell"}},
				Emails: []directory.Email{{Address: name + "@example.com", Verified: true, Primary: true}},
			})
			if err != nil {
				return err
			}
			if err := w.SetPassword(u.ID, hash); err != nil {
				return err
			}
			if name == "alice" {
				s.alice = u
			}
		}
		if s.staff, err = w.CreateGroup(directory.Group{Name: "staff"}); err != nil {
			return err
		}
		return w.AddMembers(s.staff.ID, directory.Membership{User: s.alice.ID})
	})
	s.addKeys()
	s.app("wiki", schema.OIDC{
		ClientID: "wiki", RedirectURIs: []string{callback}, PostLogoutRedirectURIs: []string{loggedOut},
		Grants: []string{"authorization_code", "refresh_token", "client_credentials"},
	}, s.staff)
	s.app("spa", schema.OIDC{ClientID: "spa", Public: true, RedirectURIs: []string{"https://spa.example.com/cb", "http://127.0.0.1/cb"}})
	s.app("grafana", schema.OIDC{ClientID: "grafana", Issuer: schema.IssuerSite, IDTokenAlg: "ES256", RedirectURIs: []string{"https://grafana.example.com/cb?x=1"}})

	s.http = httptest.NewUnstartedServer(nil)
	s.url = "https://" + s.http.Listener.Addr().String()
	config := idp.Config{
		Directory: s.d, Logger: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Registry: prometheus.NewRegistry(), PublicURL: s.url,
	}
	if edit != nil {
		edit(&config)
	}
	server, err := idp.New(config)
	if err != nil {
		t.Fatal(err)
	}
	s.http.Config.Handler = server
	s.http.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.http.StartTLS()
	t.Cleanup(s.http.Close)
	return s
}

func (s *site) write(fn func(*directory.Writer) error) {
	s.t.Helper()
	if _, err := s.d.Write(s.t.Context(), directorytest.Operator(), fn); err != nil {
		s.t.Fatal(err)
	}
}

// testKeys are made once: an RSA key takes its time.
var testKeys = sync.OnceValues(func() (*ecdsa.PrivateKey, *rsa.PrivateKey) {
	ec, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	rs, err2 := rsa.GenerateKey(rand.Reader, 2048)
	if err1 != nil || err2 != nil {
		panic("make test keys")
	}
	return ec, rs
})

func (s *site) addKeys() {
	s.t.Helper()
	ec, rs := testKeys()
	s.write(func(w *directory.Writer) error {
		for alg, key := range map[string]any{"ES256": ec, "RS256": rs} {
			private, err := x509.MarshalPKCS8PrivateKey(key)
			if err != nil {
				return err
			}
			var public any = &ec.PublicKey
			if alg == "RS256" {
				public = &rs.PublicKey
			}
			der, err := x509.MarshalPKIXPublicKey(public)
			if err != nil {
				return err
			}
			n := directory.NewSigningKey{
				KID: "test-" + alg, Use: "oidc", Alg: alg, State: directory.KeyActive, Private: private, Public: der,
				NotBefore: s.clock.Now(), NotAfter: s.clock.Now().AddDate(1, 0, 0),
			}
			if err := w.AddSigningKey(n); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *site) app(slug string, c schema.OIDC, groups ...directory.Group) {
	s.t.Helper()
	s.write(func(w *directory.Writer) error {
		a, err := w.CreateApp(directory.App{Slug: slug, Name: strings.ToUpper(slug[:1]) + slug[1:]})
		if err != nil {
			return err
		}
		n := directory.NewFacet{App: a.ID, Protocol: directory.ProtocolOIDC, Config: c}
		if !c.Public {
			n.Secret = clientSecret
		}
		if err := w.SetFacet(n); err != nil {
			return err
		}
		var bindings []directory.Binding
		for _, g := range groups {
			bindings = append(bindings, directory.Binding{Kind: directory.BindGroup, Ref: int64(g.ID), RefName: g.Name})
		}
		return w.SetBindings(a.ID, bindings, true)
	})
}

// browser is a client with cookies that follows no redirect by itself.
type browser struct {
	*site
	client *http.Client
}

func (s *site) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &browser{site: s, client: &http.Client{
		Transport: s.http.Client().Transport, Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// page is an answer that was read.
type page struct {
	status int
	header http.Header
	body   string
}

func (p page) location(t testing.TB) *url.URL {
	t.Helper()
	u, err := url.Parse(p.header.Get("Location"))
	if err != nil || p.header.Get("Location") == "" {
		t.Fatalf("no Location in %d %v\n%s", p.status, p.header, p.body)
	}
	return u
}

func (p page) json(t testing.TB) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(p.body), &out); err != nil {
		t.Fatalf("%d %s: %v", p.status, p.body, err)
	}
	return out
}

// field returns the value of a hidden field.
func (p page) field(t testing.TB, name string) string {
	t.Helper()
	m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(p.body)
	if m == nil {
		t.Fatalf("no field %s in %d %s", name, p.status, p.body)
	}
	return html.UnescapeString(m[1])
}

func (b *browser) do(method, path string, form url.Values, edit func(*http.Request)) page {
	b.t.Helper()
	target := path
	if strings.HasPrefix(path, "/") {
		target = b.url + path
	}
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(b.t.Context(), method, target, body)
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if edit != nil {
		edit(req)
	}
	resp, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return page{resp.StatusCode, resp.Header, string(raw)}
}

func (b *browser) get(path string) page {
	b.t.Helper()
	return b.do(http.MethodGet, path, nil, nil)
}

// signIn fills in the form that leads to a local address.
func (b *browser) signIn(name, password, to string) page {
	b.t.Helper()
	form := b.get("/sign-in?again=1&return=" + url.QueryEscape(to))
	return b.do(http.MethodPost, "/sign-in", url.Values{
		"csrf": {form.field(b.t, "csrf")}, "return": {form.field(b.t, "return")},
		"username": {name}, "password": {password},
	}, nil)
}

// signedIn is a browser in which somebody has signed in.
func (s *site) signedIn(name string) *browser {
	s.t.Helper()
	b := s.browser()
	if p := b.signIn(name, password, "/"); p.status != http.StatusSeeOther {
		s.t.Fatalf("sign in: %d %s", p.status, p.body)
	}
	return b
}

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636 appendix B

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// request is an authorization request that is all right; edits replace
// parameters, an empty value removes one.
func request(edits ...string) url.Values {
	q := url.Values{
		"client_id": {"wiki"}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid email profile offline_access"},
		"state": {"a state"}, "nonce": {"a nonce"}, "code_challenge": {challengeOf(verifier)}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(edits); i += 2 {
		if q.Set(edits[i], edits[i+1]); edits[i+1] == "" {
			q.Del(edits[i])
		}
	}
	return q
}

const wikiIssuer = "/application/o/wiki/"

// code gets a code for a request that is all right.
func (b *browser) code(edits ...string) string {
	b.t.Helper()
	p := b.get(wikiIssuer + "authorize?" + request(edits...).Encode())
	code := p.location(b.t).Query().Get("code")
	if code == "" {
		b.t.Fatalf("no code: %d %v\n%s", p.status, p.header, p.body)
	}
	return code
}

// redemption is a token request for a code that is all right.
func redemption(code string, edits ...string) url.Values {
	q := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier}}
	for i := 0; i < len(edits); i += 2 {
		if q.Set(edits[i], edits[i+1]); edits[i+1] == "" {
			q.Del(edits[i])
		}
	}
	return q
}

func asWiki(r *http.Request) { r.SetBasicAuth("wiki", url.QueryEscape(clientSecret)) }

// post sends a form to an endpoint of the wiki's issuer, as the wiki.
func (s *site) post(name string, form url.Values) page {
	s.t.Helper()
	return s.browser().do(http.MethodPost, wikiIssuer+name, form, asWiki)
}

// tokens signs Alice in and gets tokens for the wiki.
func (s *site) tokens() map[string]any {
	s.t.Helper()
	return s.tokensOf(s.signedIn("alice"))
}

func (s *site) tokensOf(b *browser) map[string]any {
	s.t.Helper()
	p := s.post("token", redemption(b.code()))
	if p.status != http.StatusOK {
		s.t.Fatalf("token: %d %s", p.status, p.body)
	}
	return p.json(s.t)
}

func (s *site) refresh(token any) page {
	s.t.Helper()
	value, _ := token.(string)
	return s.post("token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {value}})
}

func (s *site) userinfo(token any) page {
	s.t.Helper()
	value, _ := token.(string)
	return s.browser().do(http.MethodGet, wikiIssuer+"userinfo", nil, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+value) })
}

func (s *site) later(d time.Duration) { s.clock.Advance(d) }
