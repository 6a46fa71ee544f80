package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"gatehouse/cmd/internal/core"
	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/internal/certs"
)

func (t *tool) radiusClientCert() *cobra.Command {
	return t.group(&cobra.Command{
		Use: "cert", Short: "Certificates by which RADIUS clients connect over TLS (RadSec)",
		Long: "Certificates by which RADIUS clients connect over TLS (RadSec), issued by the built-in CA. The\n" +
			"client needs `tls: {}` in site.yaml. A revoked one ends the connections that have shown it.",
	}, t.nasCertCreate(), t.nasCertList(), t.nasCertRevoke())
}

// newNASCert is what `radius-client cert create` was told.
type newNASCert struct {
	client, label string
	days          int
	p12, pem      string
}

func (t *tool) nasCertCreate() *cobra.Command {
	var n newNASCert
	c := &cobra.Command{
		Use: "create NAME", Short: "Issue a certificate to a RADIUS client and print the password of its file", Args: arguments(1, 1),
		Long: "Issues a certificate with a new key, which is kept nowhere but in the files that are written, and\n" +
			"prints the password of the PKCS #12 file. The PEM file has no password.",
		Example: "  gatehouse radius-client cert create branch --pem branch.pem",
		RunE: func(c *cobra.Command, args []string) error {
			n.client = args[0]
			switch {
			case n.p12 == "" && n.pem == "":
				return usagef("where should it go? use --pem or --p12")
			case n.days < 1 || n.days > 3650:
				return usagef("--days %d is not 1 to 3650", n.days)
			}
			return t.createNASCert(c.Context(), n)
		},
	}
	f := c.Flags()
	f.StringVar(&n.label, "label", "", "which of several appliances it is for")
	f.StringVar(&n.pem, "pem", "", "write key, certificate and chain to this PEM `file`")
	f.StringVar(&n.p12, "p12", "", "write certificate, key and chain to this PKCS #12 `file`")
	f.IntVar(&n.days, "days", 1095, "how long it is valid")
	return c
}

// createNASCert makes the files first: who opens the store may no longer write
// here.
func (t *tool) createNASCert(ctx context.Context, n newNASCert) (err error) {
	var out outputs
	defer func() { err = errors.Join(err, out.close(err != nil)) }()
	for _, path := range []string{n.p12, n.pem} {
		if err := out.create(path); err != nil {
			return err
		}
	}
	password, err := makePassword()
	if err != nil {
		return err
	}
	var ca string
	err = t.withCore(ctx, func(opened *core.Core) error {
		issued, err := t.issueNAS(ctx, opened, n)
		if err != nil {
			return err
		}
		ca = filepath.Join(opened.Config.DataDir, "ca.pem")
		return n.write(&out, issued, password)
	})
	if err != nil {
		return err
	}
	t.say("Issued a certificate for RADIUS client %s. It knows this server by %s.", n.client, ca)
	if n.p12 == "" {
		return nil
	}
	t.say("The password of the PKCS #12 file, which is shown once:")
	return t.printSecret(password)
}

// issueNAS issues the certificate and records it.
func (t *tool) issueNAS(ctx context.Context, opened *core.Core, n newNASCert) (issued *tls.Certificate, err error) {
	authority, err := opened.NASAuthority(ctx)
	if err != nil {
		return nil, err
	}
	_, err = opened.Directory.Write(ctx, t.operator(), func(w *directory.Writer) error {
		c, err := clientByName(w.Reader, n.client)
		if err != nil {
			return err
		}
		var config schema.RADIUSClient
		if err := json.Unmarshal(c.Config, &config); err != nil {
			return fmt.Errorf("read the configuration of RADIUS client %s: %w", c.Name, err)
		}
		if config.TLS == nil {
			return usagef("RADIUS client %s does not ask over TLS; give it `tls: {}` in site.yaml and run gatehouse apply", c.Name)
		}
		identity := directory.CertificateNAS.Identity(c.UID)
		if issued, err = authority.IssueClient(identity, c.Name, time.Duration(n.days)*24*time.Hour, t.now()); err != nil {
			return err
		}
		return w.AddClientCertificate(directory.NewClientCertificate{
			Client: c.ID, Serial: issued.Leaf.SerialNumber.Text(16), Label: n.label, Expires: issued.Leaf.NotAfter,
		})
	})
	return issued, err
}

// write fills the files. One that fails leaves a certificate behind that nobody
// holds the key of.
func (n *newNASCert) write(out *outputs, issued *tls.Certificate, password directory.Secret) error {
	if n.p12 != "" {
		packed, err := certs.PKCS12(issued, n.client, password.Reveal())
		if err != nil {
			return err
		}
		if err := out.write(n.p12, packed); err != nil {
			return err
		}
	}
	if n.pem == "" {
		return nil
	}
	text, err := pemFile(issued)
	if err != nil {
		return err
	}
	return out.write(n.pem, text)
}

func clientByName(r *directory.Reader, name string) (directory.RADIUSClient, error) {
	for c, err := range r.RADIUSClients(directory.RADIUSClientQuery{Names: []string{name}}) {
		return c, err
	}
	return directory.RADIUSClient{}, missing("RADIUS client", name)
}

func (t *tool) nasCertList() *cobra.Command {
	c := &cobra.Command{Use: "list NAME", Short: "List the certificates of a RADIUS client", Args: arguments(1, 1)}
	c.RunE = func(c *cobra.Command, args []string) error {
		return t.listCertificates(c, func(r *directory.Reader) (directory.CertificateQuery, error) {
			client, err := clientByName(r, args[0])
			return client.Certificates(), err
		})
	}
	return t.jsonFlag(c)
}

func (t *tool) nasCertRevoke() *cobra.Command {
	return &cobra.Command{
		Use: "revoke NAME SERIAL", Short: "Revoke a certificate of a RADIUS client for good", Args: arguments(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			err := t.write(c, func(w *directory.Writer) error {
				client, err := clientByName(w.Reader, args[0])
				if err != nil {
					return err
				}
				return w.RevokeClientCertificate(client.ID, args[1])
			})
			if err == nil {
				t.say("Revoked the certificate %s of RADIUS client %s.", args[1], args[0])
			}
			return err
		},
	}
}
