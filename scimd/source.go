package scimd

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"gatehouse/directory"
	dirschema "gatehouse/directory/schema"
)

// source is the upstream that a request comes from, with what follows from its
// configuration.
type source struct {
	name     string
	rev      int64
	actor    directory.Actor
	label    string
	profile  Profile
	config   dirschema.SCIMSource
	networks []netip.Prefix
	user     *resourceType
	mapping  *mapping
	group    *resourceType
}

// errUnauthenticated tells nobody why.
func errUnauthenticated() error {
	return refuse(http.StatusUnauthorized, "a bearer token of a SCIM source is required")
}

// authenticate finds the source by its token. named is the source that the
// path names: the token must be that source's. A token of anything else, such
// as an access token of an app, is no token here.
func (s *Server) authenticate(r *http.Request, named string) (*source, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" || len(r.Header.Values("Authorization")) > 1 {
		return nil, errUnauthenticated()
	}
	row, actor, found, err := s.directory.SCIMSourceByToken(r.Context(), directory.Secret(token))
	if err != nil {
		return nil, fmt.Errorf("find the source of a token: %w", err)
	}
	if !found || named != "" && named != row.Name {
		return nil, errUnauthenticated()
	}
	src, err := s.sourceOf(row)
	if err != nil {
		return nil, err
	}
	client := clientAddress(r)
	if !src.reachableFrom(client) {
		return nil, refuse(http.StatusForbidden, "source %s may not come from this address", row.Name)
	}
	own := *src
	own.actor = actor
	own.actor.IP = client
	return &own, nil
}

// reachableFrom reports whether the source may come from an address. An
// unknown address is in no list.
func (s *source) reachableFrom(a netip.Addr) bool {
	if len(s.networks) == 0 {
		return true
	}
	return a.IsValid() && slices.ContainsFunc(s.networks, func(p netip.Prefix) bool { return p.Contains(a) })
}

// sourceOf reads the configuration of a source, once per Rev.
func (s *Server) sourceOf(row directory.SCIMSource) (*source, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if src := s.sources[row.ID]; src != nil && src.rev == row.Rev {
		return src, nil
	}
	src, err := newSource(row)
	if err != nil {
		return nil, err
	}
	s.sources[row.ID] = src
	return src, nil
}

func newSource(row directory.SCIMSource) (*source, error) {
	var c dirschema.SCIMSource
	if err := json.Unmarshal(row.Config, &c); err != nil {
		return nil, fmt.Errorf("read the configuration of SCIM source %s: %w", row.Name, err)
	}
	src := &source{
		name:    row.Name,
		rev:     row.Rev,
		label:   directory.Actor{Kind: directory.ActorSource, Name: row.Name}.Label(),
		profile: Profile(c.Profile),
		config:  c,
		group:   groupType(),
	}
	src.user = userTypeFor(c.MayWrite)
	var err error
	if src.mapping, err = newMapping(src.user); err != nil {
		return nil, err
	}
	for _, n := range c.Networks {
		p, err := netip.ParsePrefix(n)
		if err != nil {
			return nil, fmt.Errorf("read the networks of SCIM source %s: %w", row.Name, err)
		}
		src.networks = append(src.networks, p)
	}
	return src, nil
}

// userTypeFor is the User as one source sees it: attributes that are off
// unless its writable scope names them are read-only (RFC 7643 §2.2), so what
// it sends for them is passed over, and /Schemas says so.
func userTypeFor(mayWrite func(string) bool) *resourceType {
	rt := userType()
	for _, s := range rt.schemas() {
		for i := range s.attrs {
			a := &s.attrs[i]
			if !mayWrite(a.name) {
				a.mutability = mutReadOnly
			}
		}
	}
	return rt
}
