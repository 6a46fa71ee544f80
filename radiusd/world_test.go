package radiusd

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	"gatehouse/directory/schema"
	"gatehouse/directory/seal"
	"gatehouse/internal/certs"
)

const alicePassword = "correct horse battery"

// world is a running server on a directory with alice, who is in staff, and
// bob, who is in nothing. The client at 127.0.0.1 asks for the app wifi, which
// is bound to staff.
type world struct {
	t          testing.TB
	directory  *directory.Directory
	store      directory.Store
	server     *Server
	auth, acct net.Addr
	overTLS    net.Addr
	alice, bob directory.User
	staff      directory.Group
	client     directory.RADIUSClient
	ports      uint32
	serverCA   []byte
	serverLife time.Duration // of the EAP certificate; 0: a day
	log        *slog.Logger
	stop       func()
	look       func() // makes imported CAs look at their files
}

var operator = directory.Actor{Kind: directory.ActorOperator, Name: "test"}

func testKeys(tb testing.TB) directory.Keys {
	tb.Helper()
	keys := directory.Keys{}
	for _, p := range seal.Purposes() {
		k, err := seal.NewKey(p, rand.Reader, time.Unix(0, 0))
		if err != nil {
			tb.Fatal(err)
		}
		if keys[p], err = seal.NewRing(p, "test", time.Now, k); err != nil {
			tb.Fatal(err)
		}
	}
	return keys
}

func newWorld(tb testing.TB, config schema.RADIUSClient) *world {
	tb.Helper()
	return newWorldWith(tb, config, func(*directory.Config) {})
}

func newWorldWith(tb testing.TB, config schema.RADIUSClient, edit func(*directory.Config)) *world {
	tb.Helper()
	w := &world{t: tb, store: directorytest.OpenSQLite(tb), log: slog.New(slog.DiscardHandler)}
	var err error
	c := directory.Config{
		Store: w.store, Keys: testKeys(tb), Logger: slog.New(slog.DiscardHandler), Daemon: "radiusd", Instance: "test",
	}
	edit(&c)
	w.directory, err = directory.Open(c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(w.directory.Close)
	w.populate(config)
	w.start()
	return w
}

func (w *world) populate(config schema.RADIUSClient) {
	w.t.Helper()
	hash, err := w.directory.HashPassword(w.t.Context(), alicePassword)
	if err != nil {
		w.t.Fatal(err)
	}
	w.write(func(tx *directory.Writer) error {
		if err := tx.Bootstrap("example.com", "https://localhost:9443"); err != nil {
			return err
		}
		for name, user := range map[string]*directory.User{"alice": &w.alice, "bob": &w.bob} {
			if *user, err = tx.CreateUser(directory.User{Username: name}); err != nil {
				return err
			}
			if err := tx.SetPassword(user.ID, hash); err != nil {
				return err
			}
		}
		if w.staff, err = tx.CreateGroup(directory.Group{Name: "staff"}); err != nil {
			return err
		}
		if err := tx.AddMembers(w.staff.ID, directory.Membership{User: w.alice.ID}); err != nil {
			return err
		}
		wifi, err := tx.CreateApp(directory.App{Slug: "wifi", Name: "Wi-Fi"})
		if err != nil {
			return err
		}
		err = tx.SetBindings(wifi.ID, []directory.Binding{{Kind: directory.BindGroup, Ref: int64(w.staff.ID)}}, false)
		if err != nil {
			return err
		}
		w.client, err = tx.SaveRADIUSClient(directory.NewRADIUSClient{
			Name: "ap-hall", Networks: []string{"127.0.0.1/32"}, Secret: testSecret, App: wifi.ID, Config: config,
		})
		return err
	})
}

// write changes the directory as the operator.
func (w *world) write(fn func(*directory.Writer) error) {
	w.t.Helper()
	if _, err := w.directory.Write(w.t.Context(), operator, fn); err != nil {
		w.t.Fatal(err)
	}
}

// start runs a server on two fresh ports until the test ends or stop is called.
func (w *world) start() {
	w.t.Helper()
	auth, acct := listenUDP(w.t, "127.0.0.1:0"), listenUDP(w.t, "127.0.0.1:0")
	overTLS := listenTCP(w.t)
	w.auth, w.acct, w.overTLS = auth.LocalAddr(), acct.LocalAddr(), overTLS.Addr()
	certificate := w.serverCertificate()
	var err error
	w.server, err = New(Config{
		Directory: w.directory, Auth: []net.PacketConn{auth}, Acct: []net.PacketConn{acct},
		TLS: []net.Listener{overTLS}, TLSConfig: &tls.Config{GetCertificate: certificate, MinVersion: tls.VersionTLS12},
		Certificate: certificate, Logger: w.log, Registry: prometheus.NewRegistry(), Instance: "test",
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	done := make(chan error, 1)
	go func() { done <- w.server.Run(ctx) }()
	stopped := false
	w.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Run: %v", err)
		}
	}
	w.t.Cleanup(w.stop)
	waitFor(w.t, func() bool { return w.server.transport.ready.Load() })
}

// serverCertificate makes a certificate for EAP.
func (w *world) serverCertificate() func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	w.t.Helper()
	authority, err := certs.NewAuthority("Test", time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	certificate, err := authority.IssueServerFor([]string{"radius.example.com"}, cmp.Or(w.serverLife, 24*time.Hour), time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	w.serverCA = authority.Certificate()
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certificate, nil }
}

func listenTCP(tb testing.TB) net.Listener {
	tb.Helper()
	l, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

func mustAddr(tb testing.TB, s string) netip.Addr {
	tb.Helper()
	a, err := netip.ParseAddr(s)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func parseIP(tb testing.TB, s string) []byte {
	tb.Helper()
	return mustAddr(tb, s).AsSlice()
}
