package eap

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"testing"
	"time"

	"gatehouse/directory"
)

// What a device does wrong is told apart, and said in a sentence that helps.
func TestFaults(t *testing.T) {
	name := func(who string) []byte { return appendAVP(nil, avpCode{code: avpUserName}, []byte(who)) }
	inner := packet{code: Response, id: 1, typ: TypeIdentity, data: []byte("alice")}.encode()
	for _, tt := range []struct {
		what   string
		typ    Type
		script func(*tls.Conn) error
		edit   func(*fixture, *peer)
		want   Fault
		detail string
		reason directory.Reason
	}{
		{"distrust", TypeTTLS, nothing, func(_ *fixture, p *peer) { p.config.RootCAs = x509.NewCertPool() }, ServerNotTrusted, "must trust the CA", directory.ReasonCertificateInvalid},
		{"distrust, TLS 1.2", TypeTTLS, nothing, func(_ *fixture, p *peer) {
			p.config.RootCAs, p.config.MaxVersion = x509.NewCertPool(), tls.VersionTLS12
		}, ServerNotTrusted, "must trust the CA", directory.ReasonCertificateInvalid},
		{"expired server certificate", TypeTTLS, nothing, func(f *fixture, _ *peer) { f.clock.Advance(400 * 24 * time.Hour) }, ServerCertificate, "renew the files", directory.ReasonCertificateInvalid},
		{"no certificate", TypeTLS, nothing, nil, NoClientCertificate, "device-cert create", directory.ReasonCertificateInvalid},
		{"old TLS", TypeTTLS, nothing, func(_ *fixture, p *peer) {
			p.config.MinVersion, p.config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		}, NoCommonTLS, "TLS 1.2 at least", directory.ReasonMethodNotAllowed},
		{"two names", TypeTTLS, func(c *tls.Conn) error {
			_, err := c.Write(appendAVP(name("bob"), avpCode{code: avpEAPMessage}, inner))
			return err
		}, nil, IdentityMismatch, `two names, "bob" and "alice"`, directory.ReasonMethodNotAllowed},
		{"CHAP inside", TypeTTLS, func(c *tls.Conn) error { _, err := c.Write(name("alice")); return err }, nil, NoCommonMethod, "use one of these on the device", directory.ReasonMethodNotAllowed},
		{"nothing in common", Type(52), nil, nil, NoCommonMethod, "the device would take EAP-PWD", directory.ReasonMethodNotAllowed},
	} {
		t.Run(tt.what, func(t *testing.T) {
			f := newFixture(t)
			p := f.peer(tt.typ, tt.script)
			if tt.edit != nil {
				tt.edit(f, p)
			}
			a := p.run()
			if a.Verdict != Rejected || a.Fault != tt.want || a.Reason != tt.reason || !strings.Contains(a.Detail, tt.detail) {
				t.Errorf("fault %q, reason %q: %s", a.Fault, a.Reason, a.Detail)
			}
		})
	}
}

// A device that falls silent is reported once, with where it stopped.
func TestSilence(t *testing.T) {
	identity := packet{code: Response, id: 1, typ: TypeIdentity, data: []byte("alice")}.encode()
	for _, tt := range []struct {
		what   string
		mtu    int
		script func(*tls.Conn) error // nil: stop at the first flight of the server
		want   string
	}{
		{"at the certificate", 0, nil, "stopped at the server's certificate"},
		{"between fragments", 200, nil, "lower the MTU"},
		{"in the tunnel", 0, func(c *tls.Conn) error {
			if _, err := c.Write(appendAVP(nil, avpCode{code: avpEAPMessage}, identity)); err != nil {
				return err
			}
			_, err := c.Read(make([]byte, 100)) // the challenge
			return err
		}, "in the middle of eap-ttls"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			f := newFixture(t)
			p := f.peer(TypeTTLS, tt.script)
			p.round.MTU, p.stops = tt.mtu, true
			if tt.script != nil {
				p.run()
			} else {
				p.hello(tt.mtu == 0)
			}
			if silent := f.sweep(f.clock.Now()); len(silent) != 0 {
				t.Fatalf("reported at once: %+v", silent)
			}
			f.clock.Advance(maxLife)
			for _, s := range f.sweep(f.clock.Now()) {
				s.report(t.Context())
			}
			if len(f.gate.left) != 1 || f.gate.left[0].Fault != DeviceSilent || !strings.Contains(f.gate.left[0].Detail, tt.want) {
				t.Errorf("%+v", f.gate.left)
			}
			if again := f.sweep(f.clock.Now()); len(again) != 0 {
				t.Error("reported twice")
			}
		})
	}
}

// Who only says a name has not begun.
func TestNoSilenceBeforeAMethod(t *testing.T) {
	f := newFixture(t)
	p := f.peer(TypeTTLS, nothing)
	p.identify()
	f.clock.Advance(maxLife)
	if silent := f.sweep(f.clock.Now()); len(silent) != 0 {
		t.Errorf("%+v", silent)
	}
}

// hello goes as far as the first packet of the server's flight, or all of it.
func (p *peer) hello(whole bool) {
	p.identify()
	p.pipe = newPipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer p.pipe.end()
		_ = tls.Client(p.pipe, p.config).HandshakeContext(p.f.t.Context())
	}()
	out, _ := p.pipe.exchange(nil)
	p.frame.load(out)
	for more := true; more; {
		a := p.send(p.typ, p.frame.send(p.size))
		flight, err := p.frame.receive(a.Packet[5:])
		if err != nil {
			p.f.t.Fatal(err)
		}
		more = p.frame.pending() || whole && flight == nil
	}
	_ = p.pipe.Close()
	<-done
}

// A device that finds the server's certificate expired, when it is not, has
// another idea of the time.
func TestClockOfTheDevice(t *testing.T) {
	f := newFixture(t)
	certificate, err := f.config.Certificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	alert := &net.OpError{Op: "remote error", Err: alertCertificateExpired}
	fault, detail := diagnose(alert, certificate.Leaf, f.clock.Now())
	if fault != DeviceClock || fault.Reason() != directory.ReasonCertificateInvalid || !strings.Contains(detail, "the clock of the device is wrong") {
		t.Errorf("%s: %s", fault, detail)
	}
	for after, want := range map[time.Duration]string{
		400 * 24 * time.Hour:  "expired",
		-400 * 24 * time.Hour: "is the clock of this host right?",
	} {
		fault, detail := diagnose(alert, certificate.Leaf, f.clock.Now().Add(after))
		if fault != ServerCertificate || !strings.Contains(detail, want) {
			t.Errorf("%s: %s", fault, detail)
		}
	}
}
