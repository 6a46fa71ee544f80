package directory

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatehouse/directory/authority"
)

// CertificateKind says what a certificate of the built-in CA is for. Each kind
// has an issuing CA of its own, and is trusted where that kind is asked for
// only.
type CertificateKind string

// The kinds of certificates.
const (
	CertificateDevice CertificateKind = "device" // of a person's device (EAP-TLS)
	CertificateNAS    CertificateKind = "nas"    // of a RADIUS client (RFC 6614)
)

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
	User    UserID // 0: of a RADIUS client, which Subject names by its UID
	Created time.Time
	Expires time.Time
	Revoked time.Time // zero: in force
}

// CertificateQuery selects certificates, newest first.
type CertificateQuery struct {
	Serials []string
	Kind    CertificateKind
	Subject string
	User    UserID
}

// holding is what is known of a certificate that was shown.
type holding struct {
	row    Certificate // whose it is, where it counts
	detail string      // why it does not count; empty: it does
	owner  UserID      // whose it was, where it does not count any more; 0: nobody's that is known

	imported *ImportedCertificate // nil: the built-in CA's
}

// holder finds out whose certificate was shown, and whether it counts.
//
// What has the name of a device of ours is judged by the built-in CA alone, and
// what has not by the imported ones.
func (d *Directory) holder(ctx context.Context, p CertificateProof, door Protocol) (holding, error) {
	if len(p.Chain) == 0 {
		return holding{detail: "no certificate"}, nil
	}
	leaf := p.Chain[0]
	if identity(leaf) == "" && door == ProtocolRADIUS {
		if v := d.config.Authorities.Judge(authority.PurposeDevice, p.Chain); v.Authority != "" {
			return d.imported(ctx, leaf, v)
		}
	}
	var row Certificate
	var known bool
	var keys []SigningKey
	err := d.read(ctx, func(r *Reader) (err error) {
		row, known, err = one(r.tx.Certificates.Find(CertificateQuery{Serials: []string{leaf.SerialNumber.Text(16)}}))
		if err != nil {
			return err
		}
		for key, err := range r.tx.SigningKeys.Find(SigningKeyQuery{Use: CertificateDevice.AuthorityUse()}) {
			if err != nil {
				return err
			}
			keys = append(keys, SigningKey{KID: key.KID, Public: key.Public})
		}
		return nil
	})
	if err != nil {
		return holding{}, err
	}
	issuers, err := d.issuersOf(keys)
	if err != nil {
		return holding{}, err
	}
	known = known && row.Kind == CertificateDevice
	if detail := issuers.unfit(leaf, d.now()); detail != "" {
		out := holding{detail: detail}
		if known && identity(leaf) == row.Subject && issuers.unfit(leaf, leaf.NotAfter) == "" {
			out.owner = row.User // of the audit: it has merely expired
		}
		return out, nil
	}
	switch {
	case !known:
		return holding{detail: "no such device certificate was issued"}, nil
	case identity(leaf) != row.Subject:
		return holding{detail: "it names somebody else than the one it was issued to"}, nil
	case !row.Revoked.IsZero():
		return holding{detail: "revoked " + row.Revoked.Format("2006-01-02 15:04"), owner: row.User}, nil
	}
	return holding{row: row}, nil
}

// misverified says for people why a certificate was not accepted; nil: "".
func misverified(err error, leaf *x509.Certificate, now time.Time) string {
	const layout = "2006-01-02 15:04"
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &unknown):
		return fmt.Sprintf("the CA that issued it (%.80q) is not trusted for devices", leaf.Issuer.String())
	case !errors.As(err, &invalid) || invalid.Reason != x509.Expired:
		return strings.TrimPrefix(err.Error(), "x509: ")
	}
	what, advice := "it", "gatehouse device-cert create makes a new one"
	if !invalid.Cert.Equal(leaf) {
		what, advice = "its CA", "renew it"
	}
	if now.Before(invalid.Cert.NotBefore) {
		return fmt.Sprintf("%s is not in force before %s; this host's clock says %s: is it right?", what,
			invalid.Cert.NotBefore.UTC().Format(layout), now.UTC().Format(layout))
	}
	return fmt.Sprintf("%s expired %s: %s", what, invalid.Cert.NotAfter.UTC().Format(layout), advice)
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
	h, err := t.d.holder(ctx, p, t.attempt.Protocol)
	if err != nil {
		return err
	}
	if h.owner != 0 {
		if t.owner, err = t.d.principalByID(ctx, h.owner); err != nil {
			return err
		}
	}
	t.certificate, t.unfit, t.dec.Imported = h.row, h.detail, h.imported
	t.attempt.User, t.attempt.Kind = h.row.User, Person
	t.account = "certificate " + hex.EncodeToString(sum[:8])
	if h.row.User != 0 {
		t.account = "id " + rowName(int64(h.row.User))
	}
	return nil
}

// certified concludes what present has found.
func (t *trial) certified() bool {
	if t.unfit != "" {
		return false
	}
	if t.dec.Imported == nil {
		t.dec.Certificate = t.certificate.Serial
	}
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
