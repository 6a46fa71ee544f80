package core

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"gatehouse/config"
	"gatehouse/directory"
	"gatehouse/directory/seal"
	"gatehouse/internal/certs"
)

// The uses of the key pairs of the built-in CA.
const (
	useAuthority   = "ca:server"
	useCertificate = "tls:server"
)

// newServerIdentity makes the CA for servers and the first certificate.
func newServerIdentity(c config.Config, now time.Time) (*certs.Authority, []directory.NewSigningKey, error) {
	authority, err := certs.NewAuthority("Gatehouse CA of "+c.Domain, now)
	if err != nil {
		return nil, nil, err
	}
	private, err := authority.PrivateKey()
	if err != nil {
		return nil, nil, err
	}
	issued, err := authority.IssueServer(certificateNames(c), now)
	if err != nil {
		return nil, nil, err
	}
	certificate, err := certificateRow(issued)
	if err != nil {
		return nil, nil, err
	}
	return authority, []directory.NewSigningKey{{
		KID: "ca-server-" + serial(authority.Certificate()), Use: useAuthority, Alg: "ES256", State: directory.KeyActive,
		Private: private, Public: authority.Certificate(), NotBefore: now, NotAfter: authority.NotAfter(),
	}, certificate}, nil
}

// certificateNames adds the name of this host where there is only one: OpenLDAP's
// tools look for it in the certificate when they are told localhost. Hosts that
// share a database would replace each other's certificate.
func certificateNames(c config.Config) []string {
	names := c.CertificateNames()
	host, err := os.Hostname()
	if err != nil || !c.IsSQLite() || config.CheckHostName(host) != nil || slices.Contains(names, host) {
		return names
	}
	return append(names, host)
}

// certificateRow is an issued certificate as the store keeps it.
func certificateRow(issued *tls.Certificate) (directory.NewSigningKey, error) {
	private, err := x509.MarshalPKCS8PrivateKey(issued.PrivateKey)
	if err != nil {
		return directory.NewSigningKey{}, fmt.Errorf("encode server key: %w", err)
	}
	var chain []byte
	for _, der := range issued.Certificate {
		chain = append(chain, der...)
	}
	return directory.NewSigningKey{
		KID: "tls-server-" + serial(issued.Leaf.Raw), Use: useCertificate, Alg: "ES256", State: directory.KeyActive,
		Private: private, Public: chain, NotBefore: issued.Leaf.NotBefore, NotAfter: issued.Leaf.NotAfter,
	}, nil
}

func serial(der []byte) string {
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		panic("core: a certificate just made does not parse: " + err.Error())
	}
	return certificate.SerialNumber.Text(16)
}

// Certificate returns the source of the server certificate: the files of tls,
// else the built-in one, which the process that holds the CA key renews.
func (c *Core) Certificate(ctx context.Context, o Options) (*certs.Source, error) {
	load := c.builtIn(o)
	if o.Config.TLS.CertFile != "" {
		load = certs.FromFiles(o.Config.TLS.CertFile, o.Config.TLS.KeyFile, o.Now)
	}
	return certs.NewSource(ctx, load, o.Log)
}

// CAPool returns what trusts the built-in CA alone.
func (c *Core) CAPool(ctx context.Context) (*x509.CertPool, error) {
	key, err := c.newest(ctx, useAuthority)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(key.Public)
	if err != nil {
		return nil, fmt.Errorf("read CA certificate: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	return pool, nil
}

// builtIn loads the newest certificate of the store. Where the CA key is, it
// renews one that is used up or lacks a name; elsewhere it goes on with it.
func (c *Core) builtIn(o Options) certs.Loader {
	return func(ctx context.Context, current *tls.Certificate) (*tls.Certificate, error) {
		key, err := c.newest(ctx, useCertificate)
		if err != nil {
			return nil, err
		}
		stored, err := c.parse(key)
		if err != nil {
			return nil, err
		}
		if c.Keys[seal.CA] != nil && !certs.Usable(stored.Leaf, certificateNames(o.Config), o.Now()) {
			return c.renew(ctx, key, o)
		}
		if current != nil && current.Leaf.Equal(stored.Leaf) {
			return current, nil
		}
		warnNames(o.Log, stored.Leaf, certificateNames(o.Config))
		return stored, nil
	}
}

func warnNames(log *slog.Logger, leaf *x509.Certificate, names []string) {
	for _, name := range names {
		if leaf.VerifyHostname(name) != nil {
			log.Warn("the server certificate lacks a name; idp or gatehouse serve renews it", "name", name)
		}
	}
}

// newest returns the key pair of a use that is in force.
func (c *Core) newest(ctx context.Context, use string) (found directory.SigningKey, err error) {
	err = c.Directory.Read(ctx, directory.System("tls"), func(r *directory.Reader) error {
		for key, err := range r.SigningKeys(directory.SigningKeyQuery{Use: use, State: directory.KeyActive}) {
			if err != nil {
				return err
			}
			found = key
			return nil
		}
		return errors.New("there is none in the store")
	})
	if err != nil {
		err = fmt.Errorf("read key pair %s: %w", use, err)
	}
	return found, err
}

func (c *Core) parse(key directory.SigningKey) (*tls.Certificate, error) {
	private, err := c.Directory.PrivateKey(key)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("server key %s is no PKCS #8 private key", key.KID)
	}
	chain, err := x509.ParseCertificates(key.Public)
	if err != nil || len(chain) == 0 {
		return nil, fmt.Errorf("server certificate %s cannot be read: %w", key.KID, err)
	}
	certificate := &tls.Certificate{PrivateKey: parsed, Leaf: chain[0]}
	for _, c := range chain {
		certificate.Certificate = append(certificate.Certificate, c.Raw)
	}
	return certificate, nil
}

// renew issues a certificate and puts it in the place of old.
func (c *Core) renew(ctx context.Context, old directory.SigningKey, o Options) (*tls.Certificate, error) {
	row, err := c.newest(ctx, useAuthority)
	if err != nil {
		return nil, err
	}
	private, err := c.Directory.PrivateKey(row)
	if err != nil {
		return nil, err
	}
	authority, err := certs.ParseAuthority(row.Public, private)
	if err != nil {
		return nil, err
	}
	issued, err := authority.IssueServer(certificateNames(o.Config), o.Now())
	if err != nil {
		return nil, err
	}
	fresh, err := certificateRow(issued)
	if err != nil {
		return nil, err
	}
	_, err = c.Directory.Write(ctx, directory.System(o.Daemon), func(w *directory.Writer) error {
		if err := w.SetKeyState(old.KID, directory.KeyRetired); err != nil {
			return err
		}
		return w.AddSigningKey(fresh)
	})
	if err != nil {
		return nil, fmt.Errorf("store the renewed server certificate: %w", err)
	}
	return issued, nil
}
