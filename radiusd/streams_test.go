package radiusd

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	dto "github.com/prometheus/client_model/go"
	"layeh.com/radius"
	"layeh.com/radius/rfc2869"

	"gatehouse/internal/certs"
	"gatehouse/radiusd/wire"
)

// nas is the other end of a connection: a client of RADIUS over TLS written from
// the RFCs, with nothing of the server's but the names of the codes.
type nas struct {
	t    testing.TB
	conn *tls.Conn
}

// tlsTransport is a running transport whose only client is known by the
// certificate mine.
type tlsTransport struct {
	*testTransport
	t        testing.TB
	listener net.Listener
	mine     tls.Certificate
}

func pair(tb testing.TB) tls.Certificate {
	tb.Helper()
	authority, err := certs.NewAuthority("Test", time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	issued, err := authority.IssueClient("urn:example:nas", "a NAS", time.Hour, time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	return *issued
}

func startTLS(tb testing.TB, prepare func(*testTransport)) *tlsTransport {
	tb.Helper()
	s := &tlsTransport{t: tb, listener: listenTCP(tb), mine: pair(tb)}
	server := pair(tb)
	c := &client{id: 7, name: "branch", tls: &identity{fingerprints: [][sha256.Size]byte{sha256.Sum256(s.mine.Certificate[0])}}}
	s.testTransport = startTransport(tb, "127.0.0.1:0", c, func(tt *testTransport) {
		tt.streams.listeners = []net.Listener{s.listener}
		tt.streams.config = &tls.Config{Certificates: []tls.Certificate{server}, MinVersion: tls.VersionTLS12}
		people := newRoster(x509.NewCertPool())
		people.add(c, nil)
		tt.streams.renew(people)
		if prepare != nil {
			prepare(tt)
		}
	})
	return s
}

// handshake connects with a certificate and the protocols of ALPN. The server
// says what it thinks of the certificate with its first octets only (RFC 8446
// §4.4), so there is no error of that here.
func handshake(tb testing.TB, to net.Addr, change func(*tls.Config), certificate ...tls.Certificate) (*nas, error) {
	tb.Helper()
	config := &tls.Config{Certificates: certificate, InsecureSkipVerify: true} //nolint:gosec // whom the server is, is not the question
	if change != nil {
		change(config)
	}
	nc, err := (&net.Dialer{}).DialContext(tb.Context(), "tcp", to.String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = nc.Close() })
	conn := tls.Client(nc, config)
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &nas{tb, conn}, conn.HandshakeContext(tb.Context())
}

func alpn(protocols ...string) func(*tls.Config) {
	return func(c *tls.Config) { c.NextProtos = protocols }
}

func (s *tlsTransport) connect(protocols ...string) *nas {
	return connect(s.t, s.listener.Addr(), s.mine, protocols...)
}

func connect(tb testing.TB, to net.Addr, certificate tls.Certificate, protocols ...string) *nas {
	tb.Helper()
	n, err := handshake(tb, to, alpn(protocols...), certificate)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

func (n *nas) send(b ...[]byte) {
	n.t.Helper()
	if _, err := n.conn.Write(bytes.Join(b, nil)); err != nil {
		n.t.Fatal(err)
	}
}

// receive returns the next packet.
func (n *nas) receive() []byte {
	n.t.Helper()
	b, err := n.next()
	if err != nil {
		n.t.Fatalf("no answer: %v", err)
	}
	return b
}

func (n *nas) next() ([]byte, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(n.conn, head); err != nil {
		return nil, err
	}
	b := append(head, make([]byte, int(binary.BigEndian.Uint16(head[2:]))-4)...)
	_, err := io.ReadFull(n.conn, b[4:])
	return b, err
}

// closed waits for the end of the connection; nothing must come before.
func (n *nas) closed() {
	n.t.Helper()
	if b, err := n.next(); err == nil {
		n.t.Errorf("answered %x", b)
	} else if errors.Is(err, os.ErrDeadlineExceeded) {
		n.t.Error("the connection is still open")
	}
}

// plain is a request in the older version, with the shared secret of TLS.
func plain(tb testing.TB, code radius.Code, macs bool, attributes ...radius.AVP) []byte {
	tb.Helper()
	p := radius.New(code, []byte(radsec))
	for _, a := range attributes {
		p.Add(a.Type, a.Attribute)
	}
	if macs {
		return signed(tb, p)
	}
	return encoded(tb, p)
}

// clearPacket is a request of RADIUS/1.1 (RFC 9765 §4.1). The reserved octets are
// not zero, because they are to be ignored.
func clearPacket(code wire.Code, token uint32, attributes ...[]byte) []byte {
	b := append([]byte{byte(code), 0x5a, 0, 0}, binary.BigEndian.AppendUint32(nil, token)...)
	b = append(b, bytes.Repeat([]byte{0xa5}, 12)...)
	for _, a := range attributes {
		b = append(b, a...)
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}

func avp(t wire.Type, value string) []byte {
	return append([]byte{byte(t), byte(2 + len(value))}, value...)
}

// ended waits until n connections have ended for a reason.
func (s *tlsTransport) ended(why ending, n int) {
	s.t.Helper()
	waitFor(s.t, func() bool {
		var m dto.Metric
		if err := s.metrics.disconnected[why].Write(&m); err != nil {
			s.t.Fatal(err)
		}
		return int(m.GetCounter().GetValue()) == n
	})
}

// RFC 6614 §2: the packets are those of UDP, of both ports, under the secret
// "radsec", one after the other.
func TestPacketsOverTLS(t *testing.T) {
	s := startTLS(t, nil)
	for _, protocols := range [][]string{nil, {protocolOld}} {
		n := s.connect(protocols...)
		for _, tt := range []struct {
			name string
			code radius.Code
			mac  bool
			want wire.Code
		}{
			{"access", radius.CodeAccessRequest, true, wire.AccessAccept},
			{"access without Message-Authenticator", radius.CodeAccessRequest, false, wire.AccessAccept},
			{"accounting", radius.CodeAccountingRequest, false, wire.AccountingResponse},
			{"status", radius.CodeStatusServer, true, wire.AccessAccept},
		} {
			raw := plain(t, tt.code, tt.mac)
			n.send(raw)
			reply, err := wire.Decode(n.receive())
			if err != nil || reply.Code() != tt.want || !reply.VerifyReply([16]byte(raw[4:]), wire.NewKey([]byte("radsec"))) {
				t.Errorf("%s: %v, %v", tt.name, reply.Code(), err)
			}
			if !reply.HasMessageAuthenticator() {
				t.Errorf("%s: the answer has no Message-Authenticator", tt.name)
			}
		}
		// Two packets and a half, then the rest.
		a, b, c := plain(t, radius.CodeAccessRequest, true), plain(t, radius.CodeAccountingRequest, false), plain(t, radius.CodeAccessRequest, true)
		n.send(a, b, c[:7])
		n.receive()
		n.receive()
		n.send(c[7:])
		n.receive()
	}
}

// RFC 5080 §2.2.2, on each connection for itself.
func TestRepeatedOverTLS(t *testing.T) {
	s := startTLS(t, nil)
	n, other := s.connect(), s.connect()
	raw := plain(t, radius.CodeAccessRequest, true)
	n.send(raw)
	first := n.receive()
	n.send(raw)
	if again := n.receive(); !bytes.Equal(first, again) || s.handled.Load() != 1 {
		t.Errorf("repeated: equal %v, handled %d times", bytes.Equal(first, again), s.handled.Load())
	}
	other.send(raw)
	other.receive()
	if s.handled.Load() != 2 {
		t.Errorf("on another connection: handled %d times", s.handled.Load())
	}
}

// RFC 9765 §4, §5: the Token instead of what MD5 was for.
func TestRADIUS11(t *testing.T) {
	var password string
	s := startTLS(t, func(tt *testTransport) {
		tt.handle = func(_ context.Context, r *request) {
			b, err := r.packet.Password(r.key)
			if err != nil {
				t.Error(err)
			}
			password = string(b)
			tt.reply(r, wire.AccessAccept)
		}
	})
	n := s.connect(protocolOld, protocolClear)
	if got := n.conn.ConnectionState().NegotiatedProtocol; got != protocolClear {
		t.Fatalf("speaks %q", got)
	}
	header := func(code wire.Code, length byte, token uint32, attributes ...byte) []byte {
		b := append([]byte{byte(code), 0, 0, length}, binary.BigEndian.AppendUint32(nil, token)...)
		return append(append(b, make([]byte, 12)...), attributes...)
	}
	for i, tt := range []struct {
		name string
		in   []byte
		want []byte
	}{
		{
			"access", clearPacket(wire.AccessRequest, 0xffffffff, avp(wire.UserName, "alice"), avp(wire.UserPassword, "secret"), avp(wire.ProxyState, "p")),
			header(wire.AccessAccept, 23, 0xffffffff, byte(wire.ProxyState), 3, 'p'),
		},
		{
			"with a Message-Authenticator, which means nothing", clearPacket(wire.AccessRequest, 1, avp(wire.UserPassword, "secret"), avp(wire.MessageAuthenticator, "wrong")),
			header(wire.AccessAccept, 20, 1),
		},
		{"accounting", clearPacket(wire.AccountingRequest, 2), header(wire.AccountingResponse, 20, 2)},
		{"status", clearPacket(wire.StatusServer, 3), header(wire.AccessAccept, 20, 3)},
		{"unwanted", clearPacket(wire.CoARequest, 4), header(wire.CoANAK, 26, 4, byte(wire.ErrorCause), 6, 0, 0, 1, 0x96)},
		{"a Token that was answered", clearPacket(wire.AccountingRequest, 2), header(wire.AccountingResponse, 20, 2)},
	} {
		n.send(tt.in)
		if got := n.receive(); !bytes.Equal(got, tt.want) {
			t.Errorf("%s (%d): %x, want %x", tt.name, i, got, tt.want)
		}
	}
	if password != "secret" {
		t.Errorf("password %q", password)
	}
	// RFC 9765 §4.2.2: over TLS nothing is taken for a repetition.
	if n := s.handled.Load(); n != 2 {
		t.Errorf("two Accounting-Requests were handled %d times", n)
	}
}

// RFC 9765 §6.1: a server of RADIUS/1.1 says what it cannot do.
func TestUnableInRADIUS11(t *testing.T) {
	why := overloaded
	s := startTLS(t, func(tt *testTransport) {
		tt.handle = func(_ context.Context, r *request) { tt.drop(r, why) }
	})
	n := s.connect(protocolClear)
	for _, tt := range []struct {
		why   discard
		cause byte
	}{{undecided, 250}, {misplacedEAP, 202}, {panicked, 250}} {
		why = tt.why
		n.send(clearPacket(wire.AccessRequest, 9))
		p, err := wire.DecodeClear(n.receive())
		cause, _ := p.Lookup(wire.ErrorCause)
		want := []byte{0, 0, 0, tt.cause}
		if tt.cause == 250 {
			want = []byte{0, 0, 1, 250} // 506
		}
		if err != nil || p.Code() != wire.ProtocolError || !bytes.Equal(cause, want) {
			t.Errorf("%s: %v with cause %x", tt.why, p.Code(), cause)
		}
	}
	// In the older version it is silence, and a NAK of what is not wanted.
	old := s.connect()
	old.send(plain(t, radius.CodeAccessRequest, true), plain(t, radius.CodeCoARequest, false))
	p, err := wire.Decode(old.receive())
	if cause, _ := p.Uint32(wire.ErrorCause); err != nil || p.Code() != wire.CoANAK || cause != 406 {
		t.Errorf("%v with cause %d", p.Code(), cause)
	}
	old.send(plain(t, radius.CodeDisconnectRequest, false))
	if b := old.receive(); wire.Code(b[0]) != wire.DisconnectNAK {
		t.Errorf("%x", b)
	}
	strange := plain(t, radius.CodeAccountingRequest, false)
	strange[0] = 99
	old.send(strange, plain(t, radius.CodeStatusServer, true))
	if b := old.receive(); wire.Code(b[0]) != wire.AccessAccept {
		t.Errorf("%x", b)
	}
}

// RFC 9765 §3: what is spoken is agreed on in the handshake, and never changes.
func TestProtocolOfAConnection(t *testing.T) {
	s := startTLS(t, nil)
	for _, tt := range []struct {
		name   string
		change func(*tls.Config)
		want   string
		alert  string
	}{
		{"no ALPN", alpn(), "", ""},
		{"old", alpn(protocolOld), protocolOld, ""},
		{"both: the newest", alpn(protocolOld, protocolClear), protocolClear, ""},
		{"neither", alpn("http/1.1"), "", "no application protocol"},
		{"TLS 1.2 has the old one", func(c *tls.Config) {
			c.MaxVersion = tls.VersionTLS12
			c.NextProtos = []string{protocolClear, protocolOld}
		}, protocolOld, ""},
		{"TLS 1.2 has not the new one", func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12; c.NextProtos = []string{protocolClear} }, "", "no application protocol"},
		{"TLS 1.1", func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11; c.MinVersion = tls.VersionTLS10 }, "", "protocol version"},
	} {
		n, err := handshake(t, s.listener.Addr(), tt.change, s.mine)
		if tt.alert != "" {
			if err == nil || !strings.Contains(err.Error(), tt.alert) {
				t.Errorf("%s: %v, want the alert %s", tt.name, err, tt.alert)
			}
			continue
		}
		if err != nil || n.conn.ConnectionState().NegotiatedProtocol != tt.want {
			t.Errorf("%s: %q, %v", tt.name, n.conn.ConnectionState().NegotiatedProtocol, err)
		}
	}
	// A packet of the new version on a connection of the old one is forged, and a
	// packet of the old one on a connection of the new one is answered as the new
	// one says.
	n := s.connect(protocolOld)
	n.send(clearPacket(wire.AccountingRequest, 1))
	n.closed()
	s.ended(endForged, 1)
	n = s.connect(protocolClear)
	raw := plain(t, radius.CodeAccountingRequest, false)
	n.send(raw)
	if b := n.receive(); !bytes.Equal(b[4:8], raw[4:8]) || !bytes.Equal(b[8:20], make([]byte, 12)) {
		t.Errorf("answered %x", b)
	}
}

// A Message-Authenticator that is wrong, or absent where it must be.
func TestAuthenticatorsOverTLS(t *testing.T) {
	s := startTLS(t, nil)
	wrong := plain(t, radius.CodeAccessRequest, true)
	wrong[len(wrong)-1] ^= 1
	accounting := radius.New(radius.CodeAccountingRequest, []byte(radsec))
	_ = rfc2869.MessageAuthenticator_Set(accounting, make([]byte, 16))
	another := radius.New(radius.CodeAccountingRequest, []byte(testSecret))
	forged := 0
	for name, raw := range map[string][]byte{
		"wrong Message-Authenticator":  wrong,
		"accounting with a wrong one":  encoded(t, accounting),
		"accounting of another secret": encoded(t, another),
	} {
		n := s.connect()
		n.send(raw)
		n.closed()
		forged++
		s.ended(endForged, forged)
		if s.handled.Load() != 0 {
			t.Errorf("%s: handled", name)
		}
	}
	n := s.connect()
	n.send(plain(t, radius.CodeAccessRequest, false, radius.AVP{Type: radius.Type(wire.EAPMessage), Attribute: []byte{2, 1, 0, 4}}))
	n.send(plain(t, radius.CodeStatusServer, false))
	raw := plain(t, radius.CodeStatusServer, true)
	n.send(raw)
	if b := n.receive(); b[1] != raw[1] || s.discarded(bareEAP) != 1 || s.discarded(noAuthenticator) != 1 {
		t.Errorf("answered %x; discarded %d and %d", b, s.discarded(bareEAP), s.discarded(noAuthenticator))
	}
}

// Whoever sends what is no packet, or none at all, loses the connection, because
// nobody knows where the next one begins.
func TestEndOfAConnection(t *testing.T) {
	hold := make(chan struct{})
	s := startTLS(t, func(tt *testTransport) {
		tt.streams.limits.packet = 50 * time.Millisecond
		tt.handle = func(_ context.Context, r *request) {
			<-hold
			tt.drop(r, undecided)
		}
	})
	t.Cleanup(func() { close(hold) })
	packet := func(change func(b []byte)) []byte {
		b := clearPacket(wire.AccountingRequest, 5, avp(wire.UserName, "alice"))
		change(b)
		return b
	}
	for _, tt := range []struct {
		name string
		send []byte
		want ending
	}{
		{"length under 20", packet(func(b []byte) { b[3] = 19 }), endMalformed},
		{"length over 4096", packet(func(b []byte) { b[2], b[3] = 0x10, 1 }), endMalformed},
		{"attribute of length 1", packet(func(b []byte) { b[21] = 1 }), endMalformed},
		{"attribute out of the packet", packet(func(b []byte) { b[21]++ }), endMalformed},
		{"half a header", packet(func([]byte) {})[:3], endSlow},
		{"half a packet", packet(func([]byte) {})[:24], endSlow},
		{"one Token for two", bytes.Repeat(clearPacket(wire.AccessRequest, 1), 2), endToken},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := s.connect(protocolClear)
			n.t = t
			n.send(tt.send)
			n.closed()
		})
	}
	s.ended(endMalformed, 4)
	s.ended(endSlow, 2)
	s.ended(endToken, 1)
	_ = s.connect().conn.Close()
	s.ended(endClosed, 1)
}

// A connection on which nothing comes ends.
func TestIdleConnection(t *testing.T) {
	s := startTLS(t, func(tt *testTransport) { tt.streams.limits.idle = 50 * time.Millisecond })
	s.connect().closed()
	s.ended(endIdle, 1)
}

// A NAS that does not read its answers must not fill the memory or hold up
// anybody else.
func TestAnswersThatAreNotRead(t *testing.T) {
	s := startTLS(t, func(tt *testTransport) {
		tt.commit = func(_ context.Context, rs []*request) {
			for _, r := range rs {
				e := wire.NewReply(nil, wire.AccountingResponse, r.packet, false)
				for range 15 {
					e.AddString(wire.ReplyMessage, strings.Repeat("x", wire.MaxValue))
				}
				b, err := e.Finish(nil)
				if err != nil {
					tt.drop(r, unanswerable)
					continue
				}
				tt.answer(r, b)
			}
		}
	})
	n := s.connect(protocolClear)
	token := uint32(0)
	for {
		token++
		if _, err := n.conn.Write(clearPacket(wire.AccountingRequest, token)); err != nil {
			break
		}
		if token > 100_000 {
			t.Fatal("it goes on for ever")
		}
	}
	s.ended(endSlow, 1)
}

// A certificate that ends while the connection is open ends the connection.
func TestExpiredWhileConnected(t *testing.T) {
	var later atomic.Int64
	s := startTLS(t, func(tt *testTransport) {
		tt.now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	})
	n := s.connect(protocolClear)
	n.send(clearPacket(wire.StatusServer, 1))
	n.receive()
	later.Store(int64(2 * time.Hour))
	n.send(clearPacket(wire.StatusServer, 2))
	n.closed()
	s.ended(endExpired, 1)
}

// Without a certificate there is no connection, whatever comes over it.
func TestNoCertificate(t *testing.T) {
	s := startTLS(t, nil)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		n, err := handshake(t, s.listener.Addr(), func(c *tls.Config) { c.MaxVersion = version })
		if err == nil {
			n.closed()
		}
	}
	s.ended(endHandshake, 2)
}

// A client that was deleted during its handshake is not let in.
func TestDeletedDuringTheHandshake(t *testing.T) {
	s := startTLS(t, nil)
	leaf, err := x509.ParseCertificate(s.mine.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	c := &stream{t: s.transport, peer: netip.MustParseAddrPort("127.0.0.1:1"), chain: []*x509.Certificate{leaf}}
	if err := s.streams.identify(c); err != nil {
		t.Fatal(err)
	}
	s.streams.renew(newRoster(x509.NewCertPool()))
	if why := s.streams.enter(c); why != endRevoked {
		t.Errorf("%q", why)
	}
}

func TestTooManyConnections(t *testing.T) {
	s := startTLS(t, func(tt *testTransport) { tt.streams.limits.perClient = 2 })
	talk := func() *nas {
		n := s.connect(protocolClear)
		n.send(clearPacket(wire.StatusServer, 1))
		n.receive()
		return n
	}
	first, second := talk(), talk()
	s.connect(protocolClear).closed()
	s.ended(endPerClient, 1)
	// Whoever was there before is served.
	first.send(clearPacket(wire.StatusServer, 2))
	first.receive()
	_ = second.conn.Close()
	s.ended(endClosed, 1)
	talk()
}

// Strangers, who connect and say nothing, are refused above each limit, and let
// go of their places.
func TestTooManyStrangers(t *testing.T) {
	for name, limit := range map[string]func(*streamLimits){
		"of one address": func(l *streamLimits) { l.perAddress = 3 },
		"in all":         func(l *streamLimits) { l.strangers = 3 },
		"and others":     func(l *streamLimits) { l.connections = 3 },
	} {
		t.Run(name, func(t *testing.T) {
			s := startTLS(t, func(tt *testTransport) {
				tt.streams.limits.handshake = time.Minute
				limit(&tt.streams.limits)
			})
			var silent []net.Conn
			for range 4 {
				nc, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = nc.Close() }()
				silent = append(silent, nc)
			}
			s.ended(endLimit, 1)
			_ = silent[0].Close()
			s.ended(endHandshake, 1)
			n := s.connect(protocolClear)
			n.send(clearPacket(wire.StatusServer, 1))
			n.receive()
		})
	}
}

// What was accepted before the end is answered, on the same connection.
func TestAnswersAfterTheEnd(t *testing.T) {
	under, release := make(chan struct{}), make(chan struct{})
	l := listenTCP(t)
	s := startTLS(t, func(tt *testTransport) {
		tt.streams.listeners = append(tt.streams.listeners, l)
		tt.handle = func(_ context.Context, r *request) {
			close(under)
			<-release
			tt.reply(r, wire.AccessAccept)
		}
	})
	n := s.connect(protocolClear)
	n.send(clearPacket(wire.AccessRequest, 1))
	<-under
	s.stop()
	waitFor(t, func() bool { // nobody is let in any more
		_, err := l.Accept()
		return errors.Is(err, net.ErrClosed)
	})
	close(release)
	n.receive()
	n.closed()
}

// FuzzStream checks that packets are taken off a stream as they were put in, and
// that nothing else is taken for one.
func FuzzStream(f *testing.F) {
	f.Add(clearPacket(wire.AccessRequest, 1, avp(wire.UserName, "alice")))
	f.Add(append(clearPacket(wire.AccountingRequest, 1), clearPacket(wire.StatusServer, 2)...))
	f.Add([]byte{1, 1, 0, 19, 0})
	f.Add([]byte{1, 1, 0x10, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bufio.NewReaderSize(iotest.OneByteReader(bytes.NewReader(b)), wire.MaxLength)
		rest := b
		for {
			raw, err := packetOf(r)
			if err != nil {
				if errors.Is(err, wire.ErrLength) != (len(rest) >= 4 && !bounded(rest)) {
					t.Fatalf("%x ends with %v", rest, err)
				}
				return
			}
			if !bounded(rest) || !bytes.Equal(raw, rest[:len(raw)]) || len(raw) != int(binary.BigEndian.Uint16(rest[2:])) {
				t.Fatalf("took %x of %x", raw, rest)
			}
			rest = rest[len(raw):]
			if _, err := r.Discard(len(raw)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func bounded(b []byte) bool {
	n := binary.BigEndian.Uint16(b[2:])
	return n >= 20 && n <= 4096
}
