// Package listen opens the sockets of a daemon: TCP and UDP on addresses of
// both families, unix sockets with a mode, and those that systemd opened
// before (sd_listen_fds(3)).
//
// A socket that systemd passes under the name of a configuration key replaces
// the addresses of that key. Every error names the address, the key and what
// to do. The package reads no configuration and speaks no TLS.
package listen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
)

// Sockets opens sockets. It is not safe for concurrent use.
type Sockets struct {
	inherited map[string][]*os.File
}

// New returns Sockets that prefer the inherited files, by configuration key.
// It takes ownership of them. Nil is no files.
func New(inherited map[string][]*os.File) *Sockets {
	return &Sockets{inherited: inherited}
}

// Streams opens a listener for each address of key: "127.0.0.1:389",
// "[::1]:389", ":389" for every address of both families, "localhost:389" for
// 127.0.0.1 and, where the machine has IPv6, ::1, and "unix:PATH" with mode
// 0660. On an error nothing stays open.
func (s *Sockets) Streams(ctx context.Context, key string, addresses []string) ([]net.Listener, error) {
	if files := s.take(key); files != nil {
		return inherit(key, files, net.FileListener)
	}
	var opened []net.Listener
	for _, address := range addresses {
		listeners, err := s.stream(ctx, key, address)
		if err != nil {
			return nil, errors.Join(err, closeAll(opened))
		}
		opened = append(opened, listeners...)
	}
	return opened, nil
}

func (s *Sockets) stream(ctx context.Context, key, address string) ([]net.Listener, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		l, err := unixSocket(ctx, key, path, 0o660)
		if err != nil {
			return nil, err
		}
		return []net.Listener{l}, nil
	}
	return both(key, address, func(network, address string) (net.Listener, error) {
		var config net.ListenConfig
		return config.Listen(ctx, "tcp"+network, address)
	})
}

// Unix opens a unix socket at path with the given mode, in place of one that
// nobody listens on any more. An empty path is no socket.
func (s *Sockets) Unix(ctx context.Context, key, path string, mode fs.FileMode) ([]net.Listener, error) {
	if files := s.take(key); files != nil {
		return inherit(key, files, net.FileListener)
	}
	if path == "" {
		return nil, nil
	}
	l, err := unixSocket(ctx, key, path, mode)
	if err != nil {
		return nil, err
	}
	return []net.Listener{l}, nil
}

// Packets opens a UDP socket for each address of key, in the forms of Streams
// except unix:PATH. On an error nothing stays open.
func (s *Sockets) Packets(ctx context.Context, key string, addresses []string) ([]*net.UDPConn, error) {
	if files := s.take(key); files != nil {
		return inherit(key, files, fileUDP)
	}
	var opened []*net.UDPConn
	for _, address := range addresses {
		conns, err := both(key, address, func(network, address string) (*net.UDPConn, error) {
			var config net.ListenConfig
			conn, err := config.ListenPacket(ctx, "udp"+network, address)
			if err != nil {
				return nil, err
			}
			return conn.(*net.UDPConn), nil
		})
		if err != nil {
			return nil, errors.Join(err, closeAll(opened))
		}
		opened = append(opened, conns...)
	}
	return opened, nil
}

// Unclaimed returns the names of inherited sockets that no key took. Such a
// socket accepts connections that nobody serves.
func (s *Sockets) Unclaimed() []string {
	return slices.Sorted(maps.Keys(s.inherited))
}

func (s *Sockets) take(key string) []*os.File {
	files := s.inherited[key]
	delete(s.inherited, key)
	return files
}

// socket is what listeners and packet connections have in common.
type socket interface{ Close() error }

// both opens an address, and for localhost both families under one port.
func both[S socket](key, address string, open func(network, address string) (S, error)) ([]S, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, explain(key, address, err)
	}
	if host != "localhost" {
		s, err := open(family(host), address)
		if err != nil {
			return nil, explain(key, address, err)
		}
		return []S{s}, nil
	}
	four, err := open("4", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return nil, explain(key, net.JoinHostPort("127.0.0.1", port), err)
	}
	if port == "0" {
		port = chosenPort(four)
	}
	six, err := open("6", net.JoinHostPort("::1", port))
	switch {
	case err == nil:
		return []S{four, six}, nil
	case errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EAFNOSUPPORT):
		return []S{four}, nil // a machine without IPv6
	default:
		return nil, errors.Join(explain(key, net.JoinHostPort("::1", port), err), four.Close())
	}
}

// family keeps 0.0.0.0 and [::] apart, so that both can be named; without it
// the IPv6 socket would take the IPv4 port as well.
func family(host string) string {
	addr, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return ""
	case addr.Is4():
		return "4"
	default:
		return "6"
	}
}

func chosenPort(s any) string {
	var address net.Addr
	switch s := s.(type) {
	case net.Listener:
		address = s.Addr()
	case net.PacketConn:
		address = s.LocalAddr()
	}
	_, port, _ := net.SplitHostPort(address.String())
	return port
}

func closeAll[S socket](opened []S) error {
	var errs []error
	for _, s := range opened {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// explain says what is wrong with a listen address, and what to do about it.
func explain(key, address string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("listen on %s (%s): the address is in use by another program; stop it or change %s: %w", address, key, key, syscall.EADDRINUSE)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("listen on %s (%s): no interface of this machine has the address: %w", address, key, syscall.EADDRNOTAVAIL)
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return fmt.Errorf("listen on %s (%s): not allowed; a port below 1024 needs CAP_NET_BIND_SERVICE, which the systemd units have: %w", address, key, syscall.EACCES)
	default:
		return fmt.Errorf("listen on %s (%s): %w", address, key, err)
	}
}
