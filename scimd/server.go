package scimd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/directory"
)

// Prefix is where a Server is mounted.
const Prefix = "/scim/v2"

// ClientAddressHeader carries the address of the client when idp forwards a
// request. It counts on a unix socket only, which idp alone can reach.
const ClientAddressHeader = "Gatehouse-Client-Address"

// The bounds of a request.
const (
	maxBody        = 1 << 20
	maxConcurrent  = 64
	requestTimeout = 30 * time.Second
	drainTimeout   = 10 * time.Second
)

// Config is what a Server is made of. Directory, Logger, Registry and PublicURL
// are required.
type Config struct {
	Directory *directory.Directory
	Logger    *slog.Logger
	Registry  prometheus.Registerer
	// PublicURL is what clients see in front of Prefix, without a trailing
	// slash; it is part of meta.location.
	PublicURL string
	// Listeners are served by Run, without TLS: loopback or unix sockets.
	// Run closes them.
	Listeners []net.Listener
}

// Server answers SCIM requests. It is an http.Handler for the paths at and
// below Prefix, safe for concurrent use; Run serves it on listeners of its own.
type Server struct {
	directory *directory.Directory
	log       *slog.Logger
	metrics   *metrics
	base      string
	listeners []net.Listener
	slots     chan struct{} // one per request that is being answered

	mu      sync.Mutex
	sources map[directory.SCIMSourceID]*source // by id; as of their Rev
}

// New returns a server. It fails when the registry has its metrics already.
func New(c Config) (*Server, error) {
	if c.Directory == nil || c.Logger == nil || c.Registry == nil || c.PublicURL == "" {
		return nil, errors.New("scimd: Directory, Logger, Registry and PublicURL are required")
	}
	m, err := newMetrics(c.Registry)
	if err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return &Server{
		directory: c.Directory,
		log:       c.Logger,
		metrics:   m,
		base:      strings.TrimSuffix(c.PublicURL, "/") + Prefix,
		listeners: c.Listeners,
		slots:     make(chan struct{}, maxConcurrent),
		sources:   map[directory.SCIMSourceID]*source{},
	}, nil
}

// unixConn marks the context of a connection that came through a unix socket.
type unixConn struct{}

// Run serves the listeners until ctx ends, then finishes what is being
// answered and returns nil.
func (s *Server) Run(ctx context.Context) error {
	srv := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      2 * requestTimeout,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if c.LocalAddr().Network() == "unix" {
				return context.WithValue(ctx, unixConn{}, true)
			}
			return ctx
		},
	}
	failed := make(chan error, len(s.listeners))
	for _, l := range s.listeners {
		go func() { failed <- srv.Serve(l) }()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		err = fmt.Errorf("serve SCIM: %w", err)
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if stop := srv.Shutdown(drain); stop != nil {
		_ = srv.Close() // what has not ended by now is cut off
	}
	return err
}

// answer is what a request is answered with when it did not fail.
type answer struct {
	status   int
	body     *object // nil: none
	location string
	version  string
}

// request is one request on its way through the server.
type request struct {
	http     *http.Request
	op       operation
	endpoint string // one of the endpoint constants
	id       string // of the resource; "" for the collection
	base     string // what locations begin with
	source   *source
	now      time.Time
	params   params
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	s.metrics.inFlight.Inc()
	defer s.metrics.inFlight.Dec()
	rq := &request{http: r.WithContext(ctx), base: s.base, op: opUnknown, now: s.directory.Now()}
	rq.http.Body = http.MaxBytesReader(w, r.Body, maxBody)
	a, err := s.admit(rq)
	res := result{status: a.status}
	if err != nil {
		res = resultOf(err)
		a = answer{status: res.status, body: res.body()}
		s.failureHeaders(w, rq, res)
	}
	write(w, r, a)
	took := time.Since(start)
	s.metrics.done(rq.op, res.outcome(), took)
	s.logRequest(rq, res, err, took)
}

// admit runs a request when there is room for one more. A handler that panics
// fails alone.
func (s *Server) admit(rq *request) (a answer, err error) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		return a, &problem{status: http.StatusTooManyRequests, detail: "too many requests at the same time", retryAfter: 1}
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return s.serve(rq)
}

func (s *Server) failureHeaders(w http.ResponseWriter, rq *request, res result) {
	if res.retryAfter > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(res.retryAfter))
	}
	switch res.status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="scim"`)
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", allowedMethods(rq))
	}
}

// write sends an answer. Clients that only know application/json get that.
func write(w http.ResponseWriter, r *http.Request, a answer) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if a.location != "" {
		h.Set("Location", a.location)
	}
	if a.version != "" {
		h.Set("ETag", a.version)
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	h.Set("Content-Type", "application/scim+json; charset=utf-8")
	if accept := r.Header.Get("Accept"); strings.Contains(accept, "application/json") && !strings.Contains(accept, "scim+json") {
		h.Set("Content-Type", "application/json; charset=utf-8")
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(appendJSON(nil, a.body)) // the client has gone; nobody is left to tell
}

func (s *Server) logRequest(rq *request, res result, err error, took time.Duration) {
	level := slog.LevelDebug
	switch {
	case res.status == http.StatusServiceUnavailable:
		level = slog.LevelWarn
	case res.status >= 500:
		level = slog.LevelError
	case res.status == http.StatusUnauthorized || res.status == http.StatusForbidden:
		level = slog.LevelInfo
	}
	attrs := []slog.Attr{
		slog.String("op", string(rq.op)),
		slog.Int("status", res.status),
		slog.Duration("dur", took),
		slog.String("client", clientAddress(rq.http).String()),
	}
	if rq.source != nil {
		attrs = append(attrs, slog.String("source", rq.source.name))
	}
	if rq.id != "" {
		attrs = append(attrs, slog.String("id", rq.id))
	}
	if err != nil {
		attrs = append(attrs, slog.String("reason", res.outcome()), slog.Any("err", err))
	}
	s.log.LogAttrs(rq.http.Context(), level, "scim request", attrs...)
}

// clientAddress is who sent the request: what idp says on its socket, else the
// peer. It is the zero Addr when that cannot be known.
func clientAddress(r *http.Request) netip.Addr {
	if local, _ := r.Context().Value(unixConn{}).(bool); local {
		a, _ := netip.ParseAddr(r.Header.Get(ClientAddressHeader))
		return a.Unmap()
	}
	a, _ := netip.ParseAddrPort(r.RemoteAddr)
	return a.Addr().Unmap()
}
