package oidc

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseParams(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     params
	}{
		{"plain", "a=1&b=x+y&c=%C3%A9", params{"a": "1", "b": "x y", "c": "é"}},
		{"empty is absent (RFC 6749 §3.1)", "a=&b", params{}},
		{"nothing", "", params{}},
		{"twice (RFC 6749 §3.2)", "a=1&a=1", nil},
		{"twice, once empty", "a=1&a=", nil},
		{"twice in another case", "scope=a&Scope=b", nil},
		{"broken escape", "a=%zz", nil},
		{"semicolon", "a=1;b=2", nil},
		{"NUL", "a=%00", nil},
		{"many", strings.Repeat("a=1&", 100), nil},
		{"long", "a=" + strings.Repeat("x", 200), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, fail := parseParams(tt.in, 150)
			if (fail == nil) != (tt.want != nil) {
				t.Fatalf("failure %+v", fail)
			}
			if diff := cmp.Diff(tt.want, got); tt.want != nil && diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What was parsed, printed and parsed again is the same.
func FuzzParseParams(f *testing.F) {
	for _, s := range []string{"a=1&b=2", "a=%20", "a&b=&c=+", "A=1&a=2", "=x", "a==b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		p, fail := parseParams(raw, maxQuery)
		if fail != nil {
			return
		}
		again := url.Values{}
		for k, v := range p {
			again.Set(k, v)
		}
		q, fail := parseParams(again.Encode(), 10*maxQuery)
		if fail != nil || !cmp.Equal(p, q) {
			t.Errorf("%q: %v, then %v (%v)", raw, p, q, fail)
		}
	})
}

func TestClientAuth(t *testing.T) {
	basic := func(user, password string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(user, password) }
	}
	for _, tt := range []struct {
		name string
		edit func(*http.Request)
		p    params
		want clientAuth
		code string
	}{
		{"in the header", basic("a%20b", "s%2Bt+u"), params{}, clientAuth{id: "a b", secret: "s+t u", basic: true, given: true}, ""},
		{"header and the same client_id", basic("a", "s"), params{"client_id": "a"}, clientAuth{id: "a", secret: "s", basic: true, given: true}, ""},
		{"in the body", nil, params{"client_id": "a", "client_secret": "s"}, clientAuth{id: "a", secret: "s", given: true}, ""},
		{"public", nil, params{"client_id": "a"}, clientAuth{id: "a"}, ""},
		{"both", basic("a", "s"), params{"client_secret": "s"}, clientAuth{}, "invalid_request"},
		{"another client_id", basic("a", "s"), params{"client_id": "b"}, clientAuth{}, "invalid_request"},
		{"broken escape", basic("%zz", "s"), params{}, clientAuth{}, "invalid_client"},
		{"bearer", func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, params{}, clientAuth{}, "invalid_client"},
		{"two headers", func(r *http.Request) { r.Header["Authorization"] = []string{"Basic YTpz", "Basic YTpz"} }, params{}, clientAuth{}, "invalid_client"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/token", nil)
			if tt.edit != nil {
				tt.edit(r)
			}
			got, fail := clientAuthOf(r, tt.p)
			code := ""
			if fail != nil {
				code = fail.code
			}
			if got != tt.want || code != tt.code {
				t.Errorf("got %+v %q", got, code)
			}
		})
	}
}
