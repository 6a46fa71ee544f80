package radiusd

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"

	"gatehouse/radiusd/wire"
)

const testSecret = "the secret of a test network"

// signed encodes p with a right Message-Authenticator.
func signed(tb testing.TB, p *radius.Packet) []byte {
	tb.Helper()
	if err := rfc2869.MessageAuthenticator_Set(p, make([]byte, 16)); err != nil {
		tb.Fatal(err)
	}
	raw, err := p.MarshalBinary()
	if err != nil {
		tb.Fatal(err)
	}
	mac := hmac.New(md5.New, p.Secret)
	mac.Write(raw)
	if err := rfc2869.MessageAuthenticator_Set(p, mac.Sum(nil)); err != nil {
		tb.Fatal(err)
	}
	return encoded(tb, p)
}

func encoded(tb testing.TB, p *radius.Packet) []byte {
	tb.Helper()
	raw, err := p.Encode()
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

func accessRequest(tb testing.TB, name, password string) *radius.Packet {
	tb.Helper()
	p := radius.New(radius.CodeAccessRequest, []byte(testSecret))
	if err := rfc2865.UserName_SetString(p, name); err != nil {
		tb.Fatal(err)
	}
	if err := rfc2865.UserPassword_SetString(p, password); err != nil {
		tb.Fatal(err)
	}
	return p
}

func listenUDP(tb testing.TB, address string) *net.UDPConn {
	tb.Helper()
	var config net.ListenConfig
	network := "udp"
	if strings.HasPrefix(address, "0.0.0.0") {
		network = "udp4" // "udp" would make it an IPv6 socket
	}
	c, err := config.ListenPacket(tb.Context(), network, address)
	if err != nil {
		tb.Fatal(err)
	}
	return c.(*net.UDPConn)
}

// testTransport is a running transport whose clients are the loopback nets.
type testTransport struct {
	*transport
	auth, acct *net.UDPConn
	handled    atomic.Int64
	stop       context.CancelFunc
}

func startTransport(tb testing.TB, listen string, c *client, prepare func(*testTransport)) *testTransport {
	tb.Helper()
	tt := &testTransport{transport: newTransport(slog.New(slog.DiscardHandler), time.Now)}
	tt.auth, tt.acct = listenUDP(tb, listen), listenUDP(tb, listen)
	for i, conn := range []*net.UDPConn{tt.auth, tt.acct} {
		s, err := newSocket(conn, i, i == 1)
		if err != nil {
			tb.Fatal(err)
		}
		tt.sockets = append(tt.sockets, s)
	}
	var err error
	zero := func() float64 { return 0 }
	if tt.metrics, err = newMetrics(nil, zero, zero); err != nil {
		tb.Fatal(err)
	}
	clients := new(table)
	c.clientState = new(clientState)
	if c.keys == nil {
		c.keys = []*wire.Key{wire.NewKey([]byte(testSecret))}
	}
	for _, p := range []string{"127.0.0.0/8", "::1/128"} {
		clients.add(netip.MustParsePrefix(p), c)
	}
	tt.clients.Store(clients)
	tt.ready.Store(true)
	tt.seen = func(*client) {}
	tt.handle = func(_ context.Context, r *request) {
		tt.handled.Add(1)
		tt.reply(r, wire.AccessAccept)
	}
	tt.commit = func(_ context.Context, rs []*request) {
		for _, r := range rs {
			tt.handled.Add(1)
			tt.reply(r, wire.AccountingResponse)
		}
	}
	if prepare != nil {
		prepare(tt)
	}
	var ctx context.Context
	ctx, tt.stop = context.WithCancel(context.WithoutCancel(tb.Context()))
	done := make(chan struct{})
	go func() { tt.run(ctx); close(done) }()
	tb.Cleanup(func() { tt.stop(); <-done })
	return tt
}

func (tt *testTransport) reply(r *request, code wire.Code) {
	e := wire.NewReply(nil, code, r.packet, true)
	echoProxyState(e, r.packet)
	b, err := e.Finish(r.key)
	if err != nil {
		tt.drop(r, unanswerable)
		return
	}
	tt.answer(r, b)
}

// asker is a client socket.
type asker struct {
	t    testing.TB
	conn *net.UDPConn
}

func dial(tb testing.TB, to net.Addr) *asker {
	tb.Helper()
	conn, err := (&net.Dialer{}).DialContext(tb.Context(), "udp", to.String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	return &asker{tb, conn.(*net.UDPConn)}
}

func (a *asker) send(b []byte) {
	a.t.Helper()
	if _, err := a.conn.Write(b); err != nil {
		a.t.Fatal(err)
	}
}

// receive returns the next answer within 5 s.
func (a *asker) receive() []byte {
	a.t.Helper()
	_ = a.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	b := make([]byte, wire.MaxLength)
	n, err := a.conn.Read(b)
	if err != nil {
		a.t.Fatalf("no answer: %v", err)
	}
	return b[:n]
}

// barrier is how a test knows that what it sent before was read: packets of
// one socket are read in order, and a Status-Server is answered at once.
func (a *asker) barrier() []byte {
	a.t.Helper()
	status := radius.New(radius.CodeStatusServer, []byte(testSecret))
	raw := signed(a.t, status)
	a.send(raw)
	for {
		b := a.receive()
		if p, err := wire.Decode(b); err == nil && p.Identifier() == status.Identifier && p.VerifyReply(status.Authenticator, wire.NewKey([]byte(testSecret))) {
			return b
		}
		a.t.Errorf("an answer where there should be none: %x", b)
	}
}

func (tt *testTransport) discarded(why discard) int {
	var m dto.Metric
	if err := tt.metrics.discarded[why].Write(&m); err != nil {
		panic(err)
	}
	return int(m.GetCounter().GetValue())
}

func TestDiscards(t *testing.T) {
	bare := func(types ...wire.Type) func() []byte {
		return func() []byte {
			p := accessRequest(t, "alice", "secret")
			for _, typ := range types {
				p.Add(radius.Type(typ), []byte("x"))
			}
			return encoded(t, p)
		}
	}
	tests := []struct {
		name       string
		auto       bool
		accounting bool
		packet     func() []byte
		want       discard
	}{
		{"no message-authenticator", false, false, bare(), noAuthenticator},
		{"wrong message-authenticator", true, false, func() []byte {
			b := signed(t, accessRequest(t, "alice", "secret"))
			b[len(b)-1] ^= 1
			return b
		}, wrongSecret},
		{"another secret", false, false, func() []byte {
			p := accessRequest(t, "alice", "secret")
			p.Secret = []byte("another")
			return signed(t, p)
		}, wrongSecret},
		{"proxy-state without message-authenticator", true, false, bare(wire.ProxyState), bareProxyState},
		{"EAP without message-authenticator", true, false, bare(wire.EAPMessage), bareEAP},
		{"shorter than its length", false, false, func() []byte {
			b := signed(t, accessRequest(t, "alice", "secret"))
			return b[:len(b)-1]
		}, malformed},
		{"not a packet", false, false, func() []byte { return []byte("GET / HTTP/1.1") }, malformed},
		{"accounting on the authentication port", false, false, func() []byte {
			return encoded(t, radius.New(radius.CodeAccountingRequest, []byte(testSecret)))
		}, unexpectedCode},
		{"access on the accounting port", false, true, func() []byte {
			return signed(t, accessRequest(t, "alice", "secret"))
		}, unexpectedCode},
		{"an answer as a request", false, false, func() []byte {
			return encoded(t, radius.New(radius.CodeAccessAccept, []byte(testSecret)))
		}, unexpectedCode},
		{"accounting with another secret", false, true, func() []byte {
			return encoded(t, radius.New(radius.CodeAccountingRequest, []byte("another")))
		}, wrongSecret},
		{"accounting with a wrong message-authenticator", false, true, func() []byte {
			p := radius.New(radius.CodeAccountingRequest, []byte(testSecret))
			_ = rfc2869.MessageAuthenticator_Set(p, make([]byte, 16))
			return encoded(t, p)
		}, wrongSecret},
		{"status without message-authenticator", true, false, func() []byte {
			return encoded(t, radius.New(radius.CodeStatusServer, []byte(testSecret)))
		}, noAuthenticator},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := startTransport(t, "127.0.0.1:0", &client{auto: tt.auto}, nil)
			conn := s.auth
			if tt.accounting {
				conn = s.acct
			}
			a := dial(t, conn.LocalAddr())
			a.send(tt.packet())
			a.barrier()
			if got := s.discarded(tt.want); got != 1 || s.handled.Load() != 0 {
				t.Errorf("%d discarded as %s, %d handled", got, tt.want, s.handled.Load())
			}
		})
	}
}

func TestUnknownClient(t *testing.T) {
	s := startTransport(t, "127.0.0.1:0", &client{}, nil)
	s.clients.Store(new(table))
	a := dial(t, s.auth.LocalAddr())
	a.send(signed(t, accessRequest(t, "alice", "secret")))
	waitFor(t, func() bool { return s.discarded(unknownClient) == 1 })
}

func TestAutomaticMode(t *testing.T) {
	var told atomic.Int64
	s := startTransport(t, "127.0.0.1:0", &client{auto: true}, func(tt *testTransport) {
		tt.seen = func(*client) { told.Add(1) }
	})
	a := dial(t, s.auth.LocalAddr())
	a.barrier() // its Message-Authenticator does not count
	p := accessRequest(t, "alice", "secret")
	a.send(encoded(t, p))
	if b := a.receive(); b[20] != byte(wire.MessageAuthenticator) {
		t.Errorf("the answer to a bare request does not begin with a Message-Authenticator: %x", b)
	}
	for range 2 {
		a.send(signed(t, accessRequest(t, "alice", "secret")))
		a.receive()
	}
	a.send(encoded(t, accessRequest(t, "alice", "secret")))
	a.barrier()
	if s.discarded(noAuthenticator) != 1 || told.Load() != 1 {
		t.Errorf("after a signed one: %d bare ones discarded, told %d times", s.discarded(noAuthenticator), told.Load())
	}
}

func TestRepeatedPacket(t *testing.T) {
	s := startTransport(t, "127.0.0.1:0", &client{}, nil)
	a, other := dial(t, s.auth.LocalAddr()), dial(t, s.auth.LocalAddr())
	p := accessRequest(t, "alice", "secret")
	raw := signed(t, p)
	a.send(raw)
	first := a.receive()
	a.send(raw)
	if again := a.receive(); !bytes.Equal(first, again) || s.handled.Load() != 1 {
		t.Errorf("repeated: equal %v, handled %d times", bytes.Equal(first, again), s.handled.Load())
	}
	other.send(raw)
	other.receive()
	if s.handled.Load() != 2 {
		t.Errorf("from another port: handled %d times", s.handled.Load())
	}
	a.send(signed(t, accessRequest(t, "alice", "secret")))
	a.receive()
	if s.handled.Load() != 3 {
		t.Errorf("with another authenticator: handled %d times", s.handled.Load())
	}
}

func TestRepeatedInFlight(t *testing.T) {
	release := make(chan struct{})
	s := startTransport(t, "127.0.0.1:0", &client{}, func(tt *testTransport) {
		tt.handle = func(_ context.Context, r *request) {
			tt.handled.Add(1)
			<-release
			tt.reply(r, wire.AccessAccept)
		}
	})
	a := dial(t, s.auth.LocalAddr())
	raw := signed(t, accessRequest(t, "alice", "secret"))
	for range 3 {
		a.send(raw)
	}
	a.barrier()
	close(release)
	a.receive()
	a.barrier() // complains about a second answer
	if s.handled.Load() != 1 || s.discarded(repeated) != 2 {
		t.Errorf("handled %d times, %d joined", s.handled.Load(), s.discarded(repeated))
	}
}

func TestUndecidedIsTriedAgain(t *testing.T) {
	s := startTransport(t, "127.0.0.1:0", &client{}, func(tt *testTransport) {
		tt.handle = func(_ context.Context, r *request) {
			if tt.handled.Add(1) == 1 {
				tt.drop(r, undecided)
				return
			}
			tt.reply(r, wire.AccessAccept)
		}
	})
	a := dial(t, s.auth.LocalAddr())
	raw := signed(t, accessRequest(t, "alice", "secret"))
	a.send(raw)
	waitFor(t, func() bool { return s.discarded(undecided) == 1 })
	a.send(raw)
	a.receive()
}

func TestPaddedPacket(t *testing.T) {
	s := startTransport(t, "127.0.0.1:0", &client{}, nil)
	a := dial(t, s.auth.LocalAddr())
	a.send(append(signed(t, accessRequest(t, "alice", "secret")), make([]byte, 100)...))
	a.receive()
	p := radius.New(radius.CodeAccountingRequest, []byte(testSecret))
	_ = rfc2866.AcctSessionID_SetString(p, "1")
	b := dial(t, s.acct.LocalAddr())
	b.send(append(encoded(t, p), make([]byte, 5000)...))
	b.receive()
}

func TestSecretRotation(t *testing.T) {
	s := startTransport(t, "127.0.0.1:0", &client{keys: []*wire.Key{wire.NewKey([]byte("the old one")), wire.NewKey([]byte("the new one"))}}, nil)
	for _, secret := range []string{"the old one", "the new one"} {
		a := dial(t, s.auth.LocalAddr())
		p := accessRequest(t, "alice", "secret")
		p.Secret = []byte(secret)
		a.send(signed(t, p))
		reply, err := wire.Decode(a.receive())
		if err != nil || !reply.VerifyReply(p.Authenticator, wire.NewKey([]byte(secret))) {
			t.Errorf("%s: the answer was not made with the same secret", secret)
		}
	}
}

func TestPanicEndsOneRequest(t *testing.T) {
	s := startTransport(t, "127.0.0.1:0", &client{}, func(tt *testTransport) {
		tt.handle = func(_ context.Context, r *request) {
			if tt.handled.Add(1) == 1 {
				panic("a bug")
			}
			tt.reply(r, wire.AccessAccept)
		}
	})
	a := dial(t, s.auth.LocalAddr())
	a.send(signed(t, accessRequest(t, "alice", "secret")))
	waitFor(t, func() bool { return s.discarded(panicked) == 1 })
	a.send(signed(t, accessRequest(t, "alice", "secret")))
	a.receive()
}

func TestStatusWhileQueuesAreFull(t *testing.T) {
	release := make(chan struct{})
	s := startTransport(t, "127.0.0.1:0", &client{}, func(tt *testTransport) {
		tt.handle = func(_ context.Context, r *request) {
			<-release
			tt.drop(r, undecided)
		}
	})
	defer close(release)
	a := dial(t, s.auth.LocalAddr())
	for i := 0; s.discarded(overloaded) == 0; i++ {
		a.send(signed(t, accessRequest(t, "alice", "secret")))
		if i%50 == 0 {
			a.barrier() // not faster than the socket's buffer
		}
		if i > 50_000 {
			t.Fatal("the queue never filled")
		}
	}
	reply, err := wire.Decode(a.barrier())
	if err != nil || reply.Code() != wire.AccessAccept || !reply.HasMessageAuthenticator() {
		t.Errorf("status answered with %v, %v", reply.Code(), err)
	}
	s.ready.Store(false)
	a.send(signed(t, radius.New(radius.CodeStatusServer, []byte(testSecret))))
	waitFor(t, func() bool { return s.discarded(notReady) == 1 })
}

func TestStatusOnAccountingPort(t *testing.T) {
	s := startTransport(t, "127.0.0.1:0", &client{}, nil)
	if b := dial(t, s.acct.LocalAddr()).barrier(); wire.Code(b[0]) != wire.AccountingResponse {
		t.Errorf("answered with %v", wire.Code(b[0]))
	}
}

// The answer must leave from the address that was asked, also on a socket
// that is bound to all of them: a connected asker sees no other.
func TestAnswersFromTheAddressAsked(t *testing.T) {
	for _, tt := range []struct{ listen, ask, want string }{
		{"0.0.0.0:0", "127.0.0.2", "127.0.0.2"},
		{"[::]:0", "127.0.0.3", "127.0.0.3"},
		{"[::]:0", "::1", "::1"},
		{"127.0.0.4:0", "127.0.0.4", "127.0.0.4"},
	} {
		t.Run(tt.listen+" "+tt.ask, func(t *testing.T) {
			locals := make(chan netip.Addr, 1)
			s := startTransport(t, tt.listen, &client{}, func(s *testTransport) {
				s.handle = func(_ context.Context, r *request) {
					locals <- r.local
					s.reply(r, wire.AccessAccept)
				}
			})
			port := s.auth.LocalAddr().(*net.UDPAddr).Port
			a := dial(t, &net.UDPAddr{IP: net.ParseIP(tt.ask), Port: port})
			a.send(signed(t, accessRequest(t, "alice", "secret")))
			a.receive()
			if local := <-locals; local.String() != tt.want {
				t.Errorf("was asked at %s, want %s", local, tt.want)
			}
			a.barrier()
		})
	}
}

// waitFor polls until ok or 5 s have passed.
func waitFor(tb testing.TB, ok func() bool) {
	tb.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); {
		if time.Now().After(end) {
			tb.Fatal("it never happened")
		}
		time.Sleep(time.Millisecond)
	}
}
