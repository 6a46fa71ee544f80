package idp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"gatehouse/idp/edge"
)

// scimPrefix is where the SCIM API is reachable beside the pages, so that a
// provisioner needs one host name.
const scimPrefix = "/scim/v2"

// The limits of what is forwarded; scimd has the same.
const (
	scimBody       = 1 << 20
	scimBulk       = 10 << 20
	scimTimeout    = 30 * time.Second
	scimConcurrent = 64
)

// scimClientHeader tells scimd who the client is. It is sent on a unix socket
// only, and scimd believes it only there.
const scimClientHeader = "Gatehouse-Client-Address"

// forwarder hands requests below /scim/v2 on, stripped to what SCIM needs. It
// authenticates nobody: scimd does.
type forwarder struct {
	target http.Handler
	local  bool // the target runs in this process
	unix   bool
	slots  chan struct{}
}

// newForwarder returns nil when there is no SCIM here.
func newForwarder(inProcess http.Handler, upstream string, log *log.Logger) (*forwarder, error) {
	f := &forwarder{target: inProcess, local: inProcess != nil, slots: make(chan struct{}, scimConcurrent)}
	switch {
	case inProcess != nil:
		return f, nil
	case upstream == "":
		return nil, nil
	}
	transport := &http.Transport{
		MaxIdleConns: scimConcurrent, MaxIdleConnsPerHost: scimConcurrent, IdleConnTimeout: time.Minute,
		ResponseHeaderTimeout: scimTimeout, DisableCompression: true,
	}
	base := &url.URL{Scheme: "http", Host: "scim"}
	if socket, ok := strings.CutPrefix(upstream, "unix:"); ok {
		f.unix = true
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}
	} else {
		u, err := url.Parse(upstream)
		if err != nil || u.Scheme != "http" || u.Host == "" || strings.Trim(u.Path, "/") != "" {
			return nil, fmt.Errorf("upstream %q is neither http://HOST:PORT nor unix:PATH", upstream)
		}
		base.Host = u.Host
	}
	f.target = &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(base)
			p.Out.Host = base.Host
			p.Out.Header.Del("X-Forwarded-For")
		},
		Transport: transport,
		ErrorLog:  log,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			var long *http.MaxBytesError
			if errors.As(err, &long) {
				scimError(w, http.StatusRequestEntityTooLarge, "the body is longer than "+strconv.FormatInt(long.Limit, 10)+" bytes")
				return
			}
			scimError(w, http.StatusServiceUnavailable, "the SCIM service does not answer; try again")
			if o, ok := w.(*scimWriter); ok {
				o.err = err
			}
		},
	}
	return f, nil
}

func belowSCIM(p string) bool { return p == scimPrefix || strings.HasPrefix(p, scimPrefix+"/") }

// serve answers one request.
func (f *forwarder) serve(w http.ResponseWriter, r *edge.Request) edge.Outcome {
	refuse := func(status int, why string) edge.Outcome {
		scimError(w, status, why)
		return edge.Outcome{Result: edge.Refused, Reason: why}
	}
	switch r.Method {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		w.Header().Set("Allow", "GET, POST, PUT, PATCH, DELETE")
		return refuse(http.StatusMethodNotAllowed, "this method is not served here")
	}
	if !plainPath(r.URL) {
		return refuse(http.StatusBadRequest, "the path is not in its plain form")
	}
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	default:
		w.Header().Set("Retry-After", "1")
		return refuse(http.StatusServiceUnavailable, "too many requests at once; try again")
	}
	limit := int64(scimBody)
	if strings.EqualFold(path.Base(r.URL.Path), "Bulk") {
		limit = scimBulk
	}
	if r.ContentLength > limit {
		return refuse(http.StatusRequestEntityTooLarge, "the body is longer than "+strconv.FormatInt(limit, 10)+" bytes")
	}
	ctx, cancel := context.WithTimeout(r.Context(), scimTimeout)
	defer cancel()
	out := &scimWriter{ResponseWriter: w}
	f.target.ServeHTTP(out, f.outgoing(ctx, out, r, limit))
	if out.err != nil {
		return edge.Outcome{Result: edge.Failed, Err: fmt.Errorf("forward to scimd: %w", out.err)}
	}
	return edge.Outcome{Result: edge.OK}
}

// plainPath reports whether the path reads the same to everybody on the way.
func plainPath(u *url.URL) bool {
	escaped := strings.ToLower(u.EscapedPath())
	for _, bad := range []string{"%2f", "%5c", "%00", "%25", "\\"} {
		if strings.Contains(escaped, bad) {
			return false
		}
	}
	trimmed := strings.TrimSuffix(u.Path, "/")
	return !strings.ContainsRune(u.Path, 0) && path.Clean(trimmed) == trimmed && belowSCIM(trimmed)
}

// outgoing is the request that scimd gets: the method, the path, the query, the
// body within its limit, and the headers that SCIM needs. Cookies never.
func (f *forwarder) outgoing(ctx context.Context, w http.ResponseWriter, r *edge.Request, limit int64) *http.Request {
	next := r.WithContext(ctx)
	next.URL = &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	next.RequestURI = next.URL.RequestURI()
	next.Header = make(http.Header)
	for _, name := range []string{"Authorization", "Content-Type", "Accept", "If-Match", "If-None-Match"} {
		if v := r.Header.Values(name); len(v) > 0 {
			next.Header[name] = v
		}
	}
	next.Trailer = nil
	next.Body = http.MaxBytesReader(w, io.NopCloser(r.Body), limit)
	next.RemoteAddr = ""
	if r.Client.IsValid() {
		next.RemoteAddr = netip.AddrPortFrom(r.Client, 0).String()
		if f.unix {
			next.Header.Set(scimClientHeader, r.Client.String())
		}
	}
	return next
}

// scimWriter lets only the headers of a SCIM answer through.
type scimWriter struct {
	http.ResponseWriter
	started bool
	err     error
}

func (w *scimWriter) WriteHeader(status int) {
	if status < 200 {
		return // SCIM has no interim answers, and their headers are nobody's business
	}
	if !w.started {
		w.started = true
		h := w.Header()
		for name := range h {
			switch name {
			case "Content-Type", "Content-Length", "Etag", "Location", "Content-Location", "Retry-After", "Www-Authenticate", "Allow", "Last-Modified":
			default:
				delete(h, name)
			}
		}
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *scimWriter) Write(b []byte) (int, error) {
	if !w.started {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *scimWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// scimError answers as RFC 7644 §3.12 says.
func scimError(w http.ResponseWriter, status int, detail string) {
	body, err := json.Marshal(map[string]any{
		"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:Error"}, "status": strconv.Itoa(status), "detail": detail,
	})
	if err != nil {
		body = nil
	}
	w.Header().Set("Content-Type", "application/scim+json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client went away
}
