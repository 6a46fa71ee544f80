package ldapd

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"gatehouse/directory"
	"gatehouse/directory/credential"
	"gatehouse/ldapd/wire"
)

func TestPasswordModify(t *testing.T) {
	w := newWorld(t, nil)
	reset := w.service("reset", directory.WritePassword)
	change := func(bind, identity, old, fresh string) (string, error) {
		c := w.dial()
		if bind != "" {
			if err := c.Bind(bind, password); err != nil {
				t.Fatal(err)
			}
		}
		r, err := c.PasswordModify(ldap.NewPasswordModifyRequest(identity, old, fresh))
		if err != nil {
			return "", err
		}
		return r.GeneratedPassword, nil
	}
	for _, tt := range []struct {
		name, bind, identity, old, fresh string
		want                             int
	}{
		{"anonymous", "", aliceDN, password, "fresh fresh", 53},
		{"without the old one", aliceDN, "", "", "fresh fresh", 53},
		{"with a wrong old one", aliceDN, "", "wrong", "fresh fresh", 49},
		{"somebody else", bobDN, aliceDN, password, "fresh fresh", 50},
		{"somebody who does not exist", bobDN, "uid=x,ou=users," + baseDN, password, "fresh fresh", 50},
		{"a reader for somebody", readerDN, aliceDN, "", "fresh fresh", 50},
		{"by right, nobody", reset, "uid=x,ou=users," + baseDN, "", "fresh fresh", 32},
		{"by right, a group", reset, staffDN, "", "fresh fresh", 53},
		{"by right, a service account", reset, readerDN, "", "fresh fresh", 53},
		{"by right, no name", reset, "a=b,c", "", "fresh fresh", 34},
		{"by right, with a wrong old one", reset, aliceDN, "wrong", "fresh fresh", 49},
	} {
		if _, err := change(tt.bind, tt.identity, tt.old, tt.fresh); code(err) != tt.want {
			t.Errorf("%s: %v, want %d", tt.name, err, tt.want)
		}
	}
	if err := w.dial().Bind(aliceDN, password); err != nil {
		t.Fatalf("one of them has changed it: %v", err)
	}
	for i, identity := range []string{"", aliceDN, "cn=alice,ou=users," + baseDN, "u:alice", "dn:" + aliceDN, "alice"} {
		now := []string{password, "second second", password, "second second", password, "second second"}
		c := w.dial()
		if err := c.Bind(aliceDN, now[i]); err != nil {
			t.Fatal(err)
		}
		fresh := password
		if now[i] == password {
			fresh = "second second"
		}
		if _, err := c.PasswordModify(ldap.NewPasswordModifyRequest(identity, now[i], fresh)); err != nil {
			t.Errorf("oneself as %q: %v", identity, err)
		}
		if err := w.dial().Bind(aliceDN, now[i]); code(err) != 49 {
			t.Errorf("the old one opens: %v", err)
		}
		if _, err := c.WhoAmI(nil); err != nil {
			t.Errorf("the connection: %v", err)
		}
	}
	// RFC 3062 §3: a new password that cannot be is refused, and none is made in its place.
	raw := w.bindRaw(reset)
	body := append(tagged(0x80, []byte(wire.OIDPasswordModify)), tagged(0x81, seq(tagged(0x80, []byte(aliceDN)), tagged(0x82, nil)))...)
	if _, err := raw.Write(seq(number(2), tagged(0x77, body))); err != nil {
		t.Fatal(err)
	}
	refused, err := ber.ReadPacket(raw)
	if err != nil || refused.Children[1].Children[0].Value.(int64) == 0 || len(refused.Children[1].Children) != 3 {
		t.Errorf("an empty password: %v, %v; want a refusal, without a name and a value", refused, err)
	}
	made, err := change(reset, aliceDN, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := credential.NormalizeNetworkPassword(made); !ok {
		t.Errorf("made %q", made)
	}
	if err := w.dial().Bind(aliceDN, made); err != nil {
		t.Errorf("bind with the password that was made: %v", err)
	}
	if log := w.log.String(); strings.Contains(log, made) || strings.Contains(log, "second second") {
		t.Error("a password is in the log")
	}
	// An administrator's password is out of reach of a grant.
	w.write(func(tx *directory.Writer) error { return tx.Grant(w.bob.ID, directory.RoleHelpdesk, time.Time{}) })
	if _, err := change(reset, bobDN, "", "fresh fresh"); code(err) != 50 {
		t.Errorf("somebody with a role: %v", err)
	}
}

func TestPasswordModifyNeedsTLS(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Listeners[0].Listener = from{c.Listeners[0].Listener, &net.TCPAddr{IP: net.IPv4(203, 0, 113, 7), Port: 40000}}
	})
	c := w.dial()
	if err := c.StartTLS(w.clientTLS()); err != nil {
		t.Fatal(err)
	}
	if err := c.Bind(aliceDN, password); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PasswordModify(ldap.NewPasswordModifyRequest("", password, "fresh fresh")); err != nil {
		t.Errorf("inside TLS: %v", err)
	}
	if err := w.dial().Bind(aliceDN, "fresh fresh"); code(err) != 13 {
		t.Errorf("in clear: %v", err)
	}
}

// policyOf returns the error of the password policy control of an answer; -1: there is none.
func policyOf(t *testing.T, controls []ldap.Control) int8 {
	t.Helper()
	for _, c := range controls {
		if p, ok := c.(*ldap.ControlBeheraPasswordPolicy); ok {
			return p.Error
		}
	}
	return -1
}

// TestMustChange: who must change the password binds, is told so when it asks, and does nothing else before.
func TestMustChange(t *testing.T) {
	w := newWorld(t, nil)
	w.write(func(tx *directory.Writer) error { return tx.RequirePasswordChange(w.alice.ID) })
	policy := []ldap.Control{ldap.NewControlBeheraPasswordPolicy()}
	c := w.dial()
	r, err := c.SimpleBind(ldap.NewSimpleBindRequest(aliceDN, "wrong", policy))
	if code(err) != 49 || r != nil && len(r.Controls) > 0 {
		t.Errorf("a wrong password: %v, controls %v", err, r)
	}
	r, err = c.SimpleBind(ldap.NewSimpleBindRequest(aliceDN, password, policy))
	if err != nil {
		t.Fatal(err)
	}
	if got := policyOf(t, r.Controls); got != int8(wire.ChangeAfterReset) {
		t.Errorf("the bind says %d", got)
	}
	if r, err = w.dial().SimpleBind(ldap.NewSimpleBindRequest(aliceDN, password, nil)); err != nil || len(r.Controls) > 0 {
		t.Errorf("who does not ask is told: %v, %v", r, err)
	}
	for name, do := range map[string]func() error{
		"search":  func() error { _, err := c.Search(search(aliceDN, 0, "(objectClass=*)")); return err },
		"compare": func() error { _, err := c.Compare(aliceDN, "uid", "alice"); return err },
		"modify": func() error {
			return c.Modify(modify(aliceDN, func(r *ldap.ModifyRequest) { r.Replace("pager", []string{"1"}) }))
		},
		"delete": func() error { return c.Del(ldap.NewDelRequest(aliceDN, nil)) },
	} {
		if err := do(); code(err) != 50 {
			t.Errorf("%s: %v, want 50", name, err)
		}
	}
	if who, err := c.WhoAmI(nil); err != nil || who.AuthzID != "dn:"+aliceDN {
		t.Errorf("who am i: %v, %v", who, err)
	}
	if _, err := c.PasswordModify(ldap.NewPasswordModifyRequest("", password, "fresh fresh")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Search(search(aliceDN, 0, "(objectClass=*)")); err != nil {
		t.Errorf("after the change: %v", err)
	}
	r, err = w.dial().SimpleBind(ldap.NewSimpleBindRequest(aliceDN, "fresh fresh", policy))
	if err != nil || policyOf(t, r.Controls) != -1 {
		t.Errorf("the new password: %v, %v", r, err)
	}
}

// TestPolicyAnswers: a password modify that fails says why to who asks.
func TestPolicyAnswers(t *testing.T) {
	w := newWorld(t, nil)
	c := w.bound(aliceDN)
	ask := func(value []byte) (int, string) {
		r := ldap.NewExtendedRequest(wire.OIDPasswordModify, packet(value))
		r.Controls = []ldap.Control{ldap.NewControlBeheraPasswordPolicy()}
		_, err := c.Extended(r)
		var e *ldap.Error
		if !errors.As(err, &e) || e.Packet == nil {
			t.Fatalf("no answer: %v", err)
		}
		raw := string(e.Packet.Bytes())
		return code(err), raw
	}
	got, raw := ask([]byte("\x30\x03\x82\x01x"))
	if want := string(wire.AppendPasswordPolicy(nil, wire.MustSupplyOldPassword)); got != 53 || !strings.Contains(raw, want) {
		t.Errorf("code %d, answer % x", got, raw)
	}
}

func packet(value []byte) *ber.Packet {
	p, err := ber.DecodePacketErr(value)
	if err != nil {
		panic(err)
	}
	return p
}
