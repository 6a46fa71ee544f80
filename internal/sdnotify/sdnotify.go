// Package sdnotify tells systemd about the state of this process
// (sd_notify(3)). Without a service manager every call does nothing.
package sdnotify

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The states without a value.
const (
	Ready    = "READY=1"
	Stopping = "STOPPING=1"
	Watchdog = "WATCHDOG=1"
)

// Reloading is the state before a reload; Ready ends it. It carries the
// monotonic clock, by which systemd tells it from an older Ready.
func Reloading() string {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // fails for unknown clocks only
	return fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", now.Nano()/1000)
}

// Status is one line that `systemctl status` shows.
func Status(text string) string { return "STATUS=" + strings.ReplaceAll(text, "\n", " ") }

// ExtendTimeout asks systemd to wait at least d longer for Ready or the end.
func ExtendTimeout(d time.Duration) string {
	return fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", d.Microseconds())
}

// Notifier sends states. The zero value has nobody to send them to.
type Notifier struct {
	address string
	every   time.Duration
}

// New returns the Notifier for $NOTIFY_SOCKET, $WATCHDOG_USEC and
// $WATCHDOG_PID.
func New(getenv func(string) string) Notifier {
	n := Notifier{address: getenv("NOTIFY_SOCKET")}
	usec, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64)
	pid := getenv("WATCHDOG_PID")
	if err == nil && usec > 0 && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		n.every = time.Duration(usec) * time.Microsecond / 2
	}
	return n
}

// WatchdogEvery returns how often Watchdog must be sent (half of the time
// after which systemd kills), or 0 for never.
func (n Notifier) WatchdogEvery() time.Duration { return n.every }

// Notify sends states in one message.
func (n Notifier) Notify(states ...string) error {
	if n.address == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.address, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("notify the service manager: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte(strings.Join(states, "\n"))); err != nil {
		return fmt.Errorf("notify the service manager: %w", err)
	}
	return nil
}
