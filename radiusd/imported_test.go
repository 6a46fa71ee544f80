package radiusd

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatehouse/directory"
	imported "gatehouse/directory/authority"
	"gatehouse/directory/schema"
)

// foreignCA is a CA that openssl keeps: a root, an issuing CA below it, and the
// revocation list of each.
type foreignCA struct {
	t   *testing.T
	dir string
}

const opensslConfig = `
[ca]
default_ca = issuing
[root]
dir = .
database = root.index
crl_extensions = list
serial = root.serial
new_certs_dir = .
default_md = sha256
policy = any
certificate = root.pem
private_key = root.key
default_days = 30
default_crl_days = 30
unique_subject = no
[issuing]
dir = .
database = issuing.index
crl_extensions = list
serial = issuing.serial
new_certs_dir = .
default_md = sha256
policy = any
certificate = issuing.pem
private_key = issuing.key
default_days = 30
default_crl_days = 30
unique_subject = no
[list]
authorityKeyIdentifier = keyid
[any]
commonName = supplied
[req]
distinguished_name = dn
[dn]
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
[narrow]
basicConstraints = critical, CA:true, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
[alice]
extendedKeyUsage = clientAuth
subjectAltName = email:alice@example.com
[upn]
extendedKeyUsage = clientAuth
subjectAltName = otherName:1.3.6.1.4.1.311.20.2.3;UTF8:alice@corp.example
[server]
extendedKeyUsage = serverAuth
subjectAltName = email:alice@example.com
[unsaid]
subjectAltName = email:alice@example.com
[nobody]
extendedKeyUsage = clientAuth
subjectAltName = email:nobody@example.com
[unverified]
extendedKeyUsage = clientAuth
subjectAltName = email:unverified@example.com
[shared]
extendedKeyUsage = clientAuth
subjectAltName = email:shared@example.com
[two]
extendedKeyUsage = clientAuth
subjectAltName = email:alice@example.com, email:bob@example.com
[ours]
extendedKeyUsage = clientAuth
subjectAltName = email:alice@example.com, URI:urn:gatehouse:device:laptop
[besides]
extendedKeyUsage = clientAuth
subjectAltName = email:alice@example.com, URI:urn:gatehouse:device:laptop, URI:https://example.com/
`

func newForeignCA(t *testing.T) *foreignCA {
	t.Helper()
	ca := &foreignCA{t: t, dir: t.TempDir()}
	ca.write("openssl.cnf", opensslConfig)
	for _, name := range []string{"root", "issuing"} {
		ca.write(name+".index", "")
		ca.write(name+".serial", map[string]string{"root": "1000\n", "issuing": "2000\n"}[name])
	}
	ca.openssl("req", "-x509", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "root.key", "-out", "root.pem",
		"-subj", "/CN=Foreign root", "-days", "30", "-config", "openssl.cnf", "-extensions", "authority")
	ca.sign("root", "issuing", "Foreign issuing CA", "narrow")
	ca.lists()
	return ca
}

func (ca *foreignCA) write(name, text string) {
	ca.t.Helper()
	if err := os.WriteFile(ca.path(name), []byte(text), 0o600); err != nil {
		ca.t.Fatal(err)
	}
}

func (ca *foreignCA) path(name string) string { return filepath.Join(ca.dir, name) }

func (ca *foreignCA) openssl(args ...string) {
	ca.t.Helper()
	cmd := exec.CommandContext(ca.t.Context(), "openssl", args...)
	cmd.Dir = ca.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		ca.t.Fatalf("openssl %v: %v\n%s", args, err, out)
	}
}

// sign makes a key and a certificate, signed by a CA.
func (ca *foreignCA) sign(by, name, text, section string, more ...string) {
	ca.t.Helper()
	ca.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name+".key", "-out", name+".csr",
		"-subj", "/CN="+text, "-config", "openssl.cnf")
	args := []string{"ca", "-batch", "-notext", "-config", "openssl.cnf", "-name", by, "-extensions", section, "-in", name + ".csr", "-out", name + ".pem"}
	ca.openssl(append(args, more...)...)
}

// lists publishes the lists of both CAs, those of the issuing one with args.
func (ca *foreignCA) lists(args ...string) {
	ca.t.Helper()
	ca.openssl("ca", "-gencrl", "-config", "openssl.cnf", "-name", "root", "-out", "root.crl")
	ca.openssl(append([]string{"ca", "-gencrl", "-config", "openssl.cnf", "-name", "issuing", "-out", "issuing.crl"}, args...)...)
	var both []byte
	for _, name := range []string{"root.crl", "issuing.crl"} {
		b, err := os.ReadFile(ca.path(name))
		if err != nil {
			ca.t.Fatal(err)
		}
		both = append(both, b...)
	}
	ca.write("new.crl", string(both))
	if err := os.Rename(ca.path("new.crl"), ca.path("all.crl")); err != nil {
		ca.t.Fatal(err)
	}
}

// device makes a certificate of the issuing CA and returns the lines of a network
// that uses it.
func (ca *foreignCA) device(name, section string, more ...string) []string {
	ca.t.Helper()
	ca.sign("issuing", name, name, section, more...)
	return ca.network(name)
}

func (ca *foreignCA) network(name string) []string {
	ca.t.Helper()
	leaf, err1 := os.ReadFile(ca.path(name + ".pem"))
	issuing, err2 := os.ReadFile(ca.path("issuing.pem"))
	if err1 != nil || err2 != nil {
		ca.t.Fatal(err1, err2)
	}
	ca.write(name+".chain", string(leaf)+string(issuing))
	return []string{
		"eap=TLS", `identity="anonymous"`, fmt.Sprintf("client_cert=%q", ca.path(name+".chain")), fmt.Sprintf("private_key=%q", ca.path(name+".key")),
	}
}

// importing makes a world that trusts a foreign CA. Alice and Bob have addresses;
// one is verified of both.
func importing(t *testing.T, ca *foreignCA, edit func(*imported.Config)) *eapWorld {
	t.Helper()
	c := imported.Config{
		Name: "corp", Purpose: imported.PurposeDevice, CAFile: ca.path("root.pem"), CRLFile: ca.path("all.crl"),
		SAN: imported.SANEmail, User: imported.UserEmail,
	}
	if edit != nil {
		edit(&c)
	}
	set, err := imported.Open([]imported.Config{c}, slog.New(slog.NewTextHandler(t.Output(), nil)), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	looked := make(chan time.Time)
	w := &eapWorld{world: newWorldWith(t, schema.RADIUSClient{}, func(d *directory.Config) { d.Authorities = set })}
	w.devices = w.deviceAuthority()
	w.look = func() { looked <- time.Time{}; looked <- time.Time{} } // the second is taken when the first was dealt with
	go set.Follow(t.Context(), looked)
	w.write(func(tx *directory.Writer) error {
		for name, u := range map[string]directory.User{"alice": w.alice, "bob": w.bob} {
			_, err := tx.UpdateUser(u.ID, func(u *directory.User) error {
				u.Emails = []directory.Email{
					{Address: name + "@example.com", Verified: true, Primary: true},
					{Address: "shared@example.com", Verified: true},
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	w.unverified()
	return w
}

// unverified makes somebody in staff whose address is what a source says.
func (w *eapWorld) unverified() {
	w.t.Helper()
	var hr directory.SCIMSource
	w.write(func(tx *directory.Writer) (err error) {
		hr, err = tx.SaveSCIMSource(directory.NewSCIMSource{Name: "hr", Token: directory.Secret(strings.Repeat("t", 32))})
		return err
	})
	by := directory.Actor{Kind: directory.ActorSource, Source: hr.ID, Name: "hr", Via: "scim"}
	var uma directory.User
	if _, err := w.directory.Write(w.t.Context(), by, func(tx *directory.Writer) (err error) {
		uma, err = tx.CreateUser(directory.User{Username: "uma", Emails: []directory.Email{{Address: "unverified@example.com", Primary: true}}})
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	w.write(func(tx *directory.Writer) error {
		return tx.AddMembers(w.staff.ID, directory.Membership{User: uma.ID})
	})
}

// enters reports whether a device gets in, with TLS 1.3.
func (w *eapWorld) enters(t *testing.T, lines []string) bool {
	t.Helper()
	s := w.supplicant(t)
	return succeeded(s.run(t, s.network(t, "1.3", lines...)...), 1)
}

// TestImportedCA: a certificate of an imported CA lets in whom its one name is of,
// and nobody else.
func TestImportedCA(t *testing.T) {
	ca := newForeignCA(t)
	good, revoked := ca.device("good", "alice"), ca.device("revoked", "alice")
	ca.openssl("ca", "-config", "openssl.cnf", "-name", "issuing", "-revoke", "revoked.pem")
	ca.lists()
	w := importing(t, ca, nil)
	for _, tt := range []struct {
		what  string
		lines []string
		want  string // of the audit; empty: let in
	}{
		{"good", good, ""},
		{"revoked", revoked, "corp: revoked by its CA"},
		{"for servers", ca.device("server", "server"), "corp: certificate specifies an incompatible key usage"},
		{"for anything", ca.device("unsaid", "unsaid"), "corp: it is not for client authentication"},
		{"of nobody", ca.device("nobody", "nobody"), `corp: its name "nobody@example.com" is nobody's email`},
		{"of an address that nobody has verified", ca.device("unverified", "unverified"), `corp: its name "unverified@example.com" is nobody's email`},
		{"of two people", ca.device("shared", "shared"), `corp: its name "shared@example.com" is the email of 2 people`},
		{"with two names", ca.device("two", "two"), "corp: its subject alternative name has more than one email"},
		{"without a name of that kind", ca.device("upn", "upn"), "corp: its subject alternative name has no email"},
		{"with a name that we give", ca.device("ours", "ours"), "is not trusted for devices"},
		{"with a name that we give besides", ca.device("besides", "besides"), "corp: it has a name that only the built-in CA gives"},
		{"expired", ca.device("expired", "alice", "-startdate", "20200101000000Z", "-enddate", "20210101000000Z"), "corp: it expired 2021-01-01"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			t.Parallel()
			if in := w.enters(t, tt.lines); in != (tt.want == "") {
				t.Fatalf("let in: %v", in)
			}
			if tt.want != "" {
				w.wantAudited(t, "anonymous", directory.ReasonCertificateInvalid, "", tt.want)
			}
		})
	}
}

// A certificate of the built-in CA is none of an imported one, whatever that is.
func TestOurCertificatesAreNotImported(t *testing.T) {
	ca := newForeignCA(t)
	w := importing(t, ca, func(c *imported.Config) { c.CRL, c.CRLFile = imported.CRLSoft, "" })
	laptop := w.device(w.alice, "laptop", time.Hour)
	s := w.supplicant(t)
	if !w.enters(t, append(s.certificate(t, laptop), "eap=TLS", `identity="x"`)) {
		t.Error("a certificate of ours is refused")
	}
	unrecorded, err := w.devices.IssueClient(directory.CertificateDevice.Identity("other"), "alice", time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]*tls.Certificate{"one that was not issued": unrecorded} {
		if w.enters(t, append(w.supplicant(t).certificate(t, c), "eap=TLS", `identity="x"`)) {
			t.Errorf("%s gets in", what)
		}
	}
}

// TestImportedCRL: a list that is past its time denies, unless the CA is soft about
// it; a new one is taken over, also between a handshake and its resumption.
func TestImportedCRL(t *testing.T) {
	ca := newForeignCA(t)
	good := ca.device("good", "alice")
	old := []string{"-crl_lastupdate", "20200101000000Z", "-crl_nextupdate", "20200201000000Z"}
	ca.lists(old...)
	w := importing(t, ca, nil)
	soft := importing(t, ca, func(c *imported.Config) { c.CRL = imported.CRLSoft })
	if w.enters(t, good) || !soft.enters(t, good) {
		t.Error("a list that is past its time")
	}
	w.wantAudited(t, "anonymous", directory.ReasonCertificateInvalid, "", "corp: the CRL of its CA is past its nextUpdate")
	ca.lists()
	w.look()
	soft.look()
	s := w.supplicant(t)
	s.args = []string{"-r", "1"}
	s.server = w.afterFirstAccept(t, func() {
		ca.openssl("ca", "-config", "openssl.cnf", "-name", "issuing", "-revoke", "good.pem")
		ca.lists()
		w.look()
	})
	out := s.run(t, s.network(t, "1.3", good...)...)
	if !strings.Contains(out, "CTRL-EVENT-EAP-SUCCESS") || !strings.Contains(out, "resumed=1") || !strings.HasSuffix(strings.TrimSpace(out), "FAILURE") {
		t.Errorf("revoked before it was resumed:\n%s", out[max(0, len(out)-2000):])
	}
	if err := os.Remove(ca.path("all.crl")); err != nil {
		t.Fatal(err)
	}
	w.look()
	if w.enters(t, good) {
		t.Error("without a list")
	}
	soft.look()
	if !soft.enters(t, good) {
		t.Error("soft without a list")
	}
}

// A resumption is no full handshake, and lets in who still may.
func TestImportedIsResumed(t *testing.T) {
	ca := newForeignCA(t)
	w := importing(t, ca, func(c *imported.Config) {
		c.SAN, c.User, c.Strip = imported.SANUPN, imported.UserName, "@corp.example"
	})
	w.check(t, eapCase{"tls", func(*testing.T, *eapWorld, *supplicant) []string { return ca.device("upn", "upn") }}, "1.3")
}
