package idp_test

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/idp"
)

// upstream answers as scimd would and remembers what it was asked.
type upstream struct {
	request *http.Request
	body    string
}

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	u.request, u.body = r, string(raw)
	w.Header().Set("Content-Type", "application/scim+json")
	w.Header().Set("ETag", `W/"1"`)
	w.Header().Set("Location", "https://id.example.com/scim/v2/Users/1")
	w.Header().Set("Set-Cookie", "__Host-sid=stolen")
	w.Header().Set("X-Internal", "secret")
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, `{"id":"1"}`)
}

// forms starts a site in front of u, in each of the ways it can be reached.
func forms(t *testing.T) map[string]func(*upstream) *site {
	t.Helper()
	return map[string]func(*upstream) *site{
		"in process": func(u *upstream) *site { return newSite(t, func(c *idp.Config) { c.SCIM = u }) },
		"tcp": func(u *upstream) *site {
			server := httptest.NewServer(u)
			t.Cleanup(server.Close)
			return newSite(t, func(c *idp.Config) { c.SCIMUpstream = server.URL })
		},
		"unix": func(u *upstream) *site {
			socket := filepath.Join(t.TempDir(), "s")
			l, err := net.Listen("unix", socket)
			if err != nil {
				t.Fatal(err)
			}
			server := &httptest.Server{Listener: l, Config: &http.Server{Handler: u}}
			server.Start()
			t.Cleanup(server.Close)
			return newSite(t, func(c *idp.Config) { c.SCIMUpstream = "unix:" + socket })
		},
	}
}

// 10-security "idp → scimd".
func TestSCIMIsForwarded(t *testing.T) {
	for name, start := range forms(t) {
		t.Run(name, func(t *testing.T) {
			u := &upstream{}
			s := start(u)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/scim/v2/Users?attributes=id", strings.NewReader(`{"userName":"jane"}`))
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range map[string]string{
				"Authorization": "Bearer t", "Content-Type": "application/json", "Accept": "*/*", "If-Match": `"1"`, "Cookie": "__Host-sid=x",
				"X-Forwarded-For": "1.2.3.4", "Gatehouse-Client-Address": "1.2.3.4", "X-Anything": "y", "Forwarded": "for=1.2.3.4",
			} {
				req.Header.Set(k, v)
			}
			resp, err := s.http.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != http.StatusCreated || string(body) != `{"id":"1"}` || resp.Header.Get("ETag") != `W/"1"` || resp.Header.Get("Location") == "" {
				t.Fatalf("got %d %s %v, %v", resp.StatusCode, body, resp.Header, err)
			}
			if resp.Header.Get("Set-Cookie") != "" || resp.Header.Get("X-Internal") != "" {
				t.Errorf("headers let through: %v", resp.Header)
			}
			got := u.request
			if got.Method != http.MethodPost || got.URL.Path != "/scim/v2/Users" || got.URL.RawQuery != "attributes=id" || u.body != `{"userName":"jane"}` {
				t.Errorf("scimd was asked %s %s %s", got.Method, got.URL, u.body)
			}
			for _, h := range []string{"Cookie", "X-Forwarded-For", "X-Anything", "Forwarded"} {
				if got.Header.Get(h) != "" {
					t.Errorf("%s reached scimd", h)
				}
			}
			if got.Header.Get("Authorization") != "Bearer t" || got.Header.Get("If-Match") != `"1"` {
				t.Errorf("headers are missing: %v", got.Header)
			}
			want := ""
			if name == "unix" {
				want = "127.0.0.1"
			}
			if client := got.Header.Get("Gatehouse-Client-Address"); client != want {
				t.Errorf("client address %q, want %q", client, want)
			}
			if ap, err := netip.ParseAddrPort(got.RemoteAddr); name == "in process" && (err != nil || ap.Addr().String() != "127.0.0.1") {
				t.Errorf("in process: RemoteAddr %q", got.RemoteAddr)
			}
		})
	}
}

func TestSCIMRefusals(t *testing.T) {
	u := &upstream{}
	s := newSite(t, func(c *idp.Config) { c.SCIM = u })
	for _, tt := range []struct {
		name, method, path string
		size               int
		want               int
	}{
		{"plain", "GET", "/scim/v2/Users", 0, 201},
		{"trailing slash", "GET", "/scim/v2/Users/", 0, 201},
		{"the root", "GET", "/scim/v2", 0, 201},
		{"a slash in disguise", "GET", "/scim/v2/Users%2f..%2f..%2fadmin", 0, 400},
		{"a backslash in disguise", "GET", "/scim/v2/Users%5c..", 0, 400},
		{"NUL", "GET", "/scim/v2/Users%00", 0, 400},
		{"twice encoded", "GET", "/scim/v2/Users%252f", 0, 400},
		{"dots", "GET", "/scim/v2/../sign-in", 0, 400},
		{"encoded dots", "GET", "/scim/v2/%2e%2e/sign-in", 0, 400},
		{"empty segment", "GET", "/scim/v2//Users", 0, 400},
		{"TRACE", "TRACE", "/scim/v2/Users", 0, 405},
		{"OPTIONS", "OPTIONS", "/scim/v2/Users", 0, 405},
		{"a megabyte", "POST", "/scim/v2/Users", 1 << 20, 201},
		{"more", "POST", "/scim/v2/Users", 1<<20 + 1, 413},
		{"bulk", "POST", "/scim/v2/Bulk", 5 << 20, 201},
		{"more bulk", "POST", "/scim/v2/Bulk", 10<<20 + 1, 413},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, streamed := range []bool{false, true} {
				var body io.Reader = bytes.NewReader(bytes.Repeat([]byte("a"), tt.size))
				if streamed {
					body = io.MultiReader(body) // hides the length
				}
				r := httptest.NewRequest(tt.method, "https://id.example.com/", body)
				r.URL.Path, r.URL.RawPath = unescaped(t, tt.path), tt.path
				if streamed {
					r.ContentLength = -1
				}
				w := httptest.NewRecorder()
				s.http.Config.Handler.ServeHTTP(w, r)
				if w.Code != tt.want {
					t.Errorf("streamed %v: got %d, want %d: %s", streamed, w.Code, tt.want, w.Body)
				}
				if tt.want >= 400 && w.Code != 201 && !strings.Contains(w.Body.String(), "scim:api:messages:2.0:Error") && tt.want != 413 {
					t.Errorf("not a SCIM error: %s", w.Body)
				}
			}
		})
	}
}

func unescaped(t *testing.T, p string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://x"+p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r.URL.Path
}

// A body without a length that turns out too long, on its way to another process.
func TestSCIMStreamedTooLong(t *testing.T) {
	s := forms(t)["tcp"](&upstream{})
	r := httptest.NewRequest(http.MethodPost, "/scim/v2/Users", io.MultiReader(bytes.NewReader(bytes.Repeat([]byte("a"), 1<<20+1))))
	r.ContentLength = -1
	w := httptest.NewRecorder()
	s.http.Config.Handler.ServeHTTP(w, r)
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestSCIMWithoutAnUpstream(t *testing.T) {
	s := newSite(t, func(c *idp.Config) { c.SCIMUpstream = "http://127.0.0.1:1" })
	p := s.browser().get("/scim/v2/Users")
	if p.status != http.StatusServiceUnavailable || !strings.Contains(p.body, "scim:api:messages:2.0:Error") || strings.Contains(p.body, "127.0.0.1") {
		t.Errorf("got %d %s", p.status, p.body)
	}
	for _, bad := range []string{"https://127.0.0.1:1", "http://127.0.0.1:1/x", "ftp://x", "127.0.0.1:1"} {
		config := idp.Config{Directory: s.d, Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), PublicURL: s.url, SCIMUpstream: bad}
		if _, err := idp.New(config); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}
