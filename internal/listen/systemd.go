package listen

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
)

const firstPassed = 3 // SD_LISTEN_FDS_START

// Passed returns the sockets that systemd passed to this process, by
// FileDescriptorName=, which our units set to the configuration key. Without
// such sockets it returns nil.
func Passed(getenv func(string) string) (map[string][]*os.File, error) {
	if getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	n, err := strconv.Atoi(getenv("LISTEN_FDS"))
	if err != nil || n < 0 {
		return nil, fmt.Errorf("LISTEN_FDS is %q", getenv("LISTEN_FDS"))
	}
	names := strings.Split(getenv("LISTEN_FDNAMES"), ":")
	if len(names) != n {
		return nil, fmt.Errorf("systemd passed %d sockets and %d names", n, len(names))
	}
	passed := map[string][]*os.File{}
	for i, name := range names {
		fd := firstPassed + i
		syscall.CloseOnExec(fd)
		passed[name] = append(passed[name], os.NewFile(uintptr(fd), name))
	}
	return passed, nil
}

// inherit turns passed files into sockets with open, which copies the
// descriptor; the files are closed.
func inherit[S socket](key string, files []*os.File, open func(*os.File) (S, error)) ([]S, error) {
	var opened []S
	for _, file := range files {
		s, err := open(file)
		err = errors.Join(err, file.Close())
		if err != nil {
			return nil, errors.Join(fmt.Errorf("use the socket that systemd passed for %s: %w", key, err), closeAll(opened))
		}
		opened = append(opened, s)
	}
	return opened, nil
}

func fileUDP(file *os.File) (*net.UDPConn, error) {
	conn, err := net.FilePacketConn(file)
	if err != nil {
		return nil, err
	}
	udp, ok := conn.(*net.UDPConn)
	if !ok {
		return nil, errors.Join(errors.New("is not a UDP socket"), conn.Close())
	}
	return udp, nil
}
