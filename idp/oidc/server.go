package oidc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/seal"
	"gatehouse/idp/edge"
	"gatehouse/idp/session"
)

// Config is what a Server is made of. All fields are required.
type Config struct {
	Directory *directory.Directory
	Sessions  *session.Manager
	Edge      *edge.Edge
	Logger    *slog.Logger
	PublicURL string // https, no path
}

// Server answers the protocol's endpoints. It is safe for concurrent use.
type Server struct {
	d          *directory.Directory
	sessions   *session.Manager
	edge       *edge.Edge
	log        *slog.Logger
	issuers    issuers
	clients    *clients
	keys       *keyring
	claims     []claimRow
	refreshKey *seal.MACKey
}

// New returns a Server. It fails when the process does not hold the signing keys.
func New(c Config) (*Server, error) {
	refreshKey, err := c.Directory.Keys().MAC(seal.Signing, "oidc-refresh-token")
	if err != nil {
		return nil, fmt.Errorf("key for refresh tokens: %w", err)
	}
	i := newIssuers(c.PublicURL)
	return &Server{
		d: c.Directory, sessions: c.Sessions, edge: c.Edge, log: c.Logger, issuers: i,
		clients: &clients{d: c.Directory, issuers: i, slugs: make(map[string]string)},
		keys:    newKeyring(c.Directory, c.Logger), claims: claimRows(), refreshKey: refreshKey,
	}, nil
}

// The endpoints, below an issuer's prefix.
const (
	endpointAuthorize  = "authorize"
	endpointToken      = "token"
	endpointUserinfo   = "userinfo"
	endpointIntrospect = "introspect"
	endpointRevoke     = "revoke"
	endpointKeys       = "jwks"
	endpointEndSession = "end-session"
)

// endpoint answers a request that came in at a place.
type endpoint func(w http.ResponseWriter, r *edge.Request, at place) edge.Outcome

// Register adds the endpoints to mux: below /oauth2/ for the site's issuer, below
// /application/o/<slug>/ for each app's, and below /application/o/ as clients of
// authentik know them. A trailing slash makes no difference.
func (s *Server) Register(mux *http.ServeMux) {
	for name, e := range map[string]endpoint{
		endpointAuthorize:  s.authorize,
		endpointToken:      s.token,
		endpointUserinfo:   s.userinfo,
		endpointIntrospect: s.introspect,
		endpointRevoke:     s.revoke,
		endpointKeys:       s.publishKeys,
		endpointEndSession: s.endSession,
	} {
		h := s.edge.Handle("oidc_"+strings.ReplaceAll(name, "-", "_"), s.at(e, name))
		for _, prefix := range []string{sitePrefix, appPrefix + "{slug}/", appPrefix} {
			mux.Handle(prefix+name, h)
			mux.Handle(prefix+name+"/{$}", h)
		}
	}
	h := s.edge.Handle("oidc_metadata", s.at(s.discovery, "metadata"))
	for _, pattern := range []string{
		"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server",
		appPrefix + "{slug}/.well-known/openid-configuration",
		"/.well-known/oauth-authorization-server" + appPrefix + "{slug}/{$}", // RFC 8414 §3.1
	} {
		mux.Handle("GET "+pattern, h)
		mux.Handle("OPTIONS "+pattern, h)
	}
}

// scripted are the endpoints that an app's own scripts may call.
func scripted(name string) bool { return name != endpointAuthorize && name != endpointEndSession }

// at finds out at which place a request came in.
func (s *Server) at(e endpoint, name string) edge.Handler {
	return func(w http.ResponseWriter, r *edge.Request) edge.Outcome {
		at := place{slug: r.PathValue("slug"), any: strings.HasPrefix(r.URL.Path, appPrefix)}
		if r.Method == http.MethodOptions {
			return s.preflight(w, r, at, name)
		}
		return e(w, r, at)
	}
}

// authorizePlace returns the place of the authorization endpoint at a path.
func authorizePlace(path string) (at place, ok bool) {
	path = strings.TrimSuffix(path, "/")
	if path == sitePrefix+endpointAuthorize {
		return place{}, true
	}
	rest, ok := strings.CutPrefix(path, appPrefix)
	if !ok {
		return place{}, false
	}
	if rest == endpointAuthorize {
		return place{any: true}, true
	}
	slug, name, _ := strings.Cut(rest, "/")
	return place{slug: slug, any: true}, name == endpointAuthorize
}

// discovery answers with the metadata of an issuer.
func (s *Server) discovery(w http.ResponseWriter, r *edge.Request, at place) edge.Outcome {
	if at.slug != "" {
		if _, err := s.d.Barrier(r.Context()); err != nil {
			return undecided(err).write(w)
		}
		a, found, err := s.d.App(r.Context(), at.slug)
		if err != nil {
			return undecided(err).write(w)
		}
		if !found || !speaksOIDC(a) {
			return (&failure{status: http.StatusNotFound, code: "not_found", description: "there is no such issuer"}).write(w)
		}
	}
	if err := s.allowAnyKnown(w, r, at); err != nil {
		return undecided(err).write(w)
	}
	w.Header().Set("Cache-Control", "public, max-age=300")
	writeJSON(w, http.StatusOK, s.metadata(at.slug))
	return edge.Outcome{Result: edge.OK}
}

func speaksOIDC(a directory.AppAccess) bool {
	for _, f := range a.Facets {
		if f.Protocol == directory.ProtocolOIDC {
			return true
		}
	}
	return false
}

// publishKeys answers with the JWK Set. All issuers share it.
func (s *Server) publishKeys(w http.ResponseWriter, r *edge.Request, at place) edge.Outcome {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		return (&failure{status: http.StatusMethodNotAllowed, code: "invalid_request", description: "this endpoint takes GET"}).write(w)
	}
	keys, err := s.keys.set(r.Context())
	if err == nil {
		err = s.allowAnyKnown(w, r, at)
	}
	if err != nil {
		return undecided(err).write(w)
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(keys.jwks) // the client went away
	return edge.Outcome{Result: edge.OK}
}

// Run keeps the signing keys current until ctx ends: it drops what it has read
// when they change, and lets successors take over in time. Several processes may
// run it.
func (s *Server) Run(ctx context.Context) error {
	follow := make(chan struct{})
	go func() {
		defer close(follow)
		s.followKeys(ctx)
	}()
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if err := s.keys.rotate(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("signing keys were not looked after", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			<-follow
			return nil
		}
	}
}

func (s *Server) followKeys(ctx context.Context) {
	for ctx.Err() == nil {
		head, err := s.d.Barrier(ctx)
		if err != nil {
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
			continue
		}
		s.keys.forget()
		for c, err := range s.d.Follow(ctx, head) {
			if errors.Is(err, directory.ErrSeqTrimmed) {
				break
			}
			if err == nil && c.Kind == directory.KeysChanged {
				s.keys.forget()
			}
		}
	}
}
