package radiusd

import (
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gatehouse/radiusd/wire"
)

func TestBucket(t *testing.T) {
	var b bucket
	now := time.Unix(1_800_000_000, 0)
	took := func() (n int) {
		for b.take(10, now) {
			n++
		}
		return n
	}
	for _, tt := range []struct {
		name  string
		after time.Duration
		want  int
	}{
		{"a second's worth at once", 0, 10},
		{"nothing is left", 0, 0},
		{"half a second", 500 * time.Millisecond, 5},
		{"the clock went back", -time.Hour, 0},
		{"a long time is a second's worth", 2 * time.Hour, 10},
	} {
		now = now.Add(tt.after)
		if got := took(); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
	for range 100 {
		if !b.take(0, now) {
			t.Fatal("no limit is a limit")
		}
	}
}

// A NAS over its limit loses requests, but it learns that the server is alive,
// and another NAS notices nothing. Packets that are not its own do not count.
func TestRateLimit(t *testing.T) {
	start := time.Now()
	s := startTransport(t, "127.0.0.1:0", &client{name: "busy", limit: 3}, func(tt *testTransport) {
		tt.now = func() time.Time { return start }
		quiet := &client{name: "quiet", limit: 3, keys: []*wire.Key{wire.NewKey([]byte(testSecret))}, clientState: new(clientState)}
		if !tt.clients.Load().add(netip.MustParsePrefix("127.0.0.9/32"), quiet) {
			t.Fatal("taken")
		}
	})
	a := dial(t, s.auth.LocalAddr())
	for range 5 {
		forged := accessRequest(t, "alice", "secret")
		forged.Secret = []byte("another")
		a.send(signed(t, forged))
	}
	a.barrier()
	for range 3 {
		a.send(signed(t, accessRequest(t, "alice", "secret")))
		a.receive()
	}
	for range 4 {
		a.send(signed(t, accessRequest(t, "alice", "secret")))
		a.barrier()
	}
	if s.handled.Load() != 3 || s.discarded(overLimit) != 4 || s.discarded(wrongSecret) != 5 {
		t.Errorf("handled %d, %d over the limit, %d forged", s.handled.Load(), s.discarded(overLimit), s.discarded(wrongSecret))
	}
	to := s.auth.LocalAddr().(*net.UDPAddr)
	conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 9)}, to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	other := &asker{t, conn}
	other.send(signed(t, accessRequest(t, "alice", "secret")))
	other.receive()
}

// A repetition of what was answered is not counted: its answer costs nothing.
func TestRateLimitForgivesRepetitions(t *testing.T) {
	start := time.Now()
	s := startTransport(t, "127.0.0.1:0", &client{limit: 1}, func(tt *testTransport) {
		tt.now = func() time.Time { return start }
	})
	a := dial(t, s.auth.LocalAddr())
	raw := signed(t, accessRequest(t, "alice", "secret"))
	for range 3 {
		a.send(raw)
		a.receive()
	}
}

// Floods are told once in a while, each kind for itself: strangers cannot hide
// what is said about a client.
func TestFloodsAreToldOnce(t *testing.T) {
	start := time.Now()
	var out lockedBuffer
	s := startTransport(t, "127.0.0.1:0", &client{name: "ap-hall", limit: 1}, func(tt *testTransport) {
		tt.now = func() time.Time { return start }
		tt.troubles = newTroubles(slog.New(slog.NewTextHandler(&out, nil)), tt.now)
	})
	a := dial(t, s.auth.LocalAddr())
	known := s.clients.Swap(new(table))
	for range 20 {
		a.send(signed(t, accessRequest(t, "alice", "secret")))
	}
	waitFor(t, func() bool { return s.discarded(unknownClient) == 20 })
	s.clients.Store(known)
	for range 20 {
		a.send(signed(t, accessRequest(t, "alice", "secret")))
	}
	a.receive()
	waitFor(t, func() bool { return s.discarded(overLimit) == 19 })
	a.send([]byte("GET / HTTP/1.1"))
	waitFor(t, func() bool { return s.discarded(malformed) == 1 })
	for reason, want := range map[discard]int{unknownClient: 1, overLimit: 1, malformed: 1} {
		if got := strings.Count(out.String(), "reason="+string(reason)); got != want {
			t.Errorf("%s: %d lines, want %d\n%s", reason, got, want, out.String())
		}
	}
}
