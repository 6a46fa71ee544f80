package test

import (
	"html"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// formBrowser walks through pages without scripts: it keeps cookies, follows
// what leads on within the idp and sends back the hidden fields of a form.
type formBrowser struct {
	origin string
	client *http.Client
}

// formPage is where a formBrowser has arrived.
type formPage struct {
	answer
	at *url.URL
}

func (w *world) newFormBrowser(t *testing.T) *formBrowser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := w.http(t)
	client.Jar = jar
	return &formBrowser{origin: w.PublicURL, client: client}
}

func (b *formBrowser) open(t *testing.T, address string) formPage {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b.follow(t, req)
}

var (
	firstForm   = regexp.MustCompile(`(?s)<form[^>]* action="([^"]*)".*?</form>`)
	refresh     = regexp.MustCompile(`<meta http-equiv="refresh" content="0;url=([^"]*)">`)
	hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

// submit fills in the first form of a page. A page without one is returned as it is.
func (b *formBrowser) submit(t *testing.T, page formPage, fields url.Values) formPage {
	t.Helper()
	found := firstForm.FindStringSubmatch(page.body)
	if found == nil {
		return page
	}
	form := url.Values{}
	for _, f := range hiddenField.FindAllStringSubmatch(found[0], -1) {
		form.Set(f[1], html.UnescapeString(f[2]))
	}
	for name, values := range fields {
		form[name] = values
	}
	to, err := page.at.Parse(html.UnescapeString(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to.String(), strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", b.origin)
	return b.follow(t, req)
}

// follow sends a request and goes on until it would leave the idp.
func (b *formBrowser) follow(t *testing.T, req *http.Request) formPage {
	t.Helper()
	for range 10 {
		a, err := read(b.client.Do(req))
		if err != nil {
			t.Fatal(err)
		}
		page := formPage{answer: a, at: req.URL}
		to := a.header.Get("Location")
		if on := refresh.FindStringSubmatch(a.body); on != nil {
			to = html.UnescapeString(on[1])
		}
		next, err := req.URL.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		if to == "" || !strings.HasPrefix(next.String(), b.origin+"/") {
			return page
		}
		if req, err = http.NewRequestWithContext(t.Context(), http.MethodGet, next.String(), nil); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("%s: sent on too often", req.URL)
	return formPage{}
}
