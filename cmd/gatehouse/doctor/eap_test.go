package doctor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// eapFilesOf writes the certificate and key of radius.eap: a leaf that was changed, and the CA that has issued it.
func eapFilesOf(t *testing.T, p *Patient, withCA bool, change func(leaf, ca *x509.Certificate)) {
	t.Helper()
	dir := t.TempDir()
	p.Config.RADIUS.EAP.CertFile, p.Config.RADIUS.EAP.KeyFile = filepath.Join(dir, "eap.pem"), filepath.Join(dir, "eap.key")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	now := time.Now()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Campus CA"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(900 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "radius"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(400 * 24 * time.Hour),
		DNSNames: []string{"radius.campus.example"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if change != nil {
		change(leaf, ca)
	}
	issuer, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	must(t, err)
	issued, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), key)
	must(t, err)
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: issued})
	if withCA {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: issuer})...)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err, os.WriteFile(p.Config.RADIUS.EAP.CertFile, chain, 0o600),
		os.WriteFile(p.Config.RADIUS.EAP.KeyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}

func TestEAPCertificate(t *testing.T) {
	const day = 24 * time.Hour
	files := func(withCA bool, change func(leaf, ca *x509.Certificate)) func(*testing.T, *Patient) {
		return func(t *testing.T, p *Patient) { eapFilesOf(t, p, withCA, change) }
	}
	ends := func(d time.Duration) func(leaf, ca *x509.Certificate) {
		return func(leaf, _ *x509.Certificate) { leaf.NotAfter = time.Now().Add(d) }
	}
	packaged := func(uid string, lookup error) func(*testing.T, *Patient) {
		return func(t *testing.T, p *Patient) {
			eapFilesOf(t, p, true, nil)
			p.Config.DataDir = "/var/lib/gatehouse"
			p.LookupUser = func(name string) (*user.User, error) { return &user.User{Uid: uid, Gid: uid, Username: name}, lookup }
		}
	}
	at := func(d time.Duration) func(*testing.T, *Patient) {
		return func(_ *testing.T, p *Patient) { p.Now = func() time.Time { return time.Now().Add(d) } }
	}
	examine(t, (*Patient).eapCertificate, []sick{
		{name: "built-in", want: Fine, detail: "for radius."},
		{name: "built-in, ends soon", change: at(720 * day), want: Warned, detail: "was not renewed"},
		{name: "built-in, ended", change: at(731 * day), want: Failed, detail: "ended at"},
		{name: "built-in, another domain", change: func(_ *testing.T, p *Patient) { p.Config.Domain = "example.org" }, want: Failed, detail: "not for radius.example.org"},
		{name: "built-in, no store", change: func(_ *testing.T, p *Patient) { p.Directory = nil }, want: Failed, detail: "could not be opened"},
		{name: "off", change: func(_ *testing.T, p *Patient) { p.Config.RADIUS.ListenAuth, p.Config.RADIUS.ListenTLS = nil, nil }, want: Skipped},
		{name: "files", change: files(true, nil), want: Fine, detail: "for radius.campus.example"},
		{name: "files, ends in a month", change: files(true, ends(29*day)), want: Warned, detail: "ends at"},
		{name: "files, ended", change: files(true, ends(-time.Minute)), want: Failed, detail: "ended at"},
		{name: "files, no name", change: files(true, func(leaf, _ *x509.Certificate) { leaf.DNSNames = nil }), want: Failed, detail: "no DNS name"},
		{name: "files, of a client", change: files(true, func(leaf, _ *x509.Certificate) {
			leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		}), want: Failed, detail: "not one of a server"},
		{name: "files, alone", change: files(false, nil), want: Failed, detail: "certificate alone"},
		{name: "files, the CA ended", change: files(true, func(_, ca *x509.Certificate) { ca.NotAfter = time.Now().Add(-time.Minute) }), want: Failed, detail: "Campus CA"},
		{name: "files, no authority", change: files(true, func(_, ca *x509.Certificate) { ca.IsCA = false }), want: Failed, detail: "the chain breaks"},
		{name: "no files", change: func(_ *testing.T, p *Patient) {
			p.Config.RADIUS.EAP.CertFile, p.Config.RADIUS.EAP.KeyFile = "/absent.pem", "/absent.key"
		}, want: Failed, detail: "/absent.pem"},
		{name: "package", change: packaged(strconv.Itoa(os.Getuid()), nil), want: Fine},
		{name: "package, another user", change: packaged("54321", nil), want: Failed, detail: "radiusd, which runs as gatehouse-radiusd, cannot read"},
		{name: "package, no such user", change: packaged("54321", errors.New("unknown user")), want: Failed, detail: "unknown user"},
	})
}
