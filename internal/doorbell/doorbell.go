// Package doorbell wakes other processes of one host: an empty unix datagram
// to every socket of a kind in the runtime directory.
//
// A ring carries nothing and may be lost; whoever listens also looks from time
// to time. Rings that come while one is unanswered are one ring. What a
// process that died left behind is removed by the next ring.
package doorbell

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

const suffix = ".bell"

// maxPath is the longest path of a unix socket on Linux, without the NUL.
const maxPath = 107

// Bell is a bell that others can ring.
type Bell struct {
	path  string
	dir   *os.File // keeps the short name of a long path alive
	conn  *net.UnixConn
	rings chan struct{}
	done  chan struct{}
}

// Listen puts a bell of a kind ("feed", "jobs") into dir, which must exist.
// The bell is open to the group of dir.
func Listen(dir, kind string) (*Bell, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("hang up doorbell: %w", err)
	}
	name := fmt.Sprintf("%s.%d.%s%s", kind, os.Getpid(), rand.Text()[:8], suffix)
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socketPath(d, name), Net: "unixgram"})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("hang up doorbell: %w", err), d.Close())
	}
	b := &Bell{path: filepath.Join(dir, name), dir: d, conn: conn, rings: make(chan struct{}, 1), done: make(chan struct{})}
	if err := os.Chmod(b.path, 0o660); err != nil {
		go b.listen()
		return nil, errors.Join(fmt.Errorf("hang up doorbell: %w", err), b.Close())
	}
	go b.listen()
	return b, nil
}

// socketPath returns a name for bind and sendto that fits into a socket
// address, however deep the directory is.
func socketPath(dir *os.File, name string) string {
	if path := filepath.Join(dir.Name(), name); len(path) <= maxPath {
		return path
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), name)
}

func (b *Bell) listen() {
	defer close(b.done)
	var discard [1]byte
	for {
		if _, err := b.conn.Read(discard[:]); err != nil {
			return // closed
		}
		select {
		case b.rings <- struct{}{}:
		default:
		}
	}
}

// Rings receives once for one or more rings. It is never closed.
func (b *Bell) Rings() <-chan struct{} { return b.rings }

// Close takes the bell down.
func (b *Bell) Close() error {
	err := errors.Join(os.Remove(b.path), b.conn.Close(), b.dir.Close())
	<-b.done
	return err
}

// Ringer rings the bells in one directory. Its methods may be called by
// several goroutines.
type Ringer struct {
	dir string

	mu     sync.Mutex
	socket int // -1 when closed
}

// NewRinger returns a Ringer for dir, which need not exist yet.
func NewRinger(dir string) (*Ringer, error) {
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open doorbell socket: %w", err)
	}
	return &Ringer{dir: dir, socket: socket}, nil
}

// Ring rings every bell of a kind, those of this process included. It never
// blocks: a bell whose queue is full has been rung already.
func (r *Ringer) Ring(kind string) {
	dir, err := os.Open(r.dir)
	if err != nil {
		return // no directory, nobody who listens
	}
	defer func() { _ = dir.Close() }()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range names {
		if r.socket < 0 || !strings.HasPrefix(name, kind+".") || !strings.HasSuffix(name, suffix) {
			continue
		}
		err := unix.Sendto(r.socket, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, &unix.SockaddrUnix{Name: socketPath(dir, name)})
		if errors.Is(err, unix.ECONNREFUSED) {
			_ = os.Remove(filepath.Join(r.dir, name)) // its process is gone
		}
	}
}

// Close closes the Ringer; later rings do nothing.
func (r *Ringer) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.socket < 0 {
		return nil
	}
	err := unix.Close(r.socket)
	r.socket = -1
	return err
}
