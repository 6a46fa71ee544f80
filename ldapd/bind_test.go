package ldapd

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	"gatehouse/directory/schema"
	"gatehouse/ldapd/wire"
)

func TestBind(t *testing.T) {
	w := newWorld(t, nil)
	hash, err := w.dir.HashPassword(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	w.write(func(tx *directory.Writer) error {
		for name, mail := range map[string]string{"carol": "c@example.org", "dora": "carol@example.com"} {
			u, err := tx.CreateUser(directory.User{Username: name, Emails: []directory.Email{{Address: mail, Verified: true, Primary: true}}})
			if err != nil {
				return err
			}
			if err := tx.SetPassword(u.ID, hash); err != nil {
				return err
			}
		}
		if _, err := tx.CreateApp(directory.App{Slug: "faceless"}); err != nil {
			return err
		}
		renamed := schema.LDAP{RDN: "mail", Attributes: map[string]string{"login": "uid", "uid": "entryUUID"}}
		if err := newView(tx, "odd", renamed); err != nil {
			return err
		}
		return newView(tx, "wiki", schema.LDAP{}, directory.Binding{Kind: directory.BindGroup, Ref: int64(w.staff.ID), RefName: "staff"})
	})
	const who = "dn:"
	tests := []struct {
		name, dn, password string
		want               int
		whoami             string
	}{
		{"uid", aliceDN, password, 0, who + aliceDN},
		{"cn", "cn=alice,ou=users," + baseDN, password, 0, who + aliceDN},
		{"mail", "mail=alice@example.com,ou=users," + baseDN, password, 0, who + aliceDN},
		{"entryUUID", "entryUUID=" + strings.ToUpper(w.alice.UID) + ",ou=users," + baseDN, password, 0, who + aliceDN},
		{"bare address", "alice@example.com", password, 0, who + aliceDN},
		{"userPrincipalName", "bob@Example.com", password, 0, who + bobDN},
		{"an address before a userPrincipalName", "carol@example.com", password, 0, who + "uid=dora,ou=users," + baseDN},
		{"other case and spaces", "UID = Alice , OU = Users , DC=Example, dc=COM", password, 0, who + aliceDN},
		{"service account", readerDN, password, 0, who + readerDN},
		{"service account by uid", "uid=reader,ou=services," + baseDN, password, 0, who + readerDN},
		{"view of an app", "uid=alice,ou=users,app=wiki,ou=apps," + baseDN, password, 0, who + "uid=alice,ou=users,app=wiki,ou=apps," + baseDN},
		{"anonymous", "", "", 0, ""},
		{"by the name of a view", "login=alice,ou=users,app=odd,ou=apps," + baseDN, password, 0, who + "mail=alice@example.com,ou=users,app=odd,ou=apps," + baseDN},
		{"in a view, by cn", "CN=alice,ou=users,app=odd,ou=apps," + baseDN, password, 0, who + "mail=alice@example.com,ou=users,app=odd,ou=apps," + baseDN},
		{"in a view, without an address", "login=bob,ou=users,app=odd,ou=apps," + baseDN, password, 0, who + "login=bob,ou=users,app=odd,ou=apps," + baseDN},

		{"a name that means something else in the view", "uid=alice,ou=users,app=odd,ou=apps," + baseDN, password, ldap.LDAPResultInvalidCredentials, ""},
		{"app without a view", "uid=alice,ou=users,app=faceless,ou=apps," + baseDN, password, ldap.LDAPResultInvalidCredentials, ""},
		{"service account below a view", "cn=reader,ou=services,app=wiki,ou=apps," + baseDN, password, ldap.LDAPResultInvalidCredentials, ""},
		{"userPrincipalName of another domain", "bob@example.org", password, ldap.LDAPResultInvalidCredentials, ""},
		{"userPrincipalName of nobody", "nobody@example.com", password, ldap.LDAPResultInvalidCredentials, ""},
		{"userPrincipalName of a service account", "reader@example.com", password, ldap.LDAPResultInvalidCredentials, ""},
		{"userPrincipalName as an address in a name", "mail=bob@example.com,ou=users," + baseDN, password, ldap.LDAPResultInvalidCredentials, ""},
		{"wrong password", aliceDN, "wrong", ldap.LDAPResultInvalidCredentials, ""},
		{"unknown name", "uid=nobody,ou=users," + baseDN, password, ldap.LDAPResultInvalidCredentials, ""},
		{"unknown entryUUID", "entryUUID=00000000-0000-4000-8000-000000000000,ou=users," + baseDN, password, ldap.LDAPResultInvalidCredentials, ""},
		{"not in the app's group", "uid=bob,ou=users,app=wiki,ou=apps," + baseDN, password, ldap.LDAPResultInvalidCredentials, ""},
		{"unknown app", "uid=alice,ou=users,app=none,ou=apps," + baseDN, password, ldap.LDAPResultInvalidCredentials, ""},
		{"person below services", "cn=alice,ou=services," + baseDN, password, ldap.LDAPResultInvalidCredentials, ""},
		{"service account below users", "uid=reader,ou=users," + baseDN, password, ldap.LDAPResultInvalidCredentials, ""},
		{"another base", "uid=alice,ou=users,dc=example,dc=org", password, ldap.LDAPResultInvalidCredentials, ""},
		{"base only as the end of a value", `uid=alice,ou=users\,dc=example,dc=com`, password, ldap.LDAPResultInvalidCredentials, ""},
		{"a group", "cn=staff,ou=groups," + baseDN, password, ldap.LDAPResultInvalidCredentials, ""},
		{"two values in the name", "uid=alice+cn=alice,ou=users," + baseDN, password, ldap.LDAPResultInvalidCredentials, ""},
		{"no name, a password", "", password, ldap.LDAPResultInvalidCredentials, ""},
		{"not a name", "alice", password, ldap.LDAPResultInvalidDNSyntax, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := w.bound(bobDN) // a failed bind leaves nothing of the bind before it
			r := ldap.NewSimpleBindRequest(tt.dn, tt.password, nil)
			r.AllowEmptyPassword = true
			_, err := c.SimpleBind(r)
			if got := code(err); got != tt.want {
				t.Fatalf("got %v, want %d", err, tt.want)
			}
			id, err := c.WhoAmI(nil)
			if err != nil || id.AuthzID != tt.whoami {
				t.Errorf("who am i: %q, %v", id.AuthzID, err)
			}
		})
	}
}

func TestBindRefusedBeforeItIsDecided(t *testing.T) {
	w := newWorld(t, nil)
	t.Run("empty password", func(t *testing.T) {
		// RFC 4513 §5.1.2; the search-then-bind client that forgets to check must not let anybody in.
		r := ldap.NewSimpleBindRequest(aliceDN, "", nil)
		r.AllowEmptyPassword = true
		if _, err := w.dial().SimpleBind(r); code(err) != ldap.LDAPResultUnwillingToPerform {
			t.Errorf("got %v", err)
		}
	})
	t.Run("SASL", func(t *testing.T) {
		// RFC 4513 §5.2.3: nothing below the bind has said who it is.
		if err := w.dial().ExternalBind(); code(err) != ldap.LDAPResultInappropriateAuthentication {
			t.Errorf("got %v", err)
		}
	})
	t.Run("version 2", func(t *testing.T) {
		c := w.raw()
		_, _ = c.Write([]byte("\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x02\x04\x00\x80\x00\x30\x05\x02\x01\x02\x42\x00"))
		got := answers(t, c)
		if len(got) != 1 || got[0][9] != ldap.LDAPResultProtocolError {
			t.Errorf("got % x", got)
		}
	})
}

// from pretends that a connection comes from another address.
type from struct {
	net.Listener
	addr net.Addr
}

type fromConn struct {
	net.Conn
	addr net.Addr
}

func (c fromConn) RemoteAddr() net.Addr { return c.addr }

func (f from) Accept() (net.Conn, error) {
	c, err := f.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return fromConn{c, f.addr}, nil
}

func TestPasswordsDoNotTravelInClear(t *testing.T) {
	far := func(c *Config) {
		for i := range c.Listeners {
			c.Listeners[i].Listener = from{c.Listeners[i].Listener, &net.TCPAddr{IP: net.IPv4(203, 0, 113, 7), Port: 40000}}
		}
	}
	w := newWorld(t, far)
	if err := w.dial().Bind(aliceDN, password); code(err) != ldap.LDAPResultConfidentialityRequired {
		t.Errorf("in clear: %v", err)
	}
	if err := w.dial().Bind(aliceDN, "wrong"); code(err) != ldap.LDAPResultConfidentialityRequired {
		t.Errorf("a wrong one in clear must not be told apart: %v", err)
	}
	if err := w.dial().UnauthenticatedBind(""); code(err) != 0 {
		t.Errorf("anonymous in clear: %v", err)
	}
	c := w.dial()
	if err := c.StartTLS(w.clientTLS()); err != nil {
		t.Fatal(err)
	}
	if err := c.Bind(aliceDN, password); err != nil {
		t.Errorf("with StartTLS: %v", err)
	}
	s, err := ldap.DialURL("ldaps://"+w.tls, ldap.DialWithTLSConfig(w.clientTLS()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if err := s.Bind(aliceDN, password); err != nil {
		t.Errorf("with LDAPS: %v", err)
	}
	open := newWorld(t, func(c *Config) { far(c); c.ClearPasswords = true })
	if err := open.dial().Bind(aliceDN, password); err != nil {
		t.Errorf("allowed by the configuration: %v", err)
	}
}

func TestBindSaysUnavailableWhenNothingCanBeDecided(t *testing.T) {
	w := newWorld(t, nil)
	c := w.bound(aliceDN)
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	for _, pw := range []string{password, "wrong"} {
		if err := c.Bind(aliceDN, pw); code(err) != ldap.LDAPResultUnavailable {
			t.Errorf("%s: got %v, want unavailable", pw, err)
		}
	}
}

// TestRefusalsAreAlike: whatever the reason, the answer is the same bytes and
// leaves at a tick.
func TestRefusalsAreAlike(t *testing.T) {
	w := newWorld(t, nil)
	w.write(func(tx *directory.Writer) error {
		if err := newView(tx, "bank", schema.LDAP{}); err != nil {
			return err
		}
		a, err := tx.AppBySlug("bank")
		if err != nil {
			return err
		}
		_, err = tx.UpdateApp(a.ID, func(a *directory.App) error {
			a.Require = []directory.Factor{directory.FactorTOTP}
			return nil
		})
		return err
	})
	door := directory.Attempt{App: "bank", Protocol: directory.ProtocolLDAP, Peer: netip.MustParseAddr("127.0.0.1")}
	var want []byte
	for _, r := range directorytest.Refusals(t, w.dir, w.store, door, time.Now()) {
		c, start := w.raw(), time.Now()
		dn := "uid=" + r.Name + ",ou=users,app=bank,ou=apps," + baseDN
		_, _ = c.Write(simpleBind(dn, r.Password))
		got, err := wire.NewReader(c).Next(1 << 16)
		if err != nil {
			t.Fatalf("%s: %v", r.What, err)
		}
		if took := time.Since(start); took < 245*time.Millisecond {
			t.Errorf("%s: answered after %s, before the tick", r.What, took)
		}
		if want == nil {
			want = bytes.Clone(got)
		}
		if !bytes.Equal(got, want) || !bytes.Contains(got, []byte{0x0a, 1, ldap.LDAPResultInvalidCredentials}) {
			t.Errorf("%s: % x, want % x", r.What, got, want)
		}
	}
}

func TestStartTLS(t *testing.T) {
	w := newWorld(t, nil)
	t.Run("twice", func(t *testing.T) {
		c := w.dial()
		if err := c.StartTLS(w.clientTLS()); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Extended(ldap.NewExtendedRequest("1.3.6.1.4.1.1466.20037", nil)); code(err) != ldap.LDAPResultOperationsError {
			t.Errorf("got %v", err)
		}
		if _, err := c.WhoAmI(nil); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
	t.Run("without a certificate", func(t *testing.T) {
		w := newWorld(t, func(c *Config) { c.TLS, c.Listeners = nil, c.Listeners[:1] })
		if err := w.dial().StartTLS(w.clientTLS()); err == nil {
			t.Error("began")
		}
	})
	t.Run("requests behind it are not taken into TLS", func(t *testing.T) {
		c := w.raw()
		startTLS := "\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"
		whoami := "\x30\x1e\x02\x01\x02\x77\x19\x80\x171.3.6.1.4.1.4203.1.11.3"
		_, _ = c.Write([]byte(startTLS + whoami))
		buf := make([]byte, 1024)
		n, err := c.Read(buf)
		if err != nil || buf[9] != ldap.LDAPResultOperationsError {
			t.Fatalf("got % x, %v", buf[:n], err)
		}
	})
	t.Run("unbind in clear after TLS", func(t *testing.T) {
		// Some printers end TLS and then send the unbind in clear.
		c := w.raw()
		_, _ = c.Write([]byte("\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"))
		buf := make([]byte, 1024)
		if n, err := c.Read(buf); err != nil || buf[9] != 0 {
			t.Fatalf("got % x, %v", buf[:n], err)
		}
		s := tls.Client(c, w.clientTLS())
		if err := s.HandshakeContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write([]byte("\x30\x05\x02\x01\x02\x42\x00"))
		_ = answers(t, s)
		if _, err := w.dial().WhoAmI(nil); err != nil {
			t.Errorf("others: %v", err)
		}
	})
	t.Run("garbage instead of a handshake", func(t *testing.T) {
		c := w.raw()
		_, _ = c.Write([]byte("\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"))
		buf := make([]byte, 1024)
		if _, err := c.Read(buf); err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write([]byte("GET / HTTP/1.0\r\n\r\n"))
		_ = answers(t, c)
	})
}

func TestRelay(t *testing.T) {
	// A connection that was bound as a service account asks for others: their failures must not count against its address
	// as a source, and the address is not the person's device.
	w := newWorld(t, nil)
	c := w.bound(readerDN)
	for i := range 8 {
		if err := c.Bind(aliceDN, fmt.Sprint("wrong ", i)); code(err) != ldap.LDAPResultInvalidCredentials {
			t.Fatal(err)
		}
	}
	if err := w.dial().Bind(aliceDN, password); err != nil {
		t.Errorf("from her own device: %v", err)
	}
}

func TestRunEndsKindly(t *testing.T) {
	w := newWorld(t, nil)
	c := w.raw()
	_, _ = c.Write([]byte("\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00"))
	buf := make([]byte, 64)
	if _, err := c.Read(buf); err != nil {
		t.Fatal(err)
	}
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	got := answers(t, c)
	if len(got) != 1 || !isNotice(got[0], 52) {
		t.Errorf("got %q, want a notice of disconnection", got)
	}
	if _, err := net.DialTimeout("tcp", w.plain, time.Second); err == nil {
		t.Error("still accepting")
	}
	if err := w.server.Run(context.WithoutCancel(t.Context())); err == nil {
		t.Error("ran again on closed listeners")
	}
}
