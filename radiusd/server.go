package radiusd

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/directory"
	"gatehouse/radiusd/eap"
)

// Config is what a Server is made of. Directory, Certificate and Logger are
// required.
type Config struct {
	Directory *directory.Directory
	// Auth and Acct are bound UDP sockets (*net.UDPConn) for Access-Requests and
	// Accounting-Requests; none: off. Run closes them.
	Auth, Acct []net.PacketConn
	// TLS are TCP listeners for RADIUS over TLS, for both. Run closes them.
	TLS []net.Listener
	// TLSConfig has the certificate by which network access servers know this
	// server; required with TLS.
	TLSConfig *tls.Config
	Logger    *slog.Logger
	Registry  prometheus.Registerer // nil: no metrics
	// Certificate returns what devices know the server by in EAP.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	Instance    string // names this process in radius_sessions
}

// Server answers RADIUS over UDP and TLS. Make it with New.
type Server struct {
	directory *directory.Directory
	log       *slog.Logger
	undecided limitedLog
	instance  string
	transport *transport
	classes   *classes
	opener    *opener
	recent    *recent
	patience  patience
	clients   clientSet
	prompts   prompts

	reviewer     *reviewer
	disconnector *disconnector

	conversations *eap.Server
	devices       atomic.Pointer[x509.CertPool] // of the authorities of devices
	told          atomic.Pointer[told]

	lifetime   context.Context // of Run; for what a packet sets off
	background sync.WaitGroup
}

// New checks the configuration and registers the metrics. Nothing is read from
// the sockets before Run.
func New(c Config) (*Server, error) {
	if c.Directory == nil || c.Certificate == nil || c.Logger == nil {
		return nil, errors.New("radiusd: Directory, Certificate and Logger are required")
	}
	s := &Server{
		directory: c.Directory, log: c.Logger, instance: c.Instance,
		undecided: limitedLog{log: c.Logger, now: c.Directory.Now},
		transport: newTransport(c.Logger, c.Directory.Now), opener: newOpener(c.Directory), recent: newRecent(),
	}
	s.reviewer, s.disconnector = newReviewer(s), newDisconnector(s)
	var err error
	if s.classes, err = newClasses(c.Directory.Keys()); err != nil {
		return nil, err
	}
	s.devices.Store(x509.NewCertPool())
	s.conversations, err = eap.New(eap.Config{
		Certificate: c.Certificate, Devices: s.authorities, Now: c.Directory.Now, Rand: rand.Reader,
	})
	if err != nil {
		return nil, err
	}
	t := s.transport
	t.handle, t.commit, t.seen = s.access, s.account, s.protect
	for i, conn := range append(append([]net.PacketConn{}, c.Auth...), c.Acct...) {
		socket, err := newSocket(conn, i, i >= len(c.Auth))
		if err != nil {
			return nil, err
		}
		t.sockets = append(t.sockets, socket)
	}
	if len(c.TLS) > 0 && c.TLSConfig == nil {
		return nil, errors.New("radiusd: TLSConfig is required with TLS")
	}
	t.streams.listeners, t.streams.config = c.TLS, c.TLSConfig
	waiting := func() float64 { return float64(t.access.len() + t.account.len()) }
	t.metrics, err = newMetrics(c.Registry, waiting, func() float64 { return float64(s.clients.len()) })
	if err != nil {
		return nil, err
	}
	return s, nil
}

// told are the CAs that devices were told of last, and what they were made of.
type told struct {
	pool, own *x509.CertPool
	imported  []*x509.Certificate
}

// authorities are the CAs that devices are told of: the built-in one and those
// that are imported, whose files may have changed. It is the same pool until they do.
func (s *Server) authorities() *x509.CertPool {
	own, imported := s.devices.Load(), s.directory.ImportedAuthorities()
	if len(imported) == 0 {
		return own
	}
	if t := s.told.Load(); t != nil && t.own == own && slices.Equal(t.imported, imported) {
		return t.pool
	}
	pool := own.Clone()
	for _, c := range imported {
		pool.AddCert(c)
	}
	s.told.Store(&told{pool, own, imported})
	return pool
}

// Run serves until ctx ends; then it finishes what it has accepted, closes the
// sockets and returns nil. It must be called once. While the directory does
// not answer, it waits for it in silence.
func (s *Server) Run(ctx context.Context) error {
	s.lifetime = ctx
	s.background.Go(func() { s.follow(ctx) })
	s.background.Go(func() { s.watch(ctx) })
	s.background.Go(func() { s.keep(ctx) })
	s.background.Go(func() { s.reviewer.follow(ctx) })
	s.background.Go(func() { s.reviewer.run(ctx) })
	s.background.Go(func() { s.disconnector.run(ctx) })
	s.background.Go(func() { s.keepTroubles(ctx) })
	s.background.Go(func() { s.conversations.Run(ctx) })
	var store sync.WaitGroup
	// Requests that were accepted before the end still store their sessions.
	storing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	store.Go(func() { s.opener.run(storing) })
	s.transport.run(ctx)
	stop()
	store.Wait()
	s.background.Wait()
	return nil
}

// errNoClients is what is missing while Run has not read the clients.
var errNoClients = errors.New("the RADIUS clients are not loaded yet")

// Ready says what is missing for an answer to a sign-in; nil: nothing.
func (s *Server) Ready(ctx context.Context) error {
	if !s.clients.loaded() {
		return errNoClients
	}
	return s.directory.Ready(ctx)
}

func (s *Server) now() time.Time { return s.directory.Now() }

const watchEvery = time.Second

// watch keeps track of whether decisions can be made, for Status-Server.
func (s *Server) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		within, cancel := context.WithTimeout(ctx, watchEvery)
		err := s.Ready(within)
		cancel()
		s.transport.ready.Store(err == nil)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
