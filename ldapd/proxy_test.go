package ldapd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"gatehouse/ldapd/wire"
)

// headerFor is a PROXY protocol header for a client 203.0.113.last.
func headerFor(last byte) string {
	return "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xcb\x00\x71" + string([]byte{last}) + "\x7f\x00\x00\x01\x9c\x40\x01\x85"
}

const localHeader = "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"

func behindProxy(c *Config) { c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} }

// proxied connects as a load balancer that sends this first.
func (w *world) proxied(header string) *ldap.Conn {
	w.t.Helper()
	raw := w.raw()
	if _, err := io.WriteString(raw, header); err != nil {
		w.t.Fatal(err)
	}
	c := ldap.NewConn(raw, false)
	c.Start()
	return c
}

func TestProxyHeader(t *testing.T) {
	w := newWorld(t, behindProxy)
	if err := w.proxied(headerFor(7)).Bind(aliceDN, password); code(err) != ldap.LDAPResultConfidentialityRequired {
		t.Errorf("the client's address does not count: %v", err)
	}
	if err := w.proxied(localHeader).Bind(aliceDN, password); err != nil {
		t.Errorf("the load balancer itself: %v", err)
	}
	// RFC 4513 §3.1.4 leaves it to us where TLS begins: the header comes before it.
	raw, err := net.Dial("tcp", w.tls)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = raw.Close() }()
	if _, err := io.WriteString(raw, headerFor(7)); err != nil {
		t.Fatal(err)
	}
	c := ldap.NewConn(tls.Client(raw, w.clientTLS()), true)
	c.Start()
	if err := c.Bind(aliceDN, password); err != nil {
		t.Errorf("in front of TLS: %v", err)
	}
	if !strings.Contains(w.log.String(), "203.0.113.7") {
		t.Error("the client's address is not in the log")
	}
	for name, in := range map[string]string{
		"LDAP at once": rootSearch, "version 1": "PROXY TCP4 203.0.113.7 127.0.0.1 40000 389\r\n",
		"a header twice": headerFor(7) + headerFor(7),
	} {
		c := w.raw()
		_, _ = io.WriteString(c, in)
		if got := answers(t, c); len(got) > 1 || len(got) == 1 && !isNotice(got[0], wire.ProtocolError) {
			t.Errorf("%s: %q", name, got)
		}
	}
	soon(t, "two connections were counted out without a header", func() bool {
		return w.counted("gatehouse_ldapd_connections_ended_total[proxy]") == 2
	})
}

// TestProxyHeaderFromOthers: who is not a load balancer cannot choose an address.
func TestProxyHeaderFromOthers(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Proxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	c := w.raw()
	_, _ = io.WriteString(c, headerFor(7)+rootSearch)
	if got := answers(t, c); len(got) != 1 || !isNotice(got[0], wire.ProtocolError) {
		t.Errorf("got %q, want a notice of disconnection", got)
	}
	if err := w.dial().Bind(aliceDN, password); err != nil {
		t.Errorf("without a header: %v", err)
	}
}

func TestProxyLimits(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		behindProxy(c)
		c.Limits.PerAddress, c.Limits.Handshake = 1, 200*time.Millisecond
	})
	if _, err := w.raw().Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("a header that never comes: %v", err)
	}
	first, second := w.proxied(headerFor(1)), w.proxied(headerFor(2))
	for i, c := range []*ldap.Conn{first, second} {
		if _, err := c.WhoAmI(nil); err != nil {
			t.Errorf("client %d: %v", i, err)
		}
	}
	if _, err := w.proxied(headerFor(1)).WhoAmI(nil); code(err) != -1 {
		t.Errorf("a second connection of a client: %v", err)
	}
	_ = first.Close()
	soon(t, "the place of a client is free again", func() bool {
		_, err := w.proxied(headerFor(1)).WhoAmI(nil)
		return err == nil
	})
}

// TestCertificateReload: a new certificate is shown to the next client, by LDAPS and StartTLS, without a restart.
func TestCertificateReload(t *testing.T) {
	old, oldRoots := certificate(t)
	fresh, freshRoots := certificate(t)
	var now atomic.Pointer[tls.Certificate]
	now.Store(&old)
	w := newWorld(t, func(c *Config) {
		c.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return now.Load(), nil }}
	})
	connect := func() error {
		c, err := ldap.DialURL("ldaps://"+w.tls, ldap.DialWithTLSConfig(w.clientTLS()))
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
		if _, err := c.WhoAmI(nil); err != nil {
			return err
		}
		return w.dial().StartTLS(w.clientTLS())
	}
	w.roots = oldRoots
	if err := connect(); err != nil {
		t.Fatal(err)
	}
	before, err := ldap.DialURL("ldaps://"+w.tls, ldap.DialWithTLSConfig(w.clientTLS()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = before.Close() }()
	now.Store(&fresh)
	if err := connect(); err == nil {
		t.Error("the old certificate is still shown")
	}
	w.roots = freshRoots
	if err := connect(); err != nil {
		t.Errorf("the new one: %v", err)
	}
	if _, err := before.WhoAmI(nil); err != nil {
		t.Errorf("a connection from before: %v", err)
	}
}

// TestBindFlood: while one address guesses as fast as it can, others bind, and nobody is told that nothing can be
// decided.
func TestBindFlood(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		behindProxy(c)
		c.ClearPasswords = true
	})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	const guessers = 16
	codes := make(chan int, guessers)
	for i := range guessers {
		c := w.proxied(headerFor(66))
		go func() {
			worst := 0
			for n := 0; ctx.Err() == nil; n++ {
				if got := code(c.Bind(fmt.Sprintf("uid=nobody%d,ou=users,%s", (i+n)%50, baseDN), "guess")); got != ldap.LDAPResultInvalidCredentials {
					worst = got
				}
			}
			codes <- worst
		}()
	}
	for range 5 {
		c := w.proxied(headerFor(7))
		if err := c.Bind(bobDN, password); err != nil {
			t.Errorf("somebody else: %v", err)
		}
		_ = c.Close()
	}
	stop()
	for range guessers {
		if got := <-codes; got != 0 {
			t.Errorf("a guess was answered with %d, want invalidCredentials", got)
		}
	}
}
