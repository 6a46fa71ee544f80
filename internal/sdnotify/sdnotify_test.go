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

func TestNotify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	n := sdnotify.New(func(key string) string { return map[string]string{"NOTIFY_SOCKET": path}[key] })
	if err := n.Notify(sdnotify.Ready, sdnotify.Status("serving\nwell")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	size, err := conn.Read(buf)
	if want := "READY=1\nSTATUS=serving well"; err != nil || string(buf[:size]) != want {
		t.Errorf("received %q, %v; want %q", buf[:size], err, want)
	}
}

func TestNobodyListens(t *testing.T) {
	if err := (sdnotify.Notifier{}).Notify(sdnotify.Ready); err != nil {
		t.Error(err)
	}
	gone := sdnotify.New(func(string) string { return "/absent/notify" })
	if err := gone.Notify(sdnotify.Ready); err == nil {
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

func TestReloadingCarriesTheClock(t *testing.T) {
	usec, ok := strings.CutPrefix(sdnotify.Reloading(), "RELOADING=1\nMONOTONIC_USEC=")
	if n, err := strconv.ParseInt(usec, 10, 64); !ok || err != nil || n <= 0 {
		t.Errorf("Reloading = %q", sdnotify.Reloading())
	}
}
