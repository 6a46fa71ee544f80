package certs_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/certs"
)

func authority(t *testing.T) *certs.Authority {
	t.Helper()
	a, err := certs.NewAuthority("Example CA", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestHandshake(t *testing.T) {
	a := authority(t)
	source, err := certs.NewSource(t.Context(), certs.Issued(a, []string{"example.com", "127.0.0.1", "::1"}, time.Now), quiet())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		pool *x509.CertPool
		ok   bool
	}{
		{name: "example.com", pool: a.Pool(), ok: true},
		{name: "127.0.0.1", pool: a.Pool(), ok: true},
		{name: "::1", pool: a.Pool(), ok: true},
		{name: "other.example", pool: a.Pool()},
		{name: "example.com", pool: authority(t).Pool()},
	} {
		client, server := net.Pipe()
		done := make(chan error, 1)
		go func() { done <- tls.Server(server, source.ServerConfig("h2")).HandshakeContext(t.Context()) }()
		err := tls.Client(client, &tls.Config{ServerName: tt.name, RootCAs: tt.pool, NextProtos: []string{"h2"}}).HandshakeContext(t.Context())
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
		_ = client.Close()
		<-done
		_ = server.Close()
	}
}

func TestAuthorityRoundTrip(t *testing.T) {
	a := authority(t)
	key, err := a.PrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	same, err := certs.ParseAuthority(a.Certificate(), key)
	if err != nil {
		t.Fatal(err)
	}
	server, err := same.IssueServer([]string{"example.com"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.Leaf.Verify(x509.VerifyOptions{Roots: a.Pool(), DNSName: "example.com"}); err != nil {
		t.Error(err)
	}
	if life := server.Leaf.NotAfter.Sub(server.Leaf.NotBefore); life > 398*24*time.Hour {
		t.Errorf("life %v", life)
	}
	otherKey, err := authority(t).PrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := certs.ParseAuthority(a.Certificate(), otherKey); err == nil {
		t.Error("a key of another authority was accepted")
	}
	if _, err := certs.ParseAuthority(server.Leaf.Raw, key); err == nil {
		t.Error("a server certificate was accepted as an authority")
	}
	if _, err := certs.ParseAuthority(nil, nil); err == nil {
		t.Error("nothing was accepted as an authority")
	}
}

// A server certificate must not be able to sign others.
func TestServerIsNoAuthority(t *testing.T) {
	server, err := authority(t).IssueServer([]string{"example.com"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if server.Leaf.IsCA || server.Leaf.KeyUsage&x509.KeyUsageCertSign != 0 {
		t.Error("the server certificate may sign certificates")
	}
}

func TestExport(t *testing.T) {
	a := authority(t)
	path := filepath.Join(t.TempDir(), "ca.pem")
	for range 2 {
		if err := a.Export(path); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" || len(rest) != 0 || string(block.Bytes) != string(a.Certificate()) {
		t.Errorf("exported %s", text)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestRenewal(t *testing.T) {
	a := authority(t)
	load := certs.Issued(a, []string{"example.com"}, time.Now)
	first, err := load(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		after time.Duration
		names []string
		keep  bool
	}{
		{name: "new", names: []string{"example.com"}, keep: true},
		{name: "half of its life", after: 198 * 24 * time.Hour, names: []string{"example.com"}, keep: true},
		{name: "the last third", after: 270 * 24 * time.Hour, names: []string{"example.com"}},
		{name: "another name", names: []string{"example.com", "id.example.com"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			at := time.Now().Add(tt.after)
			got, err := certs.Issued(a, tt.names, func() time.Time { return at })(t.Context(), first)
			if err != nil || (got == first) != tt.keep {
				t.Errorf("kept %v, %v; want %v", got == first, err, tt.keep)
			}
		})
	}
}

func writePair(t *testing.T, dir string, pair *tls.Certificate) (certFile, keyFile string) {
	t.Helper()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: pair.Certificate[0]},
		keyFile:  {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

func TestFilesReload(t *testing.T) {
	a, dir := authority(t), t.TempDir()
	first, err := a.IssueServer([]string{"a.example"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile := writePair(t, dir, first)
	source, err := certs.NewSource(t.Context(), certs.FromFiles(certFile, keyFile, time.Now), quiet())
	if err != nil {
		t.Fatal(err)
	}
	current := func() string {
		c, err := source.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Leaf.DNSNames[0]
	}

	if err := os.WriteFile(certFile, []byte("half a fi"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := source.Reload(t.Context()); err == nil || current() != "a.example" {
		t.Errorf("broken file: %v, serving %s", err, current())
	}
	expired, err := a.IssueServer([]string{"old.example"}, time.Now().AddDate(-2, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	writePair(t, dir, expired)
	if err := source.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "not now") || current() != "a.example" {
		t.Errorf("expired file: %v, serving %s", err, current())
	}
	second, err := a.IssueServer([]string{"b.example"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	writePair(t, dir, second)
	if err := source.Reload(t.Context()); err != nil || current() != "b.example" {
		t.Errorf("new file: %v, serving %s", err, current())
	}
	if !source.NotAfter().Equal(second.Leaf.NotAfter) {
		t.Errorf("NotAfter %v", source.NotAfter())
	}
}

func TestWatch(t *testing.T) {
	a := authority(t)
	pair, err := a.IssueServer([]string{"a.example"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var loads atomic.Int32
	third := make(chan struct{})
	load := func(context.Context, *tls.Certificate) (*tls.Certificate, error) {
		switch loads.Add(1) {
		case 1:
			return pair, nil
		case 3:
			close(third)
		}
		return nil, errors.New("not now")
	}
	source, err := certs.NewSource(t.Context(), load, quiet())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { source.Watch(ctx, time.Millisecond); close(done) }()
	<-third
	cancel()
	<-done
	if c, err := source.GetCertificate(nil); err != nil || c != pair {
		t.Errorf("the certificate was lost: %v", err)
	}
}
