package idp_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	"gatehouse/idp"
	"gatehouse/idp/session"
)

func (b *browser) cookie(name string) string {
	u, err := url.Parse(b.url)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range b.client.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func (s *site) disable(id directory.UserID) {
	s.t.Helper()
	s.write(func(w *directory.Writer) error {
		_, err := w.DisableUser(id, "left")
		return err
	})
}

func (s *site) enable(id directory.UserID) {
	s.t.Helper()
	s.write(func(w *directory.Writer) error {
		_, err := w.EnableUser(id, false)
		return err
	})
}

// Whatever a sign-in is refused for, it reads the same.
func TestFailuresLookAlike(t *testing.T) {
	s := newSite(t, nil)
	tries := []directorytest.Refusal{{What: "empty", Name: "alice"}, {What: "long", Name: "alice", Password: strings.Repeat("x", 5000)}}
	for _, r := range s.refusals() {
		// A password alone opens the portal, and with a code behind it is another.
		if r.Why != directory.ReasonFactorRequired {
			tries = append(tries, r)
		}
	}
	var first string
	for _, r := range tries {
		p := s.browser().signIn(r.Name, r.Password, "/profile")
		if p.status != http.StatusForbidden || !strings.Contains(p.body, "The username or the password is not right") || !strings.Contains(p.body, `value="`+r.Name+`"`) {
			t.Errorf("%s: %d %s", r.What, p.status, p.body)
		}
		seen := s.seen(p, r.Name)
		if first == "" {
			first = seen
		}
		if d := cmp.Diff(first, seen); d != "" {
			t.Errorf("%s differs from %s: %s", r.What, tries[0].What, d)
		}
		if r.Password != "" && strings.Contains(s.log.String(), r.Password) {
			t.Errorf("%s: the password is in the log", r.What)
		}
	}
}

// refusals makes people who are refused at the web from this address.
func (s *site) refusals() []directorytest.Refusal {
	s.t.Helper()
	here := netip.MustParseAddr("127.0.0.1")
	return directorytest.Refusals(s.t, s.d, s.store, directory.Attempt{Protocol: directory.ProtocolWeb, Peer: here, Client: here}, s.clock.Now())
}

// seen is all that an outsider sees of an answer, but for what is new each time and
// the name that was typed.
func (s *site) seen(p page, name string) string {
	s.t.Helper()
	header := p.header.Clone()
	header.Del("Date")
	header.Del("Content-Length") // it counts the name
	var cookies []string
	for _, c := range header.Values("Set-Cookie") {
		cookies = append(cookies, strings.SplitN(c, "=", 2)[0])
	}
	header["Set-Cookie"] = cookies
	body := strings.NewReplacer(`value="`+name+`"`, "", ">"+name+"<", "").Replace(p.body)
	if p.status != http.StatusSeeOther {
		body = strings.ReplaceAll(body, p.field(s.t, "csrf"), "")
	}
	return fmt.Sprint(p.status, header, body)
}

func TestThrottledSaysHowLong(t *testing.T) {
	s := newSite(t, nil)
	var p page
	for range 8 {
		if p = s.browser().signIn("alice", "nope "+s.clock.Now().String(), "/"); p.status == http.StatusTooManyRequests {
			break
		}
		s.later(time.Millisecond)
	}
	if p.status != http.StatusTooManyRequests || p.header.Get("Retry-After") == "" || !strings.Contains(p.body, "Too many attempts. Wait") {
		t.Errorf("got %d %q %s", p.status, p.header.Get("Retry-After"), p.body)
	}
}

// 10-security: a pre-set __Host-sid is never adopted; the id changes at sign-in.
func TestSessionFixation(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	u, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	planted := strings.Repeat("A", 43)
	b.client.Jar.SetCookies(u, []*http.Cookie{{Name: session.CookieName, Value: planted, Path: "/", Secure: true}})
	b.signIn("alice", password, "/")
	first := b.cookie(session.CookieName)
	if first == planted || len(first) != 43 {
		t.Fatalf("the session is %q", first)
	}
	b.signIn("alice", password, "/")
	second := b.cookie(session.CookieName)
	if second == first {
		t.Error("the id did not change at the second sign-in")
	}
	old := s.browser()
	old.client.Jar.SetCookies(u, []*http.Cookie{{Name: session.CookieName, Value: first, Path: "/", Secure: true}})
	if p := old.get("/"); p.status != http.StatusSeeOther {
		t.Errorf("the old id still opens the portal: %d", p.status)
	}
	t.Run("the store holds only hashes", func(t *testing.T) {
		err := s.d.ReadArtefacts(t.Context(), func(a *directory.Artefacts) error {
			n := 0
			for row, err := range a.Sessions.Find(directory.SessionQuery{User: s.alice.ID}) {
				if err != nil {
					return err
				}
				if n++; len(row.Hash) != 32 || strings.Contains(string(row.Hash), second) {
					t.Error("the cookie is in the store")
				}
			}
			if n != 2 {
				t.Errorf("%d sessions", n)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestCookieOfASession(t *testing.T) {
	s := newSite(t, nil)
	p := s.browser().signIn("alice", password, "/")
	for _, line := range p.header.Values("Set-Cookie") {
		if strings.HasPrefix(line, session.CookieName+"=") {
			for _, want := range []string{"Path=/", "Secure", "HttpOnly", "SameSite=Lax"} {
				if !strings.Contains(line, want) || strings.Contains(line, "Domain") {
					t.Errorf("%q lacks %s", line, want)
				}
			}
			return
		}
	}
	t.Errorf("no cookie in %v", p.header)
}

func TestSessionEnds(t *testing.T) {
	for _, tt := range []struct {
		name  string
		pause []time.Duration // before each request
		alive bool
	}{
		{"in use", []time.Duration{7 * time.Hour, 7 * time.Hour, 7 * time.Hour}, true},
		{"idle", []time.Duration{8 * time.Hour}, false},
		{"a day at the longest", []time.Duration{7 * time.Hour, 7 * time.Hour, 7 * time.Hour, 3 * time.Hour}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, nil)
			b := s.signedIn("alice")
			var p page
			for _, d := range tt.pause {
				s.later(d)
				p = b.get("/")
			}
			if (p.status == http.StatusOK) != tt.alive {
				t.Errorf("got %d", p.status)
			}
		})
	}
}

// CSRF: the form must come from this browser, from our site, for this way.
func TestSignInFormIsBound(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	form := b.get("/sign-in?return=/profile")
	fill := func(edits ...string) url.Values {
		v := url.Values{"csrf": {form.field(t, "csrf")}, "return": {"/profile"}, "username": {"alice"}, "password": {password}}
		for i := 0; i < len(edits); i += 2 {
			v.Set(edits[i], edits[i+1])
		}
		return v
	}
	for _, tt := range []struct {
		name string
		from *browser
		form url.Values
		edit func(*http.Request)
		want int
	}{
		{"another browser", s.browser(), fill(), nil, 403},
		{"no token", b, fill("csrf", ""), nil, 403},
		{"another way", b, fill("return", "/"), nil, 403},
		{"from another site", b, fill(), func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		{"from another origin", b, fill(), func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, 403},
		{"all right", b, fill(), func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") }, 303},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := tt.from.do(http.MethodPost, "/sign-in", tt.form, tt.edit)
			if p.status != tt.want || (tt.want != 303) == (tt.from.cookie(session.CookieName) != "") {
				t.Errorf("got %d, want %d", p.status, tt.want)
			}
		})
	}
	t.Run("nothing typed is lost", func(t *testing.T) {
		p := s.browser().do(http.MethodPost, "/sign-in", fill(), nil)
		if !strings.Contains(p.body, `value="alice"`) || !strings.Contains(p.body, "open for too long") {
			t.Errorf("got %s", p.body)
		}
	})
	t.Run("sign-out", func(t *testing.T) {
		if p := b.do(http.MethodPost, "/sign-out", url.Values{"csrf": {"x"}}, nil); p.status != http.StatusForbidden || b.get("/").status != http.StatusOK {
			t.Errorf("a foreign form signed out: %d", p.status)
		}
	})
}

func TestSignInPage(t *testing.T) {
	s := newSite(t, nil)
	to := s.browser().get(wikiIssuer + "authorize?" + request("login_hint", "alice").Encode()).location(t)
	p := s.browser().get(to.RequestURI())
	for _, want := range []string{"Continue to", "<strong>Wiki</strong>", `autocomplete="username webauthn"`, `autocomplete="current-password"`, `value="alice"`} {
		if !strings.Contains(p.body, want) {
			t.Errorf("no %s", want)
		}
	}
	for _, evil := range []string{"https://evil.example/", "//evil.example", "/\\evil.example"} {
		if p := s.browser().signIn("alice", password, evil); p.header.Get("Location") != "/" {
			t.Errorf("%s leads to %q", evil, p.header.Get("Location"))
		}
	}
	if p := s.signedIn("alice").get("/sign-in?return=/profile"); p.header.Get("Location") != "/profile" {
		t.Errorf("somebody signed in is sent to %q", p.header.Get("Location"))
	}
	if p := s.browser().do(http.MethodGet, "/sign-in", nil, func(r *http.Request) { r.Header.Set("Accept-Language", "de-CH") }); !strings.Contains(p.body, "Anmelden") || !strings.Contains(p.body, `<html lang="de"`) {
		t.Error("no German")
	}
	if p := s.browser().get("/nowhere"); p.status != http.StatusNotFound || !strings.Contains(p.body, "There is no such page") {
		t.Errorf("unknown address: %d", p.status)
	}
}

// The promise: disabled means refused at the next attempt, everywhere, and
// enabling revives nothing.
func TestDisabledIsDeadAtOnce(t *testing.T) {
	s := newSite(t, nil)
	b := s.signedIn("alice")
	got := s.tokensOf(b)
	code := b.code()
	dead := func(when string) {
		t.Helper()
		introspected := s.post("introspect", url.Values{"token": {got["access_token"].(string)}}).json(t)["active"]
		if p := b.get("/"); p.status != http.StatusSeeOther {
			t.Errorf("%s: the session lives: %d", when, p.status)
		}
		if p := s.refresh(got["refresh_token"]); p.status != http.StatusBadRequest || p.json(t)["error"] != "invalid_grant" {
			t.Errorf("%s: refresh: %d %s", when, p.status, p.body)
		}
		if p := s.userinfo(got["access_token"]); p.status != http.StatusUnauthorized {
			t.Errorf("%s: userinfo: %d", when, p.status)
		}
		if p := s.post("token", redemption(code)); p.status != http.StatusBadRequest {
			t.Errorf("%s: code: %d", when, p.status)
		}
		if introspected != false {
			t.Errorf("%s: introspection: %v", when, introspected)
		}
	}
	if p := s.userinfo(got["access_token"]); p.status != http.StatusOK {
		t.Fatalf("userinfo: %d", p.status)
	}
	s.disable(s.alice.ID)
	dead("disabled")
	if p := s.browser().signIn("alice", password, "/"); p.status != http.StatusForbidden {
		t.Errorf("sign-in while disabled: %d", p.status)
	}
	s.enable(s.alice.ID)
	dead("enabled again")
	if p := s.browser().signIn("alice", password, "/"); p.status != http.StatusSeeOther {
		t.Errorf("sign-in afterwards: %d", p.status)
	}
}

// As above, when the disable does not reach the rows (they were written in the
// same moment): the epoch alone must do.
func TestEpochAloneKillsSessionsAndTokens(t *testing.T) {
	s := newSite(t, nil)
	b := s.signedIn("alice")
	got := s.tokensOf(b)
	var sessions []directory.Session
	var tokens []directory.Token
	err := s.d.ReadArtefacts(t.Context(), func(a *directory.Artefacts) error {
		for row, err := range a.Sessions.Find(directory.SessionQuery{User: s.alice.ID}) {
			if err != nil {
				return err
			}
			sessions = append(sessions, row)
		}
		for row, err := range a.Tokens.Find(directory.TokenQuery{User: s.alice.ID}) {
			if err != nil {
				return err
			}
			tokens = append(tokens, row)
		}
		return nil
	})
	if err != nil || len(sessions) == 0 || len(tokens) < 2 {
		t.Fatal(len(sessions), len(tokens), err)
	}
	s.disable(s.alice.ID)
	s.enable(s.alice.ID)
	err = s.d.RecordArtefacts(t.Context(), func(a *directory.Artefacts) error {
		_, err1 := a.Sessions.Delete(directory.SessionQuery{User: s.alice.ID})
		_, err2 := a.Tokens.Delete(directory.TokenQuery{User: s.alice.ID})
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if err := a.Sessions.Insert(sessions...); err != nil {
			return err
		}
		return a.Tokens.Insert(tokens...)
	})
	if err != nil {
		t.Fatal(err)
	}
	if p := b.get("/"); p.status != http.StatusSeeOther {
		t.Errorf("the session lives: %d", p.status)
	}
	if p := s.refresh(got["refresh_token"]); p.status != http.StatusBadRequest {
		t.Errorf("refresh: %d", p.status)
	}
	if p := s.userinfo(got["access_token"]); p.status != http.StatusUnauthorized {
		t.Errorf("userinfo: %d", p.status)
	}
}

// An app that one may not enter shows the refusal, and sends the app nothing.
func TestRefusalPage(t *testing.T) {
	s := newSite(t, nil)
	b := s.signedIn("bob")
	p := b.get(wikiIssuer + "authorize?" + request().Encode())
	if p.status != http.StatusForbidden || !strings.Contains(p.body, "You may not open Wiki") || !strings.Contains(p.body, "signed in as bob") || p.header.Get("Location") != "" {
		t.Errorf("got %d %s", p.status, p.body)
	}
	if q := b.get(wikiIssuer + "authorize?" + request("prompt", "none").Encode()).location(t).Query(); q.Get("error") != "access_denied" {
		t.Errorf("silently: %v", q)
	}
	t.Run("the group is deleted: closed, not open", func(t *testing.T) {
		alice := s.signedIn("alice")
		got := s.tokensOf(alice)
		s.write(func(w *directory.Writer) error { return w.DeleteGroup(s.staff.ID, true) })
		for _, b := range []*browser{alice, b} {
			if p := b.get(wikiIssuer + "authorize?" + request().Encode()); p.status != http.StatusForbidden {
				t.Errorf("got %d", p.status)
			}
		}
		if p := s.refresh(got["refresh_token"]); p.status != http.StatusBadRequest {
			t.Errorf("refresh: %d", p.status)
		}
	})
}

func TestPortal(t *testing.T) {
	s := newSite(t, nil)
	if to := s.browser().get("/profile").location(t); to.Path != "/sign-in" || to.Query().Get("return") != "/profile" {
		t.Errorf("nobody signed in: sent to %s", to)
	}
	b := s.signedIn("alice")
	p := b.get("/")
	for _, want := range []string{"Alice Liddell", `href="https://rp.example.com/"`, "Grafana", "Spa"} {
		if !strings.Contains(p.body, want) {
			t.Errorf("no %s", want)
		}
	}
	if p := s.signedIn("bob").get("/"); strings.Contains(p.body, "Wiki") || !strings.Contains(p.body, "Grafana") {
		t.Error("Bob sees an app that he may not enter")
	}
	if p := b.get("/?q=WIK"); !strings.Contains(p.body, "Wiki") || strings.Contains(p.body, "Grafana") {
		t.Error("the search does not filter")
	}
	if to := b.get("/?q=graf&open=first").location(t); to.Host != "grafana.example.com" {
		t.Errorf("Enter opens %s", to)
	}
	part := b.do(http.MethodGet, "/?q=wik", nil, func(r *http.Request) { r.Header.Set("HX-Request", "true") })
	if !strings.HasPrefix(part.body, `<div id="apps">`) || strings.Contains(part.body, "<html") || !strings.Contains(part.body, "Wiki") {
		t.Errorf("the part: %s", part.body)
	}
	p = b.get("/profile")
	for _, want := range []string{"alice@example.com", s.alice.UID, "<li>staff</li>", "127.0.0.1"} {
		if !strings.Contains(p.body, want) {
			t.Errorf("no %s in the profile", want)
		}
	}
	p = b.do(http.MethodPost, "/sign-out", url.Values{"csrf": {p.field(t, "csrf")}}, nil)
	if p.status != http.StatusOK || !strings.Contains(p.body, "You are signed out") || b.get("/").status != http.StatusSeeOther {
		t.Errorf("sign out: %d", p.status)
	}
}

// Service accounts are not people: they never sign in on the web.
func TestServiceAccountsDoNotSignIn(t *testing.T) {
	s := newSite(t, nil)
	hash, err := s.d.HashPassword(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	s.write(func(w *directory.Writer) error {
		u, err := w.CreateUser(directory.User{Kind: directory.ServiceAccount, Username: "reader"})
		if err != nil {
			return err
		}
		return w.SetPassword(u.ID, hash)
	})
	if p := s.browser().signIn("reader", password, "/"); p.status != http.StatusForbidden {
		t.Errorf("got %d", p.status)
	}
}

func TestSignedInIsCalled(t *testing.T) {
	var who []string
	s := newSite(t, func(c *idp.Config) {
		c.SignedIn = func(_ context.Context, u directory.User) { who = append(who, u.Username) }
	})
	s.signedIn("alice")
	s.browser().signIn("alice", "wrong", "/")
	if len(who) != 1 || who[0] != "alice" {
		t.Errorf("called for %v", who)
	}
}

// TestABrowserIsRemembered: where somebody has signed in, guesses from the same
// address do not hold them up; what a browser invents is not believed.
func TestABrowserIsRemembered(t *testing.T) {
	s := newSite(t, nil)
	known := s.browser()
	known.signIn("alice", password, "/")
	stranger := s.browser()
	var p page
	for range 8 {
		if p = stranger.signIn("alice", "nope "+s.clock.Now().String(), "/"); p.status == http.StatusTooManyRequests {
			break
		}
		s.later(time.Millisecond)
	}
	if p.status != http.StatusTooManyRequests {
		t.Fatalf("got %d", p.status)
	}
	if p = stranger.signIn("alice", password, "/"); p.status != http.StatusTooManyRequests {
		t.Errorf("the browser that guessed gets %d", p.status)
	}
	if p = known.signIn("alice", password, "/profile"); p.status != http.StatusSeeOther {
		t.Errorf("the browser that was used before gets %d", p.status)
	}
}
