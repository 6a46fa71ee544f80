package sdnotify_test

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/sdnotify"
)

func TestStates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	n := sdnotify.New(func(key string) string { return map[string]string{"NOTIFY_SOCKET": path}[key] })
	for _, tt := range []struct {
		name string
		send func() error
		want string
	}{
		{name: "ready", send: n.Ready, want: "READY=1\nSTATUS=serving"},
		{name: "stopping", send: n.Stopping, want: "STOPPING=1\nSTATUS=draining"},
		{name: "alive", send: n.Alive, want: "WATCHDOG=1"},
		{name: "reloading", send: n.Reloading, want: "RELOADING=1\nMONOTONIC_USEC="},
		{name: "waiting", send: func() error { return n.Waiting("a\nb", time.Second) }, want: "STATUS=waiting: a b\nEXTEND_TIMEOUT_USEC=1000000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.send(); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 100)
			size, err := conn.Read(buf)
			if err != nil || !strings.HasPrefix(string(buf[:size]), tt.want) {
				t.Errorf("received %q, %v; want %q", buf[:size], err, tt.want)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	if err := (sdnotify.Notifier{}).Ready(); err != nil {
		t.Error(err)
	}
	gone := sdnotify.New(func(string) string { return "/absent/notify" })
	if err := gone.Ready(); err == nil {
		t.Error("no error for a socket that does not exist")
	}
}

func TestWatchdog(t *testing.T) {
	for _, tt := range []struct {
		name, usec, pid string
		want            time.Duration
	}{
		{name: "off"},
		{name: "on", usec: "10000000", want: 5 * time.Second},
		{name: "for us", usec: "10000000", pid: strconv.Itoa(os.Getpid()), want: 5 * time.Second},
		{name: "for another process", usec: "10000000", pid: "1"},
		{name: "not a number", usec: "x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := map[string]string{"WATCHDOG_USEC": tt.usec, "WATCHDOG_PID": tt.pid}
			if got := sdnotify.New(func(key string) string { return env[key] }).WatchdogEvery(); got != tt.want {
				t.Errorf("WatchdogEvery = %v, want %v", got, tt.want)
			}
		})
	}
}
