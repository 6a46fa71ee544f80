package oidc

import (
	"fmt"
	"net/http"

	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/idp/edge"
)

// Trap 06 "CORS any origin with credentials": scripts may call us only from the
// origin of a registered redirect URI, and never with cookies
// (Access-Control-Allow-Credentials is never sent).

// allowOrigin lets the app's own scripts read the answer.
func (s *Server) allowOrigin(w http.ResponseWriter, r *http.Request, c *client) {
	w.Header().Add("Vary", "Origin")
	if origin := r.Header.Get("Origin"); origin != "" && c.config.originKnown(origin) {
		w.Header().Set("Access-Control-Allow-Origin", origin)
	}
}

// allowAnyKnown lets scripts of any app that a place serves read the answer.
func (s *Server) allowAnyKnown(w http.ResponseWriter, r *edge.Request, at place) error {
	w.Header().Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" {
		return nil
	}
	known, err := s.originServed(r, origin, at)
	if err == nil && known {
		w.Header().Set("Access-Control-Allow-Origin", origin)
	}
	return err
}

// preflight answers OPTIONS (Fetch §3.2.2).
func (s *Server) preflight(w http.ResponseWriter, r *edge.Request, at place, name string) edge.Outcome {
	if !scripted(name) {
		w.WriteHeader(http.StatusNoContent)
		return edge.Outcome{Result: edge.OK}
	}
	if err := s.allowAnyKnown(w, r, at); err != nil {
		return undecided(err).write(w)
	}
	if w.Header().Get("Access-Control-Allow-Origin") != "" {
		w.Header().Set("Access-Control-Allow-Methods", "GET, POST")
		w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
		w.Header().Set("Access-Control-Max-Age", "600")
	}
	w.WriteHeader(http.StatusNoContent)
	return edge.Outcome{Result: edge.OK}
}

// originServed reports whether an origin belongs to a client that a place serves.
func (s *Server) originServed(r *edge.Request, origin string, at place) (bool, error) {
	known := false
	err := s.d.Read(r.Context(), directory.System("idp"), func(rd *directory.Reader) error {
		known = false
		q := directory.FacetQuery{Protocol: directory.ProtocolOIDC}
		if at.slug != "" {
			a, err := rd.AppBySlug(at.slug)
			if directory.Is(err, directory.NotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			q.Apps = []directory.AppID{a.ID}
		}
		for f, err := range rd.Facets(q) {
			if err != nil {
				return err
			}
			config, err := schema.DecodeFacet(string(f.Protocol), f.Config)
			if err != nil {
				return fmt.Errorf("read a client: %w", err)
			}
			if c, ok := config.(schema.OIDC); ok && (facetConfig{c}).originKnown(origin) {
				known = true
			}
		}
		return nil
	})
	return known, err
}
