// Package syslog sends messages in the form of RFC 5424: as datagrams over UDP
// (RFC 5426) or a unix socket, as octet-counted frames over TCP (RFC 6587
// §3.4.1) or TLS (RFC 5425). It has no structured data and does not receive.
package syslog

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// priority is facility 13, log audit, and severity 5, notice (RFC 5424 §6.2.1).
const priority = 13*8 + 5

// maxDatagram is the largest message that UDP carries over IPv4.
const maxDatagram = 65507

// Sender sends messages to one receiver. It may be used by several goroutines.
type Sender struct {
	network string // "udp", "tcp", "tls", "unixgram"
	address string
	tls     *tls.Config
	host    string
	app     string
	process string

	mu   sync.Mutex
	conn net.Conn
}

// Parse reads the URL of a receiver: syslog:///dev/log, syslog+udp://HOST:PORT,
// syslog+tcp://HOST:PORT or syslog+tls://HOST:PORT. host and app name the sender
// in each message.
func Parse(text, host, app string, pid int) (*Sender, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%q is not a URL", text)
	}
	s := &Sender{host: word(host, 255), app: word(app, 48), process: strconv.Itoa(pid), address: u.Host}
	_, port, splitErr := net.SplitHostPort(u.Host)
	switch u.Scheme {
	case "syslog":
		if u.Host != "" || !strings.HasPrefix(u.Path, "/") || u.Path == "/" {
			return nil, fmt.Errorf("%q must name a socket, as in syslog:///dev/log", text)
		}
		s.network, s.address = "unixgram", u.Path
		return s, nil
	case "syslog+udp", "syslog+tcp", "syslog+tls":
		s.network = strings.TrimPrefix(u.Scheme, "syslog+")
	default:
		return nil, fmt.Errorf("%q must begin with syslog://, syslog+udp://, syslog+tcp:// or syslog+tls://", text)
	}
	if splitErr != nil || port == "" || u.Hostname() == "" || u.Path != "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q must be %s://HOST:PORT", text, u.Scheme)
	}
	if s.network == "tls" {
		// RFC 5425 §5.2: the receiver's name is verified.
		s.tls = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.Hostname()}
	}
	return s, nil
}

// word returns s as one field of the header: visible ASCII, or "-" for nothing
// (RFC 5424 §6).
func word(s string, most int) string {
	out := strings.Map(func(r rune) rune {
		if r < '!' || r > '~' {
			return -1
		}
		return r
	}, s)
	if out == "" {
		return "-"
	}
	return out[:min(len(out), most)]
}

// Send sends one message of UTF-8 text without control characters. Over a stream
// it fails when the receiver has gone; what was on the way then may be lost,
// which syslog cannot tell.
func (s *Sender) Send(ctx context.Context, at time.Time, id, text string) error {
	message := fmt.Sprintf("<%d>1 %s %s %s %s %s - %s", priority, at.UTC().Format("2006-01-02T15:04:05.000000Z"),
		s.host, s.app, s.process, word(id, 32), text)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.datagrams() {
		if len(message) > maxDatagram {
			return fmt.Errorf("send to %s: a message of %d bytes is too long for a datagram", s.address, len(message))
		}
	} else {
		message = strconv.Itoa(len(message)) + " " + message
	}
	return s.write(ctx, message)
}

func (s *Sender) datagrams() bool { return s.network == "udp" || s.network == "unixgram" }

func (s *Sender) write(ctx context.Context, message string) error {
	if s.conn != nil && !s.datagrams() && gone(s.conn) {
		s.drop()
	}
	if s.conn == nil {
		if err := s.connect(ctx); err != nil {
			return fmt.Errorf("reach the syslog receiver %s: %w", s.address, err)
		}
	}
	deadline, _ := ctx.Deadline() // none is the zero time here too
	err := s.conn.SetWriteDeadline(deadline)
	if err == nil {
		_, err = s.conn.Write([]byte(message))
	}
	if err != nil {
		s.drop()
		return fmt.Errorf("send to the syslog receiver %s: %w", s.address, err)
	}
	return nil
}

// gone reports whether the receiver has closed a stream. It never says anything,
// so whatever can be read is the end.
func gone(c net.Conn) bool {
	if err := c.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		return true
	}
	_, err := c.Read(make([]byte, 1))
	var timeout net.Error
	return !errors.As(err, &timeout) || !timeout.Timeout()
}

func (s *Sender) connect(ctx context.Context) (err error) {
	if s.tls != nil {
		s.conn, err = (&tls.Dialer{Config: s.tls}).DialContext(ctx, "tcp", s.address)
	} else {
		s.conn, err = (&net.Dialer{}).DialContext(ctx, s.network, s.address)
	}
	if err != nil {
		s.conn = nil
	}
	return err
}

func (s *Sender) drop() {
	_ = s.conn.Close() // it is broken, or of no use any more
	s.conn = nil
}

// Close ends the connection, if there is one.
func (s *Sender) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return nil
	}
	err := s.conn.Close()
	s.conn = nil
	return err
}
