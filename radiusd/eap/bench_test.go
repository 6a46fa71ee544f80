package eap

import (
	"crypto/tls"
	"syscall"
	"testing"
	"time"

	"gatehouse/directory/schema"
)

// BenchmarkHandshake measures one authentication without the directory. It counts
// the work of both sides: the device's TLS costs about as much as the server's.
func BenchmarkHandshake(b *testing.B) {
	for _, bc := range []struct {
		name    string
		typ     Type
		version uint16
		resume  bool
	}{
		{"ttls-pap/1.2", TypeTTLS, tls.VersionTLS12, false},
		{"ttls-pap/1.3", TypeTTLS, tls.VersionTLS13, false},
		{"ttls-pap/1.3/resumed", TypeTTLS, tls.VersionTLS13, true},
		{"tls/1.2", TypeTLS, tls.VersionTLS12, false},
		{"tls/1.3", TypeTLS, tls.VersionTLS13, false},
	} {
		b.Run(bc.name, func(b *testing.B) {
			f := newFixture(b)
			certificate, err := f.ca.IssueClient("urn:gatehouse:device:1", "alice", time.Hour, f.clock.Now())
			if err != nil {
				b.Fatal(err)
			}
			script := pap("alice", secret)
			if bc.typ == TypeTLS {
				script = func(c *tls.Conn) error {
					if bc.version == tls.VersionTLS12 {
						return nil
					}
					return nothing(c)
				}
			}
			p := f.peer(bc.typ, script)
			p.round.Methods = []string{schema.MethodEAPTTLS, schema.MethodEAPTLS}
			p.config.MaxVersion, p.config.Certificates = bc.version, []tls.Certificate{*certificate}
			if !bc.resume {
				p.config.ClientSessionCache = nil
			} else if a := p.run(); a.Verdict != Accepted {
				b.Fatalf("%+v", a)
			} else {
				p.script = func(*tls.Conn) error { return nil }
			}
			start := cpu(b)
			for b.Loop() {
				if a := p.run(); a.Verdict != Accepted {
					b.Fatalf("%+v", a)
				}
			}
			b.ReportMetric(float64((cpu(b)-start).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

// cpu returns the processor time of this process.
func cpu(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
