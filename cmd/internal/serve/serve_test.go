package serve

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/cmd/internal/core"
	"gatehouse/cmd/internal/door/web"
	"gatehouse/cmd/internal/process"
	"gatehouse/config"
	"gatehouse/directory"
	"gatehouse/internal/daemon"
)

// installation makes a directory whose daemons listen on free ports.
func installation(t *testing.T) process.Options {
	t.Helper()
	c := config.Default()
	c.DataDir = filepath.Join(t.TempDir(), "data")
	free := []string{"127.0.0.1:0"}
	c.LDAP = config.LDAP{Listen: free, ListenTLS: free, ListenUnix: filepath.Join(t.TempDir(), "ldapi")}
	c.RADIUS = config.RADIUS{ListenAuth: free, ListenAcct: free, ListenTLS: free}
	c.SCIM = config.SCIM{Listen: free, ListenTLS: free, Upstream: "unix:" + filepath.Join(t.TempDir(), "scim")}
	c.IDP = config.IDP{ListenTLS: free, Listen: free, TrustedProxies: []string{"127.0.0.1", "192.0.2.0/24"}}
	c.Metrics = config.Metrics{Listen: free[0], LDAPD: free[0], RADIUSD: free[0], SCIMD: free[0], IDP: free[0]}
	o := process.Options{
		Config: c, Daemon: core.Combined, Now: time.Now,
		Getenv: func(string) string { return "" }, Log: slog.New(slog.DiscardHandler),
	}
	made, err := core.Create(t.Context(), core.Options{Config: c, Daemon: core.CLI, Getenv: o.Getenv, Log: o.Log, Now: o.Now},
		func(*directory.Writer) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if err := made.Close(); err != nil {
		t.Fatal(err)
	}
	o.Config.RADIUS.Authorities = []config.Authority{{
		Name: "another", Purpose: "device", CAFile: filepath.Join(c.DataDir, "ca.pem"), CRL: "soft", SAN: "email", User: "email",
	}}
	return o
}

// started is a running process and where it listens.
type started struct {
	addresses map[string]string // by key
	signals   chan<- os.Signal
	ended     <-chan error
}

// start runs the doors and waits until they are ready.
func start(t *testing.T, o process.Options, doors ...process.Door) started {
	t.Helper()
	var log lockedBuffer
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	signals, ended := make(chan os.Signal, 1), make(chan error, 1)
	o.Signals = signals
	go func() { ended <- process.Run(context.WithoutCancel(t.Context()), o, doors...) }()
	deadline := time.Now().Add(20 * time.Second)
	for !strings.Contains(log.String(), "msg=ready") {
		select {
		case err := <-ended:
			t.Fatalf("ended: %v\n%s", err, log.String())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("not ready\n%s", log.String())
		}
		time.Sleep(5 * time.Millisecond)
	}
	s := started{addresses: map[string]string{}, signals: signals, ended: ended}
	for _, match := range regexp.MustCompile(`msg=listening key=(\S+) address=(\S+)`).FindAllStringSubmatch(log.String(), -1) {
		s.addresses[match[1]] = match[2]
	}
	return s
}

func (s started) stop(t *testing.T) {
	t.Helper()
	s.signals <- syscall.SIGTERM
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
}

// lockedBuffer is a bytes.Buffer for several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestEachDaemonAlone(t *testing.T) {
	o := installation(t)
	for _, door := range doors(nil) {
		if door.Name == "idp" {
			door = web.Door(web.Options{})
		}
		o.Daemon = door.Name
		start(t, o, door).stop(t)
	}
}

func TestAllInOne(t *testing.T) {
	o := installation(t)
	s := start(t, o, doors(nil)...)
	defer s.stop(t)
	roots := x509.NewCertPool()
	ca, err := os.ReadFile(o.Config.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	roots.AppendCertsFromPEM(ca)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer client.CloseIdleConnections()
	for _, tt := range []struct {
		url    string
		status int
	}{
		{url: "http://" + s.addresses["metrics.listen"] + "/healthz", status: http.StatusOK},
		{url: "http://" + s.addresses["metrics.listen"] + "/readyz", status: http.StatusOK},
		{url: "http://" + s.addresses["metrics.listen"] + "/metrics", status: http.StatusOK},
		{url: "http://" + s.addresses["scim.listen"] + "/scim/v2/Users", status: http.StatusUnauthorized},
		{url: "https://" + s.addresses["scim.listen_tls"] + "/scim/v2/Users", status: http.StatusUnauthorized},
		{url: "https://" + s.addresses["idp.listen_tls"] + "/scim/v2/Users", status: http.StatusUnauthorized},
		{url: "https://" + s.addresses["idp.listen_tls"] + "/absent", status: http.StatusNotFound},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, tt.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Error(err)
			continue
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != tt.status {
			t.Errorf("%s: %d, want %d\n%.300s", tt.url, resp.StatusCode, tt.status, body)
		}
	}
	conn, err := (&tls.Dialer{Config: &tls.Config{RootCAs: roots}}).DialContext(t.Context(), "tcp", s.addresses["ldap.listen_tls"])
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

func TestRunRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, o *process.Options)
		want   string
	}{
		{name: "an address in use", change: func(_ *testing.T, o *process.Options) { o.Config.LDAP.Listen = []string{taken.Addr().String()} }, want: "(ldap.listen): the address is in use"},
		{name: "an empty directory", change: func(_ *testing.T, o *process.Options) { o.Config.DataDir += "-other" }, want: "run gatehouse init"},
		{name: "an open demonstration", change: func(t *testing.T, o *process.Options) {
			if err := os.WriteFile(filepath.Join(o.Config.DataDir, "demonstration"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			o.Config.IDP.ListenTLS = []string{":0"}
		}, want: "idp.listen_tls is :0: it listens on loopback addresses only"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := installation(t)
			tt.change(t, &o)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // should it run after all
			defer cancel()
			if err := Run(ctx, o, nil); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Run = %v, want %s", err, tt.want)
			}
		})
	}
}

// Every metric is described for the people who get the alert.
func TestMetricsAreDescribed(t *testing.T) {
	var registry *prometheus.Registry
	probe := process.Door{
		Name: "probe", Sockets: func(config.Config) []process.Socket { return nil },
		Build: func(p *process.Process) (daemon.Part, error) {
			registry = p.Registry
			return daemon.Part{Run: func(ctx context.Context) error { <-ctx.Done(); return nil }}, nil
		},
	}
	start(t, installation(t), append(doors(nil), probe)...).stop(t)
	docs, err := os.ReadFile("../../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	descriptions := make(chan *prometheus.Desc)
	go func() { registry.Describe(descriptions); close(descriptions) }()
	var names []string
	pattern := regexp.MustCompile(`fqName: "(gatehouse_[^"]*)"`)
	for d := range descriptions {
		match := pattern.FindStringSubmatch(d.String())
		if match == nil || slices.Contains(names, match[1]) {
			continue
		}
		names = append(names, match[1])
		if !bytes.Contains(docs, []byte("`"+match[1]+"`")) {
			t.Errorf("docs/metrics.md does not describe %s", match[1])
		}
	}
	for _, match := range regexp.MustCompile("`(gatehouse_[a-z_]*)`").FindAllSubmatch(docs, -1) {
		if !slices.Contains(names, string(match[1])) {
			t.Errorf("docs/metrics.md describes %s, which does not exist", match[1])
		}
	}
}
