package idp_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"
)

func BenchmarkClientCredentials(b *testing.B) {
	s := newSite(b, nil)
	form := url.Values{"grant_type": {"client_credentials"}}.Encode()
	defer reportCPU(b)()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			s.mustPost(b, "token", form)
		}
	})
}

// BenchmarkCodeFlow is an authorization request of somebody who is signed in, the
// redemption of the code, and userinfo.
func BenchmarkCodeFlow(b *testing.B) {
	s := newSite(b, nil)
	alice := s.signedIn("alice")
	cookie := alice.cookie("__Host-sid")
	target := wikiIssuer + "authorize?" + request("scope", "openid email profile").Encode()
	defer reportCPU(b)()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r := httptest.NewRequest(http.MethodGet, target, nil)
			r.AddCookie(&http.Cookie{Name: "__Host-sid", Value: cookie})
			w := httptest.NewRecorder()
			s.http.Config.Handler.ServeHTTP(w, r)
			to, err := url.Parse(w.Header().Get("Location"))
			if err != nil || to.Query().Get("code") == "" {
				b.Error(w.Code, w.Body)
				return
			}
			s.mustPost(b, "token", redemption(to.Query().Get("code")).Encode())
		}
	})
}

// reportCPU reports the processor time per operation, which other work on the
// machine does not change much.
func reportCPU(b *testing.B) func() {
	spent := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	b.ReportAllocs()
	before := spent()
	b.ResetTimer()
	return func() { b.ReportMetric(float64((spent()-before).Microseconds())/float64(b.N), "µs-cpu/op") }
}

func (s *site) mustPost(b *testing.B, name, form string) {
	r := httptest.NewRequest(http.MethodPost, wikiIssuer+name, strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	asWiki(r)
	w := httptest.NewRecorder()
	s.http.Config.Handler.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		b.Error(w.Code, w.Body)
	}
}
