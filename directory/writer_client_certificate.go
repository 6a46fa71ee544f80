package directory

import "time"

// maxClientCertificates bounds the certificates in force of a RADIUS client.
const maxClientCertificates = 50

// Certificates selects the certificates that were issued to a RADIUS client.
func (c *RADIUSClient) Certificates() CertificateQuery {
	return CertificateQuery{Kind: CertificateNAS, Subject: CertificateNAS.Identity(c.UID)}
}

// NewClientCertificate is what AddClientCertificate records.
type NewClientCertificate struct {
	Client  RADIUSClientID
	Serial  string // hexadecimal, as big.Int.Text(16)
	Label   string
	Expires time.Time
}

// AddClientCertificate records a certificate that was issued to a RADIUS client.
// It opens nothing before, and nothing without tls in the client's configuration.
func (w *Writer) AddClientCertificate(n NewClientCertificate) error {
	if err := w.require(VerbWriteConfig, 0); err != nil {
		return err
	}
	c, err := w.clientByID(n.Client)
	if err != nil {
		return err
	}
	have, err := all(w.tx.Certificates.Find(c.Certificates()))
	if err != nil {
		return err
	}
	inForce := 0
	for _, old := range have {
		if old.Revoked.IsZero() && w.now.Before(old.Expires) {
			inForce++
		}
	}
	if inForce >= maxClientCertificates {
		return invalid("certificate", "client", "there are %d certificates already; revoke one first", inForce)
	}
	err = w.tx.Certificates.Insert(Certificate{
		Serial: n.Serial, Kind: CertificateNAS, Subject: CertificateNAS.Identity(c.UID), Label: n.Label, Created: w.now, Expires: n.Expires,
	})
	if err != nil {
		return err
	}
	if err := w.changed(RADIUSClientChanged, int64(c.ID), c.Rev); err != nil {
		return err
	}
	return w.audit(VerbWriteConfig, c.touched(), map[string]any{"added": "certificate", "label": n.Label, "serial": n.Serial})
}

// RevokeClientCertificate ends a certificate of a RADIUS client for good, and the
// connections that have shown it. NotFound: it has no such certificate in force.
func (w *Writer) RevokeClientCertificate(id RADIUSClientID, serial string) error {
	if err := w.require(VerbWriteConfig, 0); err != nil {
		return err
	}
	c, err := w.clientByID(id)
	if err != nil {
		return err
	}
	q := c.Certificates()
	q.Serials = []string{serial}
	cert, found, err := one(w.tx.Certificates.Find(q))
	if err != nil {
		return err
	}
	if !found || !cert.Revoked.IsZero() {
		return notFound("certificate", serial)
	}
	cert.Revoked = w.now
	if err := w.tx.Certificates.Update(cert); err != nil {
		return err
	}
	if err := w.changed(RADIUSClientChanged, int64(id), c.Rev); err != nil {
		return err
	}
	return w.audit(VerbWriteConfig, c.touched(), map[string]any{"removed": "certificate", "label": cert.Label, "serial": serial})
}

// revokeClientCertificates ends every certificate of a RADIUS client.
func (w *Writer) revokeClientCertificates(c RADIUSClient) error {
	have, err := all(w.tx.Certificates.Find(c.Certificates()))
	if err != nil {
		return err
	}
	for _, cert := range have {
		if !cert.Revoked.IsZero() {
			continue
		}
		cert.Revoked = w.now
		if err := w.tx.Certificates.Update(cert); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) clientByID(id RADIUSClientID) (RADIUSClient, error) {
	c, found, err := one(w.tx.Clients.Find(RADIUSClientQuery{IDs: []RADIUSClientID{id}}))
	if err == nil && !found {
		err = notFound("radius client", "id")
	}
	return c, err
}
