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

// useAuthority is the use of the CA for servers.
const useAuthority = "ca:server"

// purpose is what a certificate of the CA for servers is for. Its use among the
// signing keys is "tls:" and its name.
type purpose struct {
	name  string
	life  time.Duration
	names func(config.Config) []string
}

func (p purpose) use() string { return "tls:" + p.name }

const day = 24 * time.Hour

// forServers is the certificate of LDAPS, StartTLS and https.
func forServers() purpose {
	return purpose{name: "server", life: 397 * day, names: certificateNames} // browsers refuse longer ones
}

// forEAP is the certificate that devices know the network by. They pin its name
// and its CA, and no browser sees it.
func forEAP() purpose {
	return purpose{name: "radius", life: 730 * day, names: func(c config.Config) []string { return []string{"radius." + c.Domain} }}
}

// newIdentities makes the CAs for servers, devices and network access servers, and
// the first certificates.
func newIdentities(c config.Config, now time.Time) (*certs.Authority, []directory.NewSigningKey, error) {
	servers, row, err := newAuthority("Gatehouse CA of "+c.Domain, "server", now)
	if err != nil {
		return nil, nil, err
	}
	rows := []directory.NewSigningKey{row}
	for _, kind := range []directory.CertificateKind{directory.CertificateDevice, directory.CertificateNAS} {
		if _, row, err = newAuthority("Gatehouse "+string(kind)+" CA of "+c.Domain, string(kind), now); err != nil {
			return nil, nil, err
		}
		rows = append(rows, row)
	}
	for _, p := range []purpose{forServers(), forEAP()} {
		_, row, err := p.issue(servers, c, now)
		if err != nil {
			return nil, nil, err
		}
		rows = append(rows, row)
	}
	return servers, rows, nil
}

// newAuthority makes the CA of a kind of certificate.
func newAuthority(name, kind string, now time.Time) (*certs.Authority, directory.NewSigningKey, error) {
	authority, err := certs.NewAuthority(name, now)
	if err != nil {
		return nil, directory.NewSigningKey{}, err
	}
	private, err := authority.PrivateKey()
	if err != nil {
		return nil, directory.NewSigningKey{}, err
	}
	return authority, directory.NewSigningKey{
		KID: "ca-" + kind + "-" + serial(authority.Certificate()), Use: "ca:" + kind, Alg: "ES256", State: directory.KeyActive,
		Private: private, Public: authority.Certificate(), NotBefore: now, NotAfter: authority.NotAfter(),
	}, nil
}

// issue makes a certificate, and what the store keeps of it.
func (p purpose) issue(authority *certs.Authority, c config.Config, now time.Time) (*tls.Certificate, directory.NewSigningKey, error) {
	issued, err := authority.IssueServerFor(p.names(c), p.life, now)
	if err != nil {
		return nil, directory.NewSigningKey{}, err
	}
	row, err := p.row(issued)
	return issued, row, err
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

// row is an issued certificate as the store keeps it.
func (p purpose) row(issued *tls.Certificate) (directory.NewSigningKey, error) {
	private, err := x509.MarshalPKCS8PrivateKey(issued.PrivateKey)
	if err != nil {
		return directory.NewSigningKey{}, fmt.Errorf("encode server key: %w", err)
	}
	var chain []byte
	for _, der := range issued.Certificate {
		chain = append(chain, der...)
	}
	return directory.NewSigningKey{
		KID: "tls-" + p.name + "-" + serial(issued.Leaf.Raw), Use: p.use(), Alg: "ES256", State: directory.KeyActive,
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
	return c.source(ctx, o, forServers(), o.Config.TLS.CertFile, o.Config.TLS.KeyFile)
}

// EAPCertificate returns the source of the certificate that devices know the
// network by: the files of radius.eap, else the built-in one, which is renewed
// like that of Certificate.
func (c *Core) EAPCertificate(ctx context.Context, o Options) (*certs.Source, error) {
	return c.source(ctx, o, forEAP(), o.Config.RADIUS.EAP.CertFile, o.Config.RADIUS.EAP.KeyFile)
}

// EAPTrust is what a device must know to recognise the network.
type EAPTrust struct {
	Server string // the name in the certificate
	CA     []byte // DER: who issued it
}

// EAPTrust returns what devices trust: the built-in CA, or the last certificate
// in the file of radius.eap, which has to hold the whole chain.
func (c *Core) EAPTrust(ctx context.Context) (EAPTrust, error) {
	var chain [][]byte
	if file := c.Config.RADIUS.EAP.CertFile; file != "" {
		pair, err := tls.LoadX509KeyPair(file, c.Config.RADIUS.EAP.KeyFile)
		if err != nil {
			return EAPTrust{}, fmt.Errorf("radius.eap: %w", err)
		}
		chain = pair.Certificate
	} else {
		key, err := c.newest(ctx, forEAP().use())
		if err != nil {
			return EAPTrust{}, err
		}
		stored, err := c.parse(key)
		if err != nil {
			return EAPTrust{}, err
		}
		chain = stored.Certificate
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return EAPTrust{}, fmt.Errorf("read the EAP certificate: %w", err)
	}
	if len(leaf.DNSNames) == 0 {
		return EAPTrust{}, errors.New("the EAP certificate has no DNS name, which devices look for")
	}
	return EAPTrust{Server: leaf.DNSNames[0], CA: chain[len(chain)-1]}, nil
}

func (c *Core) source(ctx context.Context, o Options, p purpose, certFile, keyFile string) (*certs.Source, error) {
	load := c.builtIn(o, p)
	if certFile != "" {
		load = certs.FromFiles(certFile, keyFile, o.Now)
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
func (c *Core) builtIn(o Options, p purpose) certs.Loader {
	return func(ctx context.Context, current *tls.Certificate) (*tls.Certificate, error) {
		key, err := c.newest(ctx, p.use())
		if err != nil {
			return nil, err
		}
		stored, err := c.parse(key)
		if err != nil {
			return nil, err
		}
		if c.Keys[seal.CA] != nil && !certs.Usable(stored.Leaf, p.names(o.Config), o.Now()) {
			return c.renew(ctx, key, o, p)
		}
		if current != nil && current.Leaf.Equal(stored.Leaf) {
			return current, nil
		}
		warnNames(o.Log, stored.Leaf, p.names(o.Config))
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

// authority opens the CA of a use.
func (c *Core) authority(ctx context.Context, use string) (*certs.Authority, error) {
	row, err := c.newest(ctx, use)
	if err != nil {
		return nil, err
	}
	private, err := c.Directory.PrivateKey(row)
	if err != nil {
		return nil, err
	}
	return certs.ParseAuthority(row.Public, private)
}

// DeviceAuthority opens the CA that issues certificates to people's devices.
func (c *Core) DeviceAuthority(ctx context.Context) (*certs.Authority, error) {
	return c.authority(ctx, directory.CertificateDevice.AuthorityUse())
}

// NASAuthority opens the CA that issues certificates to RADIUS clients.
func (c *Core) NASAuthority(ctx context.Context) (*certs.Authority, error) {
	return c.authority(ctx, directory.CertificateNAS.AuthorityUse())
}

// renew issues a certificate and puts it in the place of old.
func (c *Core) renew(ctx context.Context, old directory.SigningKey, o Options, p purpose) (*tls.Certificate, error) {
	authority, err := c.authority(ctx, useAuthority)
	if err != nil {
		return nil, err
	}
	issued, fresh, err := p.issue(authority, o.Config, o.Now())
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
