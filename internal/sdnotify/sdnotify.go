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

// WatchdogEvery returns how often Alive must be called (half of the time
// after which systemd kills), or 0 for never.
func (n Notifier) WatchdogEvery() time.Duration { return n.every }

// Ready says that the start, or a reload, is complete.
func (n Notifier) Ready() error { return n.send("READY=1", "STATUS=serving") }

// Reloading says that a reload begins; Ready ends it. It carries the monotonic
// clock, by which systemd tells it from an older Ready.
func (n Notifier) Reloading() error {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // fails for unknown clocks only
	return n.send("RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/1000))
}

// Stopping says that the process drains and ends.
func (n Notifier) Stopping() error { return n.send("STOPPING=1", "STATUS=draining") }

// Alive answers the watchdog.
func (n Notifier) Alive() error { return n.send("WATCHDOG=1") }

// Waiting shows what is missing in `systemctl status` and asks systemd to wait
// for at least atLeast longer.
func (n Notifier) Waiting(what string, atLeast time.Duration) error {
	return n.send("STATUS=waiting: "+strings.ReplaceAll(what, "\n", " "),
		fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", atLeast.Microseconds()))
}

func (n Notifier) send(states ...string) error {
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
