package directory

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// CertificateKind says what a certificate of the built-in CA is for. Each kind
// has an issuing CA of its own, and is trusted where that kind is asked for
// only.
type CertificateKind string

// CertificateDevice is the certificate of a person's device (EAP-TLS).
const CertificateDevice CertificateKind = "device"

// AuthorityUse names the CA of a kind among the signing keys.
func (k CertificateKind) AuthorityUse() string { return "ca:" + string(k) }

const identityPrefix = "urn:gatehouse:"

// Identity is the URI by which a certificate of the kind names its holder.
func (k CertificateKind) Identity(uid string) string {
	return identityPrefix + string(k) + ":" + uid
}

// Certificate is one that the built-in CA has issued. What is in it counts only
// together with this row.
type Certificate struct {
	Serial  string // hexadecimal, as big.Int.Text(16)
	Kind    CertificateKind
	Subject string // the identity URI
	Label   string
	User    UserID
	Created time.Time
	Expires time.Time
	Revoked time.Time // zero: in force
}

// CertificateQuery selects certificates, newest first.
type CertificateQuery struct {
	Serials []string
	Kind    CertificateKind
	User    UserID
}

// holder finds out whose certificate was shown. found is false, with the
// reason in detail, when nobody's counts.
func (d *Directory) holder(ctx context.Context, p CertificateProof) (row Certificate, detail string, err error) {
	if len(p.Chain) == 0 {
		return row, "no certificate", nil
	}
	leaf := p.Chain[0]
	pool := x509.NewCertPool()
	known := false
	err = d.read(ctx, func(r *Reader) (err error) {
		row, known, err = one(r.tx.Certificates.Find(CertificateQuery{Serials: []string{leaf.SerialNumber.Text(16)}}))
		if err != nil {
			return err
		}
		for key, err := range r.tx.SigningKeys.Find(SigningKeyQuery{Use: CertificateDevice.AuthorityUse()}) {
			if err != nil {
				return err
			}
			authority, err := x509.ParseCertificate(key.Public)
			if err != nil {
				return fmt.Errorf("read the certificate of %s: %w", key.KID, err)
			}
			pool.AddCert(authority)
		}
		return nil
	})
	if err != nil {
		return Certificate{}, "", err
	}
	if detail := unfit(leaf, pool, d.now()); detail != "" {
		return Certificate{}, detail, nil
	}
	switch {
	case !known || row.Kind != CertificateDevice:
		return Certificate{}, "no such device certificate was issued", nil
	case identity(leaf) != row.Subject:
		return Certificate{}, "it names somebody else than the one it was issued to", nil
	case !row.Revoked.IsZero():
		return Certificate{}, "revoked " + row.Revoked.Format("2006-01-02 15:04"), nil
	}
	return row, "", nil
}

// unfit says why a certificate is none of a device, now.
func unfit(leaf *x509.Certificate, authorities *x509.CertPool, now time.Time) string {
	if identity(leaf) == "" {
		return "it has no identity of a device in its subject alternative name"
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: authorities, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return strings.TrimPrefix(err.Error(), "x509: ")
	}
	return ""
}

// identity returns the one URI that names a device, or "". The common name is
// text for people and proves nothing.
func identity(leaf *x509.Certificate) string {
	if len(leaf.URIs) != 1 {
		return ""
	}
	uri := leaf.URIs[0].String()
	if !strings.HasPrefix(uri, CertificateDevice.Identity("")) {
		return ""
	}
	return uri
}

// present looks at the certificate before the steps that every attempt takes:
// it says whose attempt this is, whatever name came with it.
func (t *trial) present(ctx context.Context, p CertificateProof) error {
	var sum [sha256.Size]byte
	if len(p.Chain) > 0 {
		sum = sha256.Sum256(p.Chain[0].Raw)
	}
	t.what, t.typed = "certificate", Secret(sum[:]) // the same wrong certificate counts once
	row, detail, err := t.d.holder(ctx, p)
	if err != nil {
		return err
	}
	t.certificate, t.unfit = row, detail
	t.attempt.User, t.attempt.Kind = row.User, Person
	t.account = "certificate " + hex.EncodeToString(sum[:8])
	if row.User != 0 {
		t.account = "id " + rowName(int64(row.User))
	}
	return nil
}

// certified concludes what present has found.
func (t *trial) certified() bool {
	if t.unfit != "" {
		return false
	}
	t.dec.Certificate = t.certificate.Serial
	t.used = Credential{Kind: CredentialX509, Label: t.certificate.Label, Expires: t.certificate.Expires}
	return true
}

// AttributeEAP is the attribute of a user or group by which its people enter the
// network by certificate only.
const (
	AttributeEAP    = "eap"
	CertificateOnly = "certificate-only"
)

// certificateOnly reports whether the network lets somebody in by certificate
// alone, because they or one of their groups say so.
func (p *principal) certificateOnly(at time.Time) bool {
	return p.user.Attrs.First(AttributeEAP) == CertificateOnly ||
		slices.ContainsFunc(p.groupsAt(at), func(g Group) bool { return g.Attrs.First(AttributeEAP) == CertificateOnly })
}
