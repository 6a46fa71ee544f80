package web

import (
	"net/http"
	"net/url"
	"strings"
)

// The cookies that keep what a browser prefers. They say nothing about a person.
const (
	langCookie  = "__Host-lang"
	themeCookie = "__Host-theme"
)

const preferenceAge = 365 * 24 * 3600 // seconds

// theme is what the browser picked: "light", "dark", or "" for what its system
// says.
func theme(r *http.Request) string {
	if c, err := r.Cookie(themeCookie); err == nil && (c.Value == "light" || c.Value == "dark") {
		return c.Value
	}
	return ""
}

// Preferences handles POST /preferences: a language or a theme is kept in a
// cookie, and the browser goes back to the page it came from.
func (p *Pages) Preferences(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "bad form", http.StatusBadRequest)
		return
	}
	if v := r.PostForm.Get("theme"); v == "light" || v == "dark" {
		http.SetCookie(w, preferenceCookie(themeCookie, v, preferenceAge))
	} else if v == "auto" {
		http.SetCookie(w, preferenceCookie(themeCookie, "", -1))
	}
	for _, c := range p.catalogues {
		if r.PostForm.Get("lang") == c.tag.String() {
			http.SetCookie(w, preferenceCookie(langCookie, c.tag.String(), preferenceAge))
		}
	}
	http.Redirect(w, r, LocalPath(r.PostForm.Get("return")), http.StatusSeeOther)
}

func preferenceCookie(name, value string, age int) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, MaxAge: age, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// returnPath is the address of the page that r asked for, when going back to it
// by GET makes sense.
func returnPath(r *http.Request) string {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return "/"
	}
	return LocalPath(r.URL.RequestURI())
}

// LocalPath returns s when it is an address on this host (a path, perhaps with
// a query), and "/" otherwise: a form never sends a browser to another site.
func LocalPath(s string) string {
	if len(s) > 16<<10 || !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || strings.ContainsAny(s, "\\\r\n\t\x00") {
		return "/"
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") {
		return "/"
	}
	return s
}
