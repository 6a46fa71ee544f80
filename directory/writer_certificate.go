package directory

import "iter"

// maxCertificates bounds the certificates in force of a user, and of a RADIUS client.
const maxCertificates = 50

// Certificates yields issued certificates, newest first.
func (r *Reader) Certificates(q CertificateQuery) iter.Seq2[Certificate, error] {
	return only(r, VerbReadCredentials, r.tx.Certificates.Find(q))
}

// AddCertificate records a certificate that was issued to a person's device. It
// opens nothing before. Created is set.
func (w *Writer) AddCertificate(c Certificate) error {
	if err := w.require(VerbSetPassword, c.User); err != nil {
		return err
	}
	u, err := w.credentialOwner(c.User)
	if err != nil {
		return err
	}
	if u.Kind != Person {
		return invalid("certificate", "user", "device certificates are for people")
	}
	if err := w.roomForCertificate(CertificateQuery{User: c.User, Kind: c.Kind}, "user"); err != nil {
		return err
	}
	c.Created = w.now
	if err := w.tx.Certificates.Insert(c); err != nil {
		return err
	}
	if err := w.changed(CredentialsChanged, int64(u.ID), u.Rev); err != nil {
		return err
	}
	return w.audit(VerbSetPassword, u.touched(), map[string]any{"added": "certificate", "label": c.Label, "serial": c.Serial})
}

// RevokeCertificate ends a certificate of a user for good: at the next handshake
// and at the next resumption. NotFound: the user has no such certificate in force.
func (w *Writer) RevokeCertificate(user UserID, serial string) error {
	if err := w.require(VerbSetPassword, user); err != nil {
		return err
	}
	u, err := w.credentialOwner(user)
	if err != nil {
		return err
	}
	c, err := w.revokeCertificate(CertificateQuery{User: user}, serial)
	if err != nil {
		return err
	}
	if err := w.changed(CredentialsChanged, int64(user), u.Rev); err != nil {
		return err
	}
	return w.audit(VerbSetPassword, u.touched(), map[string]any{"removed": "certificate", "label": c.Label, "serial": serial})
}

// roomForCertificate refuses one more certificate than a holder may have in force.
func (w *Writer) roomForCertificate(of CertificateQuery, holder string) error {
	have, err := all(w.tx.Certificates.Find(of))
	if err != nil {
		return err
	}
	inForce := 0
	for _, old := range have {
		if old.Revoked.IsZero() && w.now.Before(old.Expires) {
			inForce++
		}
	}
	if inForce >= maxCertificates {
		return invalid("certificate", holder, "there are %d certificates already; revoke one first", inForce)
	}
	return nil
}

// revokeCertificate ends one certificate of a holder. NotFound: there is none in force.
func (w *Writer) revokeCertificate(of CertificateQuery, serial string) (Certificate, error) {
	of.Serials = []string{serial}
	c, found, err := one(w.tx.Certificates.Find(of))
	if err != nil {
		return c, err
	}
	if !found || !c.Revoked.IsZero() {
		return c, notFound("certificate", serial)
	}
	c.Revoked = w.now
	return c, w.tx.Certificates.Update(c)
}

// revokeCertificates ends every certificate of a holder and says how many.
func (w *Writer) revokeCertificates(of CertificateQuery) (int, error) {
	have, err := all(w.tx.Certificates.Find(of))
	if err != nil {
		return 0, err
	}
	n := 0
	for _, c := range have {
		if !c.Revoked.IsZero() {
			continue
		}
		c.Revoked = w.now
		if err := w.tx.Certificates.Update(c); err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}
