package schema

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Facet is the configuration of one protocol of an app. The zero value of each
// implementation, with what it requires filled in, is a working one.
type Facet interface {
	// Check returns what is wrong, beginning with the key as in site.yaml.
	Check() error
	// Key is what the facet is found by, unique for its protocol (client id,
	// entity id, host); empty: by the app only.
	Key() string
}

// DecodeFacet reads the stored configuration of a facet of a protocol ("oidc",
// "ldap", "radius", "saml", "proxy", "scim") and fills in the defaults. Keys it
// does not know are passed over: a newer release may have written them.
func DecodeFacet(protocol string, config []byte) (Facet, error) {
	switch protocol {
	case "oidc":
		return decodeFacet[OIDC](protocol, config, OIDC.WithDefaults)
	case "ldap":
		return decodeFacet[LDAP](protocol, config, nil)
	case "radius":
		return decodeFacet[RADIUS](protocol, config, nil)
	case "saml":
		return decodeFacet[SAML](protocol, config, SAML.WithDefaults)
	case "proxy":
		return decodeFacet[Proxy](protocol, config, Proxy.WithDefaults)
	case "scim":
		return decodeFacet[SCIM](protocol, config, nil)
	default:
		return nil, fmt.Errorf("no facet for protocol %q", protocol)
	}
}

func decodeFacet[T Facet](protocol string, config []byte, defaults func(T) T) (Facet, error) {
	var f T
	if len(config) > 0 {
		if err := json.Unmarshal(config, &f); err != nil {
			return nil, fmt.Errorf("read the %s facet: %w", protocol, err)
		}
	}
	if defaults != nil {
		f = defaults(f)
	}
	return f, nil
}

// The values of AppPasswords: whether app passwords open the app, and what for.
const (
	AppPasswordsAllowed = ""                 // a password, but not a factor
	AppPasswordsFactor  = "counts-as-factor" // also satisfy a demand for a factor
	AppPasswordsOnly    = "only"             // and the sign-in password is refused
)

// RADIUS is the facet of an app that networks and VPNs belong to.
type RADIUS struct {
	// AppPasswords says what the app's passwords open.
	AppPasswords string `json:"app_passwords,omitempty" yaml:"app_passwords"`
	// Passwords is "network" to accept network passwords only.
	Passwords string `json:"passwords,omitempty" yaml:"passwords"`
}

// Key returns "".
func (RADIUS) Key() string { return "" }

// Check accepts the closed values.
func (r RADIUS) Check() error {
	if err := oneOf("passwords", r.Passwords, "", "network"); err != nil {
		return err
	}
	return checkAppPasswords(r.AppPasswords)
}

// SCIM is the facet of an app that users are pushed out to.
type SCIM struct {
	// URL is the base of the target's SCIM service.
	URL string `json:"url" yaml:"url"`
	// Profile is the kind of target; empty: found out by asking it.
	Profile string `json:"profile,omitempty" yaml:"profile"`
	// AllowHTTP permits a URL without TLS.
	AllowHTTP bool `json:"allow_http,omitempty" yaml:"allow_http"`
}

// Key returns "".
func (SCIM) Key() string { return "" }

// Check accepts an https URL without userinfo, query and fragment.
func (s SCIM) Check() error {
	u, err := webURL(s.URL)
	if err != nil {
		return fmt.Errorf("url: %w", err)
	}
	if u.RawQuery != "" {
		return fmt.Errorf("url: %q has a query", s.URL)
	}
	if u.Scheme != "https" && !s.AllowHTTP {
		return fmt.Errorf("url: %q is not https (allow_http: true permits it)", s.URL)
	}
	return oneOf("profile", s.Profile, "", "rfc", "aws", "slack", "github", "google")
}

// Proxy is the facet of a web application behind forward auth or the embedded
// proxy.
type Proxy struct {
	// ExternalURL is what browsers see: https, a host, no path.
	ExternalURL string `json:"external_url" yaml:"external_url"`
	// Mode is "forward" (default), "domain" or "proxy".
	Mode string `json:"mode,omitempty" yaml:"mode"`
	// Upstream is where mode "proxy" sends requests.
	Upstream string `json:"upstream,omitempty" yaml:"upstream"`
	// SkipPaths are path prefixes that need no sign-in.
	SkipPaths []string `json:"skip_paths,omitempty" yaml:"skip_paths"`
}

// WithDefaults returns p with the defaults filled in.
func (p Proxy) WithDefaults() Proxy {
	p.Mode = orElse(p.Mode, "forward")
	return p
}

// Key returns the host of the external URL in lower case.
func (p Proxy) Key() string {
	u, err := url.Parse(p.ExternalURL)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Host)
}

// Check accepts an https origin, and an upstream exactly in mode "proxy".
func (p Proxy) Check() error {
	u, err := webURL(p.ExternalURL)
	if err != nil {
		return fmt.Errorf("external_url: %w", err)
	}
	if u.Scheme != "https" && !loopback(u.Hostname()) || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return fmt.Errorf("external_url: %q is not an https address without a path", p.ExternalURL)
	}
	if err := oneOf("mode", p.Mode, "", "forward", "domain", "proxy"); err != nil {
		return err
	}
	if (p.Mode == "proxy") != (p.Upstream != "") {
		return fmt.Errorf("upstream: belongs to mode proxy, and only to it")
	}
	if p.Upstream != "" {
		if _, err := webURL(p.Upstream); err != nil {
			return fmt.Errorf("upstream: %w", err)
		}
	}
	for _, s := range p.SkipPaths {
		if !strings.HasPrefix(s, "/") || strings.ContainsAny(s, "?#%\\") || strings.Contains(s, "..") {
			return fmt.Errorf("skip_paths: %q is not a plain path", s)
		}
	}
	return nil
}

// CheckNetworks accepts prefixes such as 10.0.0.0/8 or 2001:db8::/32, without
// host bits.
func CheckNetworks(networks []string) error {
	if len(networks) > 1000 {
		return fmt.Errorf("more than 1000 networks")
	}
	for _, n := range networks {
		p, err := netip.ParsePrefix(n)
		if err != nil {
			return fmt.Errorf("%q is not a network such as 10.0.0.0/8", n)
		}
		if p != p.Masked() {
			return fmt.Errorf("%q has bits set after /%d; did you mean %s?", n, p.Bits(), p.Masked())
		}
		if p.Addr().Is4In6() {
			return fmt.Errorf("%q: write an IPv4 network as one", n)
		}
	}
	return nil
}

// webURL reads an absolute http or https address without userinfo and fragment.
func webURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || len(s) > 2048 || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" {
		return nil, fmt.Errorf("%q is not a web address", s)
	}
	if u.User != nil || u.Fragment != "" || strings.Contains(s, "#") {
		return nil, fmt.Errorf("%q has a user name or a fragment", s)
	}
	return u, nil
}

// loopback reports whether host is this machine under any name (RFC 8252 §7.3).
func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

func oneOf(key, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	shown := slices.DeleteFunc(slices.Clone(allowed), func(s string) bool { return s == "" })
	return fmt.Errorf("%s: %q is not one of %s", key, value, strings.Join(shown, ", "))
}

func checkAppPasswords(value string) error {
	return oneOf("app_passwords", value, AppPasswordsAllowed, AppPasswordsFactor, AppPasswordsOnly)
}

func orElse[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// keyString reports whether s is a name as LDAP and RADIUS write them
// (RFC 4512 §1.4 keystring).
func keyString(s string) bool {
	if s == "" || len(s) > 128 {
		return false
	}
	for i, c := range []byte(s) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return true
}
