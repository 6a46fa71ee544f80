package directory

import (
	"context"
	"crypto/x509"
	"fmt"

	"gatehouse/directory/authority"
	"gatehouse/directory/name"
)

// ImportedCertificate is one that a CA outside this directory has issued.
type ImportedCertificate struct {
	Authority string // its name in the configuration
	Serial    string // hexadecimal
	Subject   string // the name that said whose it is
}

// ImportedAuthorities returns the certificates of imported CAs that issue those of
// devices.
func (d *Directory) ImportedAuthorities() []*x509.Certificate { return d.config.Authorities.Anchors() }

// imported finds out whose certificate an imported authority has issued. Nobody's
// and two people's count for nothing.
func (d *Directory) imported(ctx context.Context, leaf *x509.Certificate, v authority.Verdict) (holding, error) {
	if v.Err != nil {
		return holding{detail: v.Authority + ": " + misverified(v.Err, leaf, d.now())}, nil
	}
	who, err := d.named(ctx, v.User, v.Value)
	if err != nil {
		return holding{}, err
	}
	switch len(who) {
	case 1:
	case 0:
		return holding{detail: fmt.Sprintf("%s: its name %.80q is nobody's %s", v.Authority, v.Value, v.User)}, nil
	default:
		return holding{detail: fmt.Sprintf("%s: its name %.80q is the %s of %d people", v.Authority, v.Value, v.User, len(who))}, nil
	}
	serial := leaf.SerialNumber.Text(16)
	return holding{
		row: Certificate{
			Serial: serial, Kind: CertificateDevice, Subject: v.Value, Label: v.Authority, User: who[0].ID, Expires: leaf.NotAfter,
		},
		imported: &ImportedCertificate{Authority: v.Authority, Serial: serial, Subject: v.Value},
	}, nil
}

// named returns the people of whom a field has a value.
func (d *Directory) named(ctx context.Context, field, value string) (who []User, err error) {
	q := UserQuery{Kind: Person}
	switch field {
	case authority.UserName:
		q.NameKeys = []string{loginKey(value)}
	case authority.UserUID:
		q.UIDs = []string{value}
	default:
		_, key, err := name.Email(value)
		if err != nil {
			return nil, nil // an address that nobody can have
		}
		q.EmailKeys = []string{key}
	}
	err = d.read(ctx, func(r *Reader) error {
		who = nil
		for u, err := range r.Users(q) {
			if err != nil {
				return err
			}
			if q.EmailKeys != nil && !u.verifies(q.EmailKeys[0]) {
				continue
			}
			who = append(who, u)
		}
		return nil
	})
	return who, err
}

// verifies reports whether the user was seen to read the address with this key.
func (u *User) verifies(key string) bool {
	for _, e := range u.Emails {
		if _, have, err := name.Email(e.Address); err == nil && have == key && e.Verified {
			return true
		}
	}
	return false
}
