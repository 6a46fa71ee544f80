package syslog_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/syslog"
)

func sender(t *testing.T, url string) *syslog.Sender {
	t.Helper()
	s, err := syslog.Parse(url, "a host", "gatehouse", 7)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

var at = time.Date(2026, 3, 2, 9, 0, 0, 1000, time.FixedZone("", 3600)) //nolint:gochecknoglobals // a constant

const want = `<109>1 2026-03-02T08:00:00.000001Z ahost gatehouse 7 checkpoint - {"a":"ü"}`

func TestDatagrams(t *testing.T) {
	udp, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "log")
	unix, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	for url, receiver := range map[string]net.PacketConn{"syslog+udp://" + udp.LocalAddr().String(): udp, "syslog://" + path: unix} {
		s := sender(t, url)
		if err := s.Send(t.Context(), at, "checkpoint", `{"a":"ü"}`); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 2000)
		n, _, err := receiver.ReadFrom(b)
		if err != nil || string(b[:n]) != want {
			t.Errorf("%s: %q, %v", url, b[:n], err)
		}
		if err := s.Send(t.Context(), at, "x", strings.Repeat("x", 70_000)); err == nil {
			t.Errorf("%s: a message that is too long was sent", url)
		}
		_ = receiver.Close()
	}
}

// frame reads one message by its octet count (RFC 6587 §3.4.1).
func frame(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	count, err := r.ReadString(' ')
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(count))
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestStream(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := sender(t, "syslog+tcp://"+l.Addr().String())
	for range 2 { // the second time the receiver has restarted
		if err := s.Send(t.Context(), at, "checkpoint", `{"a":"ü"}`); err != nil {
			t.Fatal(err)
		}
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(c)
		if got := frame(t, r); got != want {
			t.Errorf("%q", got)
		}
		if err := s.Send(t.Context(), at, "checkpoint", `{"a":"ü"}`); err != nil {
			t.Fatal(err)
		}
		if got := frame(t, r); got != want {
			t.Errorf("%q", got)
		}
		_ = c.Close()
	}
	_ = l.Close()
	// At the latest the second message finds that nobody is there.
	if err1, err2 := s.Send(t.Context(), at, "x", "x"), s.Send(t.Context(), at, "x", "x"); err1 == nil && err2 == nil {
		t.Error("nobody listens, and nothing failed")
	}
}

// A receiver whose certificate leads to nobody we know gets nothing.
func TestTLSVerifies(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}
	}()
	if err := sender(t, "syslog+tls://"+l.Addr().String()).Send(t.Context(), at, "x", "x"); err == nil {
		t.Error("a certificate of nobody was believed")
	}
}

func TestParse(t *testing.T) {
	for _, bad := range []string{
		"", "syslog", "syslog://", "syslog:///", "syslog://host/dev/log", "syslog+udp://host", "syslog+tcp://:514", "syslog+tcp://host:514/x",
		"syslog+tls://u:p@host:6514", "syslog+tls://host:6514?x", "https://host", "syslog+sctp://host:1", "\x00",
	} {
		if _, err := syslog.Parse(bad, "h", "a", 1); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	// What names the sender cannot end the header.
	l, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s, err := syslog.Parse("syslog+udp://"+l.LocalAddr().String(), "h o\nst\x00", "", 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), at, "é", "x"); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 200)
	n, _, err := l.ReadFrom(b)
	if err != nil || !regexp.MustCompile(`^<109>1 \S+ host - 1 - - x$`).Match(b[:n]) {
		t.Errorf("%q, %v", b[:n], err)
	}
}
