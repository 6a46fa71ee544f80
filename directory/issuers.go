package directory

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"
	"sync"
	"time"
)

// signedLimit bounds each of the two generations of certificates that issuers
// remember.
const signedLimit = 8192

// issuers are the CAs of devices as they were read once, and which certificates
// they are known to have signed: to verify that costs more than anything else
// that is asked of a certificate. Whose a certificate is, and whether it was
// revoked, is never remembered. It is safe for concurrent use.
type issuers struct {
	keys []SigningKey
	pool *x509.CertPool

	mu         sync.Mutex
	young, old map[[sha256.Size]byte]period // by the SHA-256 of the certificate
}

// period is the time in which a certificate and those above it are in force, both
// ends included.
type period struct{ from, until time.Time }

func (p period) has(now time.Time) bool { return !now.Before(p.from) && !now.After(p.until) }

// issuersOf returns those of keys, which are all there are: the ones that are
// known, or new ones that know nothing yet.
func (d *Directory) issuersOf(keys []SigningKey) (*issuers, error) {
	known := d.issuers.Load()
	same := func(a, b SigningKey) bool { return a.KID == b.KID && bytes.Equal(a.Public, b.Public) }
	if known != nil && slices.EqualFunc(known.keys, keys, same) {
		return known, nil
	}
	made := &issuers{keys: keys, pool: x509.NewCertPool(), young: map[[sha256.Size]byte]period{}}
	for _, key := range keys {
		authority, err := x509.ParseCertificate(key.Public)
		if err != nil {
			return nil, fmt.Errorf("read the certificate of %s: %w", key.KID, err)
		}
		made.pool.AddCert(authority)
	}
	d.issuers.Store(made)
	return made, nil
}

// unfit says why a certificate is none of a device, at that time; empty: it is.
func (i *issuers) unfit(leaf *x509.Certificate, at time.Time) string {
	if identity(leaf) == "" {
		return "it has no identity of a device in its subject alternative name"
	}
	sum := sha256.Sum256(leaf.Raw)
	if i.signed(sum, at) {
		return ""
	}
	chains, err := leaf.Verify(x509.VerifyOptions{
		Roots: i.pool, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return misverified(err, leaf, at)
	}
	i.remember(sum, lifeOf(chains[0]))
	return ""
}

// lifeOf is when all of a chain is. Nothing else that was verified of it changes
// with time (RFC 5280 §6.1.3 (a) (2)).
func lifeOf(chain []*x509.Certificate) period {
	p := period{chain[0].NotBefore, chain[0].NotAfter}
	for _, c := range chain[1:] {
		if c.NotBefore.After(p.from) {
			p.from = c.NotBefore
		}
		if c.NotAfter.Before(p.until) {
			p.until = c.NotAfter
		}
	}
	return p
}

// signed reports whether a certificate is known to be fit at that time.
func (i *issuers) signed(sum [sha256.Size]byte, at time.Time) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	p, ok := i.young[sum]
	if !ok {
		if p, ok = i.old[sum]; ok {
			i.keep(sum, p)
		}
	}
	return ok && p.has(at)
}

func (i *issuers) remember(sum [sha256.Size]byte, p period) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keep(sum, p)
}

// keep is remember; i.mu is held.
func (i *issuers) keep(sum [sha256.Size]byte, p period) {
	if len(i.young) >= signedLimit {
		i.old, i.young = i.young, map[[sha256.Size]byte]period{}
	}
	i.young[sum] = p
}
