package edge

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/directory"
	"gatehouse/idp/web"
)

// Config is what an Edge is made of. Pages, Logger and Registry are required.
type Config struct {
	Pages          *web.Pages
	Logger         *slog.Logger
	Registry       prometheus.Registerer
	TrustedProxies []netip.Prefix   // whose X-Forwarded-For is believed
	Now            func() time.Time // nil: time.Now
}

// Edge wraps handlers.
type Edge struct {
	pages   *web.Pages
	log     *slog.Logger
	now     func() time.Time
	proxies proxies
	metrics *metrics
	origin  *http.CrossOriginProtection
}

// New registers the metrics. It fails when a trusted proxy is everybody.
func New(c Config) (*Edge, error) {
	p, err := newProxies(c.TrustedProxies)
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(c.Registry)
	if err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Edge{pages: c.Pages, log: c.Logger, now: c.Now, proxies: p, metrics: m, origin: http.NewCrossOriginProtection()}, nil
}

// Request is a request whose sender is known as far as it can be.
type Request struct {
	*http.Request
	ID       string     // for the log and for error pages
	Peer     netip.Addr // who connected
	Client   netip.Addr // the person's device; invalid: unknown
	Received time.Time
}

// Outcome is what a request came to, for the log line and the metrics.
type Outcome struct {
	Result Result
	User   string // username, when it is known
	App    string // slug
	Reason string // a directory.Reason, or the protocol's error code
	Err    error  // what kept the request from being decided; logged here, once
}

// Result is the closed set of results that are counted.
type Result string

// The results.
const (
	OK      Result = "ok"      // answered
	Allowed Result = "allowed" // a security decision: yes
	Refused Result = "refused" // a security decision: no, or a request that breaks a rule
	Failed  Result = "failed"  // could not be decided
)

// Handler answers one request.
type Handler func(w http.ResponseWriter, r *Request) Outcome

// Handle makes an http.Handler of h. op names the operation in log and metrics;
// it is one of a closed set.
func (e *Edge) Handle(op string, h Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		r := &Request{Request: hr, ID: newRequestID(), Received: e.now()}
		r.Peer, r.Client = e.proxies.resolve(hr)
		rec := &recorder{ResponseWriter: w}
		out, broken := e.guarded(h, rec, r)
		e.report(op, rec.status, r, out)
		if broken {
			panic(http.ErrAbortHandler) // cuts the connection: half an answer must not look whole
		}
	})
}

// Form is Handle for a form of ours: a POST from another site is refused (CSRF).
func (e *Edge) Form(op string, h Handler) http.Handler {
	return e.Handle(op, func(w http.ResponseWriter, r *Request) Outcome {
		if err := e.origin.Check(r.Request); err != nil {
			return e.BadForm(w, r)
		}
		return h(w, r)
	})
}

// guarded calls h and turns a panic into a failure. broken means that a part of
// an answer was sent already.
func (e *Edge) guarded(h Handler, w *recorder, r *Request) (out Outcome, broken bool) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		err := fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		if perr, ok := p.(error); ok && errors.Is(perr, http.ErrAbortHandler) {
			err = perr
		}
		if broken = w.status != 0; broken {
			out = Outcome{Result: Failed, Err: err}
			return
		}
		out = e.Fail(w, r, err)
	}()
	return h(w, r), false
}

// report counts and logs a request once, from its outcome.
func (e *Edge) report(op string, status int, r *Request, out Outcome) {
	if status == 0 {
		status = http.StatusOK
	}
	dur := e.now().Sub(r.Received)
	e.metrics.observe(op, out.Result, dur)
	level := slog.LevelDebug
	switch {
	case out.Err != nil && directory.KindOf(out.Err) == directory.Unavailable:
		level = slog.LevelWarn
	case out.Err != nil:
		level = slog.LevelError
	case out.Result == Allowed || out.Result == Refused:
		level = slog.LevelInfo
	}
	if errors.Is(out.Err, context.Canceled) {
		level = slog.LevelDebug // the browser went away
	}
	attrs := []slog.Attr{
		slog.String("op", op), slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Int("status", status),
		slog.String("result", string(out.Result)), slog.Duration("dur", dur), slog.String("request_id", r.ID),
	}
	for _, a := range []struct{ key, value string }{{"user", out.User}, {"app", out.App}, {"reason", out.Reason}} {
		if a.value != "" {
			attrs = append(attrs, slog.String(a.key, a.value))
		}
	}
	if r.Client.IsValid() {
		attrs = append(attrs, slog.String("client", r.Client.String()))
	}
	if out.Err != nil {
		attrs = append(attrs, slog.Any("err", out.Err))
	}
	e.log.LogAttrs(r.Context(), level, "request", attrs...)
}

// recorder remembers the status that was sent.
type recorder struct {
	http.ResponseWriter
	status int
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func newRequestID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
