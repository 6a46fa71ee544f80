package oidc

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"

	"gatehouse/directory"
	"gatehouse/directory/schema"
)

// client is a relying party at the issuer of this request.
type client struct {
	id     string
	issuer string
	app    directory.App
	facet  directory.Facet
	config facetConfig
}

// facetConfig is the client's registration, with the questions asked of it.
type facetConfig struct{ schema.OIDC }

func (f facetConfig) site() bool         { return f.Issuer == schema.IssuerSite }
func (f facetConfig) public() bool       { return f.Public }
func (f facetConfig) ownTokens() bool    { return slices.Contains(f.Grants, "client_credentials") }
func (f facetConfig) refreshes() bool    { return slices.Contains(f.Grants, "refresh_token") }
func (f facetConfig) codes() bool        { return slices.Contains(f.Grants, "authorization_code") }
func (f facetConfig) idTokenAlg() string { return f.IDTokenAlg }

// granted returns what of the asked scopes the client may have, in the order of
// asking.
func (f facetConfig) granted(asked []string) []string {
	var out []string
	for _, s := range asked {
		if slices.Contains(f.Scopes, s) {
			out = append(out, s)
		}
	}
	return out
}

// redirectKnown reports whether a redirect URI is registered: byte for byte, but
// for the port of a loopback address (RFC 8252 §7.3).
func (f facetConfig) redirectKnown(uri string) bool {
	if slices.Contains(f.RedirectURIs, uri) {
		return true
	}
	if !f.Public {
		return false
	}
	asked, ok := withoutLoopbackPort(uri)
	return ok && slices.ContainsFunc(f.RedirectURIs, func(known string) bool {
		k, ok := withoutLoopbackPort(known)
		return ok && k == asked
	})
}

// withoutLoopbackPort returns an http address of a loopback IP literal without
// its port; ok is false for every other address.
func withoutLoopbackPort(uri string) (string, bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "http" || u.User != nil || u.Fragment != "" {
		return "", false
	}
	if a, err := netip.ParseAddr(u.Hostname()); err != nil || !a.IsLoopback() {
		return "", false
	}
	u.Host = u.Hostname()
	return u.String(), true
}

// originKnown reports whether an origin is that of one of the client's redirect
// URIs: scripts of the app itself may call us, others may not.
func (f facetConfig) originKnown(origin string) bool {
	return slices.ContainsFunc(f.RedirectURIs, func(uri string) bool { return originOf(uri) == origin })
}

func originOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// clients finds clients by client_id. It remembers which app has which id, and
// asks the core about the app each time.
type clients struct {
	d       *directory.Directory
	issuers issuers

	mu    sync.Mutex
	slugs map[string]string // client_id → slug; a hint
}

// maxSlugs bounds the memory; beyond it the hints begin anew.
const maxSlugs = 4096

// find returns the client with an id that a place serves, as fresh as a barrier
// that began after the call; nil: there is none.
func (cs *clients) find(ctx context.Context, id string, at place) (*client, error) {
	if id == "" || len(id) > 255 {
		return nil, nil
	}
	if _, err := cs.d.Barrier(ctx); err != nil {
		return nil, fmt.Errorf("find a client: %w", err)
	}
	slug := at.slug
	if slug == "" {
		cs.mu.Lock()
		slug = cs.slugs[id]
		cs.mu.Unlock()
	}
	c, err := cs.at(ctx, slug, id)
	if err != nil || c != nil || at.slug != "" {
		return cs.placed(c, at), err
	}
	if slug, err = cs.lookUp(ctx, id); err != nil || slug == "" {
		return nil, err
	}
	if c, err = cs.at(ctx, slug, id); err != nil {
		return nil, err
	}
	return cs.placed(c, at), nil
}

// placed returns c with its issuer at a place; nil when the place does not serve
// it.
func (cs *clients) placed(c *client, at place) *client {
	if c == nil {
		return nil
	}
	issuer, ok := cs.issuers.fixed(at, c)
	if !ok {
		return nil
	}
	c.issuer = issuer
	return c
}

// at returns the client of the app slug when it has the id.
func (cs *clients) at(ctx context.Context, slug, id string) (*client, error) {
	if slug == "" {
		return nil, nil
	}
	a, found, err := cs.d.App(ctx, slug)
	if err != nil || !found {
		return nil, err
	}
	i := slices.IndexFunc(a.Facets, func(f directory.Facet) bool { return f.Protocol == directory.ProtocolOIDC && f.Key == id })
	if i < 0 {
		return nil, nil
	}
	config, err := schema.DecodeFacet(string(directory.ProtocolOIDC), a.Facets[i].Config)
	if err != nil {
		return nil, fmt.Errorf("read the client of app %s: %w", slug, err)
	}
	c, ok := config.(schema.OIDC)
	if !ok {
		return nil, fmt.Errorf("read the client of app %s: it is a %T", slug, config)
	}
	return &client{id: id, app: a.App, facet: a.Facets[i], config: facetConfig{c}}, nil
}

// lookUp asks the store which app has a client id; "": none.
func (cs *clients) lookUp(ctx context.Context, id string) (string, error) {
	slug := ""
	err := cs.d.Read(ctx, directory.System("idp"), func(r *directory.Reader) error {
		slug = ""
		for f, err := range r.Facets(directory.FacetQuery{Protocol: directory.ProtocolOIDC, Key: id}) {
			if err != nil {
				return err
			}
			for a, err := range r.Apps(directory.AppQuery{IDs: []directory.AppID{f.App}}) {
				if err != nil {
					return err
				}
				slug = a.Slug
			}
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("look up a client: %w", err)
	}
	if slug != "" {
		cs.mu.Lock()
		if len(cs.slugs) >= maxSlugs {
			clear(cs.slugs)
		}
		cs.slugs[id] = slug
		cs.mu.Unlock()
	}
	return slug, nil
}

// authenticate finds out which client sends a request, and whether it is that
// client (RFC 6749 §3.2.1).
func (s *Server) authenticate(ctx context.Context, r *http.Request, p params, at place) (*client, *failure) {
	auth, fail := clientAuthOf(r, p)
	if fail != nil {
		return nil, fail
	}
	c, err := s.clients.find(ctx, auth.id, at)
	if err != nil {
		return nil, undecided(err)
	}
	if c == nil {
		return nil, invalidClient("the client is not known here, or its secret is wrong")
	}
	if c.config.public() {
		if auth.given {
			return nil, invalidClient("the client is not known here, or its secret is wrong")
		}
		return c, nil
	}
	same, err := s.d.VerifyFacetSecret(c.facet, directory.Secret(auth.secret))
	if err != nil {
		return nil, undecided(err)
	}
	if !auth.given || !same {
		return nil, invalidClient("the client is not known here, or its secret is wrong")
	}
	return c, nil
}
