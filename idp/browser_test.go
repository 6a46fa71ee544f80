package idp_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"gatehouse/directory/schema"
	"gatehouse/idp/web/browsertest"
)

// A person in a real browser: refused, signed in on the way to an app, in the
// portal, and out. No page breaks its own policy or an accessibility rule.
func TestInABrowser(t *testing.T) {
	s := newSite(t, nil)
	s.app("here", schema.OIDC{ClientID: "here", RedirectURIs: []string{s.url + "/static/landing"}})
	ctx := browsertest.Open(t)
	complaints := browsertest.Complaints(ctx)
	browsertest.View{Width: 360}.Use(t, ctx)
	try := func(steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, steps...); err != nil {
			at, _ := chromedp.Run(ctx, chromedp.Location())
			t.Fatalf("%v, at %s", err, at)
		}
	}
	const name, word = chromedp.CSS(`input[autocomplete~="username"]`), chromedp.CSS(`input[type="password"]`)
	to := request("client_id", "here", "redirect_uri", s.url+"/static/landing").Encode()
	try(chromedp.Navigate(s.url+"/application/o/here/authorize?"+to), chromedp.WaitVisible(name), chromedp.SendKeys(name, "alice"), chromedp.SendKeys(word, "wrong"+kb.Enter),
		chromedp.WaitVisible(chromedp.CSS(`[role="alert"]`)))
	browsertest.Audit(t, ctx, "flow-refused")
	if focused, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.activeElement.id`)); err != nil || focused != "problem" {
		t.Errorf("the focus is on %q, %v", focused, err)
	}
	try(chromedp.SendKeys(word, password+kb.Enter))
	landing := waitFor(t, ctx, `location.pathname === "/static/landing" ? location.href : ""`)
	if u, err := url.Parse(landing); err != nil || u.Query().Get("code") == "" || u.Query().Get("state") != "a state" {
		t.Errorf("landed on %s", landing)
	}
	try(chromedp.Navigate(s.url+"/"), chromedp.WaitVisible(chromedp.CSS(`#apps a`)), chromedp.SendKeys(chromedp.CSS(`#q`), "wik"))
	waitFor(t, ctx, `document.querySelectorAll("#apps a").length === 1 ? document.querySelector("#apps a").innerText : ""`)
	browsertest.Audit(t, ctx, "flow-portal")
	try(chromedp.Navigate(s.url+"/profile"), chromedp.WaitVisible(chromedp.CSS(`.gh-facts`)))
	browsertest.Audit(t, ctx, "flow-profile")
	try(chromedp.Click(chromedp.CSS(`details.gh-menu > summary`)), chromedp.Click(chromedp.CSS(`button[name="theme"][value="dark"]`)), chromedp.WaitVisible(chromedp.CSS(`html[data-bs-theme="dark"]`)))
	browsertest.Audit(t, ctx, "flow-dark")
	try(chromedp.Click(chromedp.CSS(`details.gh-menu > summary`)), chromedp.Click(chromedp.CSS(`form[action="/sign-out"] button`)), chromedp.WaitVisible(chromedp.CSS(`a.btn-primary`)))
	browsertest.Audit(t, ctx, "flow-out")
	for _, c := range complaints() {
		if !strings.Contains(c, "the server responded with a status of") {
			t.Errorf("console: %s", c)
		}
	}
}

// TestSecondFactorInABrowser: a person gives password and code with the keyboard
// alone, in German, and a wrong code first.
func TestSecondFactorInABrowser(t *testing.T) {
	s := newSite(t, nil)
	g := s.enrol(s.alice)
	s.requireMFA()
	ctx := browsertest.Open(t)
	complaints := browsertest.Complaints(ctx)
	browsertest.View{Width: 360, Dark: true}.Use(t, ctx)
	try := func(steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, steps...); err != nil {
			at, _ := chromedp.Run(ctx, chromedp.Location())
			t.Fatalf("%v, at %s", err, at)
		}
	}
	const name, word, code = chromedp.CSS(`#username`), chromedp.CSS(`#password`), chromedp.CSS(`#code`)
	try(chromedp.Navigate(s.url+"/sign-in?return=/profile"), chromedp.Click(chromedp.CSS(`button[name="lang"][value="de"]`)),
		chromedp.WaitVisible(chromedp.CSS(`html[lang="de"]`)), chromedp.SendKeys(name, "alice"), chromedp.SendKeys(word, password+kb.Enter), chromedp.WaitVisible(code))
	browsertest.Audit(t, ctx, "flow-factor")
	if focused, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.activeElement.id`)); err != nil || focused != "code" {
		t.Errorf("the focus is on %q, %v", focused, err)
	}
	try(chromedp.SendKeys(code, "no code"+kb.Enter), chromedp.WaitVisible(chromedp.CSS(`#problem`)))
	browsertest.Audit(t, ctx, "flow-factor-refused")
	try(chromedp.SendKeys(code, s.codeOf(g)+kb.Enter), chromedp.WaitVisible(chromedp.CSS(`.gh-facts`)))
	if at, err := chromedp.Run(ctx, chromedp.Location()); err != nil || at != s.url+"/profile" {
		t.Errorf("landed on %s, %v", at, err)
	}
	for _, c := range complaints() {
		if !strings.Contains(c, "the server responded with a status of") {
			t.Errorf("console: %s", c)
		}
	}
}

// waitFor polls an expression until it yields something, over navigations.
func waitFor(t *testing.T, ctx context.Context, expression string) string {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-tick.C {
		if got, err := chromedp.Run(ctx, chromedp.Evaluate[string](expression)); err == nil && got != "" {
			return got
		}
	}
	at, _ := chromedp.Run(ctx, chromedp.Location())
	t.Fatalf("wait for %s: in vain, at %s", expression, at)
	return ""
}
