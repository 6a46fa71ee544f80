package ldapd

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	"gatehouse/ldapd/projection"
	"gatehouse/ldapd/wire"
)

const (
	baseDN    = "dc=example,dc=com"
	aliceDN   = "uid=alice,ou=users," + baseDN
	bobDN     = "uid=bob,ou=users," + baseDN
	readerDN  = "cn=reader,ou=services," + baseDN
	plainDN   = "cn=plain,ou=services," + baseDN
	password  = "correct horse"
	soonLimit = 20 * time.Second
)

// world is a directory with Alice, Bob and two service accounts, and a server in front of it.
type world struct {
	t      testing.TB
	store  directory.Store
	dir    *directory.Directory
	index  *projection.Index
	server *Server
	reg    *prometheus.Registry
	log    *lockedBuffer
	plain  string // address of the listener in clear
	tls    string
	roots  *x509.CertPool
	alice  directory.User
	bob    directory.User
	reader directory.User
	staff  directory.Group
	stop   func() error // ends Run and returns what it returned
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newWorld starts a server; edit, which may be nil, changes its configuration first.
func newWorld(t testing.TB, edit func(*Config)) *world {
	t.Helper()
	return newWorldWith(t, nil, edit)
}

// newWorldWith is newWorld with changes to the configuration of the core.
func newWorldWith(t testing.TB, core func(*directory.Config), edit func(*Config)) *world {
	t.Helper()
	w := &world{t: t, store: directorytest.OpenSQLite(t), reg: prometheus.NewRegistry(), log: &lockedBuffer{}}
	w.dir = directorytest.Core(t, w.store, core)
	w.populate()
	w.startIndex()
	cert, roots := certificate(t)
	w.roots = roots
	plain, secure := listener(t), listener(t)
	w.plain, w.tls = plain.Addr().String(), secure.Addr().String()
	cfg := Config{
		Directory: w.dir, Index: w.index, Domain: directorytest.Domain, Version: "test",
		Listeners: []Listener{{Listener: plain, Kind: Plain}, {Listener: secure, Kind: TLS}},
		TLS:       &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
		Logger:    slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Registry:  w.reg,
		Limits:    Limits{Drain: time.Second},
	}
	if edit != nil {
		edit(&cfg)
	}
	var err error
	if w.server, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	w.stop = runUntilStopped(t, w.server.Run)
	return w
}

// runUntilStopped runs fn in the background. The returned function cancels it and gives its error, any number of times.
func runUntilStopped(t testing.TB, fn func(context.Context) error) func() error {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	var err error
	go func() {
		defer close(done)
		err = fn(ctx)
	}()
	stop := func() error {
		cancel()
		<-done
		return err
	}
	t.Cleanup(func() {
		if err := stop(); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("run: %v", err)
		}
	})
	return stop
}

func listener(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// write changes the directory as an operator on the host would.
func (w *world) write(fn func(*directory.Writer) error) directory.Head {
	w.t.Helper()
	head, err := w.dir.Write(w.t.Context(), directorytest.Operator(), fn)
	if err != nil {
		w.t.Fatal(err)
	}
	return head
}

func (w *world) populate() {
	w.t.Helper()
	hash, err := w.dir.HashPassword(w.t.Context(), password)
	if err != nil {
		w.t.Fatal(err)
	}
	user := func(tx *directory.Writer, u directory.User) (directory.User, error) {
		made, err := tx.CreateUser(u)
		if err != nil {
			return made, err
		}
		return made, tx.SetPassword(made.ID, hash)
	}
	w.write(func(tx *directory.Writer) (err error) {
		if w.alice, err = user(tx, directory.User{
			Username: "alice", Profile: directory.Attributes{
				"givenName": {"Alice"}, "familyName": {"Liddell"}, "title": {"Engineer"},
			},
			Emails: []directory.Email{{Address: "alice@example.com", Verified: true, Primary: true}},
		}); err != nil {
			return err
		}
		if w.bob, err = user(tx, directory.User{Username: "bob"}); err != nil {
			return err
		}
		if w.reader, err = user(tx, directory.User{Username: "reader", Kind: directory.ServiceAccount}); err != nil {
			return err
		}
		if _, err = user(tx, directory.User{Username: "plain", Kind: directory.ServiceAccount}); err != nil {
			return err
		}
		if err = tx.Grant(w.reader.ID, directory.ReadDirectory, time.Time{}); err != nil {
			return err
		}
		if w.staff, err = tx.CreateGroup(directory.Group{Name: "staff"}); err != nil {
			return err
		}
		return tx.AddMembers(w.staff.ID, directory.Membership{User: w.alice.ID})
	})
}

// startIndex loads the projection and waits until it is complete.
func (w *world) startIndex() {
	w.t.Helper()
	var err error
	w.index, err = projection.New(projection.Config{Directory: w.dir, Domain: directorytest.Domain, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.t.Fatal(err)
	}
	runUntilStopped(w.t, w.index.Run)
}

func certificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Unix(0, 0),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

func (w *world) clientTLS() *tls.Config {
	return &tls.Config{RootCAs: w.roots, ServerName: "127.0.0.1"}
}

// dial connects go-ldap in clear.
func (w *world) dial() *ldap.Conn {
	w.t.Helper()
	c, err := ldap.DialURL("ldap://" + w.plain)
	if err != nil {
		w.t.Fatal(err)
	}
	c.SetTimeout(20 * time.Second)
	w.t.Cleanup(func() { _ = c.Close() })
	return c
}

// bound connects and binds.
func (w *world) bound(dn string) *ldap.Conn {
	w.t.Helper()
	c := w.dial()
	if err := c.Bind(dn, password); err != nil {
		w.t.Fatalf("bind as %s: %v", dn, err)
	}
	return c
}

// raw connects without any client.
func (w *world) raw() net.Conn {
	w.t.Helper()
	c, err := net.Dial("tcp", w.plain)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(2 * soonLimit))
	return c
}

// code returns the result code of an answer of go-ldap, -1 when the connection failed.
func code(err error) int {
	var e *ldap.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e) && e.ResultCode < ldap.ErrorNetwork:
		return int(e.ResultCode)
	default:
		return -1
	}
}

// soon polls until ok holds.
func soon(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(soonLimit); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("did not happen within %s: %s", soonLimit, what)
}

// counted returns the value of a counter or gauge, named with its label values: name[value value].
func (w *world) counted(name string) float64 {
	w.t.Helper()
	families, err := w.reg.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			if fmt.Sprint(f.GetName(), labels) == name {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return 0
}

// answers reads PDUs until the server closes.
func answers(t testing.TB, c net.Conn) [][]byte {
	t.Helper()
	r := wire.NewReader(c)
	var out [][]byte
	for {
		pdu, err := r.Next(1 << 24)
		if err != nil {
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				t.Fatal("the server did not close the connection")
			}
			return out
		}
		out = append(out, bytes.Clone(pdu))
	}
}

// isNotice tells whether a PDU is a Notice of Disconnection with this code.
func isNotice(pdu []byte, code wire.ResultCode) bool {
	head := wire.AppendNotice(nil, code, "")
	// The lengths differ with the message; the rest of the front is the same.
	return len(pdu) > 10 && bytes.Contains(pdu, []byte(wire.OIDNoticeOfDisconnection)) && bytes.Contains(pdu, head[2:5]) &&
		bytes.Contains(pdu, []byte{0x0a, 1, byte(code)})
}
