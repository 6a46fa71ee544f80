package radiusd

import (
	"net"
	"net/netip"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"layeh.com/radius"

	"gatehouse/radiusd/wire"
)

// elsewhere runs fn in a network of its own, whose loopback has the addresses,
// and reports whether this machine lets us make one. Sockets that fn opens stay
// there.
func elsewhere(t *testing.T, addresses []string, fn func()) bool {
	t.Helper()
	done := make(chan bool)
	go func() {
		made := false
		defer func() { done <- made }()
		// The thread is never unlocked, so it ends with its goroutine and takes the
		// network with it.
		runtime.LockOSThread()
		if unix.Unshare(unix.CLONE_NEWNET) != nil || exec.CommandContext(t.Context(), "ip", "link", "set", "lo", "up").Run() != nil {
			return
		}
		for _, a := range addresses {
			if exec.CommandContext(t.Context(), "ip", "addr", "add", a, "dev", "lo", "nodad").Run() != nil {
				return
			}
		}
		made = true
		fn()
	}()
	return <-done
}

// An IPv6 answer leaves from the address that was asked, also where the kernel
// would choose another one, and the client is found by the longest prefix. Where
// no network can be made for it, loopback has one address, and that is tried.
func TestIPv6(t *testing.T) {
	const nas = "2001:db8:2::9"
	var s *testTransport
	var asker *net.UDPConn
	open := func(from string) {
		s = startTransport(t, "[::]:0", &client{}, func(s *testTransport) {
			clients := s.clients.Load()
			own := clients.lookup(netip.IPv6Loopback())
			wide := &client{keys: []*wire.Key{wire.NewKey([]byte("another"))}, clientState: new(clientState)}
			clients.add(netip.MustParsePrefix("2001:db8::/32"), wide)
			clients.add(netip.MustParsePrefix("2001:db8:2::/48"), own)
		})
		var err error
		// Not connected: an answer from any address is received.
		if asker, err = net.ListenUDP("udp6", &net.UDPAddr{IP: net.ParseIP(from)}); err != nil {
			t.Error(err)
		}
	}
	targets := []string{"2001:db8:1::1", "2001:db8:1::2"}
	if !elsewhere(t, []string{targets[0] + "/128", targets[1] + "/128", nas + "/128"}, func() { open(nas) }) {
		targets = []string{"::1"}
		open("::1")
	}
	if t.Failed() {
		return
	}
	t.Cleanup(func() { _ = asker.Close() })
	for _, socket := range []*net.UDPConn{s.auth, s.acct} {
		port := socket.LocalAddr().(*net.UDPAddr).Port
		for _, target := range targets {
			to := netip.AddrPortFrom(netip.MustParseAddr(target), uint16(port))
			waitFor(t, func() bool { return answeredFrom(t, asker, to) })
		}
	}
}

// answeredFrom sends a Status-Server and reports whether there is an answer soon,
// which must be from the address that was asked. A network that was just made may
// lose a packet.
func answeredFrom(t *testing.T, asker *net.UDPConn, to netip.AddrPort) bool {
	t.Helper()
	raw := signed(t, radius.New(radius.CodeStatusServer, []byte(testSecret)))
	if _, err := asker.WriteToUDPAddrPort(raw, to); err != nil {
		return false
	}
	_ = asker.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
	b := make([]byte, wire.MaxLength)
	for {
		_, from, err := asker.ReadFromUDPAddrPort(b)
		if err != nil {
			return false
		}
		if b[1] != raw[1] {
			continue // of an earlier one
		}
		if from != to {
			t.Errorf("asked %s, answered from %s", to, from)
		}
		return true
	}
}
