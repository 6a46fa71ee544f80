package ldapd

import (
	"crypto/tls"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"gatehouse/directory"
	"gatehouse/internal/certs"
	"gatehouse/ldapd/wire"
)

// saslBind sends a SASL bind by hand, as go-ldap has no PLAIN, and returns the result code.
func saslBind(t *testing.T, c net.Conn, name, mechanism string, credentials []byte) int {
	t.Helper()
	auth := ber.Encode(ber.ClassContext, ber.TypeConstructed, 3, nil, "")
	auth.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, mechanism, ""))
	if credentials != nil {
		auth.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, string(credentials), ""))
	}
	bind := ber.Encode(ber.ClassApplication, ber.TypeConstructed, 0, nil, "")
	bind.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 3, ""))
	bind.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, name, ""))
	bind.AppendChild(auth)
	msg := ber.NewSequence("")
	msg.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 1, ""))
	msg.AppendChild(bind)
	if _, err := c.Write(msg.Bytes()); err != nil {
		t.Fatal(err)
	}
	answer, err := ber.ReadPacket(c)
	if err != nil {
		t.Fatal(err)
	}
	return int(answer.Children[1].Children[0].Value.(int64))
}

// whoIs asks who a connection is bound as.
func whoIs(t *testing.T, c net.Conn) string {
	t.Helper()
	if _, err := c.Write([]byte("\x30\x1e\x02\x01\x02\x77\x19\x80\x17" + wire.OIDWhoAmI)); err != nil {
		t.Fatal(err)
	}
	answer, err := ber.ReadPacket(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, child := range answer.Children[1].Children {
		if child.ClassType == ber.ClassContext && child.Tag == 11 {
			return child.Data.String()
		}
	}
	return ""
}

func TestPlain(t *testing.T) {
	w := newWorld(t, nil)
	message := func(parts ...string) []byte { return []byte(strings.Join(parts, "\x00")) }
	for _, tt := range []struct {
		name string
		in   []byte
		want int
		who  string
	}{
		{"username", message("", "alice", password), 0, "dn:" + aliceDN},
		{"address", message("", "alice@example.com", password), 0, "dn:" + aliceDN},
		{"userPrincipalName", message("", "bob@example.com", password), 0, "dn:" + bobDN},
		{"DN", message("", readerDN, password), 0, "dn:" + readerDN},
		{"as oneself", message("u:alice", "alice", password), 0, "dn:" + aliceDN},
		{"as oneself in full width", message("u:\uff41lice", "alice", password), 0, "dn:" + aliceDN},
		{"as oneself in capitals", message("u:ALICE", "alice", password), 49, ""},
		{"as nobody who can be named", message("u:alice\ufffd", "alice", password), 49, ""},
		{"as one's own DN", message("dn:UID=alice, ou=users,"+baseDN, "alice", password), 0, "dn:" + aliceDN},
		{"as somebody else", message("u:bob", "alice", password), 49, ""},
		{"as somebody else's DN", message("dn:"+bobDN, "alice", password), 49, ""},
		{"wrong password", message("", "alice", "wrong"), 49, ""},
		{"nobody", message("", "nobody", password), 49, ""},
		{"no password", message("", "alice", ""), 49, ""},
		{"two parts", message("alice", password), 49, ""},
		{"no credentials", nil, 49, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := w.bindRaw(bobDN) // RFC 4513 §4: after a failed bind the session is anonymous
			if got := saslBind(t, c, "", "PLAIN", tt.in); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
			if got := whoIs(t, c); got != tt.who {
				t.Errorf("bound as %q, want %q", got, tt.who)
			}
		})
	}
	if got := saslBind(t, w.raw(), "", "CRAM-MD5", nil); got != 7 {
		t.Errorf("a mechanism that is not offered: %d", got)
	}
	if got := saslBind(t, w.raw(), "", "", nil); got != 7 {
		t.Errorf("an empty mechanism: %d", got) // RFC 4511 §4.2.1
	}
	if got := saslBind(t, w.raw(), aliceDN, "PLAIN", message("", "bob", password)); got != 0 {
		t.Errorf("a name beside the mechanism counts: %d", got)
	}
}

// offered asks the root DSE for the mechanisms of a connection.
func offered(t *testing.T, c *ldap.Conn) []string {
	t.Helper()
	r, err := c.Search(search("", ldap.ScopeBaseObject, "(objectClass=*)", "supportedSASLMechanisms"))
	if err != nil {
		t.Fatal(err)
	}
	return r.Entries[0].GetAttributeValues("supportedSASLMechanisms")
}

func TestPlainNeedsTLS(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Listeners[0].Listener = from{c.Listeners[0].Listener, &net.TCPAddr{IP: net.IPv4(203, 0, 113, 7), Port: 40000}}
	})
	if got := saslBind(t, w.raw(), "", "PLAIN", []byte("\x00alice\x00"+password)); got != 13 {
		t.Errorf("in clear: %d, want 13", got)
	}
	c := w.dial()
	if got := offered(t, c); len(got) != 0 {
		t.Errorf("offered in clear: %q", got)
	}
	if err := c.StartTLS(w.clientTLS()); err != nil {
		t.Fatal(err)
	}
	if got := offered(t, c); !slices.Equal(got, []string{"PLAIN"}) {
		t.Errorf("offered inside TLS: %q", got)
	}
}

// unixSocket adds a unix listener to a server, open to every user, and returns its path.
func unixSocket(t *testing.T, c *Config) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "ldapi")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	for _, p := range []string{filepath.Dir(dir), dir, path} {
		if err := os.Chmod(p, 0o777); err != nil { //nolint:gosec // another user of this host connects
			t.Fatal(err)
		}
	}
	c.Listeners = append(c.Listeners, Listener{Listener: l, Kind: Unix})
	return path
}

// whoami runs ldapwhoami over a unix socket as a local user; root may choose who that is.
func whoami(t *testing.T, path string, uid uint32) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ldapwhoami", "-Q", "-Y", "EXTERNAL", "-H", "ldapi://"+url.PathEscape(path))
	cmd.Dir = "/"
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: 65534}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out)), cmd.ProcessState.ExitCode()
}

// TestExternalOverUnixSocket: the kernel says who is there, the configuration whom that stands for, and root is nobody.
func TestExternalOverUnixSocket(t *testing.T) {
	uid := uint32(os.Getuid())
	if uid == 0 {
		uid = 54321
	}
	for _, tt := range []struct {
		name  string
		peers map[uint32]string
		as    uint32
		exit  int
		says  string
	}{
		{"listed", map[uint32]string{uid + 1: "plain", uid: "reader"}, uid, 0, "dn:" + readerDN},
		{"not listed", map[uint32]string{uid + 1: "reader"}, uid, 48, "Inappropriate authentication"},
		{"listed as somebody who does not exist", map[uint32]string{uid: "nobody"}, uid, 49, "Invalid credentials"},
		{"listed as a person", map[uint32]string{uid: "alice"}, uid, 49, "Invalid credentials"},
		{"root", map[uint32]string{0: "reader"}, 0, 48, "Inappropriate authentication"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.as == 0 && os.Getuid() != 0 {
				return
			}
			path := ""
			w := newWorldWith(t, func(c *directory.Config) { c.Peers = tt.peers }, func(c *Config) { path = unixSocket(t, c) })
			out, exit := whoami(t, path, tt.as)
			if exit != tt.exit || !strings.Contains(out, tt.says) {
				t.Errorf("exit %d, want %d with %q: %s", exit, tt.exit, tt.says, out)
			}
			if got := saslBind(t, w.raw(), "", "EXTERNAL", nil); got != 48 {
				t.Errorf("over TCP: %d", got)
			}
		})
	}
}

// TestExternalByCertificate: the URI in a certificate of a device that is in force says who it is.
func TestExternalByCertificate(t *testing.T) {
	w := newWorld(t, nil)
	ours, err := certs.NewAuthority("Devices", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := certs.NewAuthority("Devices", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	key, err := ours.PrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	w.write(func(tx *directory.Writer) error {
		return tx.AddSigningKey(directory.NewSigningKey{
			KID: "ca-device", Use: directory.CertificateDevice.AuthorityUse(), State: directory.KeyActive, Private: key, Public: ours.Certificate(),
		})
	})
	issue := func(a *certs.Authority, identity, text string, of directory.UserID) *tls.Certificate {
		c, err := a.IssueClient(identity, text, time.Hour, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if of != 0 {
			w.write(func(tx *directory.Writer) error {
				return tx.AddCertificate(directory.Certificate{
					Serial: c.Leaf.SerialNumber.Text(16), Kind: directory.CertificateDevice, Subject: identity, User: of, Expires: c.Leaf.NotAfter,
				})
			})
		}
		return c
	}
	bind := func(c *tls.Certificate) (*ldap.Conn, error) {
		config := w.clientTLS()
		if c != nil {
			config.Certificates = []tls.Certificate{*c}
		}
		conn, err := ldap.DialURL("ldaps://"+w.tls, ldap.DialWithTLSConfig(config))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn, conn.ExternalBind()
	}
	device := directory.CertificateDevice.Identity
	good := issue(ours, device("laptop"), "somebody else", w.alice.ID)
	for _, tt := range []struct {
		name string
		cert *tls.Certificate
		want int
	}{
		{"in force", good, 0},
		{"none", nil, 48},
		{"of another authority", issue(theirs, device("phone"), "alice", w.alice.ID), 49},
		{"not recorded", issue(ours, device("tablet"), "alice", 0), 49},
		{"only a common name", issue(ours, "urn:example:alice", "alice", w.alice.ID), 49},
	} {
		c, err := bind(tt.cert)
		if code(err) != tt.want {
			t.Errorf("%s: %v, want %d", tt.name, err, tt.want)
		}
		who, err := c.WhoAmI(nil)
		if want := map[bool]string{true: "dn:" + aliceDN}[tt.want == 0]; err != nil || who.AuthzID != want {
			t.Errorf("%s: bound as %v, %v", tt.name, who, err)
		}
	}
	w.write(func(tx *directory.Writer) error {
		return tx.RevokeCertificate(w.alice.ID, good.Leaf.SerialNumber.Text(16))
	})
	if _, err := bind(good); code(err) != 49 {
		t.Errorf("revoked: %v", err)
	}
}
