package ldapd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"gatehouse/directory/seal"
	"gatehouse/ldapd/wire"
)

// Server is one LDAP server. Make it with New and start it with Run.
type Server struct {
	c        Config
	tree     *tree
	static   []*staticEntry // the subschema
	roots    [allMechanisms + 1]*staticEntry
	controls map[string]controlFor
	sorting  chan struct{} // turns to put results in order
	paging   *seal.MACKey
	m        *metrics
	bound    *boundRegistry
	buffers  *sync.Pool
	msgs     sync.Pool // of *wire.Message
	finders  sync.Pool // of *finder
	conns    sync.WaitGroup

	mu        sync.Mutex
	open      map[*conn]struct{}
	perSource map[netip.Addr]int
}

// New returns a Server that has not started. It fails when the configuration cannot work or its metrics are
// registered already.
func New(c Config) (*Server, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Limits.fill()
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.TLS != nil {
		c.TLS = c.TLS.Clone()
		c.TLS.ClientAuth = tls.RequestClientCert
	}
	t, err := newTree(c.Domain)
	if err != nil {
		return nil, fmt.Errorf("ldapd: base name of domain %q: %w", c.Domain, err)
	}
	paging, err := c.Directory.Keys().MAC(seal.Lookup, "ldap paged results")
	if err != nil {
		return nil, fmt.Errorf("ldapd: key for paged results: %w", err)
	}
	m, err := newMetrics(c.Registry)
	if err != nil {
		return nil, fmt.Errorf("ldapd: register metrics: %w", err)
	}
	s := &Server{
		c: c, tree: t, paging: paging, m: m, bound: newBoundRegistry(), buffers: newBuffers(),
		open: map[*conn]struct{}{}, perSource: map[netip.Addr]int{},
		controls: supportedControls(), sorting: make(chan struct{}, sortsAtOnce),
	}
	s.msgs.New = func() any { return new(wire.Message) }
	s.finders.New = func() any { return new(finder) }
	for m := range s.roots {
		s.roots[m] = s.rootDSE(mechanisms(m))
	}
	s.static = []*staticEntry{subschema()}
	return s, nil
}

// Run serves until ctx ends, tells the clients that the server stops, lets operations under way finish within
// Limits.Drain, and returns nil. It returns earlier, with an error, when a listener fails for good.
func (s *Server) Run(ctx context.Context) error {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	accepting, stopAccepting := context.WithCancel(ctx)
	defer stopAccepting()
	var loops sync.WaitGroup
	failed := make(chan error, len(s.c.Listeners))
	for _, l := range s.c.Listeners {
		loops.Go(func() {
			if err := s.accept(accepting, work, l); err != nil {
				failed <- err
				stopAccepting()
			}
		})
	}
	loops.Go(func() { s.watch(accepting) })
	loops.Go(func() { s.sweep(accepting) })
	<-accepting.Done()
	for _, l := range s.c.Listeners {
		_ = l.Close()
	}
	loops.Wait()
	s.drain(stop)
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// drain ends all connections: kindly within the limit, then by cancelling what still runs.
func (s *Server) drain(stop context.CancelFunc) {
	s.mu.Lock()
	for c := range s.open {
		c.wake(&closing{endStopping, wire.Unavailable, "the server is stopping"})
	}
	s.mu.Unlock()
	limit := time.AfterFunc(s.c.Limits.Drain, stop)
	s.conns.Wait()
	limit.Stop()
}

// accept hands every connection of a listener to a goroutine of its own, with the context work.
func (s *Server) accept(ctx, work context.Context, l Listener) error {
	pause := time.Duration(0)
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept on %s: %w", l.Addr(), err)
		default:
			// Out of file descriptors, or a client that was faster gone than accepted: both pass.
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.c.Logger.WarnContext(ctx, "cannot accept a connection", "listener", l.Addr().String(), "err", err)
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
			continue
		}
		s.m.accepted[l.Kind].Inc()
		c := newConn(s, nc, &l)
		if why := s.admit(c); why != "" {
			s.m.ended[why].Inc()
			_ = nc.Close()
			continue
		}
		s.conns.Go(func() { c.serve(work) })
	}
}

// admit counts a connection in, or says which limit is against it.
func (s *Server) admit(c *conn) ending {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case len(s.open) >= s.c.Limits.Connections:
		return endLimit
	case s.perSource[c.peer] >= s.c.Limits.PerAddress && !s.isProxy(c.peer):
		return endPerAddress // a load balancer's connections are those of others
	}
	s.open[c] = struct{}{}
	s.perSource[c.peer]++
	s.m.open[c.kind].Inc()
	return ""
}

// isProxy reports whether an address is a load balancer's.
func (s *Server) isProxy(peer netip.Addr) bool {
	return slices.ContainsFunc(s.c.Proxies, func(p netip.Prefix) bool { return p.Contains(peer) })
}

// readmit counts a connection as the client's whom a load balancer has named, or says which limit is against it.
func (s *Server) readmit(c *conn, client netip.Addr) ending {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.perSource[client] >= s.c.Limits.PerAddress {
		return endPerAddress
	}
	if s.perSource[c.peer]--; s.perSource[c.peer] <= 0 {
		delete(s.perSource, c.peer)
	}
	c.peer = client
	s.perSource[client]++
	return ""
}

// release counts a connection out.
func (s *Server) release(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
	if s.perSource[c.peer]--; s.perSource[c.peer] <= 0 {
		delete(s.perSource, c.peer)
	}
	s.m.open[c.kind].Dec()
}
