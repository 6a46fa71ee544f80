package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

const (
	authorityLife = 10 * 365 * 24 * time.Hour
	serverLife    = 397 * 24 * time.Hour // longer ones are refused by browsers
	backdate      = time.Hour            // for clients whose clock is behind
)

// Authority is a certificate authority with its private key. It may be used by
// several goroutines.
type Authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

// NewAuthority makes an authority that signs end-entity certificates only. It
// is valid for ten years from now.
func NewAuthority(name string, now time.Time) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make CA key: %w", err)
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(authorityLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true, // RFC 5280 §4.2.1.9: no CA below this one
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make CA certificate: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("make CA certificate: %w", err)
	}
	return &Authority{certificate: certificate, key: key}, nil
}

// ParseAuthority restores an authority from its certificate (DER) and private
// key (PKCS #8), as Certificate and PrivateKey give them.
func ParseAuthority(certificate, privateKey []byte) (*Authority, error) {
	parsed, err := x509.ParseCertificate(certificate)
	if err != nil {
		return nil, fmt.Errorf("read CA certificate: %w", err)
	}
	key, err := x509.ParsePKCS8PrivateKey(privateKey)
	if err != nil {
		return nil, errors.New("read CA key: it is no PKCS #8 private key") // err could quote it
	}
	signer, ok := key.(*ecdsa.PrivateKey)
	if !ok || !parsed.IsCA || !signer.PublicKey.Equal(parsed.PublicKey) {
		return nil, errors.New("read CA: the key and the certificate do not belong together")
	}
	return &Authority{certificate: parsed, key: signer}, nil
}

// Certificate returns the certificate in DER.
func (a *Authority) Certificate() []byte { return a.certificate.Raw }

// PrivateKey returns the private key in PKCS #8. Seal it.
func (a *Authority) PrivateKey() ([]byte, error) {
	return x509.MarshalPKCS8PrivateKey(a.key)
}

// NotAfter returns when the authority's own certificate ends.
func (a *Authority) NotAfter() time.Time { return a.certificate.NotAfter }

// Pool returns a pool that trusts this authority alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// IssueServer makes a server certificate for names, which are host names and
// IP addresses, with a new key. It is valid for 397 days, but not longer than
// the authority.
func (a *Authority) IssueServer(names []string, now time.Time) (*tls.Certificate, error) {
	return a.IssueServerFor(names, serverLife, now)
}

// IssueServerFor is IssueServer for another life: what no browser sees may live
// longer.
func (a *Authority) IssueServerFor(names []string, life time.Duration, now time.Time) (*tls.Certificate, error) {
	if len(names) == 0 {
		return nil, errors.New("issue server certificate: no names")
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: names[0]},
		NotBefore:   now.Add(-backdate),
		NotAfter:    earlier(now.Add(life), a.certificate.NotAfter),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if addr, err := netip.ParseAddr(name); err == nil {
			template.IPAddresses = append(template.IPAddresses, addr.AsSlice())
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	return a.issue("server", template)
}

// IssueClient makes a certificate for a client, which a URI names (text is for
// people to read), with a new key. It is valid for life, but not longer than the
// authority.
func (a *Authority) IssueClient(identity, text string, life time.Duration, now time.Time) (*tls.Certificate, error) {
	uri, err := url.Parse(identity)
	if err != nil {
		return nil, fmt.Errorf("issue client certificate: %w", err)
	}
	return a.issue("client", &x509.Certificate{
		Subject:     pkix.Name{CommonName: text},
		NotBefore:   now.Add(-backdate),
		NotAfter:    earlier(now.Add(life), a.certificate.NotAfter),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		URIs:        []*url.URL{uri},
	})
}

// issue signs template for a new key.
func (a *Authority) issue(what string, template *x509.Certificate) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("issue %s certificate: %w", what, err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("issue %s certificate: %w", what, err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("issue %s certificate: %w", what, err)
	}
	return &tls.Certificate{Certificate: [][]byte{der, a.certificate.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// Export writes the certificate to path in PEM, readable by everybody, in
// place of an older one. The private key is not in it.
func (a *Authority) Export(path string) error {
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("export CA certificate: %w", err)
	}
	_, err = file.Write(text)
	err = errors.Join(err, file.Chmod(0o644), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("export CA certificate: %w", errors.Join(err, os.Remove(file.Name())))
	}
	return nil
}
