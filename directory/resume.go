package directory

import (
	"context"
	"slices"
	"time"
)

// Resumed is what a ticket says was proved when it was made, so that it opens
// nothing after that has gone.
type Resumed struct {
	Credential  CredentialID         // 0: none
	Version     int64                // of Credential
	Certificate string               // serial; empty: none
	Imported    *ImportedCertificate // instead; whoever resumes must have had it judged again
	NetworkOnly bool                 // sign-in passwords do not count here
}

// resumes says whether what was proved then still stands now.
func (d *Directory) resumes(ctx context.Context, p *principal, a *Admission, dec *Decision) (Reason, error) {
	r, now := a.Resumed, d.now()
	if r.Credential != 0 {
		i := slices.IndexFunc(p.credentials, func(c Credential) bool { return c.ID == r.Credential && c.Version == r.Version })
		switch {
		case i < 0:
			dec.check("credential", false, "it was changed or revoked since")
			return ReasonCredentialExpired, nil
		case !inForce(time.Time{}, p.credentials[i].Expires, now):
			dec.check("credential", false, "expired since")
			return ReasonCredentialExpired, nil
		case r.NetworkOnly && p.credentials[i].Kind == CredentialPassword:
			dec.check("credential", false, "only network passwords count here")
			return ReasonCredentialScope, nil
		}
	}
	if r.Certificate != "" {
		c, found, err := d.certificate(ctx, r.Certificate)
		if err != nil {
			return "", err
		}
		if !found || c.User != p.user.ID || !c.Revoked.IsZero() || !now.Before(c.Expires) {
			dec.check("certificate", false, "it was revoked or has expired since")
			return ReasonCertificateInvalid, nil
		}
	}
	return d.byCertificateAlone(p, a.Protocol, a.Factors, dec), nil
}

// byCertificateAlone denies a network that a person may enter by certificate only
// to whatever else was proved.
func (d *Directory) byCertificateAlone(p *principal, door Protocol, proved []Factor, dec *Decision) Reason {
	if door != ProtocolRADIUS || slices.Contains(proved, FactorCertificate) || !p.certificateOnly(d.now()) {
		return ReasonOK
	}
	dec.check("certificate", false, "the user enters the network by certificate only")
	return ReasonMethodNotAllowed
}

func (d *Directory) certificate(ctx context.Context, serial string) (c Certificate, found bool, err error) {
	err = d.read(ctx, func(r *Reader) (err error) {
		c, found, err = one(r.tx.Certificates.Find(CertificateQuery{Serials: []string{serial}}))
		return err
	})
	return c, found, err
}
