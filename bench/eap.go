package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"gatehouse/internal/certs"
	"gatehouse/test/stage"
)

// owners is how many people have a network password and a certificate.
const owners = 10

// owner is a person with devices.
type owner struct {
	name            string
	networkPassword string
	certificate     tls.Certificate // of a device
}

// radiusName is what the certificate of the network says.
const radiusName = "radius." + stage.Domain

// pointOf is the address of the access point whose first method this is.
func pointOf(typ byte) string { return fmt.Sprintf("127.0.0.%d", typ) }

// equip gives the first people network passwords and device certificates, and
// the network the certificate of eapFiles.
func equip(ctx context.Context, g *stage.Gatehouse, p people) ([]owner, error) {
	list := make([]owner, owners)
	err := inParallel(len(list), func(i int) (err error) {
		o := &list[i]
		o.name = p.name(i)
		if o.networkPassword, err = made(ctx, g, "network-password", "create", o.name, "--label", "bench"); err != nil {
			return err
		}
		path := deviceFile(g, o.name)
		if _, err = made(ctx, g, "device-cert", "create", o.name, "--label", "bench", "--pem", path); err != nil {
			return err
		}
		o.certificate, err = tls.LoadX509KeyPair(path, path)
		return err
	})
	return list, err
}

func deviceFile(g *stage.Gatehouse, name string) string { return filepath.Join(g.Dir, name+".pem") }

// made runs a command that makes a secret and returns it: the last line.
func made(ctx context.Context, g *stage.Gatehouse, args ...string) (string, error) {
	done, err := g.CLI(ctx, "", args...)
	if err == nil && done.Code != 0 {
		err = fmt.Errorf("gatehouse %s: exit code %d: %.2000s", args[0], done.Code, done.Stderr)
	}
	lines := strings.Split(strings.TrimSpace(done.Stdout), "\n")
	return lines[len(lines)-1], err
}

// inParallel runs fn for each of n.
func inParallel(n int, fn func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = fn(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// eapFiles are the certificates that both servers have: their own, and the
// authority of the devices.
type eapFiles struct {
	server, serverKey, deviceCA string
	trust                       *x509.CertPool // that devices trust
}

// eapFiles makes them and names them in our configuration.
func (n *network) eapFiles() (f eapFiles, err error) {
	authority, err := certs.NewAuthority("Benchmark", time.Now())
	if err != nil {
		return f, err
	}
	issued, err := authority.IssueServer([]string{radiusName}, time.Now())
	if err != nil {
		return f, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(issued.PrivateKey)
	if err != nil {
		return f, err
	}
	f = eapFiles{
		server: filepath.Join(n.Dir, "eap.crt"), serverKey: filepath.Join(n.Dir, "eap.key"), deviceCA: filepath.Join(n.Dir, "devices.crt"),
		trust: authority.Pool(),
	}
	config, err := os.ReadFile(n.Config)
	if err != nil {
		return f, err
	}
	ours := fmt.Sprintf("radius: {eap: {cert_file: %q, key_file: %q}, ", f.server, f.serverKey)
	return f, errors.Join(
		os.WriteFile(f.server, chain(issued.Certificate...), 0o600),
		os.WriteFile(f.serverKey, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600),
		os.WriteFile(f.deviceCA, chain(n.devices[0].certificate.Certificate[1:]...), 0o600),
		os.WriteFile(n.Config, []byte(strings.Replace(string(config), "radius: {", ours, 1)), 0o600),
	)
}

// snakeoil makes the kind of certificate that Debian's ssl-cert makes, for
// FreeRADIUS alone.
func (n *network) snakeoil(f eapFiles) (eapFiles, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return f, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: radiusName}, DNSNames: []string{radiusName},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(10, 0, 0), BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return f, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return f, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return f, err
	}
	f.server, f.serverKey, f.trust = filepath.Join(n.Dir, "snakeoil.crt"), filepath.Join(n.Dir, "snakeoil.key"), x509.NewCertPool()
	f.trust.AddCert(certificate)
	return f, errors.Join(
		os.WriteFile(f.server, chain(der), 0o600),
		os.WriteFile(f.serverKey, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600),
	)
}

func chain(list ...[]byte) (text []byte) {
	for _, der := range list {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return text
}

// eapKinds are what is measured. With TLS 1.2 nothing is resumed: radiusd does it
// by tickets, FreeRADIUS by session ids.
func eapKinds() []eapKind {
	var kinds []eapKind
	for _, typ := range []byte{typeTLS, typeTTLS, typePEAP} {
		kinds = append(kinds,
			eapKind{typ, tls.VersionTLS12, false}, eapKind{typ, tls.VersionTLS13, false}, eapKind{typ, tls.VersionTLS13, true})
	}
	return kinds
}

func (k eapKind) String() string {
	name := map[byte]string{typeTLS: "EAP-TLS", typeTTLS: "EAP-TTLS/PAP", typePEAP: "PEAP/EAP-MSCHAPv2"}[k.typ]
	name += map[uint16]string{tls.VersionTLS12: ", TLS 1.2", tls.VersionTLS13: ", TLS 1.3"}[k.version]
	if k.resumed {
		return name + ", resumed"
	}
	return name
}

// device makes the i-th device of a kind.
func (n *network) device(k eapKind, s server, f eapFiles, i int) (*device, error) {
	conn, err := dialNAS(pointOf(k.typ), s.addr)
	if err != nil {
		return nil, err
	}
	d := &device{
		nas: conn, kind: k, secret: n.people.radius,
		person:  func(at int) (string, string) { o := &n.devices[at%owners]; return o.name, o.networkPassword },
		station: func(int) string { return anyStation() },
		config: &tls.Config{
			ServerName: radiusName, RootCAs: f.trust, MinVersion: k.version, MaxVersion: k.version,
			CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256}, // of the certificate
		},
	}
	switch k.typ {
	case typeTTLS:
		d.person = func(at int) (string, string) { return n.people.name(at % signers), n.people.password(at) }
	case typeTLS:
		d.config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &n.devices[d.asked%owners].certificate, nil
		}
	}
	if !k.resumed {
		return d, nil
	}
	// It is one device, of one person, and was here before.
	person, at, own := d.person, i, anyStation()
	d.person, d.station = func(int) (string, string) { return person(at) }, func(int) string { return own }
	if d.config.ClientSessionCache = tls.NewLRUClientSessionCache(1); s.rival {
		d.config.ClientSessionCache = &firstTicket{}
	}
	_, err = d.ask(at)
	return d, err
}

// firstTicket keeps the ticket of a full handshake. FreeRADIUS 3.2.1 lets a device
// resume by it again and again, and by one of a resumed session never.
type firstTicket struct{ session *tls.ClientSessionState }

// Get returns it.
func (t *firstTicket) Get(string) (*tls.ClientSessionState, bool) {
	return t.session, t.session != nil
}

// Put keeps the first one.
func (t *firstTicket) Put(_ string, session *tls.ClientSessionState) {
	if t.session == nil {
		t.session = session
	}
}

// eap measures EAP.
func (n *network) eap(ctx context.Context) error {
	f, err := n.eapFiles()
	if err != nil {
		return err
	}
	m := eapMeasurement{n, map[eapKind]result{}, map[eapKind]result{}, map[eapKind]result{}}
	kinds := eapKinds()
	err = n.radiusd(ctx, func(s server) error { return errors.Join(n.signInEachOnce(s.addr), m.ask(ctx, s, f, m.ours, kinds...)) })
	if err != nil {
		return err
	}
	for _, typ := range []byte{typeTLS, typeTTLS, typePEAP} {
		var of []eapKind
		for _, k := range kinds {
			if k.typ == typ {
				of = append(of, k)
			}
		}
		err := n.against(ctx, rivalEAP(typ, n.people, n.devices, f), func(s server) error { return m.ask(ctx, s, f, m.rival, of...) })
		if err != nil {
			return err
		}
	}
	if err := m.askInstalled(ctx, f); err != nil {
		return err
	}
	n.table.add(section{title: "RADIUS: EAP", lines: m.lines(kinds), note: eapNote})
	return nil
}

// eapMeasurement is what each server did: ours, FreeRADIUS with what ours has, and
// FreeRADIUS as it is installed.
type eapMeasurement struct {
	*network

	ours, rival, installed map[eapKind]result
}

// ask measures kinds at a server.
func (m *eapMeasurement) ask(ctx context.Context, s server, f eapFiles, into map[eapKind]result, kinds ...eapKind) error {
	for _, k := range kinds {
		got, err := m.network.ask(ctx, s, func(i int) (client, error) { return m.device(k, s, f, i) })
		if err != nil {
			return fmt.Errorf("%s: %w", k, err)
		}
		into[k] = got
	}
	return nil
}

// askInstalled measures a FreeRADIUS as Debian installs it: with a self-signed
// certificate of RSA-2048, TLS 1.2 and no sessions to resume.
func (m *eapMeasurement) askInstalled(ctx context.Context, f eapFiles) error {
	f, err := m.snakeoil(f)
	if err != nil {
		return err
	}
	for _, typ := range []byte{typeTLS, typeTTLS} {
		k := eapKind{typ, tls.VersionTLS12, false}
		err := m.against(ctx, rivalInstalledEAP(typ, m.people, m.devices, f), func(s server) error { return m.ask(ctx, s, f, m.installed, k) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *eapMeasurement) lines(kinds []eapKind) (list []line) {
	for _, k := range kinds {
		list = append(list,
			line{server: "Gatehouse radiusd: " + k.String(), target: "≤ 0.6× CPU", result: m.ours[k]},
			line{server: "FreeRADIUS: " + k.String(), result: m.rival[k]})
		if got, ok := m.installed[k]; ok {
			list = append(list, line{server: "FreeRADIUS as Debian installs it, RSA-2048: " + k.String(), result: got})
		}
	}
	return list
}

const eapNote = "Whole authentications, from the identity to the Access-Accept, in each of which the client checks the server's certificate and both MPPE keys. " +
	"Both servers have the same certificate and trust the same devices (ECDSA P-256 each, with its CA in the chain), agree on a key by X25519, send fragments of up to 1,280 octets and keep sessions for 24 hours, radiusd 20,000 of them in memory, FreeRADIUS in files. " +
	"In full, each is of a device that was never seen before; resumed, of one that was here a moment ago (in TLS 1.2 radiusd resumes by tickets and FreeRADIUS by session ids, so that no client has both). " +
	"Gatehouse: freshness barrier, limiter, verified-password cache, certificate looked up in the directory, policy, audit event, and for a new device a row among the sessions, stored before its Accept leaves; what is resumed is decided again. " +
	"\"As Debian installs it\" is another comparison: FreeRADIUS has a self-signed certificate of RSA-2048, sends fragments of 1,024 octets and keeps no sessions, as in its package, and radiusd what it has on the line above. " +
	"FreeRADIUS: clear-text passwords (EAP-TTLS/PAP) or NT hashes (PEAP) in its users file; it records nothing, what is resumed is not looked at, and a device resumes by the ticket of its full authentication each time, where radiusd takes each ticket once."
