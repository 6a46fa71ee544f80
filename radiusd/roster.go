package radiusd

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/schema"
)

// identity is how a client is known on RADIUS over TLS.
type identity struct {
	uid          string
	fingerprints [][sha256.Size]byte // of certificates
	names        []string            // in certificates of authorities
	authorities  *x509.CertPool      // nil: none but the built-in one
	soft         bool                // those of authorities count without a revocation list
}

// newIdentity reads how a client is known; nil: it is not.
func newIdentity(config *schema.RADIUSTLS) (*identity, error) {
	if config == nil {
		return nil, nil //nolint:nilnil // a client without TLS
	}
	id := &identity{}
	for _, text := range config.Fingerprints {
		sum, err := schema.ParseFingerprint(text)
		if err != nil {
			return nil, err
		}
		id.fingerprints = append(id.fingerprints, sum)
	}
	if config.CA == "" {
		return id, nil
	}
	certificates, err := schema.ParseCertificates(config.CA)
	if err != nil {
		return nil, err
	}
	id.authorities, id.soft = x509.NewCertPool(), config.CRL == schema.CRLSoft
	for _, c := range certificates {
		id.authorities.AddCert(c)
	}
	for _, name := range config.Names {
		id.names = append(id.names, schema.CertificateName(name))
	}
	return id, nil
}

// roster says which certificate is which client's. It is built once and then only
// read. A nil one knows nobody.
type roster struct {
	authorities *x509.CertPool    // the built-in CA of network access servers
	issued      map[string]issued // by serial number, those in force
	pinned      map[[sha256.Size]byte]*client
	named       map[string][]*client
}

// issued is a certificate of the built-in CA and the client that it is for.
type issued struct {
	subject string
	client  *client
}

func newRoster(authorities *x509.CertPool) *roster {
	return &roster{
		authorities: authorities, issued: map[string]issued{},
		pinned: map[[sha256.Size]byte]*client{}, named: map[string][]*client{},
	}
}

// add enters what a client is known by, and the serial numbers of certificates in
// force that were issued to it.
func (t *roster) add(c *client, serials []string) {
	for _, serial := range serials {
		t.issued[serial] = issued{directory.CertificateNAS.Identity(c.tls.uid), c}
	}
	for _, sum := range c.tls.fingerprints {
		t.pinned[sum] = c
	}
	for _, name := range c.tls.names {
		t.named[name] = append(t.named[name], c)
	}
}

// find returns the client that the first certificate of a chain is for, when it
// may connect from an address; the error says why it is nobody's.
func (t *roster) find(chain []*x509.Certificate, from netip.Addr, now time.Time) (*client, error) {
	c, err := t.holder(chain, now)
	if err != nil {
		return nil, err
	}
	within := func(p netip.Prefix) bool { return p.Contains(from.Unmap().WithZone("")) }
	if len(c.networks) > 0 && !slices.ContainsFunc(c.networks, within) {
		return nil, fmt.Errorf("the certificate is of RADIUS client %s, which is not at %s", c.name, from)
	}
	return c, nil
}

func (t *roster) holder(chain []*x509.Certificate, now time.Time) (*client, error) {
	if t == nil || len(chain) == 0 {
		return nil, errors.New("no certificate")
	}
	leaf := chain[0]
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		return nil, fmt.Errorf("the certificate is valid from %s to %s, not now", leaf.NotBefore.Format(time.DateTime), leaf.NotAfter.Format(time.DateTime))
	}
	// RFC 6614 §2.3 (2): certificates by fingerprint.
	if c := t.pinned[sha256.Sum256(leaf.Raw)]; c != nil {
		return c, nil
	}
	options := x509.VerifyOptions{
		CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, Intermediates: x509.NewCertPool(),
	}
	for _, between := range chain[1:] {
		options.Intermediates.AddCert(between)
	}
	if subject := builtInIdentity(leaf); subject != "" {
		return t.ownHolder(leaf, subject, options)
	}
	why := errors.New("no RADIUS client has this fingerprint or a name of this certificate")
	for _, name := range alternativeNames(leaf) {
		for _, c := range t.named[name] {
			options.Roots = c.tls.authorities
			_, err := leaf.Verify(options)
			switch {
			case err == nil && c.tls.soft:
				return c, nil
			case err == nil:
				// RFC 5280 §6.3: without a list nobody knows whether it was revoked.
				err = errors.New("no revocation list is known for its CA, and tls of the client does not say crl: soft")
			}
			why = fmt.Errorf("as RADIUS client %s: %w", c.name, err)
		}
	}
	return nil, why
}

// ownHolder is holder for a certificate of the built-in CA.
func (t *roster) ownHolder(leaf *x509.Certificate, subject string, options x509.VerifyOptions) (*client, error) {
	options.Roots = t.authorities
	if _, err := leaf.Verify(options); err != nil {
		return nil, err
	}
	// What is in it counts only together with the row of its serial number.
	row, inForce := t.issued[leaf.SerialNumber.Text(16)]
	if !inForce || row.subject != subject {
		return nil, errors.New("the certificate is not in force: it was revoked, or its RADIUS client is gone or has no tls")
	}
	return row.client, nil
}

// builtInIdentity is the one URI by which the built-in CA names a network
// access server, or "". A common name proves nothing.
func builtInIdentity(leaf *x509.Certificate) string {
	if len(leaf.URIs) != 1 || !strings.HasPrefix(leaf.URIs[0].String(), directory.CertificateNAS.Identity("")) {
		return ""
	}
	return leaf.URIs[0].String()
}

// alternativeNames are the DNS names and URIs of a certificate.
func alternativeNames(leaf *x509.Certificate) []string {
	var names []string
	for _, name := range leaf.DNSNames {
		names = append(names, strings.ToLower(name))
	}
	for _, uri := range leaf.URIs {
		names = append(names, uri.String())
	}
	return names
}

// describe names a certificate as an operator has to, to let it in.
func describe(leaf *x509.Certificate) string {
	sum := sha256.Sum256(leaf.Raw)
	return fmt.Sprintf("%s names=%s sha256=%s", clean(leaf.Subject.String()), clean(strings.Join(alternativeNames(leaf), ",")), hex.EncodeToString(sum[:]))
}
