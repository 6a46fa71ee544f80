package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// eapNearEnd is when somebody must act who renews files by hand: devices that pin
// the certificate have to be told before.
const eapNearEnd = 30 * 24 * time.Hour

// eapCertificate looks at what devices know the network by: whether it is in force,
// has a name that they can look for and a chain that they can follow, and whether
// radiusd can read it.
func (p *Patient) eapCertificate(ctx context.Context) Finding {
	if len(p.Config.RADIUS.ListenAuth)+len(p.Config.RADIUS.ListenTLS) == 0 {
		return skipped("radius.listen_auth is off")
	}
	near, advice := nearEnd, "restart radiusd, or gatehouse serve, where the key of the CA is: it renews the certificate"
	read := func() ([]*x509.Certificate, error) { return p.stored(ctx, "tls:radius") }
	name, file := "radius."+p.Config.Domain, p.Config.RADIUS.EAP.CertFile
	if file != "" {
		near, advice, name = eapNearEnd, "put a new certificate with its chain into "+file+", and its key into "+p.Config.RADIUS.EAP.KeyFile+
			"; devices that pin it must be told", ""
		read = p.eapFiles
	}
	chain, err := read()
	if err != nil {
		return failed(err.Error(), advice)
	}
	if f := p.inForce("the EAP certificate", chain[0], near, advice); f != nil {
		return *f
	}
	if file == "" {
		if err := chain[0].VerifyHostname(name); err != nil {
			return failed("the EAP certificate is not for "+name, advice)
		}
		return fine(fmt.Sprintf("for %s, until %s", name, chain[0].NotAfter.UTC().Format(time.DateOnly)))
	}
	if err := followable(chain, p.Now()); err != nil {
		return failed(file+": "+err.Error(), advice)
	}
	for _, path := range []string{file, p.Config.RADIUS.EAP.KeyFile} {
		if err := p.readable(path); err != nil {
			return failed(err.Error(), "chgrp gatehouse and chmod 640 the file, and let the group into its folders; or: systemctl edit gatehouse-radiusd")
		}
	}
	return fine(fmt.Sprintf("for %s, until %s", strings.Join(chain[0].DNSNames, ", "), chain[0].NotAfter.UTC().Format(time.DateOnly)))
}

// eapFiles reads the files of radius.eap.
func (p *Patient) eapFiles() ([]*x509.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(p.Config.RADIUS.EAP.CertFile, p.Config.RADIUS.EAP.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("the certificate of radius.eap cannot be used: %w", err)
	}
	return x509.ParseCertificates(slices.Concat(pair.Certificate...))
}

// followable says what keeps devices from trusting a chain.
func followable(chain []*x509.Certificate, now time.Time) error {
	leaf := chain[0]
	if len(leaf.DNSNames) == 0 {
		return errors.New("the certificate has no DNS name in its subject alternative name, which devices look for")
	}
	if !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageServerAuth) {
		return errors.New("the certificate is not one of a server (extended key usage serverAuth), and devices refuse it")
	}
	for i, c := range chain[1:] {
		switch err := chain[i].CheckSignatureFrom(c); {
		case err != nil:
			return fmt.Errorf("the chain breaks at certificate %d, which %s has not issued: %w", i+1, c.Subject, err)
		case now.After(c.NotAfter):
			return fmt.Errorf("the certificate of %s, which is in the chain, ended at %s", c.Subject, c.NotAfter.UTC().Format(time.RFC3339))
		}
	}
	if last := chain[len(chain)-1]; last.CheckSignatureFrom(last) != nil && len(chain) == 1 {
		return fmt.Errorf("it holds the certificate alone, without that of %s, which has issued it: devices cannot follow it, and no profile can be made", leaf.Issuer)
	}
	return nil
}

// readable reports whether radiusd can read a file: in the package it is another user
// than the one who asks.
func (p *Patient) readable(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil || !p.Config.IsPackaged() {
		return err
	}
	who, err := p.LookupUser("gatehouse-radiusd")
	if err != nil {
		return err
	}
	groups, err := who.GroupIds()
	if err != nil {
		return err
	}
	may := func(path string, owner, group, others os.FileMode) (bool, error) {
		info, err := os.Stat(path)
		if err != nil {
			return false, err
		}
		is := info.Sys().(*syscall.Stat_t)
		switch bits := info.Mode().Perm(); {
		case strconv.Itoa(int(is.Uid)) == who.Uid:
			return bits&owner != 0, nil
		case slices.Contains(groups, strconv.Itoa(int(is.Gid))):
			return bits&group != 0, nil
		default:
			return bits&others != 0, nil
		}
	}
	ok, err := may(path, 0o400, 0o040, 0o004)
	for dir := filepath.Dir(path); ok && err == nil; dir = filepath.Dir(dir) {
		if path = dir; dir == "/" {
			return nil
		}
		ok, err = may(dir, 0o100, 0o010, 0o001)
	}
	if err == nil && !ok {
		err = fmt.Errorf("radiusd, which runs as %s, cannot read %s", who.Username, path)
	}
	return err
}
