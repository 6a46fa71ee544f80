package authority

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"sync"
	"time"
)

// list is a CRL.
type list struct {
	*x509.RevocationList
	revoked map[string]time.Time // by serial, in hexadecimal

	mu     sync.Mutex
	signed map[string]bool // by whom, as far as it was tried
}

const (
	maxLists   = 100
	layout     = "2006-01-02 15:04"
	maxSigners = 100
)

// readLists reads CRLs in PEM, or one in DER.
func readLists(path string) (lists []*list, err error) {
	rest, err := readFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(rest)
	if block == nil {
		l, err := parseList(rest)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return []*list{l}, nil
	}
	for {
		if block, rest = pem.Decode(rest); block == nil {
			return lists, nil
		}
		if block.Type != "X509 CRL" || len(lists) == maxLists {
			return nil, fmt.Errorf("%s holds something else than up to %d CRLs", path, maxLists)
		}
		l, err := parseList(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		lists = append(lists, l)
	}
}

func parseList(der []byte) (*list, error) {
	parsed, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, err
	}
	// RFC 5280 §5.2: a list with a critical extension that is not understood says
	// nothing of who is not on it.
	for _, e := range parsed.Extensions {
		if e.Critical {
			return nil, fmt.Errorf("a CRL with the critical extension %v: delta and indirect lists are not done", e.Id)
		}
	}
	l := &list{RevocationList: parsed, revoked: map[string]time.Time{}, signed: map[string]bool{}}
	for _, e := range parsed.RevokedCertificateEntries {
		if e.SerialNumber == nil {
			return nil, errors.New("a CRL with an entry without a serial number")
		}
		l.revoked[e.SerialNumber.Text(16)] = e.RevocationTime
	}
	return l, nil
}

// stale says why a list is not in force; empty: it is.
func (l *list) stale(now time.Time) string {
	switch {
	case now.Before(l.ThisUpdate):
		return "the CRL of its CA is from " + l.ThisUpdate.UTC().Format(layout) + ", which is to come"
	case l.NextUpdate.IsZero():
		return "the CRL of its CA does not say until when it counts"
	case !now.Before(l.NextUpdate):
		return "the CRL of its CA is past its nextUpdate (" + l.NextUpdate.UTC().Format(layout) + "): publish a new one"
	default:
		return ""
	}
}

// by reports whether the list was signed by a certificate.
func (l *list) by(issuer *x509.Certificate) bool {
	if string(l.RawIssuer) != string(issuer.RawSubject) {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	ok, tried := l.signed[string(issuer.Raw)]
	if !tried {
		ok = l.CheckSignatureFrom(issuer) == nil
		if len(l.signed) < maxSigners {
			l.signed[string(issuer.Raw)] = ok
		}
	}
	return ok
}

// revocation says why a certificate is revoked or may be; empty: it is not. soft
// lets pass what only may be.
func revocation(lists []*list, c, issuer *x509.Certificate, now time.Time, soft bool) string {
	may, current := "there is no CRL of its CA", false
	for _, l := range lists {
		if !l.by(issuer) {
			continue
		}
		if at, revoked := l.revoked[c.SerialNumber.Text(16)]; revoked {
			return "revoked by its CA " + at.UTC().Format(layout)
		}
		if stale := l.stale(now); stale != "" {
			may = stale
			continue
		}
		current = true
	}
	if soft || current {
		return ""
	}
	return may
}
