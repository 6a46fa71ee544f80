package idp_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/directory"
	"gatehouse/directory/credential"
	"gatehouse/directory/directorytest"
	"gatehouse/idp/session"
)

const stepCookie = "__Host-step"

// enrol gives somebody an authenticator.
func (s *site) enrol(u directory.User) credential.TOTP {
	s.t.Helper()
	var g credential.TOTP
	s.write(func(w *directory.Writer) (err error) {
		g, _, err = w.AddTOTP(u.ID, "phone")
		return err
	})
	return g
}

// codeOf is the code of a step that no other code was made of.
func (s *site) codeOf(g credential.TOTP) string {
	return g.Code(g.Step(s.clock.Advance(30 * time.Second)))
}

func (s *site) requireMFA() {
	s.t.Helper()
	s.write(func(w *directory.Writer) error { return w.SetSetting(directory.SettingRequireMFA, "true") })
}

// wikiNeedsACode makes the wiki ask for a second factor.
func (s *site) wikiNeedsACode() {
	s.t.Helper()
	s.write(func(w *directory.Writer) error {
		a, err := w.AppBySlug("wiki")
		if err != nil {
			return err
		}
		_, err = w.UpdateApp(a.ID, func(a *directory.App) error {
			a.Require = []directory.Factor{directory.FactorTOTP}
			return nil
		})
		return err
	})
}

// showFactor opens the page for the second factor that an answer leads to.
func (b *browser) showFactor(p page) page {
	b.t.Helper()
	to := p.location(b.t)
	if to.Path != "/sign-in/factor" {
		b.t.Fatalf("sent to %s", to)
	}
	return b.get(to.RequestURI())
}

// factor fills in the form.
func (b *browser) factor(form page, code string, edits ...string) page {
	b.t.Helper()
	v := url.Values{"csrf": {form.field(b.t, "csrf")}, "return": {form.field(b.t, "return")}, "code": {code}}
	if strings.Contains(form.body, `name="up"`) {
		v.Set("up", "1")
	}
	for i := 0; i < len(edits); i += 2 {
		v.Set(edits[i], edits[i+1])
	}
	return b.do(http.MethodPost, "/sign-in/factor", v, nil)
}

// factors returns what the newest session of Alice was opened with.
func (s *site) factors() []directory.Factor {
	s.t.Helper()
	var out []directory.Factor
	err := s.d.ReadArtefacts(s.t.Context(), func(a *directory.Artefacts) error {
		out = nil
		for row, err := range a.Sessions.Find(directory.SessionQuery{User: s.alice.ID, LiveAt: s.clock.Now(), Limit: 1}) {
			if err != nil {
				return err
			}
			out = row.Factors
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// With the setting for everybody a code follows the password, and between the two
// nobody is signed in.
func TestSignInWithACode(t *testing.T) {
	s := newSite(t, nil)
	g := s.enrol(s.alice)
	s.requireMFA()
	b := s.browser()
	form := b.showFactor(b.signIn("alice", password, "/profile"))
	if form.status != http.StatusOK || !strings.Contains(form.body, "<strong>alice</strong>") || !strings.Contains(form.body, `autocomplete="one-time-code"`) {
		t.Errorf("the form: %d %s", form.status, form.body)
	}
	if b.cookie(session.CookieName) != "" || b.get("/").status != http.StatusSeeOther {
		t.Error("signed in before the code")
	}
	wrong := b.factor(form, "12345x")
	if wrong.status != http.StatusForbidden || !strings.Contains(wrong.body, "the password or the code is not right") {
		t.Errorf("a wrong code: %d %s", wrong.status, wrong.body)
	}
	p := b.factor(wrong, s.codeOf(g))
	if p.header.Get("Location") != "/profile" || b.get("/").status != http.StatusOK || b.cookie(stepCookie) != "" {
		t.Errorf("the right code: %d %v %q", p.status, p.header, b.cookie(stepCookie))
	}
	if want := []directory.Factor{directory.FactorPassword, directory.FactorTOTP}; !cmp.Equal(s.factors(), want) {
		t.Errorf("factors %v, want %v", s.factors(), want)
	}
}

func TestSignInWithARecoveryCode(t *testing.T) {
	s := newSite(t, nil)
	var codes []directory.Secret
	s.write(func(w *directory.Writer) (err error) { codes, err = w.AddRecoveryCodes(s.alice.ID); return err })
	s.requireMFA()
	for i, want := range []int{http.StatusSeeOther, http.StatusForbidden} {
		b := s.browser()
		p := b.factor(b.showFactor(b.signIn("alice", password, "/")), strings.ToUpper(codes[0].Reveal()))
		if p.status != want {
			t.Errorf("use %d: %d, want %d", i+1, p.status, want)
		}
	}
}

// Before password and code are right nobody learns anything: not whether there is
// such a person, not whether the password was right, not whether they have a
// factor. What a stranger does is not even stored.
func TestFactorPageTellsNothing(t *testing.T) {
	s := newSite(t, nil)
	s.enrol(s.alice)
	tries := append([]directorytest.Refusal{{What: "right", Name: "alice", Password: password}, {What: "not enrolled", Name: "bob", Password: password}}, s.refusals()...)
	s.requireMFA()
	var first []string
	for _, r := range tries {
		if r.Why == directory.ReasonThrottled || r.Why == directory.ReasonFactorRequired {
			continue // a throttled one gets no step; who lacks nothing but the code is "right"
		}
		b := s.browser()
		asked := b.signIn(r.Name, r.Password, "/profile")
		form := b.showFactor(asked)
		seen := []string{s.seen(asked, r.Name), s.seen(form, r.Name), s.seen(b.factor(form, "12345x"), r.Name)}
		if first == nil {
			first = seen
		}
		if d := cmp.Diff(first, seen); d != "" {
			t.Errorf("%s differs from %s: %s", r.What, tries[0].What, d)
		}
	}
	if n := s.steps(); n != 1 {
		t.Errorf("%d steps are stored, want 1: of who knew the password", n)
	}
}

// steps counts the sign-ins under way that the store keeps, and looks at them.
func (s *site) steps() int {
	s.t.Helper()
	n := 0
	err := s.d.ReadArtefacts(s.t.Context(), func(a *directory.Artefacts) error {
		for row, err := range a.Tokens.Find(directory.TokenQuery{Kind: "sign_in_step"}) {
			if err != nil {
				return err
			}
			n++
			if row.User != s.alice.ID || len(row.Hash) != 32 {
				s.t.Errorf("a step of user %d", row.User)
			}
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// A step is for one answer, of one browser, for five minutes, and as long as the
// password is the same.
func TestAStepIsBound(t *testing.T) {
	s := newSite(t, nil)
	g := s.enrol(s.alice)
	s.requireMFA()
	begin := func() (*browser, page) {
		b := s.browser()
		return b, b.showFactor(b.signIn("alice", password, "/"))
	}
	here, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("used before", func(t *testing.T) {
		b, form := begin()
		used := b.cookie(stepCookie)
		b.factor(form, "123456")
		if b.cookie(stepCookie) == used {
			t.Error("the step did not change")
		}
		b.client.Jar.SetCookies(here, []*http.Cookie{{Name: stepCookie, Value: used, Path: "/", Secure: true}})
		if p := b.factor(form, s.codeOf(g)); p.status != http.StatusForbidden {
			t.Errorf("a step opened after it was used: %d", p.status)
		}
	})
	t.Run("another browser", func(t *testing.T) {
		b, _ := begin()
		thief, form := begin()
		thief.client.Jar.SetCookies(here, []*http.Cookie{{Name: stepCookie, Value: b.cookie(stepCookie), Path: "/", Secure: true}})
		if p := thief.factor(form, s.codeOf(g)); p.status != http.StatusForbidden {
			t.Errorf("a step opened in another browser: %d", p.status)
		}
	})
	t.Run("no form of ours", func(t *testing.T) {
		b, form := begin()
		for _, edit := range [][]string{{"csrf", "x"}, {"return", "/profile"}, {"up", "1"}} {
			if p := b.factor(form, s.codeOf(g), edit...); p.status == http.StatusSeeOther && p.location(t).Path != "/sign-in" || b.cookie(session.CookieName) != "" {
				t.Errorf("%s: %d", edit[0], p.status)
			}
		}
	})
	t.Run("too late", func(t *testing.T) {
		b, form := begin()
		s.later(5 * time.Minute)
		if p := b.factor(form, s.codeOf(g)); p.status != http.StatusSeeOther || p.location(t).Path != "/sign-in" {
			t.Errorf("after five minutes: %d", p.status)
		}
	})
	t.Run("too late, with a cookie that says otherwise", func(t *testing.T) {
		b, form := begin()
		parts := strings.Split(b.cookie(stepCookie), ".")
		parts[1] = "99999999999"
		b.client.Jar.SetCookies(here, []*http.Cookie{{Name: stepCookie, Value: strings.Join(parts, "."), Path: "/", Secure: true}})
		s.later(5 * time.Minute)
		if p := b.factor(form, s.codeOf(g)); p.status != http.StatusForbidden {
			t.Errorf("after five minutes: %d", p.status)
		}
	})
	t.Run("the password was changed", func(t *testing.T) {
		b, form := begin()
		hash, err := s.d.HashPassword(t.Context(), password)
		if err != nil {
			t.Fatal(err)
		}
		s.write(func(w *directory.Writer) error { return w.SetPassword(s.alice.ID, hash) })
		if p := b.factor(form, s.codeOf(g)); p.status != http.StatusForbidden {
			t.Errorf("with the old password: %d", p.status)
		}
	})
	t.Run("without a step", func(t *testing.T) {
		if p := s.browser().get("/sign-in/factor?return=/profile"); p.status != http.StatusSeeOther || p.location(t).RequestURI() != "/sign-in?return=%2Fprofile" {
			t.Errorf("%d %v", p.status, p.header)
		}
	})
}

// An app that asks for a code sends a session with only a password to prove it,
// and takes it on afterwards.
func TestStepUp(t *testing.T) {
	s := newSite(t, nil)
	g := s.enrol(s.alice)
	s.wikiNeedsACode()
	b := s.signedIn("alice")
	before := b.cookie(session.CookieName)
	to := wikiIssuer + "authorize?" + request().Encode()
	form := b.showFactor(b.get(to))
	for _, want := range []string{"Continue to", "<strong>Wiki</strong>", "<strong>alice</strong>"} {
		if !strings.Contains(form.body, want) {
			t.Errorf("no %s in the form", want)
		}
	}
	if p := b.factor(form, "123456"); p.status != http.StatusForbidden {
		t.Errorf("a wrong code: %d", p.status)
	}
	if p := b.get(wikiIssuer + "authorize?" + request("prompt", "none").Encode()); p.location(t).Query().Get("error") != "login_required" {
		t.Errorf("without asking: %s", p.location(t))
	}
	if p := b.factor(form, s.codeOf(g)); p.status != http.StatusOK || !strings.Contains(p.body, "Wiki") {
		t.Errorf("the right code: %d %s", p.status, p.body)
	}
	if after := b.cookie(session.CookieName); after == before || after == "" {
		t.Error("the id of the session did not change")
	}
	code := b.get(to).location(t).Query().Get("code")
	tokens := s.post("token", redemption(code)).json(t)
	_, claims := claimsOf(t, tokens["id_token"])
	amr, _ := claims["amr"].([]any)
	if !slices.Contains(amr, any("otp")) || !slices.Contains(amr, any("mfa")) {
		t.Errorf("amr %v", claims["amr"])
	}
	if p := s.refresh(tokens["refresh_token"]); p.status != http.StatusOK {
		t.Errorf("refresh: %d %s", p.status, p.body)
	}
}

// Who may not enter anyway is told so, and not asked for a code.
func TestNoStepUpInVain(t *testing.T) {
	s := newSite(t, nil)
	s.wikiNeedsACode()
	if p := s.signedIn("bob").get(wikiIssuer + "authorize?" + request().Encode()); p.status != http.StatusForbidden {
		t.Errorf("bob is sent on: %d %v", p.status, p.header)
	}
}

func TestGuessingCodesOnTheWebIsThrottled(t *testing.T) {
	s := newSite(t, nil)
	s.enrol(s.alice)
	s.requireMFA()
	b := s.browser()
	p := b.showFactor(b.signIn("alice", password, "/"))
	for range 8 {
		if p = b.factor(p, "x"+s.clock.Now().Format("150405.000")); p.status == http.StatusTooManyRequests {
			break
		}
		s.later(time.Millisecond)
	}
	if p.status != http.StatusTooManyRequests || p.header.Get("Retry-After") == "" || !strings.Contains(p.body, "Too many attempts. Wait") {
		t.Errorf("got %d %q", p.status, p.header.Get("Retry-After"))
	}
}

// Refusals and the question for a code leave at the tick, after what they store.
func TestAnswersOfTheFormsWaitForTheirTick(t *testing.T) {
	s := newSite(t, nil)
	s.enrol(s.alice)
	answered := func(what string, try func() page) page {
		t.Helper()
		begun := time.Now()
		p := try()
		if took := time.Since(begun); took < 200*time.Millisecond {
			t.Errorf("%s is answered after %v", what, took)
		}
		return p
	}
	b := s.browser()
	answered("a wrong password", func() page { return b.signIn("alice", "nope", "/") })
	s.requireMFA()
	form := b.showFactor(answered("a right password", func() page { return b.signIn("alice", password, "/") }))
	answered("a wrong code", func() page { return b.factor(form, "12345x") })
}
