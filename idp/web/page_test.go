package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"gatehouse/idp/web/browsertest"
)

func newPages(t *testing.T, b Brand) *Pages {
	t.Helper()
	p, err := New(b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// samples are every page with data that strains it.
func samples() map[string]Page {
	who := &Account{Name: "Amélie Brunner", Username: "amelie", Email: "amelie.brunner@example.com"}
	apps := []Tile{
		{"Wiki", "wiki.example.com", "https://wiki.example.com/"},
		{"Grafana", "Dashboards and alerts", "https://grafana.example.com/"},
		{"Time sheets", "hours.example.com", "https://hours.example.com/"},
		{"Nextcloud", "files.example.com", "https://files.example.com/"},
		{"A very long name of an application that nobody would choose", "a-very-long-host-name.internal.example.com", "https://x.example.com/"},
		{"Wi-Fi", "", ""},
		{"Éditions", "editions.example.com", "https://e.example.com/"},
	}
	moment := NewMoment(time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC))
	return map[string]Page{
		"sign-in":          {Name: SignIn, CSRF: "x", Data: SignInData{App: "Grafana", Return: "/"}},
		"sign-in-problem":  {Name: SignIn, CSRF: "x", Status: http.StatusForbidden, Data: SignInData{Username: "amelie", Problem: "The username or the password is not right. Check both and try again."}},
		"factor":           {Name: Factor, CSRF: "x", Data: FactorData{App: "Grafana", Username: "amelie", Return: "/", Restart: "/sign-in?again=1"}},
		"factor-problem":   {Name: Factor, CSRF: "x", Status: http.StatusForbidden, Data: FactorData{Username: "amelie.brunner-with-a-long-address@departments.example.com", Return: "/", Restart: "/sign-in?again=1", Problem: "The username, the password or the code is not right. Try the next code, or start again."}},
		"sign-out":         {Name: SignOut, CSRF: "x", Data: SignOutData{App: "Grafana", Action: "/sign-out", Fields: []Field{{"a", "b"}}}},
		"signed-out":       {Name: SignedOut},
		"error":            {Name: Error, Status: http.StatusServiceUnavailable, Data: ErrorData{Title: "Sign-in is not available right now", Text: []string{"Your request could not be checked because a part of the service does not answer. Your account is in order. Try again in a moment."}, RequestID: "6f3b2f5ad6e4c21b", Retry: "/", Home: true}},
		"portal":           {Name: Portal, CSRF: "x", Account: who, Data: PortalData{Apps: apps}},
		"portal-empty":     {Name: Portal, CSRF: "x", Account: who, Data: PortalData{}},
		"portal-unmatched": {Name: Portal, CSRF: "x", Account: who, Data: PortalData{Query: "zzz"}},
		"profile":          {Name: Profile, CSRF: "x", Account: who, Data: ProfileData{UID: "5a0f1b6e-6d2c-4c54-9c39-0b4a8f3f8f11", Groups: []string{"staff", "finance", "vpn"}, Since: moment, Until: moment, Address: "192.0.2.7"}},
	}
}

func serve(t *testing.T, p *Pages) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle(StaticPrefix, p.Static())
	pages := samples()
	pages["continue"] = Page{Name: Continue, Data: ContinueData{URL: "/signed-out", App: "Grafana"}}
	for name, page := range pages {
		mux.HandleFunc("/"+name, func(w http.ResponseWriter, r *http.Request) {
			if err := p.Render(w, r, page); err != nil {
				t.Error(err)
			}
		})
	}
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func TestPagesInABrowser(t *testing.T) {
	ctx := browsertest.Open(t)
	s := serve(t, newPages(t, Brand{}))
	complaints := browsertest.Complaints(ctx)
	for _, v := range browsertest.Views() {
		v.Use(t, ctx)
		for name := range samples() {
			if err := chromedp.Do(ctx, chromedp.Navigate(s.URL+"/"+name)); err != nil {
				t.Fatal(err)
			}
			browsertest.Audit(t, ctx, name+"-"+v.String())
			if name == "portal" {
				if err := chromedp.Do(ctx, chromedp.Click(chromedp.CSS("details.gh-menu > summary"))); err != nil {
					t.Fatal(err)
				}
				browsertest.Audit(t, ctx, "menu-"+v.String())
			}
		}
	}
	if err := chromedp.Do(ctx, chromedp.Navigate(s.URL+"/continue"), chromedp.WaitVisible(chromedp.CSS(`a[href="/"].btn-primary`))); err != nil {
		t.Errorf("the page that sends the browser on does not: %v", err)
	}
	for _, c := range complaints() {
		if !strings.Contains(c, "the server responded with a status of") { // the error pages themselves
			t.Errorf("console: %s", c)
		}
	}
}
