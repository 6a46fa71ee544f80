package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"gatehouse/directory"
)

// nearEnd is when somebody must act: the built-in certificate is renewed long
// before.
const nearEnd = 14 * 24 * time.Hour

// certificate looks at what the daemons serve: whether it is in force, has the
// host of public_url, and has its chain.
func (p *Patient) certificate(ctx context.Context) Finding {
	leaf, err := p.served(ctx)
	advice := "restart idp, or gatehouse serve, which renews it; then the others"
	if p.Config.TLS.CertFile != "" {
		advice = "put a new certificate with its chain into " + p.Config.TLS.CertFile + ", and its key into " + p.Config.TLS.KeyFile
	}
	if err != nil {
		return failed(err.Error(), advice)
	}
	if f := p.inForce("the certificate", leaf, nearEnd, advice); f != nil {
		return *f
	}
	host := p.Config.PublicHost()
	if err := leaf.VerifyHostname(host); err != nil {
		return failed(fmt.Sprintf("the certificate is not for %s, the host of public_url", host), advice)
	}
	return fine(fmt.Sprintf("for %s, until %s", host, leaf.NotAfter.UTC().Format(time.DateOnly)))
}

// inForce says what is wrong with the dates of a certificate, which is called what; nil: nothing.
func (p *Patient) inForce(what string, leaf *x509.Certificate, near time.Duration, advice string) *Finding {
	var f Finding
	switch now := p.Now(); {
	case now.Before(leaf.NotBefore):
		f = failed(fmt.Sprintf("%s begins only at %s", what, leaf.NotBefore.UTC().Format(time.RFC3339)), "set the clock right")
	case now.After(leaf.NotAfter):
		f = failed(fmt.Sprintf("%s ended at %s", what, leaf.NotAfter.UTC().Format(time.RFC3339)), advice)
	case leaf.NotAfter.Sub(now) < near:
		f = warned(fmt.Sprintf("%s ends at %s and was not renewed", what, leaf.NotAfter.UTC().Format(time.RFC3339)), advice)
	default:
		return nil
	}
	return &f
}

// served is the certificate that the daemons serve.
func (p *Patient) served(ctx context.Context) (*x509.Certificate, error) {
	if file := p.Config.TLS.CertFile; file != "" {
		pair, err := tls.LoadX509KeyPair(file, p.Config.TLS.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("the certificate of tls.cert_file cannot be used: %w", err)
		}
		return x509.ParseCertificate(pair.Certificate[0])
	}
	chain, err := p.stored(ctx, "tls:server")
	if err != nil {
		return nil, err
	}
	return chain[0], nil
}

// stored is the built-in certificate for a use, with its chain.
func (p *Patient) stored(ctx context.Context, use string) ([]*x509.Certificate, error) {
	if p.Directory == nil {
		return nil, errors.New("the built-in certificate is in the store, which could not be opened")
	}
	var chain []byte
	err := p.Directory.Read(ctx, directory.System("doctor"), func(r *directory.Reader) error {
		for key, err := range r.SigningKeys(directory.SigningKeyQuery{Use: use, State: directory.KeyActive}) {
			chain = key.Public
			return err
		}
		return errors.New("the store holds no server certificate")
	})
	if err != nil {
		return nil, err
	}
	certificates, err := x509.ParseCertificates(chain)
	if err != nil || len(certificates) == 0 {
		return nil, errors.New("the server certificate in the store cannot be read")
	}
	return certificates, nil
}
