// Package doctor examines an installation the way a person would who was told
// that "it does not work": it looks at keys, store, clock, certificate and
// names, and then tries every door of the running daemons from this host.
//
// It changes nothing, but for one refused bind that the daemons count and audit
// like any other. Each finding says what is wrong and what to do.
package doctor

import (
	"context"
	"crypto/x509"
	"net"
	"net/netip"
	"os/user"
	"time"

	"golang.org/x/sys/unix"

	"gatehouse/config"
	"gatehouse/directory"
)

// Outcome is how a check ended.
type Outcome string

// The outcomes of a check.
const (
	Fine    Outcome = "fine"
	Failed  Outcome = "failed"
	Warned  Outcome = "warning" // it works, and may not for long
	Skipped Outcome = "skipped" // there is nothing to examine
)

// Finding is what a check found.
type Finding struct {
	Check   string  `json:"check"`
	Outcome Outcome `json:"outcome"`
	Detail  string  `json:"detail"`
	Advice  string  `json:"advice,omitempty"` // with Failed and Warned
}

// Patient is the installation that is examined, and what the examination may
// ask of the machine.
type Patient struct {
	Config    config.Config
	Directory *directory.Directory // nil: it could not be opened
	OpenError error                // why not
	CA        *x509.CertPool       // of the built-in authority; nil: only the machine's own
	Now       func() time.Time

	LookupHost   func(ctx context.Context, host string) ([]string, error)
	Synchronised func() (bool, error) // whether the clock is disciplined
	GroupFile    string               // /etc/group
	LookupUser   func(name string) (*user.User, error)
}

// patience is how long one door may take to answer.
const patience = 5 * time.Second

// New returns a patient on this machine.
func New(c config.Config, now func() time.Time) *Patient {
	return &Patient{
		Config: c, Now: now, LookupHost: net.DefaultResolver.LookupHost,
		Synchronised: clockSynchronised, GroupFile: "/etc/group", LookupUser: user.Lookup,
	}
}

// clockSynchronised asks the kernel (adjtimex(2)).
func clockSynchronised() (bool, error) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return state != unix.TIME_ERROR, err
}

// Examine runs every check but Keys, in the order in which one failure explains
// the next.
func (p *Patient) Examine(ctx context.Context) []Finding {
	var findings []Finding
	for _, check := range []struct {
		name string
		run  func(context.Context) Finding
	}{
		{"group", p.group},
		{"store", p.store},
		{"clock", p.clock},
		{"certificate", p.certificate},
		{"eap-certificate", p.eapCertificate},
		{"geoip", p.geoip},
		{"authorities", p.authorities},
		{"dns", p.dns},
		{"daemons", p.daemons},
		{"ports", p.ports},
		{"ldap", p.ldap},
		{"radius", p.radius},
		{"nas-certificates", p.nasCertificates},
		{"sign-in", p.discovery},
		{"scim", p.scim},
	} {
		ctx, cancel := context.WithTimeout(ctx, 4*patience)
		f := check.run(ctx)
		cancel()
		f.Check = check.name
		findings = append(findings, f)
	}
	return findings
}

func fine(detail string) Finding { return Finding{Outcome: Fine, Detail: detail} }
func skipped(why string) Finding { return Finding{Outcome: Skipped, Detail: why} }
func warned(detail, advice string) Finding {
	return Finding{Outcome: Warned, Detail: detail, Advice: advice}
}

func failed(detail, advice string) Finding {
	return Finding{Outcome: Failed, Detail: detail, Advice: advice}
}

// reach is the address by which this host reaches a listen address.
func reach(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if a, err := netip.ParseAddr(host); host == "" || err == nil && a.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// roots are the authorities that a client of this installation trusts.
func (p *Patient) roots() *x509.CertPool {
	if p.Config.TLS.CertFile == "" && p.CA != nil {
		return p.CA
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	return pool
}
