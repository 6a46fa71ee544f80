package schema

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// The issuers an OIDC facet may have.
const (
	IssuerApp  = "app"  // <public_url>/application/o/<slug>/
	IssuerSite = "site" // <public_url>
)

// OIDC is the facet of an OpenID Connect relying party (OpenID Connect Core,
// RFC 6749). The client secret is kept beside it, sealed.
type OIDC struct {
	// ClientID is what the client calls itself.
	ClientID string `json:"client_id" yaml:"client_id"`
	// Public is true for a client that cannot keep a secret: PKCE is then all.
	Public bool `json:"public,omitempty" yaml:"public"`
	// RedirectURIs are compared exactly, but for the port of a loopback address
	// (RFC 8252 §7.3).
	RedirectURIs []string `json:"redirect_uris,omitempty" yaml:"redirect_uris"`
	// PostLogoutRedirectURIs are where a browser may be sent after sign-out.
	PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris,omitempty" yaml:"post_logout_redirect_uris"`
	// Scopes that the client may ask for; empty: openid, profile, email, groups,
	// offline_access.
	Scopes []string `json:"scopes,omitempty" yaml:"scopes"`
	// Issuer is IssuerApp (default) or IssuerSite.
	Issuer string `json:"issuer,omitempty" yaml:"issuer"`
	// Grants that the client may use; empty: authorization_code, refresh_token.
	Grants []string `json:"grants,omitempty" yaml:"grants"`
	// IDTokenAlg is RS256 (default) or ES256.
	IDTokenAlg string `json:"id_token_alg,omitempty" yaml:"id_token_alg"`
}

// WithDefaults returns o with the defaults filled in.
func (o OIDC) WithDefaults() OIDC {
	o.Issuer = orElse(o.Issuer, IssuerApp)
	o.IDTokenAlg = orElse(o.IDTokenAlg, "RS256")
	if len(o.Scopes) == 0 {
		o.Scopes = []string{"openid", "profile", "email", "groups", "offline_access"}
	}
	if len(o.Grants) == 0 {
		o.Grants = []string{"authorization_code", "refresh_token"}
	}
	return o
}

// Key returns the client id.
func (o OIDC) Key() string { return o.ClientID }

// Check accepts a client id of 1 to 255 visible ASCII characters, redirect URIs
// (at least one when codes are issued) that leak nothing, and closed values.
func (o OIDC) Check() error {
	if o.ClientID == "" || len(o.ClientID) > 255 || strings.ContainsFunc(o.ClientID, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("client_id: %q is not 1 to 255 visible ASCII characters", o.ClientID)
	}
	d := o.WithDefaults()
	if err := oneOf("issuer", d.Issuer, IssuerApp, IssuerSite); err != nil {
		return err
	}
	if err := oneOf("id_token_alg", d.IDTokenAlg, "RS256", "ES256"); err != nil {
		return err
	}
	for _, g := range d.Grants {
		if err := oneOf("grants", g, "authorization_code", "refresh_token", "client_credentials"); err != nil {
			return err
		}
	}
	if d.Public && slices.Contains(d.Grants, "client_credentials") {
		return fmt.Errorf("grants: a public client has no credentials for client_credentials")
	}
	for _, s := range d.Scopes {
		// RFC 6749 §3.3: scope-token
		if s == "" || len(s) > 128 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
			return fmt.Errorf("scopes: %q is not a scope", s)
		}
	}
	if slices.Contains(d.Grants, "authorization_code") && len(o.RedirectURIs) == 0 {
		return fmt.Errorf("redirect_uris: at least one is needed")
	}
	return o.checkRedirects()
}

func (o OIDC) checkRedirects() error {
	if len(o.RedirectURIs) > 100 || len(o.PostLogoutRedirectURIs) > 100 {
		return fmt.Errorf("redirect_uris: more than 100")
	}
	for _, s := range o.RedirectURIs {
		if err := checkRedirect(s, o.Public); err != nil {
			return fmt.Errorf("redirect_uris: %w", err)
		}
	}
	for _, s := range o.PostLogoutRedirectURIs {
		if err := checkRedirect(s, o.Public); err != nil {
			return fmt.Errorf("post_logout_redirect_uris: %w", err)
		}
	}
	return nil
}

// checkRedirect accepts https, http to this machine, and for public clients a
// private-use scheme with a dot in it (RFC 8252 §7.1), which javascript: and
// data: have not.
func checkRedirect(s string, public bool) error {
	u, err := url.Parse(s)
	if err != nil || len(s) > 2048 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("%q is not an address", s)
	}
	// RFC 6749 §3.1.2: absolute, without a fragment.
	if strings.Contains(s, "#") || u.User != nil || strings.Contains(s, "*") {
		return fmt.Errorf("%q has a fragment, a user name or a wildcard", s)
	}
	switch {
	case u.Scheme == "https" && u.Hostname() != "":
		return nil
	case u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	case u.Scheme == "http":
		return fmt.Errorf("%q is not https (http is for localhost only)", s)
	case public && strings.Contains(u.Scheme, "."):
		return nil
	default:
		return fmt.Errorf("%q is not https", s)
	}
}
