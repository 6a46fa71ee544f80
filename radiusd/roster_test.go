package radiusd

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/internal/certs"
	"gatehouse/radiusd/wire"
)

func authority(tb testing.TB, name string) *certs.Authority {
	tb.Helper()
	a, err := certs.NewAuthority(name, time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func issue(tb testing.TB, a *certs.Authority, identity string) *tls.Certificate {
	tb.Helper()
	c, err := a.IssueClient(identity, identity, time.Hour, time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func issueServer(tb testing.TB, a *certs.Authority, names ...string) *tls.Certificate {
	tb.Helper()
	c, err := a.IssueServer(names, time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func inPEM(a *certs.Authority) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate()}))
}

// Whose a certificate is. Each case but the good ones is refused by one check.
func TestRoster(t *testing.T) {
	own, imported, stranger := authority(t, "NAS CA"), authority(t, "Campus CA"), authority(t, "NAS CA")
	subject := directory.CertificateNAS.Identity("u1")
	mine, gone, pinned := issue(t, own, subject), issue(t, own, subject), issue(t, stranger, "urn:example:x")
	sum := sha256.Sum256(pinned.Certificate[0])
	known := func(config schema.RADIUSTLS, uid string) *client {
		id, err := newIdentity(&config)
		if err != nil {
			t.Fatal(err)
		}
		id.uid = uid
		return &client{name: uid, tls: id}
	}
	roll := newRoster(own.Pool())
	first := known(schema.RADIUSTLS{}, "u1")
	first.networks = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	roll.add(first, []string{mine.Leaf.SerialNumber.Text(16)})
	roll.add(known(schema.RADIUSTLS{Fingerprints: []string{strings.ToUpper(hex.EncodeToString(sum[:]))}}, "u2"), nil)
	roll.add(known(schema.RADIUSTLS{CA: inPEM(imported), Names: []string{"AP.example.net", "urn:example:ap"}, CRL: schema.CRLSoft}, "u3"), nil)
	roll.add(known(schema.RADIUSTLS{CA: inPEM(imported), Names: []string{"urn:example:hard"}}, "u4"), nil)
	// The serial number of u1's certificate, which is for somebody else.
	other := issue(t, own, directory.CertificateNAS.Identity("u9"))
	roll.issued[other.Leaf.SerialNumber.Text(16)] = issued{subject, first}

	for _, tt := range []struct {
		name string
		cert *tls.Certificate
		from string
		at   time.Duration
		want string // client, or what is in the error
	}{
		{"built-in", mine, "192.0.2.1", 0, "u1"},
		{"built-in, in its other network", mine, "2001:db8::1", 0, "u1"},
		{"built-in, from elsewhere", mine, "198.51.100.1", 0, "is not at"},
		{"built-in, expired", mine, "192.0.2.1", 2 * time.Hour, "not now"},
		{"built-in, not yet valid", mine, "192.0.2.1", -48 * time.Hour, "not now"},
		{"built-in, revoked or never recorded", gone, "192.0.2.1", 0, "not in force"},
		{"built-in, for another identity", other, "192.0.2.1", 0, "not in force"},
		{"the identity from another CA", issue(t, stranger, subject), "192.0.2.1", 0, "unknown authority"},
		{"of a device", issue(t, own, directory.CertificateDevice.Identity("u1")), "192.0.2.1", 0, "no RADIUS client"},
		{"pinned", pinned, "192.0.2.1", 0, "u2"},
		{"pinned, expired", pinned, "192.0.2.1", 2 * time.Hour, "not now"},
		{"not pinned, of the same CA", issue(t, stranger, "urn:example:x"), "192.0.2.1", 0, "no RADIUS client"},
		{"imported, by URI", issue(t, imported, "urn:example:ap"), "192.0.2.1", 0, "u3"},
		{"imported, and revocation matters", issue(t, imported, "urn:example:hard"), "192.0.2.1", 0, "no revocation list is known"},
		{"imported, another name", issue(t, imported, "urn:example:other"), "192.0.2.1", 0, "no RADIUS client"},
		{"the name from another CA", issue(t, stranger, "urn:example:ap"), "192.0.2.1", 0, "unknown authority"},
		{"imported, of a server only", issueServer(t, imported, "ap.example.net"), "192.0.2.1", 0, "incompatible key usage"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := roll.find([]*x509.Certificate{tt.cert.Leaf}, netip.MustParseAddr(tt.from), time.Now().Add(tt.at))
			switch {
			case err == nil && c.name != tt.want:
				t.Errorf("it is %s's, want %s", c.name, tt.want)
			case err != nil && !strings.Contains(err.Error(), tt.want):
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
	if c, err := roll.find(nil, netip.MustParseAddr("192.0.2.1"), time.Now()); err == nil {
		t.Errorf("no certificate is %s's", c.name)
	}
}

// nasWorld is a world whose client has tls, with the CA of its certificates.
type nasWorld struct {
	*world
	issuer *certs.Authority
}

func newNASWorld(t *testing.T, config schema.RADIUSClient) *nasWorld {
	t.Helper()
	config.TLS = &schema.RADIUSTLS{}
	w := &nasWorld{newWorld(t, config), authority(t, "NAS CA")}
	private, err := w.issuer.PrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	w.write(func(tx *directory.Writer) error {
		return tx.AddSigningKey(directory.NewSigningKey{
			KID: "ca-nas", Use: directory.CertificateNAS.AuthorityUse(), State: directory.KeyActive,
			Private: private, Public: w.issuer.Certificate(),
		})
	})
	return w
}

// certificate issues and records a certificate, and waits until it counts.
func (w *nasWorld) certificate() *tls.Certificate {
	w.t.Helper()
	made := issue(w.t, w.issuer, directory.CertificateNAS.Identity(w.client.UID))
	serial := made.Leaf.SerialNumber.Text(16)
	w.write(func(tx *directory.Writer) error {
		return tx.AddClientCertificate(directory.NewClientCertificate{Client: w.client.ID, Serial: serial, Expires: made.Leaf.NotAfter})
	})
	waitFor(w.t, func() bool {
		roll := w.server.transport.streams.roster.Load()
		_, known := roll.issued[serial]
		return known
	})
	return made
}

func (n *nas) pap(name, password string) wire.Packet {
	n.t.Helper()
	n.send(clearPacket(wire.AccessRequest, uint32(time.Now().UnixNano()), avp(wire.UserName, name), avp(wire.UserPassword, password)))
	p, err := wire.DecodeClear(n.receive())
	if err != nil {
		n.t.Fatal(err)
	}
	return p
}

// The certificate of the built-in CA is good until it is revoked or its client is
// gone, for a connection that is open too.
func TestRevokedWhileConnected(t *testing.T) {
	w := newNASWorld(t, schema.RADIUSClient{})
	first, second := w.certificate(), w.certificate()
	a, b := connect(t, w.overTLS, *first, protocolClear), connect(t, w.overTLS, *second, protocolClear)
	for _, n := range []*nas{a, b} {
		if p := n.pap("alice", alicePassword); p.Code() != wire.AccessAccept {
			t.Fatalf("answered with %v", p.Code())
		}
	}
	if p := a.pap("alice", "wrong"); p.Code() != wire.AccessReject {
		t.Errorf("a wrong password: %v", p.Code())
	}
	w.write(func(tx *directory.Writer) error {
		return tx.RevokeClientCertificate(w.client.ID, first.Leaf.SerialNumber.Text(16))
	})
	a.closed()
	connect(t, w.overTLS, *first, protocolClear).closed()
	if p := b.pap("alice", alicePassword); p.Code() != wire.AccessAccept {
		t.Errorf("the other certificate: %v", p.Code())
	}
	w.write(func(tx *directory.Writer) error { return tx.DeleteRADIUSClient(w.client.ID) })
	b.closed()
	connect(t, w.overTLS, *second, protocolClear).closed()
	err := w.directory.Read(t.Context(), operator, func(r *directory.Reader) error {
		for c, err := range r.Certificates(w.client.Certificates()) {
			if err != nil {
				return err
			}
			if c.Revoked.IsZero() {
				t.Errorf("the certificate %s of the deleted client is in force", c.Serial)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// Without tls in the configuration a certificate that was issued before is worth
// nothing, and a client without a secret gets no answer over UDP.
func TestTLSIsConfigured(t *testing.T) {
	w := newNASWorld(t, schema.RADIUSClient{})
	n := connect(t, w.overTLS, *w.certificate(), protocolClear)
	n.pap("alice", alicePassword)
	save := func(name string, config schema.RADIUSClient) {
		w.write(func(tx *directory.Writer) error {
			_, err := tx.SaveRADIUSClient(directory.NewRADIUSClient{Name: name, Networks: []string{"127.0.0.0/8"}, App: w.client.App, Config: config})
			return err
		})
	}
	save(w.client.Name, schema.RADIUSClient{})
	n.closed()
	w.write(func(tx *directory.Writer) error { return tx.DeleteRADIUSClient(w.client.ID) })
	// What goes to a NAS goes over UDP, and needs a secret.
	_, err := w.directory.Write(t.Context(), operator, func(tx *directory.Writer) error {
		_, err := tx.SaveRADIUSClient(directory.NewRADIUSClient{
			Name: "coa", Config: schema.RADIUSClient{TLS: &schema.RADIUSTLS{}, CoA: schema.CoA{Address: "127.0.0.1:3799"}},
		})
		return err
	})
	if !directory.Is(err, directory.Invalid) {
		t.Errorf("coa without a secret: %v", err)
	}
	save("secretless", schema.RADIUSClient{TLS: &schema.RADIUSTLS{}})
	waitFor(t, func() bool { return w.server.clients.len() == 1 })
	waitFor(t, func() bool { return w.server.transport.clients.Load().lookup(mustAddr(t, "127.0.0.1")) == nil })
}

// MS-CHAPv2 and EAP end with keys, which RADIUS/1.1 does not hide (RFC 9765 §5.1.4).
func TestKeysInRADIUS11(t *testing.T) {
	w := newNASWorld(t, schema.RADIUSClient{Methods: []string{schema.MethodMSCHAPv2}})
	phone := w.networkPassword(w.alice)
	p, response := msRequest(t, "alice", "alice", phone)
	raw := encoded(t, p)
	n := connect(t, w.overTLS, *w.certificate(), protocolClear)
	n.send(clearPacket(wire.AccessRequest, 1, raw[20:]))
	reply, err := wire.DecodeClear(n.receive())
	if err != nil || reply.Code() != wire.AccessAccept {
		t.Fatalf("%v, %v", reply.Code(), err)
	}
	for typ, request := range map[byte]bool{wire.MSMPPERecvKey: false, wire.MSMPPESendKey: true} {
		want := msKey(t, response, phone, request)
		if got := ofMicrosoft(reply, typ); string(got) != string(want) {
			t.Errorf("key %d: %x, want %x", typ, got, want)
		}
	}
	if reply.Has(wire.MessageAuthenticator) {
		t.Error("the answer has a Message-Authenticator")
	}
}
