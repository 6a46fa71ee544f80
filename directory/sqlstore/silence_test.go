package sqlstore_test

import (
	"io"
	"net"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	"gatehouse/directory/sqlstore"
)

// proxy forwards to a server until it is silent: then it takes everything and
// answers nothing, like a host that lost its power.
type proxy struct {
	listener net.Listener
	silent   atomic.Bool
}

func startProxy(t *testing.T, server string) *proxy {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server)
			if err != nil {
				_ = client.Close()
				continue
			}
			go p.forward(upstream, client)
			go p.forward(client, upstream)
		}
	}()
	return p
}

func (p *proxy) forward(to, from net.Conn) {
	defer func() { _, _ = to.Close(), from.Close() }()
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if p.silent.Load() {
			_, _ = io.Copy(io.Discard, from)
			return
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// A server that says nothing any more is noticed by the barrier in about 2 s,
// and by everything in the limit of a statement.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	cfg := directorytest.PostgresConfig(t)
	u, err := url.Parse(cfg.URL)
	if err != nil {
		t.Fatal(err)
	}
	p := startProxy(t, u.Host)
	u.Host = p.listener.Addr().String()
	s := directorytest.Open(t, sqlstore.Config{URL: u.String()})
	for name, call := range calls(t.Context(), s, "before") {
		if err := call(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	p.silent.Store(true)
	for _, c := range []struct {
		name  string
		limit time.Duration
	}{{"Head", 3 * time.Second}, {"Head", 3 * time.Second}, {"View", 8 * time.Second}, {"Update", 8 * time.Second}} {
		began := time.Now()
		if err := calls(t.Context(), s, "silent")[c.name](); !directory.Is(err, directory.Unavailable) {
			t.Errorf("%s: %v", c.name, err)
		}
		if d := time.Since(began); d > c.limit {
			t.Errorf("%s took %v", c.name, d)
		}
	}
	p.silent.Store(false)
	for name, call := range calls(t.Context(), s, "after") {
		if err := call(); err != nil {
			t.Errorf("%s after the silence: %v", name, err)
		}
	}
}
