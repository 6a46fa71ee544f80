package directory_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/credential"
	"gatehouse/directory/directorytest"
	"gatehouse/internal/certs"
)

func (f *fixture) networkPassword(n directory.NewNetworkPassword) (string, directory.Credential) {
	f.t.Helper()
	var s directory.Secret
	var c directory.Credential
	if n.Kind == "" {
		n.Kind = directory.CredentialNetworkPassword
	}
	f.write(func(w *directory.Writer) (err error) {
		s, c, err = w.AddNetworkPassword(n)
		return err
	})
	return s.Reveal(), c
}

// respond makes what a client that knows a password answers to a challenge.
func respond(user, password string) directory.MSCHAPv2Proof {
	p := directory.MSCHAPv2Proof{AuthenticatorChallenge: [16]byte{1, 2, 3}, PeerChallenge: [16]byte{4, 5, 6}, UserName: user}
	m := credential.MSCHAPv2{AuthenticatorChallenge: p.AuthenticatorChallenge, PeerChallenge: p.PeerChallenge, UserName: user}
	p.Response = m.Response(credential.NTHash(password))
	return p
}

// shows makes an attempt with another proof than a password, at the network.
func (f *fixture) shows(name string, proof directory.Proof, edit ...func(*directory.Attempt)) directory.Decision {
	f.t.Helper()
	edit = append([]func(*directory.Attempt){from(directory.ProtocolRADIUS), func(a *directory.Attempt) { a.Proof = proof }}, edit...)
	return f.attempt(name, "", edit...)
}

func TestNetworkPassword(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	f.user("bob", "bobs password")
	phone, c := f.networkPassword(directory.NewNetworkPassword{User: alice.ID, Label: "phone"})
	old, _ := f.networkPassword(directory.NewNetworkPassword{User: alice.ID, Label: "old", Expires: time.Unix(1, 0)})
	samba, _ := f.networkPassword(directory.NewNetworkPassword{User: alice.ID, Kind: directory.CredentialSambaPassword})
	network := from(directory.ProtocolRADIUS)
	only := func(a *directory.Attempt) { a.NetworkOnly = true }
	for _, tt := range []struct {
		what, name, password string
		edit                 []func(*directory.Attempt)
		want                 directory.Reason
	}{
		{"as shown", "alice", phone, []func(*directory.Attempt){network}, directory.ReasonOK},
		{"as people type it", "alice", " " + strings.ToUpper(strings.ReplaceAll(phone, "-", " ")), []func(*directory.Attempt){network, only}, directory.ReasonOK},
		{"of somebody else", "bob", phone, []func(*directory.Attempt){network}, directory.ReasonWrongPassword},
		{"at LDAP", "alice", phone, []func(*directory.Attempt){from(directory.ProtocolLDAP)}, directory.ReasonWrongPassword},
		{"on the web", "alice", phone, []func(*directory.Attempt){from(directory.ProtocolWeb)}, directory.ReasonWrongPassword},
		{"expired", "alice", old, []func(*directory.Attempt){network}, directory.ReasonCredentialExpired},
		{"of Samba", "alice", samba, []func(*directory.Attempt){network}, directory.ReasonWrongPassword},
		{"sign-in password", "alice", "correct horse", []func(*directory.Attempt){network}, directory.ReasonOK},
		{"sign-in password where only network passwords count", "alice", "correct horse", []func(*directory.Attempt){network, only}, directory.ReasonCredentialScope},
	} {
		t.Run(tt.what, func(t *testing.T) { f.want(f.attempt(tt.name, tt.password, tt.edit...), tt.want) })
	}
	f.write(func(w *directory.Writer) error { return w.RemoveCredential(alice.ID, c.ID) })
	f.want(f.attempt("alice", phone, network), directory.ReasonWrongPassword)
}

func TestMSCHAPv2(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	f.user("bob", "bobs password")
	phone, c := f.networkPassword(directory.NewNetworkPassword{User: alice.ID, Label: "phone"})
	tablet, _ := f.networkPassword(directory.NewNetworkPassword{User: alice.ID, Label: "tablet"})
	samba, _ := f.networkPassword(directory.NewNetworkPassword{User: alice.ID, Kind: directory.CredentialSambaPassword})
	for _, password := range []string{phone, tablet} {
		proof := respond("alice", password)
		d := f.shows("alice", proof, func(a *directory.Attempt) { a.NetworkOnly = true })
		f.want(d, directory.ReasonOK)
		m := credential.MSCHAPv2{AuthenticatorChallenge: proof.AuthenticatorChallenge, PeerChallenge: proof.PeerChallenge, UserName: "alice"}
		if want := m.AuthenticatorResponse(credential.NTHash(password), proof.Response); d.MSCHAPv2 == nil || d.MSCHAPv2.AuthenticatorResponse != want {
			t.Errorf("keys %+v, want %s", d.MSCHAPv2, want)
		}
	}
	other := respond("alice", phone)
	other.UserName = "Alice"
	f.want(f.shows("alice", other), directory.ReasonWrongPassword)
	f.want(f.shows("alice", respond("alice", "correct horse")), directory.ReasonWrongPassword)
	f.want(f.shows("alice", respond("alice", samba)), directory.ReasonWrongPassword)
	f.want(f.shows("bob", respond("bob", phone)), directory.ReasonWrongPassword)
	f.want(f.shows("nobody", respond("nobody", phone)), directory.ReasonUnknownUser)
	f.want(f.shows("alice", respond("alice", phone), from(directory.ProtocolLDAP)), directory.ReasonCredentialScope)
	f.write(func(w *directory.Writer) error { return w.RemoveCredential(alice.ID, c.ID) })
	f.want(f.shows("alice", respond("alice", phone)), directory.ReasonWrongPassword)
}

// Responses to different challenges differ, so each wrong one counts.
func TestMSCHAPv2IsLimited(t *testing.T) {
	f := open(t)
	f.user("alice", "correct horse")
	for i := range byte(30) {
		p := respond("alice", "guess")
		p.Response[0] ^= i
		if f.shows("alice", p).Reason == directory.ReasonThrottled {
			return
		}
	}
	t.Error("guessing goes on for ever")
}

func TestTooManyNetworkPasswords(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	for range 50 {
		f.networkPassword(directory.NewNetworkPassword{User: alice.ID})
	}
	err := f.tryWrite(directorytest.Operator(), func(w *directory.Writer) error {
		_, _, err := w.AddNetworkPassword(directory.NewNetworkPassword{User: alice.ID, Kind: directory.CredentialNetworkPassword})
		return err
	})
	if !directory.Is(err, directory.Invalid) {
		t.Errorf("a fifty-first: %v", err)
	}
}

func (f *fixture) authority() *certs.Authority {
	f.t.Helper()
	a, err := certs.NewAuthority("Devices", f.Now())
	if err != nil {
		f.t.Fatal(err)
	}
	key, err := a.PrivateKey()
	if err != nil {
		f.t.Fatal(err)
	}
	f.write(func(w *directory.Writer) error {
		return w.AddSigningKey(directory.NewSigningKey{
			KID: "ca-device", Use: directory.CertificateDevice.AuthorityUse(), State: directory.KeyActive, Private: key, Public: a.Certificate(),
		})
	})
	return a
}

// device issues a certificate of alice's and records it, unless record says not to.
func (f *fixture) device(a *certs.Authority, of directory.User, label string, life time.Duration, record bool) directory.CertificateProof {
	f.t.Helper()
	subject := directory.CertificateDevice.Identity(label)
	made, err := a.IssueClient(subject, of.Username, life, f.Now())
	if err != nil {
		f.t.Fatal(err)
	}
	if record {
		f.write(func(w *directory.Writer) error {
			return w.AddCertificate(directory.Certificate{
				Serial: made.Leaf.SerialNumber.Text(16), Kind: directory.CertificateDevice, Subject: subject,
				Label: label, User: of.ID, Expires: made.Leaf.NotAfter,
			})
		})
	}
	return proofOf(made)
}

func proofOf(c *tls.Certificate) directory.CertificateProof {
	return directory.CertificateProof{Chain: []*x509.Certificate{c.Leaf}}
}

func TestCertificate(t *testing.T) {
	f := open(t)
	alice, mallory := f.user("alice", "correct horse"), f.user("mallory", "correct horse")
	ours := f.authority()
	theirs, err := certs.NewAuthority("Devices", f.Now())
	if err != nil {
		t.Fatal(err)
	}
	server, err := ours.IssueServer([]string{"example.com"}, f.Now())
	if err != nil {
		t.Fatal(err)
	}
	laptop := f.device(ours, alice, "laptop", time.Hour, true)
	d := f.shows("whatever", laptop)
	f.want(d, directory.ReasonOK)
	if d.User.ID != alice.ID || d.Certificate != laptop.Chain[0].SerialNumber.Text(16) || len(d.Factors) != 1 || d.Factors[0] != directory.FactorCertificate {
		t.Errorf("decision %+v", d)
	}
	forged := f.device(theirs, alice, "laptop", time.Hour, false)
	forged.Chain[0].SerialNumber = laptop.Chain[0].SerialNumber
	renamed := f.device(ours, alice, "phone", time.Hour, false)
	f.write(func(w *directory.Writer) error {
		return w.AddCertificate(directory.Certificate{
			Serial: renamed.Chain[0].SerialNumber.Text(16), Kind: directory.CertificateDevice,
			Subject: directory.CertificateDevice.Identity("tablet"), User: alice.ID, Expires: f.Now().Add(time.Hour),
		})
	})
	for _, tt := range []struct {
		name  string
		proof directory.CertificateProof
	}{
		{"of another authority", f.device(theirs, alice, "a", time.Hour, true)},
		{"of another authority with a serial of ours", forged},
		{"expired", f.device(ours, alice, "b", -time.Minute, true)},
		{"never recorded", f.device(ours, alice, "c", time.Hour, false)},
		{"recorded for another identity", renamed},
		{"of a server", proofOf(server)},
		{"none", directory.CertificateProof{}},
	} {
		t.Run(tt.name, func(t *testing.T) { f.want(f.shows("alice", tt.proof), directory.ReasonCertificateInvalid) })
	}
	f.want(f.shows("alice", laptop, from(directory.ProtocolWeb)), directory.ReasonCredentialScope)
	f.write(func(w *directory.Writer) error {
		_, err := w.DisableUser(alice.ID, "")
		return err
	})
	f.want(f.shows("alice", laptop), directory.ReasonDisabled)
	f.write(func(w *directory.Writer) error {
		_, err := w.EnableUser(alice.ID, false)
		return err
	})
	if err := f.tryWrite(directorytest.Operator(), func(w *directory.Writer) error { return w.RevokeCertificate(mallory.ID, d.Certificate) }); !directory.Is(err, directory.NotFound) {
		t.Errorf("somebody else's certificate revoked: %v", err)
	}
	f.want(f.shows("alice", laptop), directory.ReasonOK)
	f.write(func(w *directory.Writer) error { return w.RevokeCertificate(alice.ID, d.Certificate) })
	f.want(f.shows("alice", laptop), directory.ReasonCertificateInvalid)
}

// What is remembered of a certificate is that a CA has signed it, until either ends
// or the CAs are others.
func TestCertificateAgain(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	theirs, err := certs.NewAuthority("Devices", f.Now())
	if err != nil {
		t.Fatal(err)
	}
	laptop, strange := f.device(f.authority(), alice, "laptop", time.Hour, true), f.device(theirs, alice, "phone", time.Hour, true)
	for range 2 {
		f.want(f.shows("alice", laptop), directory.ReasonOK)
		f.want(f.shows("alice", strange), directory.ReasonCertificateInvalid)
	}
	f.write(func(w *directory.Writer) error {
		return w.AddSigningKey(directory.NewSigningKey{
			KID: "ca-device-2", Use: directory.CertificateDevice.AuthorityUse(), State: directory.KeyActive, Private: []byte("elsewhere"), Public: theirs.Certificate(),
		})
	})
	f.want(f.shows("alice", laptop), directory.ReasonOK)
	f.want(f.shows("alice", strange), directory.ReasonOK)
	altered := *laptop.Chain[0]
	altered.Raw = append([]byte{}, altered.Raw...)
	altered.Raw[len(altered.Raw)-1] ^= 1 // of the signature
	altered.Signature = altered.Raw[len(altered.Raw)-len(altered.Signature):]
	f.want(f.shows("alice", directory.CertificateProof{Chain: []*x509.Certificate{&altered}}), directory.ReasonCertificateInvalid)
	f.clock.Advance(time.Hour + time.Second)
	f.want(f.shows("alice", laptop), directory.ReasonCertificateInvalid)
	f.clock.Advance(-3 * time.Hour)
	f.want(f.shows("alice", laptop), directory.ReasonCertificateInvalid)
}

func TestLockdownRevokesCertificates(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	laptop := f.device(f.authority(), alice, "laptop", time.Hour, true)
	hash, err := f.HashPassword(t.Context(), "another one")
	if err != nil {
		t.Fatal(err)
	}
	f.write(func(w *directory.Writer) error {
		report, err := w.Lockdown(alice.ID, "stolen")
		if report.Credentials != 1 {
			t.Errorf("%d credentials revoked", report.Credentials)
		}
		return err
	})
	f.write(func(w *directory.Writer) error {
		if _, err := w.EnableUser(alice.ID, true); err != nil {
			return err
		}
		return w.SetPassword(alice.ID, hash)
	})
	f.want(f.shows("alice", laptop), directory.ReasonCertificateInvalid)
}

func TestCertificateOnly(t *testing.T) {
	f := open(t)
	alice, bob := f.user("alice", "correct horse"), f.create(directory.User{
		Username: "bob", Attrs: directory.Attributes{directory.AttributeEAP: {directory.CertificateOnly}},
	}, "correct horse")
	ca := f.authority()
	strict := f.group("strict", alice.ID)
	f.write(func(w *directory.Writer) error {
		_, err := w.UpdateGroup(strict.ID, func(g *directory.Group) error {
			g.Attrs.Set(directory.AttributeEAP, directory.CertificateOnly)
			return nil
		})
		return err
	})
	for _, u := range []directory.User{alice, bob} {
		phone, _ := f.networkPassword(directory.NewNetworkPassword{User: u.ID})
		f.want(f.attempt(u.Username, "correct horse", from(directory.ProtocolRADIUS)), directory.ReasonMethodNotAllowed)
		f.want(f.shows(u.Username, respond(u.Username, phone)), directory.ReasonMethodNotAllowed)
		f.want(f.attempt(u.Username, "correct horse", from(directory.ProtocolLDAP)), directory.ReasonOK)
		f.want(f.shows(u.Username, f.device(ca, u, u.Username, time.Hour, true)), directory.ReasonOK)
		d, err := f.Authorize(t.Context(), directory.Admission{
			User: u.ID, Epoch: u.Epoch, Protocol: directory.ProtocolRADIUS, Factors: []directory.Factor{directory.FactorPassword},
		})
		if err != nil {
			t.Fatal(err)
		}
		f.want(d, directory.ReasonMethodNotAllowed)
	}
}

// What was proved when a ticket was made must still stand when it is shown.
func TestResumed(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	phone, c := f.networkPassword(directory.NewNetworkPassword{User: alice.ID, Label: "phone"})
	laptop := f.device(f.authority(), alice, "laptop", time.Hour, true)
	shown := map[string]directory.Decision{
		"password": f.attempt("alice", "correct horse", from(directory.ProtocolRADIUS)),
		"network":  f.attempt("alice", phone, from(directory.ProtocolRADIUS)),
		"laptop":   f.shows("alice", laptop),
	}
	want := func(what string, only bool, reason directory.Reason) {
		t.Helper()
		before := shown[what]
		d, err := f.Authorize(t.Context(), directory.Admission{
			User: alice.ID, Epoch: alice.Epoch, Protocol: directory.ProtocolRADIUS, Factors: before.Factors,
			Resumed: directory.Resumed{Credential: before.Credential, Version: before.Version, Certificate: before.Certificate, NetworkOnly: only},
		})
		if err != nil {
			t.Fatal(err)
		}
		f.want(d, reason)
	}
	want("password", false, directory.ReasonOK)
	want("password", true, directory.ReasonCredentialScope)
	want("network", true, directory.ReasonOK)
	want("laptop", true, directory.ReasonOK)
	hash, err := f.HashPassword(t.Context(), "another one")
	if err != nil {
		t.Fatal(err)
	}
	f.write(func(w *directory.Writer) error {
		if err := w.SetPassword(alice.ID, hash); err != nil {
			return err
		}
		if err := w.RemoveCredential(alice.ID, c.ID); err != nil {
			return err
		}
		return w.RevokeCertificate(alice.ID, shown["laptop"].Certificate)
	})
	want("password", false, directory.ReasonCredentialExpired)
	want("network", false, directory.ReasonCredentialExpired)
	want("laptop", false, directory.ReasonCertificateInvalid)
}

// Of a network password only its NT hash is kept, sealed, and a MAC.
func TestWhatIsKeptOfANetworkPassword(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	phone, c := f.networkPassword(directory.NewNetworkPassword{User: alice.ID, Label: "phone"})
	hash := credential.NTHash(phone)
	var row directory.Credential
	err := f.store.View(t.Context(), func(tx *directory.Tx) error {
		for r, err := range tx.Credentials.Find(directory.CredentialQuery{IDs: []directory.CredentialID{c.ID}}) {
			row = r
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if row.Verifier != "" || len(row.Lookup) != 32 || len(row.Sealed) == 0 || bytes.Contains(row.Sealed, hash[:]) || bytes.Contains(row.Lookup, hash[:]) {
		t.Errorf("row %+v", row)
	}
}
