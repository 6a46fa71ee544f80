package ldapd

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/ldapd/projection"
)

// ListenerKind says what a client finds on a listener.
type ListenerKind int

// The kinds of listener.
const (
	// Plain is LDAP in clear, with StartTLS when Config.TLS is set.
	Plain ListenerKind = iota
	// TLS is LDAP inside TLS from the first octet (LDAPS).
	TLS
	// Unix is LDAP over a unix socket (ldapi).
	Unix
)

func (k ListenerKind) String() string { return [...]string{"plain", "tls", "unix"}[k] }

// Listener is a socket that the server accepts connections from. The server closes it.
type Listener struct {
	net.Listener
	Kind ListenerKind
	// Profile is how entries look to those who connect here, unless their account says otherwise; "" is the default.
	Profile schema.LDAPProfile
}

// Config is what a Server is made of. Directory, Index, Domain, Logger and Registry are required.
type Config struct {
	Directory *directory.Directory
	Index     *projection.Index
	// Domain gives the base DN: example.com is dc=example,dc=com.
	Domain string
	// Listeners may be empty only in tests that use Serve.
	Listeners []Listener
	// Proxies are load balancers: what comes from them begins with a PROXY protocol header, what does not has none.
	Proxies []netip.Prefix
	// TLS serves StartTLS and TLS listeners; nil offers neither. Certificates change through GetCertificate. A client may
	// show a certificate; whether it counts is decided by the core when it binds with SASL EXTERNAL.
	TLS *tls.Config
	// Version is what the root DSE calls vendorVersion.
	Version string
	// ClearPasswords lets passwords travel without TLS from addresses that are not loopback.
	ClearPasswords bool
	Limits         Limits

	Logger   *slog.Logger
	Registry prometheus.Registerer
	Now      func() time.Time // nil: time.Now
}

// Limits bounds what clients may use. A zero field is the default named beside it.
type Limits struct {
	Connections    int           // open at the same time: 20,000
	PerAddress     int           // of them from one address: 12,000
	InFlight       int           // operations of one connection that run beside it: 8
	IdleUnbound    time.Duration // between two requests before a bind: 5 min
	Idle           time.Duration // and after: 1 h
	RequestUnbound time.Duration // from the first octet of a request to its last, before a bind: 5 s
	Request        time.Duration // and after: 30 s
	PDUUnbound     int           // octets of a request before a bind: 256 KiB
	PDU            int           // and after: 4 MiB
	Write          time.Duration // for the client to take an answer: 30 s
	Handshake      time.Duration // of TLS: 10 s
	Drain          time.Duration // for operations under way when the server stops: 5 s
	Search         time.Duration // of one search: 60 s
	Entries        int           // of one search that is not paged: no limit
}

func (l *Limits) fill() {
	setInt := func(v *int, def int) {
		if *v == 0 {
			*v = def
		}
	}
	setTime := func(v *time.Duration, def time.Duration) {
		if *v == 0 {
			*v = def
		}
	}
	setInt(&l.Connections, 20_000)
	setInt(&l.PerAddress, 12_000)
	setInt(&l.InFlight, 8)
	setInt(&l.PDUUnbound, 256<<10)
	setInt(&l.PDU, 4<<20)
	setTime(&l.Idle, time.Hour)
	setTime(&l.IdleUnbound, 5*time.Minute)
	setTime(&l.RequestUnbound, 5*time.Second)
	setTime(&l.Request, 30*time.Second)
	setTime(&l.Write, 30*time.Second)
	setTime(&l.Handshake, 10*time.Second)
	setTime(&l.Drain, 5*time.Second)
	setTime(&l.Search, time.Minute)
}

func (c *Config) check() error {
	if c.Directory == nil || c.Index == nil || c.Logger == nil || c.Registry == nil {
		return errors.New("ldapd: Directory, Index, Logger and Registry are required")
	}
	for _, l := range c.Listeners {
		if l.Kind == TLS && c.TLS == nil {
			return errors.New("ldapd: a TLS listener needs a TLS configuration")
		}
	}
	return nil
}
