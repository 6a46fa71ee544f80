package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"
)

// testCA makes a CA; two of one name differ by their key.
func testCA(t *testing.T, name string) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(4_000_000_000, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, SubjectKeyId: []byte{1},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c, key
}

// A list says something of the certificates of who signed it, in its time.
func TestRevocation(t *testing.T) {
	ca, key := testCA(t, "CA")
	impostor, forged := testCA(t, "CA")
	now := time.Unix(2_000_000_000, 0)
	publish := func(by *x509.Certificate, with *ecdsa.PrivateKey, next time.Time, critical bool, serials ...int64) *list {
		t.Helper()
		template := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now.Add(-time.Hour), NextUpdate: next}
		for _, n := range serials {
			template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: big.NewInt(n), RevocationTime: now})
		}
		if critical {
			template.ExtraExtensions = []pkix.Extension{{Id: []int{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}}}
		}
		der, err := x509.CreateRevocationList(rand.Reader, template, by, with)
		if err != nil {
			t.Fatal(err)
		}
		l, err := parseList(der)
		if (err != nil) != critical {
			t.Fatalf("critical %v: %v", critical, err)
		}
		return l
	}
	later := now.Add(time.Hour)
	good := &x509.Certificate{SerialNumber: big.NewInt(5)}
	for _, tt := range []struct {
		what  string
		lists []*list
		hard  bool // counts where the authority is not soft
		soft  bool
	}{
		{"in force", []*list{publish(ca, key, later, false, 6)}, true, true},
		{"revoked", []*list{publish(ca, key, later, false, 5)}, false, false},
		{"past its time", []*list{publish(ca, key, now, false)}, false, true},
		{"past its time, and revoked", []*list{publish(ca, key, now, false, 5)}, false, false},
		{"signed by another key", []*list{publish(impostor, forged, later, false)}, false, true},
		{"an old one beside a new one", []*list{publish(ca, key, later, false), publish(ca, key, now, false)}, true, true},
		{"none", nil, false, true},
	} {
		for soft, want := range map[bool]bool{false: tt.hard, true: tt.soft} {
			if why := revocation(tt.lists, good, ca, now, soft); (why == "") != want {
				t.Errorf("%s, soft %v: %q", tt.what, soft, why)
			}
		}
	}
	publish(ca, key, later, true) // a delta list is not read at all
}
