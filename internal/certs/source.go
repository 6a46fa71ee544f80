package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"
)

// Loader gets the certificate that should be used now. It may return the one
// it got, which is nil at first, when nothing has changed.
type Loader func(ctx context.Context, current *tls.Certificate) (*tls.Certificate, error)

// Source is the server certificate of a process. Its methods may be called by
// several goroutines.
type Source struct {
	load    Loader
	log     *slog.Logger
	current atomic.Pointer[tls.Certificate]
}

// NewSource gets the first certificate from load; without one there is no
// Source.
func NewSource(ctx context.Context, load Loader, log *slog.Logger) (*Source, error) {
	s := &Source{load: load, log: log}
	if err := s.Reload(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Reload gets the certificate again. On an error the old one stays.
func (s *Source) Reload(ctx context.Context) error {
	old := s.current.Load()
	fresh, err := s.load(ctx, old)
	if err != nil {
		return fmt.Errorf("load server certificate: %w", err)
	}
	if fresh == old {
		return nil
	}
	s.current.Store(fresh)
	s.log.Info("server certificate loaded", "names", names(fresh.Leaf), "not_after", fresh.Leaf.NotAfter)
	return nil
}

// Watch reloads every interval until ctx ends, which renews a built-in
// certificate and notices new files.
func (s *Source) Watch(ctx context.Context, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := s.Reload(ctx); err != nil {
				s.log.Error("server certificate kept", "err", err, "not_after", s.NotAfter())
			}
		}
	}
}

// NotAfter returns when the current certificate ends.
func (s *Source) NotAfter() time.Time { return s.current.Load().Leaf.NotAfter }

// GetCertificate is for [tls.Config].
func (s *Source) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return s.current.Load(), nil
}

// ServerConfig returns a TLS configuration of a server with this certificate,
// TLS 1.2 or newer (RFC 9325 §3.1.1), for the protocols of nextProtos (ALPN).
func (s *Source) ServerConfig(nextProtos ...string) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.GetCertificate, NextProtos: nextProtos}
}

func names(leaf *x509.Certificate) []string {
	all := slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		all = append(all, ip.String())
	}
	return all
}

// FromFiles loads a chain and its key from PEM files and refuses a certificate
// that is not valid now.
func FromFiles(certFile, keyFile string, now func() time.Time) Loader {
	return func(_ context.Context, current *tls.Certificate) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return nil, err
		}
		if current != nil && slices.EqualFunc(pair.Certificate, current.Certificate, slices.Equal) {
			return current, nil
		}
		if at := now(); at.After(pair.Leaf.NotAfter) || at.Before(pair.Leaf.NotBefore) {
			return nil, fmt.Errorf("%s is valid from %s to %s, not now", certFile,
				pair.Leaf.NotBefore.Format(time.DateOnly), pair.Leaf.NotAfter.Format(time.DateOnly))
		}
		return &pair, nil
	}
}

// Usable reports whether a certificate covers all names and has more than a
// third of its life before it.
func Usable(leaf *x509.Certificate, wanted []string, now time.Time) bool {
	third := leaf.NotAfter.Sub(leaf.NotBefore) / 3
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter.Add(-third)) {
		return false
	}
	return !slices.ContainsFunc(wanted, func(name string) bool { return leaf.VerifyHostname(name) != nil })
}

// Issued lets authority issue a certificate for wanted, and a new one when the
// current one is no longer Usable. Nothing is kept: a restart has a new one.
func Issued(authority *Authority, wanted []string, now func() time.Time) Loader {
	return func(_ context.Context, current *tls.Certificate) (*tls.Certificate, error) {
		if current != nil && Usable(current.Leaf, wanted, now()) {
			return current, nil
		}
		return authority.IssueServer(wanted, now())
	}
}
