package test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatehouse/test/stage"
)

// world is one initialised installation and the secrets that its site.yaml
// contains. Every secret is fresh.
type world struct {
	*stage.Gatehouse

	adminPassword  string
	alicePassword  string
	readerPassword string // of the service account that may read the directory
	radiusSecret   string
	hrToken        string // of the SCIM source
}

const (
	usersDN  = "ou=users," + stage.BaseDN
	groupsDN = "ou=groups," + stage.BaseDN
	readerDN = "cn=reader,ou=services," + stage.BaseDN
)

// newWorld makes an installation with the directory that site describes. No
// daemon runs yet; those that a test starts are stopped at its end.
func newWorld(t *testing.T, database string) *world {
	t.Helper()
	g, err := stage.New(scratch(t), shared.binaries, database)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		Gatehouse:     g,
		adminPassword: rand.Text(), alicePassword: rand.Text(), readerPassword: rand.Text() + rand.Text(),
		radiusSecret: rand.Text(), hrToken: rand.Text() + rand.Text(),
	}
	w.cli(t, "", "init", "--admin", "root-admin", "--admin-password-file", w.file(t, "admin.pw", w.adminPassword))
	w.apply(t, w.site())
	return w
}

// site is the directory at the start: two people, a group with a VLAN, the
// accounts of the machines.
func (w *world) site() string {
	return expand(`users:
  - {username: alice, given_name: Alice, family_name: Liddell, emails: [alice@example.com], password: "$alice"}
  - {username: bob, given_name: Bob, family_name: Builder, emails: [bob@example.com]}
groups:
  - {name: staff, members: [alice], attributes: {vlan: "101"}}
service_accounts:
  - {name: reader, password: "$reader", grants: ["read:directory"]}
apps:
  - {slug: wifi, name: Wi-Fi, bindings: [{group: staff}], radius: {}}
radius_clients:
  - {name: ap-hall, networks: ["127.0.0.1/32"], secret: "$radius", app: wifi, reply: [{group: staff, vlan: 101}]}
scim_sources:
  - {name: hr, token: "$hr", profile: lenient, writable: [password], writable_groups: [staff], emails: trusted, networks: []}
`, "alice", w.alicePassword, "reader", w.readerPassword, "radius", w.radiusSecret, "hr", w.hrToken)
}

// expand replaces each $name by its value.
func expand(text string, namesAndValues ...string) string {
	for i := 0; i < len(namesAndValues); i += 2 {
		text = strings.ReplaceAll(text, "$"+namesAndValues[i], namesAndValues[i+1])
	}
	return text
}

// file writes a file that only its owner reads and returns its path.
func (w *world) file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(w.Dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// apply applies a site.yaml, which must succeed.
func (w *world) apply(t *testing.T, site string) stage.Result {
	t.Helper()
	return w.cli(t, "", "apply", "-f", w.file(t, "site.yaml", site))
}

// try runs the command line, whatever it answers.
func (w *world) try(t *testing.T, stdin string, args ...string) stage.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	r, err := w.CLI(ctx, stdin, args...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// cli runs the command line, which must exit with 0.
func (w *world) cli(t *testing.T, stdin string, args ...string) stage.Result {
	t.Helper()
	r := w.try(t, stdin, args...)
	if r.Code != 0 {
		t.Fatalf("gatehouse %s: %v", strings.Join(args, " "), r)
	}
	return r
}

// start starts daemons and stops them when the test ends; a daemon that does
// not stop cleanly fails the test.
func (w *world) start(t *testing.T, names ...string) {
	t.Helper()
	t.Cleanup(func() {
		logs := w.Logs()
		if err := w.Stop(names...); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(logs)
		}
	})
	if err := w.Start(t.Context(), names...); err != nil {
		t.Fatal(err)
	}
}

// tls trusts the installation's own CA and nobody else.
func (w *world) tls(t *testing.T) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(w.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatalf("no certificate in %s", w.CAFile())
	}
	return &tls.Config{RootCAs: pool, ServerName: "localhost"}
}

// http is a client without cookies that follows no redirect.
func (w *world) http(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: w.tls(t)}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport:     transport,
		Timeout:       20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// poll waits until try succeeds.
func poll(t *testing.T, timeout time.Duration, try func() error) {
	t.Helper()
	if err := stage.Poll(t.Context(), timeout, try); err != nil {
		t.Fatal(err)
	}
}

// decode reads one JSON value.
func decode[T any](t *testing.T, data string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(data), &v); err != nil {
		t.Fatalf("%v in %q", err, data)
	}
	return v
}
