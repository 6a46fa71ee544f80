package edge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/directory"
	"gatehouse/idp/web"
)

func newEdge(t *testing.T, log *bytes.Buffer, trusted ...netip.Prefix) *Edge {
	t.Helper()
	pages, err := web.New(web.Brand{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(Config{
		Pages: pages, Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Registry: prometheus.NewRegistry(), TrustedProxies: trusted,
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// 10-security "The web side": right to left, until the first untrusted hop.
func TestForwardedFor(t *testing.T) {
	trusted := proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, tt := range []struct {
		name, remote string
		forwarded    []string
		peer, client string
	}{
		{"direct", "192.0.2.1:5", nil, "192.0.2.1", "192.0.2.1"},
		{"untrusted peer lies", "192.0.2.1:5", []string{"198.51.100.9"}, "192.0.2.1", "192.0.2.1"},
		{"one proxy", "10.1.1.1:5", []string{"198.51.100.9"}, "10.1.1.1", "198.51.100.9"},
		{"the client put something in front", "10.1.1.1:5", []string{"127.0.0.1, 198.51.100.9"}, "10.1.1.1", "198.51.100.9"},
		{"two proxies", "10.1.1.1:5", []string{"198.51.100.9, 10.2.2.2"}, "10.1.1.1", "198.51.100.9"},
		{"two header lines", "10.1.1.1:5", []string{"1.1.1.1", "198.51.100.9"}, "10.1.1.1", "198.51.100.9"},
		{"port", "10.1.1.1:5", []string{"198.51.100.9:4711"}, "10.1.1.1", "198.51.100.9"},
		{"v6 with brackets and port", "[fd00::1]:5", []string{"[2001:db8::7]:4711"}, "fd00::1", "2001:db8::7"},
		{"v6 in brackets", "[fd00::1]:5", []string{"[2001:db8::7]"}, "fd00::1", "2001:db8::7"},
		{"mapped", "[::ffff:10.1.1.1]:5", []string{"::ffff:198.51.100.9"}, "10.1.1.1", "198.51.100.9"},
		{"unreadable hop", "10.1.1.1:5", []string{"198.51.100.9, unknown"}, "10.1.1.1", "invalid IP"},
		{"proxy without header", "10.1.1.1:5", nil, "10.1.1.1", "10.1.1.1"},
		{"only proxies", "10.1.1.1:5", []string{"10.3.3.3"}, "10.1.1.1", "10.3.3.3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = tt.remote
			r.Header["X-Forwarded-For"] = tt.forwarded
			r.Header.Set("X-Forwarded-Proto", "http")
			r.Header["X_forwarded_host"] = []string{"evil"}
			r.Header.Set("X-Real-Ip", "1.2.3.4")
			r.Header.Set("Forwarded", "for=1.2.3.4")
			peer, client := trusted.resolve(r)
			if peer.String() != tt.peer || client.String() != tt.client {
				t.Errorf("got %s %s, want %s %s", peer, client, tt.peer, tt.client)
			}
			if untrusted := !trusted.trusts(peer); untrusted && len(r.Header) != 0 {
				t.Errorf("left from an untrusted peer: %v", r.Header)
			}
		})
	}
}

func TestTrustingEverybodyIsRefused(t *testing.T) {
	for _, p := range []string{"0.0.0.0/0", "::/0"} {
		if _, err := newProxies([]netip.Prefix{netip.MustParsePrefix(p)}); err == nil {
			t.Errorf("%s was taken", p)
		}
	}
}

func FuzzForwardedFor(f *testing.F) {
	f.Add("198.51.100.9, 10.2.2.2")
	f.Add("[::1]:1,,,")
	f.Fuzz(func(_ *testing.T, s string) {
		r := &http.Request{RemoteAddr: "10.1.1.1:5", Header: http.Header{"X-Forwarded-For": {s}}}
		proxies{netip.MustParsePrefix("10.0.0.0/8")}.resolve(r)
	})
}

func TestFail(t *testing.T) {
	for _, tt := range []struct {
		name   string
		err    error
		status int
		says   string
		result Result
	}{
		{"unavailable", &directory.Error{Kind: directory.Unavailable, Err: errors.New("dial: secret host")}, 503, "not available right now", Failed},
		{"deadline", fmt.Errorf("x: %w", context.DeadlineExceeded), 503, "not available right now", Failed},
		{"internal", errors.New("pq: relation does not exist"), 500, "Reference:", Failed},
		{"throttled", &directory.Error{Kind: directory.Throttled}, 429, "Too many requests", Refused},
		{"not found", &directory.Error{Kind: directory.NotFound}, 404, "no such page", OK},
		{"denied", &directory.Error{Kind: directory.Denied}, 403, "cannot be used", Refused},
		{"invalid", &directory.Error{Kind: directory.Invalid}, 400, "cannot be used", Refused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			e := newEdge(t, &log)
			var got Outcome
			h := e.Handle("test", func(w http.ResponseWriter, r *Request) Outcome {
				got = e.Fail(w, r, tt.err)
				return got
			})
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/x?password=hunter2", nil))
			body := w.Body.String()
			if w.Code != tt.status || !strings.Contains(body, tt.says) || got.Result != tt.result {
				t.Errorf("got %d %s", w.Code, got.Result)
			}
			if strings.Contains(body, "secret host") || strings.Contains(body, "relation") || tt.status >= 500 && strings.Contains(body, "wrong") {
				t.Errorf("the page says too much: %s", body)
			}
			if strings.Contains(log.String(), "hunter2") || strings.Count(log.String(), "\n") != 1 {
				t.Errorf("log: %s", log.String())
			}
		})
	}
}

func TestPanicIsAnswered(t *testing.T) {
	var log bytes.Buffer
	e := newEdge(t, &log)
	w := httptest.NewRecorder()
	e.Handle("test", func(http.ResponseWriter, *Request) Outcome { panic("boom") }).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "boom") || !strings.Contains(log.String(), "boom") {
		t.Errorf("got %d, log %s", w.Code, log.String())
	}
}

func TestFormFromAnotherSite(t *testing.T) {
	for _, tt := range []struct {
		name, site, origin string
		status             int
	}{
		{"same origin", "same-origin", "", 200},
		{"cross site", "cross-site", "https://evil.example", 403},
		{"same site, other host", "same-site", "https://other.example.com", 403},
		{"old browser, other origin", "", "https://evil.example", 403},
		{"old browser, our origin", "", "https://id.example.com", 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			e := newEdge(t, &log)
			r := httptest.NewRequest(http.MethodPost, "https://id.example.com/sign-in", nil)
			if tt.site != "" {
				r.Header.Set("Sec-Fetch-Site", tt.site)
			}
			if tt.origin != "" {
				r.Header.Set("Origin", tt.origin)
			}
			w := httptest.NewRecorder()
			e.Form("test", func(http.ResponseWriter, *Request) Outcome { return Outcome{Result: OK} }).ServeHTTP(w, r)
			if w.Code != tt.status {
				t.Errorf("got %d, want %d", w.Code, tt.status)
			}
		})
	}
}
