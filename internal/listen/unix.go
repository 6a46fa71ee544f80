package listen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"
)

// unixListener removes its own path on Close, and only when it is still its
// own.
type unixListener struct {
	net.Listener
	path string
	info fs.FileInfo
	once sync.Once
}

// Close stops listening and removes the socket.
func (l *unixListener) Close() error {
	err := l.Listener.Close()
	l.once.Do(func() {
		if now, statErr := os.Lstat(l.path); statErr == nil && os.SameFile(l.info, now) {
			err = errors.Join(err, os.Remove(l.path))
		}
	})
	return err
}

// Addr returns the path by which clients know the socket.
func (l *unixListener) Addr() net.Addr { return &net.UnixAddr{Name: l.path, Net: "unix"} }

// unixSocket binds beside path, sets the mode and only then gives the socket
// its name, so that it is never reachable with the wrong mode.
func unixSocket(ctx context.Context, key, path string, mode fs.FileMode) (net.Listener, error) {
	if err := removeStale(ctx, path); err != nil {
		return nil, explain(key, path, err)
	}
	beside := fmt.Sprintf("%s.%d", path, os.Getpid())
	var config net.ListenConfig
	inner, err := config.Listen(ctx, "unix", beside)
	if err != nil {
		return nil, explain(key, path, err)
	}
	inner.(*net.UnixListener).SetUnlinkOnClose(false)
	info, err := publish(beside, path, mode)
	if err != nil {
		return nil, errors.Join(explain(key, path, err), inner.Close())
	}
	return &unixListener{Listener: inner, path: path, info: info}, nil
}

// publish links and does not rename: a link never replaces the socket of a
// process that was faster.
func publish(beside, path string, mode fs.FileMode) (fs.FileInfo, error) {
	err := os.Chmod(beside, mode)
	if err == nil {
		err = os.Link(beside, path)
	}
	if errors.Is(err, fs.ErrExist) {
		err = syscall.EADDRINUSE
	}
	if err = errors.Join(err, os.Remove(beside)); err != nil {
		return nil, err
	}
	return os.Lstat(path)
}

// removeStale removes a socket that nobody listens on. Anything else at path
// is left alone and is an error.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New("something that is not a socket is there; remove it")
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", path)
	if err == nil {
		return errors.Join(syscall.EADDRINUSE, conn.Close())
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return os.Remove(path)
	}
	return err
}
