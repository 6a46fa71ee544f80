//go:build conformance

package test

import (
	"net"
	"testing"
	"time"
)

// TestConformanceIdleConnections: ten thousand clients that say nothing cost
// little, and others are served.
func TestConformanceIdleConnections(t *testing.T) {
	const idle, most = 10_000, 64 << 10 // octets each, of a server built with the race detector
	w := newWorld(t, "")
	w.start(t, "ldapd")
	before, err := w.Process("ldapd").RSS()
	if err != nil {
		t.Fatal(err)
	}
	for range idle {
		c, err := net.Dial("tcp", w.LDAP)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
	}
	begun := time.Now()
	for range 20 {
		if code, id := w.whoami(t, aliceDN, w.alicePassword); code != 0 || id != "dn:"+aliceDN {
			t.Fatalf("somebody else: %d %q", code, id)
		}
	}
	after, err := w.Process("ldapd").RSS()
	if err != nil {
		t.Fatal(err)
	}
	each := (after - before) / idle
	t.Logf("%d idle connections: %d octets each; 20 binds of others by ldapwhoami took %s", idle, each, time.Since(begun))
	if each > most {
		t.Errorf("%d octets for each, want at most %d", each, most)
	}
}
