package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"gatehouse/cmd/internal/core"
	"gatehouse/directory"
	"gatehouse/internal/certs"
)

func (t *tool) deviceCertCommand() *cobra.Command {
	return t.group(&cobra.Command{
		Use: "device-cert", Short: "Certificates by which devices enter the network (EAP-TLS)",
		Long: "Certificates by which devices enter the network (EAP-TLS), issued by the built-in CA. A revoked\n" +
			"one opens nothing from the next handshake on, resumed or not.",
	}, t.deviceCertCreate(), t.deviceCertList(), t.deviceCertRevoke())
}

// newDevice is what `device-cert create` was told.
type newDevice struct {
	user, label             string
	days                    int
	p12, pem, profile, ssid string
}

func (t *tool) deviceCertCreate() *cobra.Command {
	var n newDevice
	c := &cobra.Command{
		Use: "create USER", Short: "Issue a device certificate and print the password of its file", Args: arguments(1, 1),
		Long: "Issues a certificate with a new key, which is kept nowhere but in the files that are written, and\n" +
			"prints the password of the PKCS #12 file and of the profile. The PEM file has no password.",
		Example: "  gatehouse device-cert create alice --label laptop --p12 alice-laptop.p12\n" +
			"  gatehouse device-cert create alice --label phone --mobileconfig alice.mobileconfig --ssid Office",
		RunE: func(c *cobra.Command, args []string) error {
			n.user = args[0]
			if err := n.check(); err != nil {
				return err
			}
			return t.createDeviceCert(c.Context(), n)
		},
	}
	f := c.Flags()
	f.StringVar(&n.label, "label", "", "what the device is called")
	f.StringVar(&n.p12, "p12", "", "write certificate, key and chain to this PKCS #12 `file`")
	f.StringVar(&n.pem, "pem", "", "write key, certificate and chain to this PEM `file`")
	f.StringVar(&n.profile, "mobileconfig", "", "write a profile for iOS and macOS to this `file`; needs --ssid")
	f.StringVar(&n.ssid, "ssid", "", "`name` of the Wi-Fi that the profile joins")
	f.IntVar(&n.days, "days", 730, "how long it is valid")
	return c
}

func (n *newDevice) check() error {
	switch {
	case n.label == "":
		return usagef("which device is it for? use --label")
	case n.p12 == "" && n.pem == "" && n.profile == "":
		return usagef("where should it go? use --p12, --pem or --mobileconfig")
	case (n.profile == "") != (n.ssid == ""):
		return usagef("--mobileconfig and --ssid go together")
	case n.days < 1 || n.days > 3650:
		return usagef("--days %d is not 1 to 3650", n.days)
	}
	return nil
}

// createDeviceCert makes the files first: who opens the store may no longer
// write here.
func (t *tool) createDeviceCert(ctx context.Context, n newDevice) (err error) {
	var out outputs
	defer func() { err = errors.Join(err, out.close(err != nil)) }()
	for _, path := range []string{n.p12, n.pem, n.profile} {
		if err := out.create(path); err != nil {
			return err
		}
	}
	password, err := makePassword()
	if err != nil {
		return err
	}
	err = t.withCore(ctx, func(opened *core.Core) error {
		issued, err := t.issueDevice(ctx, opened, n)
		if err != nil {
			return err
		}
		return n.write(ctx, &out, opened, issued, password)
	})
	if err != nil {
		return err
	}
	t.say("Issued a certificate for %s of %s. The password of its file, which is shown once:", n.label, n.user)
	return t.printSecret(password)
}

// issueDevice issues the certificate and records it.
func (t *tool) issueDevice(ctx context.Context, opened *core.Core, n newDevice) (*tls.Certificate, error) {
	authority, err := opened.DeviceAuthority(ctx)
	if err != nil {
		return nil, err
	}
	identity := directory.CertificateDevice.Identity(uuid.NewString())
	issued, err := authority.IssueClient(identity, n.user+" "+n.label, time.Duration(n.days)*24*time.Hour, t.now())
	if err != nil {
		return nil, err
	}
	_, err = opened.Directory.Write(ctx, t.operator(), func(w *directory.Writer) error {
		u, err := w.UserByName(directory.Person, n.user)
		if err != nil {
			return err
		}
		return w.AddCertificate(directory.Certificate{
			Serial: issued.Leaf.SerialNumber.Text(16), Kind: directory.CertificateDevice, Subject: identity,
			Label: n.label, User: u.ID, Expires: issued.Leaf.NotAfter,
		})
	})
	return issued, err
}

// write fills the files. One that fails leaves a certificate behind that nobody
// holds the key of.
func (n *newDevice) write(ctx context.Context, out *outputs, opened *core.Core, issued *tls.Certificate, password directory.Secret) error {
	name := n.user + " " + n.label
	packed, err := certs.PKCS12(issued, name, password.Reveal())
	if err != nil {
		return err
	}
	texts := map[string][]byte{n.p12: packed}
	if n.pem != "" {
		if texts[n.pem], err = pemFile(issued); err != nil {
			return err
		}
	}
	if n.profile != "" {
		trusted, err := opened.EAPTrust(ctx)
		if err != nil {
			return err
		}
		texts[n.profile] = wifiProfile{
			name: name, domain: opened.Config.Domain, ssid: n.ssid,
			server: trusted.Server, identity: packed, ca: trusted.CA,
		}.encode()
	}
	for path, text := range texts {
		if err := out.write(path, text); err != nil {
			return err
		}
	}
	return nil
}

func pemFile(c *tls.Certificate) ([]byte, error) {
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("encode the private key: %w", err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
	for _, der := range c.Certificate {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return text, nil
}

// outputs are new files that only their owner can read.
type outputs struct {
	files []*os.File
}

// create makes a file that must not be there yet; "" is none.
func (o *outputs) create(path string) error {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	o.files = append(o.files, f)
	return nil
}

func (o *outputs) write(path string, text []byte) error {
	for _, f := range o.files {
		if f.Name() == path {
			_, err := f.Write(text)
			return err
		}
	}
	return nil // not wanted
}

// close closes the files, and removes them when they are of no use.
func (o *outputs) close(remove bool) error {
	var errs []error
	for _, f := range o.files {
		errs = append(errs, f.Close())
		if remove {
			errs = append(errs, os.Remove(f.Name()))
		}
	}
	return errors.Join(errs...)
}

// certificateView is a certificate of a device or of a RADIUS client as JSON.
type certificateView struct {
	Serial  string    `json:"serial"`
	Label   string    `json:"label"`
	Subject string    `json:"subject"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	Revoked time.Time `json:"revoked,omitzero"`
}

func (t *tool) deviceCertList() *cobra.Command {
	c := &cobra.Command{Use: "list USER", Short: "List a person's device certificates", Args: arguments(1, 1)}
	c.RunE = func(c *cobra.Command, args []string) error {
		return t.listCertificates(c, func(r *directory.Reader) (directory.CertificateQuery, error) {
			u, err := r.UserByName(directory.Person, args[0])
			return directory.CertificateQuery{User: u.ID, Kind: directory.CertificateDevice}, err
		})
	}
	return t.jsonFlag(c)
}

// listCertificates prints the certificates that a query selects.
func (t *tool) listCertificates(c *cobra.Command, which func(*directory.Reader) (directory.CertificateQuery, error)) error {
	var found []certificateView
	err := t.read(c, func(r *directory.Reader) error {
		q, err := which(r)
		if err != nil {
			return err
		}
		found, err = collect(r.Certificates(q), func(c directory.Certificate) (certificateView, error) {
			return certificateView{c.Serial, c.Label, c.Subject, c.Created, c.Expires, c.Revoked}, nil
		})
		return err
	})
	if err != nil {
		return err
	}
	return printListing(t, found, listing[certificateView]{head: "SERIAL LABEL CREATED EXPIRES REVOKED", row: func(v *certificateView) []string {
		return []string{v.Serial, v.Label, moment(v.Created), moment(v.Expires), moment(v.Revoked)}
	}})
}

func (t *tool) deviceCertRevoke() *cobra.Command {
	return &cobra.Command{
		Use: "revoke USER SERIAL", Short: "Revoke a device certificate for good", Args: arguments(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			err := t.write(c, func(w *directory.Writer) error {
				u, err := w.UserByName(directory.Person, args[0])
				if err != nil {
					return err
				}
				return w.RevokeCertificate(u.ID, args[1])
			})
			if err == nil {
				t.say("Revoked the device certificate %s of %s.", args[1], args[0])
			}
			return err
		},
	}
}
