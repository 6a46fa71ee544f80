package radiusd

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/directory"
	"gatehouse/radiusd/wire"
)

// The protocols of a connection (RFC 9765 §3.3), by their names in ALPN.
const (
	protocolOld   = "radius/1.0"
	protocolClear = "radius/1.1"
)

// streamLimits bound what connections may take.
type streamLimits struct {
	connections int           // in all
	perClient   int           // of one NAS
	strangers   int           // whose certificate was not seen yet, in all
	perAddress  int           // of those, from one address or IPv6 network of 64 bits
	handshake   time.Duration // from the connection to its end
	idle        time.Duration // without a packet
	packet      time.Duration // from the first octet of a packet to its last
	write       time.Duration // until the peer takes what was written
}

func defaultStreamLimits() streamLimits {
	return streamLimits{
		connections: 4096, perClient: 256, strangers: 512, perAddress: 64,
		handshake: 10 * time.Second, idle: 15 * time.Minute, packet: 30 * time.Second, write: 30 * time.Second,
	}
}

// streams is RADIUS over TLS (RFC 6614): the listeners and what is connected.
type streams struct {
	listeners []net.Listener
	config    *tls.Config // without ALPN and what knows the client
	limits    streamLimits
	keys      []*wire.Key // of radsec, as signedWith wants them
	roster    atomic.Pointer[roster]
	links     atomic.Uint64 // the number of the last connection

	mu        sync.Mutex
	open      map[*stream]struct{} // whose client is known
	strangers map[string]int       // connections whose client is not, by address
	unknown   int                  // the sum of those
	serving   sync.WaitGroup       // connections
}

func newStreams() streams {
	return streams{
		limits: defaultStreamLimits(), keys: []*wire.Key{wire.NewKey([]byte(radsec))},
		open: map[*stream]struct{}{}, strangers: map[string]int{},
	}
}

// run accepts connections and reads from them until ctx ends and all readers
// are done. What has to be written still is.
func (s *streams) run(ctx context.Context, t *transport) {
	var accepting sync.WaitGroup
	for _, l := range s.listeners {
		accepting.Go(func() { s.accept(ctx, t, l) })
	}
	<-ctx.Done()
	for _, l := range s.listeners {
		_ = l.Close()
	}
	accepting.Wait()
	for _, c := range s.connections() {
		c.end(endStopping)
	}
	s.serving.Wait()
}

// finish closes the connections after what waits has been written.
func (s *streams) finish() {
	open := s.connections()
	for _, c := range open {
		c.outbox.finish()
	}
	for _, c := range open {
		<-c.written
		s.release(c)
	}
}

func (s *streams) connections() []*stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*stream, 0, len(s.open))
	for c := range s.open {
		all = append(all, c)
	}
	return all
}

// accept serves each connection of a listener in a goroutine of its own.
func (s *streams) accept(ctx context.Context, t *transport, l net.Listener) {
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
		case ctx.Err() != nil, errors.Is(err, net.ErrClosed):
			return
		default:
			// Out of file descriptors, or a client that was faster gone than accepted.
			t.metrics.sockets.Inc()
			t.strange.warn(ctx, "cannot accept a connection", slog.Any("err", err))
			pause(ctx, 50*time.Millisecond)
			continue
		}
		t.metrics.connected.Inc()
		c, ok := newStream(t, nc, s.links.Add(1)+firstStream)
		if !ok || !s.admit(c.peer.Addr()) {
			t.metrics.disconnected[endLimit].Inc()
			_ = nc.Close()
			continue
		}
		s.serving.Go(func() { s.serve(ctx, c) })
	}
}

// serve greets a connection and reads from it until it ends.
func (s *streams) serve(ctx context.Context, c *stream) {
	why := s.greet(ctx, c)
	s.known(c.peer.Addr())
	if why == "" {
		why = s.enter(c)
	}
	if why != "" {
		c.t.metrics.disconnected[why].Inc()
		_ = c.nc.Close()
		return
	}
	if ctx.Err() != nil {
		c.end(endStopping) // run may not have seen it among the connections
	}
	go c.write()
	c.read(ctx)
	if c.ending() == endStopping {
		return // what waits is written first; see finish
	}
	c.t.log.LogAttrs(ctx, slog.LevelDebug, "RADIUS over TLS: connection ended", slog.String("reason", string(c.ending())),
		slog.String("client", c.client().name), slog.String("peer", c.peer.String()))
	c.close()
	s.release(c)
}

// greet does the handshake, which finds out whose connection it is.
func (s *streams) greet(ctx context.Context, c *stream) ending {
	within, cancel := context.WithTimeout(ctx, s.limits.handshake)
	defer cancel()
	config := s.config.Clone()
	// A connection lives for days. Without tickets every one of them shows its
	// certificate anew, and there is nothing that a revocation could miss.
	config.SessionTicketsDisabled = true
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		config.NextProtos = protocols(hello)
		return config, nil
	}
	config.ClientAuth = tls.RequireAnyClientCert
	config.VerifyConnection = func(state tls.ConnectionState) error {
		c.chain = state.PeerCertificates
		return s.identify(c)
	}
	c.tls = tls.Server(c.nc, config)
	if err := c.tls.HandshakeContext(within); err != nil {
		c.t.strange.warn(ctx, "RADIUS over TLS: handshake failed", append(c.about(), slog.Any("err", err))...)
		return endHandshake
	}
	c.clear = c.tls.ConnectionState().NegotiatedProtocol == protocolClear
	return ""
}

// protocols are those that a client is offered.
//
// RFC 9765 §3.4: RADIUS/1.1 is for TLS 1.3 only. §3.3: without ALPN it is the
// older one, and without a common one crypto/tls ends the handshake with the
// alert no_application_protocol.
func protocols(hello *tls.ClientHelloInfo) []string {
	if slices.Contains(hello.SupportedVersions, tls.VersionTLS13) {
		return []string{protocolClear, protocolOld}
	}
	return []string{protocolOld}
}

// identify finds the client of a connection by its certificates.
func (s *streams) identify(c *stream) error {
	holder, err := s.roster.Load().find(c.chain, c.peer.Addr(), c.t.now())
	if err != nil {
		return err
	}
	c.holder.Store(holder)
	return nil
}

// admit counts in a connection whose client is not known yet; false: there are
// too many.
func (s *streams) admit(peer netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := directory.SourcePrefix(peer)
	if s.unknown >= s.limits.strangers || s.strangers[from] >= s.limits.perAddress || s.unknown+len(s.open) >= s.limits.connections {
		return false
	}
	s.unknown++
	s.strangers[from]++
	return true
}

// known counts out what admit has counted in.
func (s *streams) known(peer netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := directory.SourcePrefix(peer)
	s.unknown--
	if s.strangers[from]--; s.strangers[from] == 0 {
		delete(s.strangers, from)
	}
}

// enter counts in a connection whose client is known, or says what is against
// it.
func (s *streams) enter(c *stream) ending {
	s.mu.Lock()
	defer s.mu.Unlock()
	// The clients may have been loaded anew since the handshake.
	if s.identify(c) != nil {
		return endRevoked
	}
	n := 0
	for other := range s.open {
		if other.client().id == c.client().id {
			n++
		}
	}
	if n >= s.limits.perClient {
		return endPerClient
	}
	s.open[c] = struct{}{}
	c.t.metrics.connections.Inc()
	return ""
}

// release counts out what enter has counted in.
func (s *streams) release(c *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
	c.t.metrics.connections.Dec()
	c.t.metrics.disconnected[c.ending()].Inc()
}

// renew puts a roster in force: connections whose certificate does not count any
// more, or is another client's now, end.
func (s *streams) renew(next *roster) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.roster.Store(next)
	for c := range s.open {
		before := c.client().id
		if s.identify(c) != nil || c.client().id != before {
			c.end(endRevoked)
		}
	}
}
