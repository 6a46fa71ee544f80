package radiusd

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/internal/certs"
	"gatehouse/radiusd/eap"
	"gatehouse/radiusd/wire"
)

// supplicant is wpa_supplicant's eapol_test, which plays the device and the NAS:
// it checks the server's certificate, both authenticators and that the MPPE keys
// of the Access-Accept are those it has derived itself.
type supplicant struct {
	w      *world
	dir    string
	args   []string
	phase1 string // further options of the outer method
	env    []string
	server net.Addr
}

func (w *world) supplicant(t *testing.T) *supplicant {
	t.Helper()
	return &supplicant{w: w, dir: t.TempDir(), server: w.auth}
}

// file writes a file beside the configuration and returns its path.
func (s *supplicant) file(t *testing.T, name string, blocks ...*pem.Block) string {
	t.Helper()
	var text []byte
	for _, b := range blocks {
		text = append(text, pem.EncodeToMemory(b)...)
	}
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// run authenticates and returns what eapol_test says, "SUCCESS" or "FAILURE" last.
func (s *supplicant) run(t *testing.T, network ...string) string {
	t.Helper()
	path, err := exec.LookPath("eapol_test")
	if err != nil {
		t.Fatalf("this test needs eapol_test (package eapoltest): %v", err)
	}
	config := filepath.Join(s.dir, "network.conf")
	text := "network={\nkey_mgmt=WPA-EAP\neapol_flags=0\n" + strings.Join(network, "\n") + "\n}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(s.server.String())
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"-c", config, "-a", host, "-p", port, "-s", testSecret, "-t", "20"}, s.args...)
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = s.env
	out, _ := cmd.CombinedOutput() // the exit status is in the text
	return string(out)
}

// succeeded reports whether a device got in so many times, with the keys that it
// expected.
func succeeded(out string, times int) bool {
	out = strings.TrimSpace(out)
	return strings.HasSuffix(out, "SUCCESS") && strings.Contains(out, fmt.Sprintf("MPPE keys OK: %d  mismatch: 0", times))
}

// eapWorld is a world whose client speaks every method, with a network password
// and a device certificate of alice's.
type eapWorld struct {
	*world
	phone   string
	laptop  *tls.Certificate
	devices *certs.Authority
}

func newEAPWorld(t *testing.T, config schema.RADIUSClient) *eapWorld {
	t.Helper()
	w := &eapWorld{world: newWorld(t, config)}
	w.devices = w.deviceAuthority()
	w.laptop = w.device(w.alice, "laptop", time.Hour)
	w.phone = w.networkPassword(w.alice)
	return w
}

func (w *world) networkPassword(u directory.User) string {
	w.t.Helper()
	var made directory.Secret
	w.write(func(tx *directory.Writer) (err error) {
		made, _, err = tx.AddNetworkPassword(directory.NewNetworkPassword{User: u.ID, Label: "phone", Kind: directory.CredentialNetworkPassword})
		return err
	})
	return made.Reveal()
}

func (w *world) deviceAuthority() *certs.Authority {
	w.t.Helper()
	authority, err := certs.NewAuthority("Devices", time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	private, err := authority.PrivateKey()
	if err != nil {
		w.t.Fatal(err)
	}
	w.write(func(tx *directory.Writer) error {
		return tx.AddSigningKey(directory.NewSigningKey{
			KID: "ca-device", Use: directory.CertificateDevice.AuthorityUse(), State: directory.KeyActive,
			Private: private, Public: authority.Certificate(),
		})
	})
	return authority
}

// device issues and records a certificate.
func (w *eapWorld) device(u directory.User, label string, life time.Duration) *tls.Certificate {
	w.t.Helper()
	subject := directory.CertificateDevice.Identity(label)
	made, err := w.devices.IssueClient(subject, u.Username+" "+label, life, time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	w.write(func(tx *directory.Writer) error {
		return tx.AddCertificate(directory.Certificate{
			Serial: made.Leaf.SerialNumber.Text(16), Kind: directory.CertificateDevice, Subject: subject, Label: label,
			User: u.ID, Expires: made.Leaf.NotAfter,
		})
	})
	return made
}

// certificate are the lines of a network that uses a certificate.
func (s *supplicant) certificate(t *testing.T, c *tls.Certificate) []string {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return []string{
		fmt.Sprintf("client_cert=%q", s.file(t, "client.pem", &pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})),
		fmt.Sprintf("private_key=%q", s.file(t, "client.key", &pem.Block{Type: "PRIVATE KEY", Bytes: key})),
	}
}

// login are the lines of a network with a name and a password; outside, somebody
// else is named.
func login(name, password string) []string {
	return []string{fmt.Sprintf("identity=%q", name), `anonymous_identity="somebody"`, fmt.Sprintf("password=%q", password)}
}

// network completes the lines of a network: the CA that is trusted, and the TLS
// version.
func (s *supplicant) network(t *testing.T, version string, lines ...string) []string {
	t.Helper()
	flags := map[string]string{
		"1.2": "tls_disable_tlsv1_3=1 tls_disable_tlsv1_2=0",
		"1.3": "tls_disable_tlsv1_3=0 tls_disable_tlsv1_2=1 tls_disable_tlsv1_1=1 tls_disable_tlsv1_0=1",
	}[version]
	ca := s.file(t, "ca.pem", &pem.Block{Type: "CERTIFICATE", Bytes: s.w.serverCA})
	return append([]string{
		fmt.Sprintf("ca_cert=%q", ca), fmt.Sprintf("phase1=%q", flags+" tls_disable_session_ticket=0"+s.phase1),
		`domain_match="radius.example.com"`,
	}, lines...)
}

// eapCase is a way to authenticate. The lines are made by the world, because the
// passwords are.
type eapCase struct {
	name  string
	lines func(*testing.T, *eapWorld, *supplicant) []string
}

func (w *eapWorld) check(t *testing.T, c eapCase, version string) {
	t.Helper()
	s := w.supplicant(t)
	s.args = []string{"-r", "1"}
	lines := c.lines(t, w, s)
	out := s.run(t, s.network(t, version, lines...)...)
	if !succeeded(out, 2) {
		t.Errorf("%s with TLS %s:\n%s", c.name, version, out[max(0, len(out)-2000):])
	}
	if want := "Using TLS version TLSv" + version; !strings.Contains(out, want) {
		t.Errorf("%s: no %q", c.name, want)
	}
	if !strings.Contains(out, "resumed=0") || !strings.Contains(out, "resumed=1") {
		t.Errorf("%s with TLS %s was not resumed the second time", c.name, version)
	}
}

func withTLS(t *testing.T, w *eapWorld, s *supplicant) []string {
	t.Helper()
	return append(s.certificate(t, w.laptop), "eap=TLS", `identity="whoever"`)
}

func inside(method, phase2, password string) func(*testing.T, *eapWorld, *supplicant) []string {
	return func(_ *testing.T, w *eapWorld, _ *supplicant) []string {
		shown := password
		if shown == "" {
			shown = w.phone
		}
		return append(login("alice", shown), "eap="+method, fmt.Sprintf("phase2=%q", phase2))
	}
}

// TestEAP: what most networks speak, in full and resumed, with a supplicant that
// checks the keys.
func TestEAP(t *testing.T) {
	w := newEAPWorld(t, schema.RADIUSClient{})
	for _, c := range []eapCase{
		{"tls", withTLS},
		{"ttls-pap", inside("TTLS", "auth=PAP", alicePassword)},
		{"peap-mschapv2", inside("PEAP", "auth=MSCHAPV2", "")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w.check(t, c, "1.3")
		})
	}
}

// TestEAPRefuses: who must not get in does not.
func TestEAPRefuses(t *testing.T) {
	w := newEAPWorld(t, schema.RADIUSClient{})
	revoked, expired := w.device(w.alice, "stolen", time.Hour), w.device(w.alice, "old", -time.Minute)
	ofBob := w.device(w.bob, "bobs", time.Hour)
	var eve directory.User
	w.write(func(tx *directory.Writer) (err error) {
		if eve, err = tx.CreateUser(directory.User{Username: "eve"}); err != nil {
			return err
		}
		if err := tx.AddMembers(w.staff.ID, directory.Membership{User: eve.ID}); err != nil {
			return err
		}
		return tx.RevokeCertificate(w.alice.ID, revoked.Leaf.SerialNumber.Text(16))
	})
	eves := w.device(eve, "eves", time.Hour)
	eveKnows := w.networkPassword(eve)
	w.write(func(tx *directory.Writer) error { _, err := tx.DisableUser(eve.ID, "test"); return err })
	stranger, err := certs.NewAuthority("Devices", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	forged, err := stranger.IssueClient(directory.CertificateDevice.Identity("laptop"), "alice", time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pap := func(name, password string) []string {
		return append(login(name, password), "eap=TTLS", `phase2="auth=PAP"`)
	}
	certificate := func(c *tls.Certificate) []string {
		return append(w.supplicant(t).certificate(t, c), "eap=TLS", `identity="alice"`)
	}
	for _, c := range []struct {
		name  string
		lines []string
	}{
		{"wrong password", pap("alice", "wrong")},
		{"unknown user", pap("nobody", alicePassword)},
		{"user who is not bound", pap("bob", alicePassword)},
		{"disabled user", append(login("eve", eveKnows), "eap=PEAP", `phase2="auth=MSCHAPV2"`)},
		{"network password of somebody else", append(login("bob", w.phone), "eap=PEAP", `phase2="auth=MSCHAPV2"`)},
		{"sign-in password in MS-CHAPv2", append(login("alice", alicePassword), "eap=PEAP", `phase2="auth=MSCHAPV2"`)},
		{"sign-in password in TTLS/MS-CHAPv2", append(login("alice", alicePassword), "eap=TTLS", `phase2="auth=MSCHAPV2"`)},
		{"CHAP inside", append(login("alice", alicePassword), "eap=TTLS", `phase2="auth=CHAP"`)},
		{"method that the client does not name", append(login("alice", w.phone), "eap=MSCHAPV2")},
		{"revoked certificate", certificate(revoked)},
		{"expired certificate", certificate(expired)},
		{"certificate of a disabled user", certificate(eves)},
		{"certificate of a user who is not bound", certificate(ofBob)},
		{"certificate of another CA", certificate(forged)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := w.supplicant(t)
			out := s.run(t, s.network(t, "1.3", c.lines...)...)
			if !strings.HasSuffix(strings.TrimSpace(out), "FAILURE") || !strings.Contains(out, "CTRL-EVENT-EAP-FAILURE") {
				t.Errorf("%s", out[max(0, len(out)-2000):])
			}
		})
	}
}

// TLS 1.2 without Extended Master Secret is refused, whatever was right inside,
// unless the client says that it has such devices. Those get the keys that they
// have derived themselves.
func TestEAPNeedsExtendedMasterSecret(t *testing.T) {
	t.Setenv("GODEBUG", "tlsunsafeekm=1") // counts for nothing
	for _, legacy := range []bool{false, true} {
		w := newEAPWorld(t, schema.RADIUSClient{LegacyTLS: legacy})
		const text = "openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\nsystem_default = old\n[old]\nOptions = -ExtendedMasterSecret\n"
		conf := filepath.Join(t.TempDir(), "openssl.cnf")
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for name, lines := range map[string]func(*supplicant) []string{
			"ttls-pap": func(*supplicant) []string {
				return append(login("alice", alicePassword), "eap=TTLS", `phase2="auth=PAP"`)
			},
			"ttls-mschapv2": func(*supplicant) []string {
				return append(login("alice", w.phone), "eap=TTLS", `phase2="auth=MSCHAPV2"`)
			},
			"tls": func(s *supplicant) []string { return withTLS(t, w, s) },
		} {
			s := w.supplicant(t)
			s.args, s.env = []string{"-r", "1"}, append(os.Environ(), "OPENSSL_CONF="+conf)
			out := s.run(t, s.network(t, "1.2", lines(s)...)...)
			if succeeded(out, 2) != legacy {
				t.Errorf("%s, legacy_tls %v:\n%s", name, legacy, out[max(0, len(out)-1000):])
			}
		}
		if !legacy {
			w.wantAudited(t, "somebody", directory.ReasonMethodNotAllowed, string(eap.NoExtendedMasterSecret), "legacy_tls: true")
		}
	}
}

// lockedBuffer is a log that is written and read at once.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A client may name EAP-MSCHAPv2 without a tunnel, as IKEv2 gateways need it.
func TestBareEAPMSCHAPv2(t *testing.T) {
	w := newEAPWorld(t, schema.RADIUSClient{Methods: []string{schema.MethodEAPMSCHAPv2}})
	for password, want := range map[string]bool{w.phone: true, alicePassword: false} {
		out := w.supplicant(t).run(t, `identity="alice"`, fmt.Sprintf("password=%q", password), "eap=MSCHAPV2")
		if succeeded(out, 1) != want {
			t.Errorf("let in: %v\n%s", !want, out[max(0, len(out)-1000):])
		}
	}
}

// afterFirstAccept stands between one device and the server, and calls fn before
// it lets the first Access-Accept pass.
func (w *world) afterFirstAccept(t *testing.T, fn func()) net.Addr {
	t.Helper()
	front := listenUDP(t, "127.0.0.1:0")
	back, err := net.Dial("udp", w.auth.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = front.Close(), back.Close() })
	go func() {
		b := make([]byte, wire.MaxLength)
		for {
			n, from, err := front.ReadFrom(b)
			if err != nil {
				return
			}
			if _, err := back.Write(b[:n]); err != nil {
				return
			}
			if n, err = back.Read(b); err != nil {
				return
			}
			if wire.Code(b[0]) == wire.AccessAccept && fn != nil {
				fn()
				fn = nil
			}
			_, _ = front.WriteTo(b[:n], from)
		}
	}()
	return front.LocalAddr()
}

// Who was disabled does not resume.
func TestDisabledWhileResumable(t *testing.T) {
	w := newEAPWorld(t, schema.RADIUSClient{})
	s := w.supplicant(t)
	s.args = []string{"-r", "1"}
	s.server = w.afterFirstAccept(t, func() {
		w.write(func(tx *directory.Writer) error { _, err := tx.DisableUser(w.alice.ID, "stolen"); return err })
	})
	out := s.run(t, s.network(t, "1.3", append(login("alice", alicePassword), "eap=TTLS", `phase2="auth=PAP"`)...)...)
	if !strings.Contains(out, "CTRL-EVENT-EAP-SUCCESS") || !strings.Contains(out, "resumed=1") || !strings.HasSuffix(strings.TrimSpace(out), "FAILURE") {
		t.Errorf("%s", out[max(0, len(out)-2000):])
	}
}
