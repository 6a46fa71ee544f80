package eap

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	"gatehouse/directory/name"
	"gatehouse/directory/schema"
	"gatehouse/internal/certs"
)

const secret = "correct horse"

// gate lets alice in by her password, whatever the method. The real decisions are
// tested in radiusd, on a real directory.
type gate struct {
	asked   []string // method and name
	resumed []directory.Admission
	left    []Answer // conversations that a device has left
	err     error    // nothing can be decided
}

func (g *gate) decision(allow bool) directory.Decision {
	if !allow {
		return directory.Decision{Outcome: directory.Deny, Reason: directory.ReasonWrongPassword}
	}
	return directory.Decision{
		Outcome: directory.Allow, Reason: directory.ReasonOK, User: directory.User{ID: 1, Username: "alice", Epoch: 7},
		Factors: []directory.Factor{directory.FactorPassword}, Credential: 3, Version: 4,
	}
}

func (g *gate) Authenticate(_ context.Context, method, who string, proof directory.Proof) (directory.Decision, error) {
	g.asked = append(g.asked, method+" "+who)
	p, ok := proof.(directory.PasswordProof)
	_, certificate := proof.(directory.CertificateProof)
	return g.decision(who == "alice" && ok && p.Password.Reveal() == secret || certificate), g.err
}

func (g *gate) Authorize(_ context.Context, _ string, a directory.Admission) (directory.Decision, error) {
	g.resumed = append(g.resumed, a)
	return g.decision(a.User == 1 && a.Epoch == 7), g.err
}

func (g *gate) Abandoned(_ context.Context, a Answer) { g.left = append(g.left, a) }

func (g *gate) Key(typed string) string { return name.Login(typed) }

// fixture is a server with a clock that stands still.
type fixture struct {
	*Server
	t     testing.TB
	clock *directorytest.Clock
	ca    *certs.Authority
	gate  *gate
}

func newFixture(tb testing.TB) *fixture {
	tb.Helper()
	f := &fixture{t: tb, clock: directorytest.NewClock(), gate: &gate{}}
	var err error
	if f.ca, err = certs.NewAuthority("Test", f.clock.Now()); err != nil {
		tb.Fatal(err)
	}
	certificate, err := f.ca.IssueServer([]string{"radius.example.com"}, f.clock.Now())
	if err != nil {
		tb.Fatal(err)
	}
	f.Server, err = New(Config{
		Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certificate, nil },
		Devices:     f.ca.Pool, Now: f.clock.Now, Rand: rand.Reader,
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.sweep(f.clock.Now().Add(time.Hour)) })
	return f
}

// peer is a device: it speaks the outer method, and runs a script in the tunnel.
type peer struct {
	f      *fixture
	round  Round
	typ    Type
	id     byte
	frame  frame
	pipe   *pipe
	config *tls.Config
	script func(*tls.Conn) error
	failed error // of the script, once it has ended
	size   int
	watch  func() // called before each packet; nil: nothing
	stops  bool   // when the script has ended, without the last flight
}

// peer makes a device behind client 1.
func (f *fixture) peer(typ Type, script func(*tls.Conn) error) *peer {
	return &peer{
		f: f, typ: typ, script: script, size: 1000,
		round: Round{Client: 1, Station: "02-00-00-00-00-01", Door: f.gate, Methods: []string{schema.MethodEAPTLS, schema.MethodEAPTTLS, schema.MethodPEAP, schema.MethodEAPMSCHAPv2}},
		config: &tls.Config{
			ServerName: "radius.example.com", RootCAs: f.ca.Pool(), Time: f.clock.Now, MaxVersion: tls.VersionTLS13,
			ClientSessionCache: tls.NewLRUClientSessionCache(1),
		},
	}
}

// send sends one packet and returns the answer; the State goes along.
func (p *peer) send(typ Type, data []byte) Answer {
	p.round.Packet = packet{code: Response, id: p.id, typ: typ, data: data}.encode()
	a := p.f.Respond(context.WithoutCancel(p.f.t.Context()), p.round)
	if a.Verdict == Challenge {
		p.id, p.round.State = a.Packet[1], a.State
	}
	return a
}

// identify begins a conversation and accepts the method, so that the next packet
// is the first of it.
func (p *peer) identify() Answer {
	p.round.State, p.frame, p.id = nil, frame{}, 1
	a := p.send(TypeIdentity, []byte("anonymous"))
	if a.Verdict == Challenge && Type(a.Packet[4]) != p.typ {
		a = p.send(TypeNAK, []byte{byte(p.typ)})
	}
	return a
}

// run authenticates and returns the last answer.
func (p *peer) run() Answer {
	a := p.identify()
	if a.Verdict != Challenge {
		return a
	}
	p.pipe = newPipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer p.pipe.end()
		conn := tls.Client(p.pipe, p.config)
		if p.failed = conn.HandshakeContext(context.WithoutCancel(p.f.t.Context())); p.failed != nil {
			return
		}
		// With TLS 1.3 the ticket has come by now; crypto/tls takes it when it reads.
		p.pipe.setEager(true)
		_, _ = conn.Read(make([]byte, 1))
		p.pipe.setEager(false)
		p.failed = p.script(conn)
	}()
	defer func() { _ = p.pipe.Close(); <-done }()
	ended := false
	for message := []byte(nil); a.Verdict == Challenge; {
		if !ended || message != nil {
			var out []byte
			out, ended = p.pipe.exchange(message)
			p.frame.load(out)
		}
		if ended && p.stops {
			return a
		}
		message = nil
		for {
			if p.watch != nil {
				p.watch()
			}
			a = p.send(p.typ, p.frame.send(p.size))
			if a.Verdict != Challenge {
				return a
			}
			whole, err := p.frame.receive(a.Packet[5:])
			if err != nil {
				p.f.t.Fatal(err)
			}
			if whole != nil {
				message = whole
				break
			}
		}
	}
	return a
}

// pap is the script of EAP-TTLS/PAP.
func pap(who, password string) func(*tls.Conn) error {
	return func(c *tls.Conn) error {
		b := appendAVP(nil, avpCode{code: avpUserName}, []byte(who))
		_, err := c.Write(appendAVP(b, avpCode{code: avpUserPassword}, []byte(password)))
		return err
	}
}

func nothing(c *tls.Conn) error {
	var b [1]byte
	_, err := c.Read(b[:])
	return err
}

func TestTTLS(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		f := newFixture(t)
		p := f.peer(TypeTTLS, pap("alice", secret))
		p.config.MaxVersion = version
		a := p.run()
		if a.Verdict != Accepted || a.Method != "eap-ttls/pap" || a.Identity != "anonymous" || a.MSK == [64]byte{} {
			t.Fatalf("%x: %+v", version, a)
		}
		first := a.MSK
		p.script = func(*tls.Conn) error { return nil }
		a = p.run()
		if a.Verdict != Accepted || a.MSK == first || len(f.gate.asked) != 1 || len(f.gate.resumed) != 1 {
			t.Fatalf("%x resumed: %+v, %v", version, a, f.gate)
		}
		want := directory.Admission{
			User: 1, Epoch: 7, Factors: []directory.Factor{directory.FactorPassword},
			Resumed: directory.Resumed{Credential: 3, Version: 4},
		}
		if got := f.gate.resumed[0]; got.User != want.User || got.Epoch != want.Epoch || got.Resumed != want.Resumed || !slices.Equal(got.Factors, want.Factors) {
			t.Errorf("asked to resume %+v", got)
		}
		if f.Open() != 0 {
			t.Errorf("%d conversations are left", f.Open())
		}
	}
}

func TestRefusedInside(t *testing.T) {
	write := func(b []byte) func(*tls.Conn) error {
		return func(c *tls.Conn) error { _, err := c.Write(b); return err }
	}
	avps := func(list ...any) []byte {
		var b []byte
		for i := 0; i < len(list); i += 2 {
			code, _ := list[i].(avpCode)
			text, _ := list[i+1].(string)
			b = appendAVP(b, code, []byte(text))
		}
		return b
	}
	userName, userPassword := avpCode{code: avpUserName}, avpCode{code: avpUserPassword}
	eap := func(who string) string {
		return string(packet{code: Response, id: 1, typ: TypeIdentity, data: []byte(who)}.encode())
	}
	for _, tt := range []struct {
		name   string
		script func(*tls.Conn) error
		detail string
	}{
		{"wrong password", pap("alice", "wrong"), ""},
		{"nobody", pap("bob", secret), ""},
		{"two passwords", write(avps(userName, "alice", userPassword, secret, userPassword, secret)), "do not add up"},
		{"no name", write(avps(userPassword, secret)), "neither PAP"},
		{"two methods", write(avps(userName, "alice", userPassword, secret, avpCode{code: avpEAPMessage}, eap("alice"))), "neither PAP"},
		{"two names", write(avps(userName, "bob", avpCode{code: avpEAPMessage}, eap("alice"))), "two names"},
		{"an unknown attribute", write(avps(userName, "alice", userPassword, secret, avpCode{99, 1}, "x")), "mandatory"},
		{"half an attribute", write(avps(userName, "alice", userPassword, secret)[:20]), "do not add up"},
		{"another tunnel's challenge", write(avps(userName, "alice", avpCode{vendorMicrosoft, avpMSChallenge}, strings.Repeat("c", 16), avpCode{vendorMicrosoft, avpMS2Response}, strings.Repeat("r", 50))), "not the one of this tunnel"},
		{"another challenge with the right identifier", func(c *tls.Conn) error {
			state := c.ConnectionState()
			implicit, err := state.ExportKeyingMaterial("ttls challenge", nil, 17)
			if err != nil {
				return err
			}
			response := string(implicit[16:]) + strings.Repeat("r", 49)
			return write(avps(userName, "alice", avpCode{vendorMicrosoft, avpMSChallenge}, strings.Repeat("c", 16), avpCode{vendorMicrosoft, avpMS2Response}, response))(c)
		}, "not the one of this tunnel"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			p := f.peer(TypeTTLS, tt.script)
			a := p.run()
			if a.Verdict != Rejected || !strings.Contains(a.Detail, tt.detail) || (tt.detail == "") != (a.Decision.Outcome == directory.Deny) {
				t.Errorf("%+v", a)
			}
			// A ticket of a tunnel that did not end well is no ticket.
			p.script = nothing
			if a := p.run(); a.Verdict == Accepted || len(f.gate.resumed) > 0 {
				t.Errorf("resumed: %+v", a)
			}
		})
	}
}

// A resumption is refused when the directory says so, and the ticket is gone.
func TestResumptionIsDecided(t *testing.T) {
	f := newFixture(t)
	p := f.peer(TypeTTLS, pap("alice", secret))
	if a := p.run(); a.Verdict != Accepted {
		t.Fatalf("%+v", a)
	}
	for h := range f.tickets.byID {
		f.tickets.byID[h].proven.epoch = 6 // as if the user's had grown
	}
	p.script = nothing
	if a := p.run(); a.Verdict != Rejected || len(f.gate.resumed) != 1 {
		t.Fatalf("%+v", a)
	}
	p.script = pap("alice", secret)
	if a := p.run(); a.Verdict != Accepted || len(f.gate.asked) != 2 || len(f.gate.resumed) != 1 {
		t.Fatalf("afterwards: %+v", a)
	}
}

// Resuming does not prolong: a day after the password it is asked for again.
func TestResumingDoesNotProlong(t *testing.T) {
	f := newFixture(t)
	p := f.peer(TypeTTLS, pap("alice", secret))
	for i, want := range []struct{ asked, resumed int }{{1, 0}, {1, 1}, {2, 1}} {
		if p.script = pap("alice", secret); i == 1 {
			p.script = nothing // nothing is asked
		}
		if a := p.run(); a.Verdict != Accepted || len(f.gate.asked) != want.asked || len(f.gate.resumed) != want.resumed {
			t.Fatalf("%d: %+v, %v", i, a, f.gate)
		}
		f.clock.Advance(ticketLife / 2)
	}
}

// A ticket of a tunnel in which nobody has proved anything yet opens nothing.
func TestUnboundTicket(t *testing.T) {
	f := newFixture(t)
	p := f.peer(TypeTTLS, func(*tls.Conn) error { return nil })
	p.stops = true
	if a := p.run(); a.Verdict != Challenge || len(f.tickets.byID) != 1 {
		t.Fatalf("%+v, %d tickets", a, len(f.tickets.byID))
	}
	p.stops, p.script = false, pap("alice", secret)
	if a := p.run(); a.Verdict != Accepted || len(f.gate.asked) != 1 || len(f.gate.resumed) > 0 {
		t.Errorf("%+v, %v", a, f.gate)
	}
}

// A ticket of one method opens no tunnel of another, and none after its time.
func TestTicketsAreKept(t *testing.T) {
	f := newFixture(t)
	p := f.peer(TypeTTLS, pap("alice", secret))
	if a := p.run(); a.Verdict != Accepted {
		t.Fatalf("%+v", a)
	}
	p.typ, p.script = TypePEAP, nothing
	if a := p.run(); a.Verdict == Accepted || len(f.gate.resumed) > 0 {
		t.Fatalf("%+v", a)
	}
	p = f.peer(TypeTTLS, pap("alice", secret))
	if a := p.run(); a.Verdict != Accepted {
		t.Fatalf("%+v", a)
	}
	f.clock.Advance(ticketLife)
	p.script = nothing
	if a := p.run(); a.Verdict == Accepted || len(f.gate.resumed) > 0 {
		t.Errorf("an old ticket: %+v", a)
	}
}

func TestTLSWithCertificate(t *testing.T) {
	f := newFixture(t)
	certificate, err := f.ca.IssueClient("urn:gatehouse:device:1", "alice", time.Hour, f.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		var commitment []byte
		p := f.peer(TypeTLS, func(c *tls.Conn) error {
			if c.ConnectionState().Version == tls.VersionTLS12 {
				return nil
			}
			commitment = make([]byte, 1)
			_, err := c.Read(commitment)
			return err
		})
		p.config.MaxVersion, p.config.Certificates = version, []tls.Certificate{*certificate}
		if a := p.run(); a.Verdict != Accepted || p.failed != nil {
			t.Fatalf("%x: %+v, %v", version, a, p.failed)
		}
		// RFC 9190 §2.5.
		if version == tls.VersionTLS13 && (len(commitment) != 1 || commitment[0] != 0) {
			t.Errorf("commitment %v", commitment)
		}
		p.config.Certificates, p.config.ClientSessionCache = nil, nil
		if a := p.run(); a.Verdict != Rejected {
			t.Errorf("%x without a certificate: %+v", version, a)
		}
	}
}

// A device that does not trust the server says so; the operator reads why.
func TestUntrustedServer(t *testing.T) {
	f := newFixture(t)
	p := f.peer(TypeTTLS, pap("alice", secret))
	p.config.RootCAs = x509.NewCertPool()
	if a := p.run(); a.Verdict != Rejected || !strings.Contains(a.Detail, "must trust the CA") || len(f.gate.asked) > 0 {
		t.Errorf("%+v", a)
	}
}

// What cannot be decided is never a rejection, however often it is asked.
func TestUndecided(t *testing.T) {
	f := newFixture(t)
	f.gate.err = errors.New("no store")
	p := f.peer(TypeTTLS, pap("alice", secret))
	for range 2 {
		if a := p.run(); a.Verdict != Undecided || a.Err == nil {
			t.Fatalf("%+v", a)
		}
		if a := p.f.Respond(t.Context(), p.round); a.Verdict != Undecided {
			t.Fatalf("asked again: %+v", a)
		}
	}
}
