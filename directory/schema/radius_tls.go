package schema

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net/url"
	"strings"
)

// RADIUSTLS is how a NAS is known on RADIUS over TLS (RFC 6614). A certificate of
// the built-in CA that was issued to it always counts; the zero value knows it by
// nothing else.
type RADIUSTLS struct {
	// Fingerprints are SHA-256 sums of certificates, in hexadecimal.
	Fingerprints []string `json:"fingerprints,omitempty" yaml:"fingerprints"`
	// CA holds certificates of authorities in PEM. One of Names must be in what
	// they certify.
	CA string `json:"ca,omitempty" yaml:"ca"`
	// Names are DNS names or URIs in the subject alternative name.
	Names []string `json:"names,omitempty" yaml:"names"`
	// CRL is CRLSoft, which CA needs: no revocation list is looked at, so what it
	// certifies counts until it expires.
	CRL string `json:"crl,omitempty" yaml:"crl"`
}

// CRLSoft says that certificates count although no revocation list is known.
const CRLSoft = "soft"

// The bounds of RADIUSTLS.
const (
	maxFingerprints = 50
	maxCABytes      = 64 << 10
)

func (t *RADIUSTLS) check() error {
	if len(t.Fingerprints) > maxFingerprints || len(t.Names) > maxFingerprints {
		return fmt.Errorf("more than %d fingerprints or names", maxFingerprints)
	}
	for _, f := range t.Fingerprints {
		if _, err := ParseFingerprint(f); err != nil {
			return err
		}
	}
	if (t.CA == "") != (len(t.Names) == 0) {
		return fmt.Errorf("ca and names go together: who certifies, and which names of it are this client")
	}
	if err := oneOf("crl", t.CRL, "", CRLSoft); err != nil {
		return err
	}
	if t.CA != "" {
		if t.CRL != CRLSoft {
			return fmt.Errorf("ca: there is no revocation list for it, so its certificates would count until they expire: say crl: soft if that will do, else name fingerprints")
		}
		if _, err := ParseCertificates(t.CA); err != nil {
			return fmt.Errorf("ca: %w", err)
		}
	}
	for _, n := range t.Names {
		u, err := url.Parse(n)
		isURI := err == nil && u.Scheme != "" && u.String() == n
		if !isURI && !isHostName(n) {
			return fmt.Errorf("names: %q is neither a DNS name nor a URI", n)
		}
	}
	return nil
}

// isHostName reports whether s is a DNS name with a dot. There are no wildcards:
// a certificate is for one NAS, or its name is.
func isHostName(s string) bool {
	if len(s) > 253 || !strings.Contains(s, ".") {
		return false
	}
	for label := range strings.SplitSeq(strings.ToLower(s), ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

// CertificateName brings a name of RADIUSTLS into the form in which names of
// certificates are compared: DNS names regardless of case, URIs as they are.
func CertificateName(s string) string {
	if isHostName(s) {
		return strings.ToLower(s)
	}
	return s
}

// ParseFingerprint reads a SHA-256 sum as the usual tools print it: hexadecimal,
// with or without colons, whatever the case.
func ParseFingerprint(s string) (sum [sha256.Size]byte, err error) {
	b, err := hex.DecodeString(strings.ReplaceAll(strings.TrimPrefix(strings.ToLower(s), "sha256:"), ":", ""))
	if err != nil || len(b) != len(sum) {
		return sum, fmt.Errorf("fingerprints: %q is not a SHA-256 sum of 64 hexadecimal digits", s)
	}
	return [sha256.Size]byte(b), nil
}

// ParseCertificates reads certificates of authorities in PEM, at least one and
// nothing else.
func ParseCertificates(text string) ([]*x509.Certificate, error) {
	if len(text) > maxCABytes {
		return nil, fmt.Errorf("more than %d bytes", maxCABytes)
	}
	var found []*x509.Certificate
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("holds a %s; only certificates belong here", block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("number %d cannot be read: %w", len(found)+1, err)
		}
		if !c.IsCA {
			return nil, fmt.Errorf("%s is no authority; name a certificate itself under fingerprints", c.Subject)
		}
		found = append(found, c)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no certificate in PEM")
	}
	return found, nil
}
