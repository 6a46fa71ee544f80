package oidc

import (
	"strings"
)

// place says at which address a request came in, and by that which issuer may
// answer it.
type place struct {
	slug string // of the app, at /application/o/<slug>/…
	any  bool   // at an address without a slug that serves every client (authentik's layout)
}

// The addresses. Those below appPrefix without a slug are the ones that clients
// of authentik know by heart.
const (
	appPrefix  = "/application/o/"
	sitePrefix = "/oauth2/"
)

// issuers makes issuer identifiers and endpoint addresses. public is the
// public_url: https, without a path.
type issuers struct{ public string }

func newIssuers(publicURL string) issuers { return issuers{strings.TrimSuffix(publicURL, "/")} }

// site is the issuer of clients that are configured for it.
func (i issuers) site() string { return i.public }

// app is the issuer of one app's client.
func (i issuers) app(slug string) string { return i.public + appPrefix + slug + "/" }

// fixed returns the issuer that a request of client c at a place belongs to; ok
// is false when the place does not serve the client. At a slug's address c is
// that app's client. An issuer never changes in the course of a flow
// (10-security "The web side").
func (i issuers) fixed(at place, c *client) (issuer string, ok bool) {
	switch {
	case at.slug != "":
		return i.app(c.app.Slug), true
	case at.any && !c.config.site():
		return i.app(c.app.Slug), true
	default:
		return i.site(), c.config.site()
	}
}

// endpoint returns the address of an endpoint of an issuer.
func (i issuers) endpoint(slug, name string) string {
	if slug != "" {
		return i.public + appPrefix + slug + "/" + name
	}
	return i.public + sitePrefix + name
}
