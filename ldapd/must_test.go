package ldapd

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"gatehouse/ldapd/wire"
)

// whoAmIRequest is the example of RFC 4532 §2.1.
const whoAmIRequest = "\x30\x1e\x02\x01\x02\x77\x19\x80\x171.3.6.1.4.1.4203.1.11.3"

// exchange writes one request and returns the octets of the answer.
func exchange(t *testing.T, w *world, as, in string) []byte {
	t.Helper()
	c := w.raw()
	if as != "" {
		c = w.bindRaw(as)
	}
	if _, err := c.Write([]byte(in)); err != nil {
		t.Fatal(err)
	}
	pdu, err := wire.NewReader(c).Next(1 << 16)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(pdu)
}

// TestOctetsOfAnswers: answers hold what they must, and nothing that they must not.
func TestOctetsOfAnswers(t *testing.T) {
	w := newWorld(t, nil)
	name := "dn:" + aliceDN
	for _, tt := range []struct {
		name, as, in string
		want         []byte
	}{
		// RFC 4511 §4.2.2: a simple bind has no serverSaslCreds; RFC 4511 §4.1.9: without a sentence it is empty.
		{"simple bind", "", "\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00", unhexed(t, "300c 020101 6107 0a0100 0400 0400")},
		// RFC 4532 §2.2: no responseName; anonymous is an empty response, and present.
		{"who am I, anonymous", "", whoAmIRequest, unhexed(t, "300e 020102 7809 0a0100 0400 0400 8b00")},
		{"who am I", aliceDN, whoAmIRequest, seq(number(2), tagged(0x78, append(unhexed(t, "0a0100 0400 0400"), tagged(0x8b, []byte(name))...)))},
		// RFC 4511 §4.14.2: StartTLS is answered, and never with a value.
		{"StartTLS", "", "\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037", seq(number(1), tagged(0x78, append(unhexed(t, "0a0100 0400 0400"), tagged(0x8a, []byte(wire.OIDStartTLS))...)))},
	} {
		if got := exchange(t, w, tt.as, tt.in); !bytes.Equal(got, tt.want) {
			t.Errorf("%s:\ngot  % x\nwant % x", tt.name, got, tt.want)
		}
	}
	// RFC 4513 §5.2.1.3: PLAIN and EXTERNAL have nothing more to say, so the field is omitted.
	plain := seq(number(1), tagged(0x60, bytes.Join([][]byte{number(3), octets(""), tagged(0xa3, append(octets("PLAIN"), octets("\x00alice\x00"+password)...))}, nil)))
	if got := exchange(t, w, "", string(plain)); !bytes.Equal(got, unhexed(t, "300c 020101 6107 0a0100 0400 0400")) {
		t.Errorf("PLAIN: % x", got)
	}
	// RFC 4532 §3, RFC 4511 §4.12: values hold whatever they like; what is not understood has no response.
	whoami := seq(number(2), tagged(0x77, append(tagged(0x80, []byte(wire.OIDWhoAmI)), tagged(0x81, []byte("\x00\xff\x00"))...)))
	p, err := ber.DecodePacketErr(exchange(t, w, aliceDN, string(whoami)))
	if err != nil || p.Children[1].Children[0].Value.(int64) != int64(wire.ProtocolError) || len(p.Children[1].Children) != 3 {
		t.Errorf("who am I with a value: %v, %v", p, err)
	}
}

func unhexed(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(string(bytes.ReplaceAll([]byte(s), []byte(" "), nil)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestAbandonIsDiscarded: RFC 4511 §4.11, an abandon of what is not known, is over or cannot be abandoned changes
// nothing and is not answered.
func TestAbandonIsDiscarded(t *testing.T) {
	w := newWorld(t, nil)
	c := w.bindRaw(aliceDN) // message 1
	abandon := func(id, target byte) []byte { return seq(number(id), tagged(0x50, []byte{target})) }
	in := bytes.Join([][]byte{abandon(10, 99), abandon(11, 1), abandon(12, 12), abandon(13, 0), abandon(14, 10), []byte(whoAmIRequest)}, nil)
	if _, err := c.Write(in); err != nil {
		t.Fatal(err)
	}
	p, err := ber.ReadPacket(c)
	if err != nil {
		t.Fatal(err)
	}
	if id := p.Children[0].Value.(int64); id != 2 || p.Children[1].Tag != ber.Tag(wire.OpExtendedResponse&0x1f) {
		t.Errorf("the first answer is to %d: %v", id, p)
	}
}

// TestMatchedName: RFC 4511 §4.1.9, §4.7: noSuchObject says how far the name leads, as far as the asker may know.
func TestMatchedName(t *testing.T) {
	w := newWorld(t, nil)
	c := w.writer()
	r := ldap.NewAddRequest("uid=x,ou=nowhere,"+baseDN, nil)
	r.Attribute("objectClass", []string{"inetOrgPerson"})
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"add":     {c.Add(r), baseDN},
		"delete":  {c.Del(ldap.NewDelRequest("uid=x,ou=users,"+baseDN, nil)), "ou=users," + baseDN},
		"modify":  {c.Modify(modify("cn=x,"+aliceDN, func(r *ldap.ModifyRequest) { r.Replace("title", []string{"x"}) })), aliceDN},
		"rename":  {c.ModifyDN(ldap.NewModifyDNRequest("cn=x,ou=groups,"+baseDN, "cn=y", true, "")), "ou=groups," + baseDN},
		"outside": {c.Del(ldap.NewDelRequest("uid=x,dc=example,dc=net", nil)), ""},
	} {
		var e *ldap.Error
		if code(tt.err) != ldap.LDAPResultNoSuchObject || !errors.As(tt.err, &e) || e.MatchedDN != tt.want {
			t.Errorf("%s: %v, matched %q, want %q", name, tt.err, e.MatchedDN, tt.want)
		}
	}
}
