package web

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCataloguesHaveTheSameMessages(t *testing.T) {
	cats, err := loadCatalogues()
	if err != nil {
		t.Fatal(err)
	}
	argument := regexp.MustCompile(`\{\d\}`)
	for _, c := range cats[1:] {
		for key, english := range cats[0].messages {
			other, ok := c.messages[key]
			if !ok {
				t.Errorf("%s has no %s", c.tag, key)
			}
			a, b := argument.FindAllString(english, -1), argument.FindAllString(other, -1)
			slices.Sort(a)
			slices.Sort(b)
			if !slices.Equal(a, b) {
				t.Errorf("%s: %s has the arguments %v, English has %v", c.tag, key, b, a)
			}
		}
		if len(c.messages) != len(cats[0].messages) {
			t.Errorf("%s has %d messages, English has %d", c.tag, len(c.messages), len(cats[0].messages))
		}
	}
	for _, c := range cats {
		for key, s := range c.messages {
			if strings.ContainsAny(s, "!") || s == "" {
				t.Errorf("%s: %s: %q", c.tag, key, s)
			}
		}
	}
}

func TestTemplatesUseKnownMessages(t *testing.T) {
	cats, err := loadCatalogues()
	if err != nil {
		t.Fatal(err)
	}
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		raw, err := templateFiles.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\bt "([^"]+)"`).FindAllStringSubmatch(string(raw), -1) {
			if cats[0].messages[m[1]] == "" {
				t.Errorf("%s: no message %s", f, m[1])
			}
		}
	}
}

func TestLocale(t *testing.T) {
	p := newPages(t, Brand{})
	for _, tt := range []struct{ name, accept, cookie, want string }{
		{"nothing said", "", "", "Sign in"},
		{"Swiss German", "de-CH,de;q=0.9,en;q=0.8", "", "Anmelden"},
		{"unknown language", "fi", "", "Sign in"},
		{"the cookie wins", "de", "en", "Sign in"},
		{"unknown cookie", "de", "xx", "Anmelden"},
		{"garbage", "\x00;;;q=", "", "Sign in"},
		{"too long", strings.Repeat("de,", 10_000), "", "Sign in"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("Accept-Language", tt.accept)
			if tt.cookie != "" {
				r.AddCookie(&http.Cookie{Name: langCookie, Value: tt.cookie})
			}
			if got := p.Locale(r).Text("signin.tab"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSpan(t *testing.T) {
	p := newPages(t, Brand{})
	l := p.Locale(httptest.NewRequest(http.MethodGet, "/", nil))
	for d, want := range map[time.Duration]string{
		0: "1 second", 1500 * time.Millisecond: "2 seconds", 59 * time.Second: "59 seconds",
		60 * time.Second: "1 minute", 61 * time.Second: "2 minutes", 5 * time.Minute: "5 minutes",
	} {
		if got := l.Span(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}
