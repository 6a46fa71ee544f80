package listen_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"gatehouse/internal/listen"
)

// TestMain turns the test binary into a process that systemd passed sockets
// to: it says on which addresses it would serve "ldap.listen".
func TestMain(m *testing.M) {
	if os.Getenv("LISTEN_FDS") == "" {
		os.Exit(m.Run())
	}
	getenv := func(key string) string {
		if key == "LISTEN_PID" { // known only now; systemd sets it after fork
			return strconv.Itoa(os.Getpid())
		}
		return os.Getenv(key)
	}
	passed, err := listen.Passed(getenv)
	sockets := listen.New(passed)
	opened, openErr := sockets.Streams(context.Background(), "ldap.listen", nil)
	for _, l := range opened {
		fmt.Println(l.Addr())
	}
	fmt.Println(sockets.Unclaimed(), errors.Join(err, openErr))
}

func TestPassedToAProcess(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "LISTEN_FDS=3", "LISTEN_FDNAMES=ldap.listen:other:ldap.listen")
	var want string
	for _, name := range []string{"ldap.listen", "other", "ldap.listen"} {
		l := streams(t, "127.0.0.1:0")[0].(*net.TCPListener)
		file, err := l.File()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = file.Close() }()
		cmd.ExtraFiles = append(cmd.ExtraFiles, file)
		if name == "ldap.listen" {
			want += l.Addr().String() + "\n"
		}
	}
	want += "[other] <nil>\n"
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != want {
		t.Errorf("it says %q, %v; want %q", out, err, want)
	}
}

func closing[S interface{ Close() error }](t *testing.T, sockets []S) []S {
	t.Helper()
	t.Cleanup(func() {
		for _, s := range sockets {
			_ = s.Close()
		}
	})
	return sockets
}

func streams(t *testing.T, addresses ...string) []net.Listener {
	t.Helper()
	opened, err := listen.New(nil).Streams(t.Context(), "ldap.listen", addresses)
	if err != nil {
		t.Fatal(err)
	}
	return closing(t, opened)
}

func TestStreams(t *testing.T) {
	six := hasIPv6(t)
	for _, tt := range []struct {
		name string
		in   []string
		want []string // hosts
	}{
		{name: "one", in: []string{"127.0.0.1:0"}, want: []string{"127.0.0.1"}},
		{name: "none", in: nil},
		{name: "localhost", in: []string{"localhost:0"}, want: []string{"127.0.0.1", "::1"}},
		{name: "both families apart", in: []string{"0.0.0.0:0", "[::]:0"}, want: []string{"0.0.0.0", "::"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			if !six && strings.Contains(strings.Join(tt.in, " "), "[::]") {
				tt.in, tt.want = tt.in[:1], tt.want[:1]
			}
			for _, l := range streams(t, tt.in...) {
				host, _, _ := net.SplitHostPort(l.Addr().String())
				got = append(got, host)
			}
			if !six && len(tt.want) == 2 {
				tt.want = tt.want[:1]
			}
			if strings.Join(got, " ") != strings.Join(tt.want, " ") {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func hasIPv6(t *testing.T) bool {
	t.Helper()
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}

func TestLocalhostHasOnePort(t *testing.T) {
	conns, err := listen.New(nil).Packets(t.Context(), "radius.listen_auth", []string{"localhost:0"})
	if err != nil {
		t.Fatal(err)
	}
	closing(t, conns)
	for _, c := range conns {
		if c.LocalAddr().(*net.UDPAddr).Port != conns[0].LocalAddr().(*net.UDPAddr).Port {
			t.Errorf("ports differ: %v, %v", conns[0].LocalAddr(), c.LocalAddr())
		}
	}
}

func TestAddressInUse(t *testing.T) {
	address := streams(t, "127.0.0.1:0")[0].Addr().String()
	_, err := listen.New(nil).Streams(t.Context(), "ldap.listen", []string{"127.0.0.1:0", address})
	want := "listen on " + address + " (ldap.listen): the address is in use by another program; stop it or change ldap.listen: address already in use"
	if !errors.Is(err, syscall.EADDRINUSE) || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}

	conns, err := listen.New(nil).Packets(t.Context(), "radius.listen_auth", []string{"127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	closing(t, conns)
	_, err = listen.New(nil).Packets(t.Context(), "radius.listen_acct", []string{conns[0].LocalAddr().String()})
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), "(radius.listen_acct)") {
		t.Errorf("UDP: %v", err)
	}
}

func TestAddressNotHere(t *testing.T) {
	_, err := listen.New(nil).Streams(t.Context(), "ldap.listen", []string{"192.0.2.1:0"})
	if !errors.Is(err, syscall.EADDRNOTAVAIL) || !strings.Contains(err.Error(), "no interface of this machine") {
		t.Errorf("error %v", err)
	}
}

func TestUnix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ldapi")
	s := listen.New(nil)
	first, err := s.Unix(t.Context(), "ldap.listen_unix", path, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	closing(t, first)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o666 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := s.Unix(t.Context(), "ldap.listen_unix", path, 0o666); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("second listener: %v", err)
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if err := first[0].Close(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if none, err := s.Unix(t.Context(), "ldap.listen_unix", "", 0o666); none != nil || err != nil {
		t.Errorf("empty path: %v, %v", none, err)
	}
}

// What kill -9 leaves behind must not keep the next start from working.
func TestUnixReplacesStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scim.sock")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	if err := stale.Close(); err != nil {
		t.Fatal(err)
	}
	streams(t, "unix:"+path)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestUnixLeavesFilesAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listen.New(nil).Streams(t.Context(), "scim.listen", []string{"unix:" + path}); err == nil {
		t.Fatal("listened in place of a file")
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "x" {
		t.Errorf("file is %q, %v", text, err)
	}
}

func TestCloseLeavesTheSuccessor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	first := streams(t, "unix:"+path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	streams(t, "unix:"+path)
	_ = first[0].Close()
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		t.Error("removed the socket of another listener")
	}
}

func TestInherited(t *testing.T) {
	tcp := streams(t, "127.0.0.1:0")[0].(*net.TCPListener)
	file, err := tcp.File()
	if err != nil {
		t.Fatal(err)
	}
	s := listen.New(map[string][]*os.File{"ldap.listen": {file}})
	if got := s.Unclaimed(); len(got) != 1 || got[0] != "ldap.listen" {
		t.Errorf("Unclaimed = %v", got)
	}
	got, err := s.Streams(t.Context(), "ldap.listen", []string{"127.0.0.1:0", "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	closing(t, got)
	if len(got) != 1 || got[0].Addr().String() != tcp.Addr().String() || len(s.Unclaimed()) != 0 {
		t.Errorf("got %v, want the socket %v alone", got, tcp.Addr())
	}

	file, err = tcp.File()
	if err != nil {
		t.Fatal(err)
	}
	_, err = listen.New(map[string][]*os.File{"radius.listen_auth": {file}}).Packets(t.Context(), "radius.listen_auth", nil)
	if err == nil || !strings.Contains(err.Error(), "radius.listen_auth") {
		t.Errorf("a TCP socket for UDP: %v", err)
	}
}

func TestPassed(t *testing.T) {
	pid := strconv.Itoa(os.Getpid())
	for _, tt := range []struct {
		name, pid, fds, names string
		err                   bool
	}{
		{name: "nothing"},
		{name: "for another process", pid: "1", fds: "1", names: "a"},
		{name: "not a number", pid: pid, fds: "x", names: "a", err: true},
		{name: "too few names", pid: pid, fds: "2", names: "a", err: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := map[string]string{"LISTEN_PID": tt.pid, "LISTEN_FDS": tt.fds, "LISTEN_FDNAMES": tt.names}
			passed, err := listen.Passed(func(key string) string { return env[key] })
			if len(passed) != 0 || (err != nil) != tt.err {
				t.Errorf("Passed = %v, %v", passed, err)
			}
		})
	}
}
