package egress

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestCheck(t *testing.T) {
	own := []netip.AddrPort{netip.MustParseAddrPort("198.51.100.7:443"), netip.MustParseAddrPort("[::ffff:198.51.100.8]:443")}
	for _, tt := range []struct {
		to            string
		public, admin bool
	}{
		{to: "93.184.216.34:443", public: true, admin: true},
		{to: "[2606:2800:220:1::1]:443", public: true, admin: true},
		{to: "198.51.100.7:444", public: true, admin: true},
		{to: "10.1.2.3:443", admin: true},
		{to: "172.16.0.1:443", admin: true},
		{to: "192.168.1.1:443", admin: true},
		{to: "100.64.0.1:443", admin: true},
		{to: "[fd00::1]:443", admin: true},
		{to: "127.0.0.1:443"},
		{to: "127.8.9.1:443"},
		{to: "[::1]:443"},
		{to: "0.0.0.0:443"},
		{to: "[::]:443"},
		{to: "0.1.2.3:443"},
		{to: "169.254.169.254:80"},
		{to: "[fe80::1]:443"},
		{to: "[fe80::1%eth0]:443"},
		{to: "224.0.0.1:443"},
		{to: "[ff02::1]:443"},
		{to: "255.255.255.255:443"},
		{to: "[::ffff:127.0.0.1]:443"},
		{to: "[::ffff:93.184.216.34]:443"},
		{to: "[::7f00:1]:443"},
		{to: "[64:ff9b::7f00:1]:443"},
		{to: "[2002:7f00:1::]:443"},
		{to: "198.18.0.1:443"},
		{to: "198.51.100.7:443"},
		{to: "198.51.100.8:443"},
	} {
		to := netip.MustParseAddrPort(tt.to)
		for _, admin := range []bool{false, true} {
			want := tt.public
			if admin {
				want = tt.admin
			}
			err := (&Policy{Private: admin, Listeners: own}).check(to)
			if (err == nil) != want {
				t.Errorf("%s, entered by an administrator: %v: %v", tt.to, admin, err)
			}
			if refusal := (*RefusedError)(nil); err != nil && !errors.As(err, &refusal) {
				t.Errorf("%s: %T", tt.to, err)
			}
		}
	}
}

// A listener on every address of the machine is found behind each of them.
func TestOwnListenerOnEveryAddress(t *testing.T) {
	p := &Policy{Private: true, Listeners: []netip.AddrPort{netip.MustParseAddrPort("[::]:443")}}
	local, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, ifc := range local {
		n, ok := ifc.(*net.IPNet)
		if !ok {
			continue
		}
		a, _ := netip.AddrFromSlice(n.IP)
		if err := p.check(netip.AddrPortFrom(a.Unmap(), 443)); err == nil {
			t.Errorf("%s was allowed", a)
		}
	}
}

// server is an https server on loopback, which the policy would refuse: reach
// returns a client that may.
func server(t *testing.T, h http.HandlerFunc) (*httptest.Server, *Client) {
	t.Helper()
	s := httptest.NewTLSServer(h)
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return s, reach(Policy{Roots: roots})
}

func reach(p Policy) *Client {
	c := New(p)
	c.http.Transport = c.transport(func(context.Context, string, string, syscall.RawConn) error { return nil })
	return c
}

func get(t *testing.T, c *Client, url string) (*Answer, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Do(req)
}

func TestDo(t *testing.T) {
	s, c := server(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		case "/long":
			_, _ = io.CopyN(w, zeros{}, maxBytes+1)
		default:
			_, _ = io.WriteString(w, "hello")
		}
	})
	if a, err := get(t, c, s.URL+"/"); err != nil || a.Status != 200 || string(a.Body) != "hello" {
		t.Errorf("%+v, %v", a, err)
	}
	if a, err := get(t, c, s.URL+"/redirect"); err != nil || a.Status != 302 || string(a.Body) == "hello" {
		t.Errorf("a redirect was followed: %+v, %v", a, err)
	}
	if _, err := get(t, c, s.URL+"/long"); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("a long answer: %v", err)
	}
	if _, err := get(t, reach(Policy{}), s.URL); err == nil {
		t.Error("a certificate of nobody was believed")
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

func TestRefusals(t *testing.T) {
	var reached atomic.Int32
	s, _ := server(t, func(http.ResponseWriter, *http.Request) { reached.Add(1) })
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	t.Cleanup(plain.Close)
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	t.Setenv("HTTPS_PROXY", plain.URL)
	t.Setenv("HTTP_PROXY", plain.URL)
	for name, url := range map[string]string{
		"loopback": s.URL + "/secret", "mapped": "https://[::ffff:127.0.0.1]:" + port + "/secret", "localhost": "https://localhost:" + port + "/secret",
		"http": plain.URL + "/secret", "user": "https://u:secret@192.0.2.1/secret", "file": "file:///secret", "no host": "https:///secret",
	} {
		a, err := get(t, New(Policy{Private: true}), url)
		if err == nil {
			t.Errorf("%s: %+v", name, a)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error gives the path away: %v", name, err)
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
}

// A body that never ends does not keep the caller: the limit counts for the
// reading too. The caller's own, shorter limit stands in for the ten seconds.
func TestSlowBody(t *testing.T) {
	s, c := server(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "begin")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	c.http.Timeout = 50 * time.Millisecond
	if _, err := get(t, c, s.URL); err == nil {
		t.Error("a body without an end was read")
	}
}

// TestRebinding resolves a name to a public address first and to loopback
// afterwards: what counts is the address of the connection.
func TestRebinding(t *testing.T) {
	c := New(Policy{Private: true})
	for _, address := range []string{"127.0.0.1:443", "[::1]:443", "not an address"} {
		if err := c.control(t.Context(), "tcp", address, nil); err == nil {
			t.Errorf("%s was allowed", address)
		}
	}
	if err := c.control(t.Context(), "tcp", "93.184.216.34:443", nil); err != nil {
		t.Error(err)
	}
}
