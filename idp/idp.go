package idp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/directory"
	"gatehouse/idp/edge"
	"gatehouse/idp/oidc"
	"gatehouse/idp/portal"
	"gatehouse/idp/session"
	"gatehouse/idp/signin"
	"gatehouse/idp/web"
)

// Config is what a Server is made of. Directory, Logger, Registry and PublicURL
// are required.
type Config struct {
	Directory *directory.Directory
	Logger    *slog.Logger
	Registry  prometheus.Registerer
	PublicURL string // https, no path: what browsers see, and the issuer

	ListenersTLS []net.Listener // served with TLS
	Listeners    []net.Listener // served without: behind a proxy on this host
	TLS          *tls.Config    // needed with ListenersTLS

	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed

	// SCIM answers below /scim/v2 in the same process; nil: SCIMUpstream does.
	SCIM http.Handler
	// SCIMUpstream is "http://LOOPBACK:PORT" or "unix:PATH"; empty with a nil
	// SCIM: there is no SCIM here.
	SCIMUpstream string

	Brand           web.Brand
	SessionIdle     time.Duration // 0: 8 h
	SessionAbsolute time.Duration // 0: 24 h

	// SignedIn is called after each sign-in on the web; nil: nobody wants to
	// know.
	SignedIn func(ctx context.Context, u directory.User)
}

// Server is the identity provider. It is an http.Handler, safe for concurrent
// use; Run serves it on the listeners of its Config.
type Server struct {
	config  Config
	handler http.Handler
	oidc    *oidc.Server
	janitor *janitor
	forward *forwarder
}

// The bounds of a connection.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = 30 * time.Second
	writeTimeout  = 60 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10
	drainTimeout  = 10 * time.Second
)

// New wires the parts. Nothing is read from the store yet.
func New(c Config) (*Server, error) {
	if c.Directory == nil || c.Logger == nil || c.Registry == nil || c.PublicURL == "" {
		return nil, errors.New("idp: Directory, Logger, Registry and PublicURL are required")
	}
	if len(c.ListenersTLS) > 0 && c.TLS == nil {
		return nil, errors.New("idp: ListenersTLS need TLS")
	}
	pages, err := web.New(c.Brand)
	if err != nil {
		return nil, fmt.Errorf("idp: pages: %w", err)
	}
	e, err := edge.New(edge.Config{Pages: pages, Logger: c.Logger, Registry: c.Registry, TrustedProxies: c.TrustedProxies, Now: c.Directory.Now})
	if err != nil {
		return nil, fmt.Errorf("idp: %w", err)
	}
	sessions := session.New(session.Config{Directory: c.Directory, Idle: c.SessionIdle, Absolute: c.SessionAbsolute})
	provider, err := oidc.New(oidc.Config{Directory: c.Directory, Sessions: sessions, Edge: e, Logger: c.Logger, PublicURL: c.PublicURL})
	if err != nil {
		return nil, fmt.Errorf("idp: %w", err)
	}
	s := &Server{config: c, oidc: provider, janitor: &janitor{d: c.Directory, log: c.Logger}}
	if s.forward, err = newForwarder(c.SCIM, c.SCIMUpstream, quiet(c.Logger)); err != nil {
		return nil, fmt.Errorf("idp: scim: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+web.StaticPrefix, pages.Static())
	mux.Handle("POST /preferences", e.Form("preferences", func(w http.ResponseWriter, r *edge.Request) edge.Outcome {
		pages.Preferences(w, r.Request)
		return edge.Outcome{Result: edge.OK}
	}))
	signin.New(signin.Config{Directory: c.Directory, Sessions: sessions, Edge: e, Pages: pages, Destinations: provider, SignedIn: c.SignedIn}).Register(mux)
	portal.New(portal.Config{Directory: c.Directory, Sessions: sessions, Edge: e, Pages: pages}).Register(mux)
	provider.Register(mux)
	mux.Handle("/", e.Handle("unknown", func(w http.ResponseWriter, r *edge.Request) edge.Outcome {
		return e.Fail(w, r, &directory.Error{Kind: directory.NotFound})
	}))
	s.handler = s.route(mux, e)
	return s, nil
}

// quiet is where the standard library reports what clients do wrong.
func quiet(l *slog.Logger) *log.Logger { return slog.NewLogLogger(l.Handler(), slog.LevelDebug) }

// route keeps the mux from tidying up the paths that the forwarder is to judge.
func (s *Server) route(mux *http.ServeMux, e *edge.Edge) http.Handler {
	if s.forward == nil {
		return mux
	}
	scim := e.Handle("scim", s.forward.serve)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if belowSCIM(r.URL.Path) {
			scim.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Ready returns nil when the store answers.
func (s *Server) Ready(ctx context.Context) error { return s.config.Directory.Ready(ctx) }

// Run serves the listeners until ctx ends, then finishes what is being answered
// and returns nil. It looks after the signing keys and deletes what has expired.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	srv := &http.Server{
		Handler: s, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader, TLSConfig: s.config.TLS, ErrorLog: quiet(s.config.Logger),
	}
	ended := make(chan error, len(s.config.Listeners)+len(s.config.ListenersTLS)+2)
	for _, l := range s.config.Listeners {
		go func() { ended <- srv.Serve(l) }()
	}
	for _, l := range s.config.ListenersTLS {
		go func() { ended <- srv.ServeTLS(l, "", "") }()
	}
	background := make(chan error, 2)
	go func() { background <- s.oidc.Run(ctx) }()
	go func() { background <- s.janitor.run(ctx) }()
	var err error
	select {
	case <-ctx.Done():
	case err = <-ended:
		err = fmt.Errorf("serve the web: %w", err)
	}
	drain, stop := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer stop()
	if srv.Shutdown(drain) != nil {
		_ = srv.Close() // what has not ended by now is cut off
	}
	cancel()
	return errors.Join(err, <-background, <-background)
}
