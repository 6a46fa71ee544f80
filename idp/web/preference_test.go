package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestLocalPath(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"/", "/"},
		{"/profile?x=1#y", "/profile?x=1#y"},
		{"/application/o/wiki/authorize/?redirect_uri=https%3A%2F%2Fx", "/application/o/wiki/authorize/?redirect_uri=https%3A%2F%2Fx"},
		{"", "/"},
		{"profile", "/"},
		{"//evil.example", "/"},
		{"/\\evil.example", "/"},
		{"https://evil.example/", "/"},
		{"/\t/evil.example", "/"},
		{"/%zz", "/"},
		{"/\r\nSet-Cookie: a=b", "/"},
		{"/%2fevil.example", "/"},
		{"/" + strings.Repeat("a", 20<<10), "/"},
	} {
		if got := LocalPath(tt.in); got != tt.want {
			t.Errorf("%.40q: got %.40q, want %.40q", tt.in, got, tt.want)
		}
	}
}

func FuzzLocalPath(f *testing.F) {
	f.Add("/a?b")
	f.Add("//h")
	f.Add("/\\h")
	base, err := url.Parse("https://id.example.com/x")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := LocalPath(s)
		u, err := base.Parse(got)
		if err != nil || u.Host != base.Host || u.Scheme != base.Scheme {
			t.Errorf("%q leads to %v (%v)", s, u, err)
		}
	})
}

func TestPreferences(t *testing.T) {
	p := newPages(t, Brand{})
	post := func(form url.Values) *http.Response {
		r := httptest.NewRequest(http.MethodPost, "/preferences", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		p.Preferences(w, r)
		return w.Result()
	}
	for _, tt := range []struct {
		name   string
		form   url.Values
		cookie string
		age    int
		to     string
	}{
		{"dark", url.Values{"theme": {"dark"}, "return": {"/profile"}}, "__Host-theme=dark", preferenceAge, "/profile"},
		{"as the system says", url.Values{"theme": {"auto"}}, "__Host-theme=", -1, "/"},
		{"German", url.Values{"lang": {"de"}, "return": {"https://evil.example"}}, "__Host-lang=de", preferenceAge, "/"},
		{"nonsense", url.Values{"theme": {"<x>"}, "lang": {"../x"}}, "", 0, "/"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp := post(tt.form)
			if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != tt.to {
				t.Errorf("got %d to %q, want %q", resp.StatusCode, resp.Header.Get("Location"), tt.to)
			}
			var got string
			for _, c := range resp.Cookies() {
				got = c.Name + "=" + c.Value
				if c.MaxAge != tt.age || !c.Secure || !c.HttpOnly || c.Path != "/" {
					t.Errorf("cookie %v", c)
				}
			}
			if got != tt.cookie {
				t.Errorf("got cookie %q, want %q", got, tt.cookie)
			}
		})
	}
}

func TestBrand(t *testing.T) {
	for _, accent := range []string{"#0b6e4f", "#ffd400", "#000000", "#ffffff", "#3366ff", "#d6336c"} {
		c, err := parseColour(accent)
		if err != nil {
			t.Fatal(err)
		}
		if got := contrast(readable(c, lightGround, 0), lightGround); got < minContrast {
			t.Errorf("%s on light: %.2f", accent, got)
		}
		if got := contrast(readable(c, darkGround, 0xffffff), darkGround); got < minContrast {
			t.Errorf("%s on dark: %.2f", accent, got)
		}
	}
	for _, bad := range []string{"red", "#12345", "#12345g", "0b6e4f", "#fff;}body{"} {
		if _, err := New(Brand{Accent: bad}); err == nil {
			t.Errorf("accent %q was taken", bad)
		}
	}
	if got := contrast(0xffffff, 0x000000); got < 20.99 || got > 21.01 {
		t.Errorf("white on black is %.2f, want 21 (WCAG 2.2)", got)
	}
}

func TestPageHeaders(t *testing.T) {
	p := newPages(t, Brand{})
	w := httptest.NewRecorder()
	page := samples()["sign-in"]
	if err := p.Render(w, httptest.NewRequest(http.MethodGet, "/sign-in", nil), page); err != nil {
		t.Fatal(err)
	}
	csp := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "form-action 'self';", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("no %q in %q", want, csp)
		}
	}
	if strings.Contains(csp, "unsafe") || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", w.Header())
	}
	for _, tt := range []struct{ cookie, want string }{{"dark", `data-bs-theme="dark"`}, {"light", `data-bs-theme="light"`}, {`"><script>`, `dir="ltr">`}} {
		r := httptest.NewRequest(http.MethodGet, "/sign-in", nil)
		r.Header.Set("Cookie", themeCookie+"="+tt.cookie)
		w := httptest.NewRecorder()
		if err := p.Render(w, r, page); err != nil || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("theme %q: no %s (%v)", tt.cookie, tt.want, err)
		}
	}
}
