package directory

import "time"

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
	if err := w.roomForCertificate(c.Certificates(), "client"); err != nil {
		return err
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
	cert, err := w.revokeCertificate(c.Certificates(), serial)
	if err != nil {
		return err
	}
	if err := w.changed(RADIUSClientChanged, int64(id), c.Rev); err != nil {
		return err
	}
	return w.audit(VerbWriteConfig, c.touched(), map[string]any{"removed": "certificate", "label": cert.Label, "serial": serial})
}

func (w *Writer) clientByID(id RADIUSClientID) (RADIUSClient, error) {
	c, found, err := one(w.tx.Clients.Find(RADIUSClientQuery{IDs: []RADIUSClientID{id}}))
	if err == nil && !found {
		err = notFound("radius client", "id")
	}
	return c, err
}
