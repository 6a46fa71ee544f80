package config

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// listener is a key that holds listen addresses.
type listener struct {
	key       string
	addresses []string
	udp       bool
	unix      bool // unix:PATH is possible
	local     bool // loopback addresses and unix sockets only
}

func (c Config) listeners() []listener {
	one := func(address string) []string {
		if address == "" {
			return nil
		}
		return []string{address}
	}
	return []listener{
		{key: "ldap.listen", addresses: c.LDAP.Listen},
		{key: "ldap.listen_tls", addresses: c.LDAP.ListenTLS},
		{key: "radius.listen_auth", addresses: c.RADIUS.ListenAuth, udp: true},
		{key: "radius.listen_acct", addresses: c.RADIUS.ListenAcct, udp: true},
		{key: "radius.listen_tls", addresses: c.RADIUS.ListenTLS},
		{key: "scim.listen", addresses: c.SCIM.Listen, unix: true, local: true},
		{key: "scim.listen_tls", addresses: c.SCIM.ListenTLS},
		{key: "idp.listen_tls", addresses: c.IDP.ListenTLS},
		{key: "idp.listen", addresses: c.IDP.Listen, unix: true},
		{key: "metrics.listen", addresses: one(c.Metrics.Listen)},
		{key: "metrics.ldapd", addresses: one(c.Metrics.LDAPD)},
		{key: "metrics.radiusd", addresses: one(c.Metrics.RADIUSD)},
		{key: "metrics.scimd", addresses: one(c.Metrics.SCIMD)},
		{key: "metrics.idp", addresses: one(c.Metrics.IDP)},
	}
}

func (d *document) checkListeners() {
	owner := map[string]string{}
	for _, l := range d.config.listeners() {
		for i, address := range l.addresses {
			key := l.key
			if !strings.HasPrefix(key, "metrics.") {
				key = item(l.key, i)
			}
			d.checkListener(l, key, address, owner)
		}
	}
	if err := checkUpstream(d.config.SCIM.Upstream); err != "" {
		d.problem("scim.upstream", "%s", err)
	}
}

func (d *document) checkListener(l listener, key, address string, owner map[string]string) {
	if err := checkAddress(address, l.unix); err != nil {
		d.problem(key, "%v", err)
		return
	}
	host, port, _ := net.SplitHostPort(address)
	if l.local && !strings.HasPrefix(address, "unix:") && !loopback(host) {
		d.problem(key, "%q: plain HTTP is for loopback addresses and unix sockets only; use scim.listen_tls", address)
	}
	if port == "0" {
		return
	}
	id := address
	if l.udp {
		id = "udp " + address
	}
	if other, taken := owner[id]; taken {
		d.problem(key, "%q is already used by %s", address, other)
		return
	}
	owner[id] = l.key
}

// checkUpstream returns what is wrong with scim.upstream, or "".
func checkUpstream(upstream string) string {
	if err := checkAddress(upstream, true); err == nil && strings.HasPrefix(upstream, "unix:") {
		return ""
	}
	u, err := url.Parse(upstream)
	if err != nil || u.Scheme != "http" || !loopback(u.Hostname()) || strings.Trim(u.Path, "/") != "" {
		return "must be http://LOOPBACK:PORT or unix:PATH; it carries tokens in plain text"
	}
	return ""
}

// FirstOpenListener returns the first listener that others than this machine
// can reach, and "" when there is none.
func (c Config) FirstOpenListener() (key, address string) {
	for _, l := range c.listeners() {
		for _, address := range l.addresses {
			host, _, err := net.SplitHostPort(address)
			if !strings.HasPrefix(address, "unix:") && (err != nil || !loopback(host)) {
				return l.key, address
			}
		}
	}
	return "", ""
}

// LDAPProfile is how entries look on the LDAP listener of an address.
type LDAPProfile struct{ Address, Profile string }

// AddressProfiles returns ldap.profiles in parts.
func (l LDAP) AddressProfiles() []LDAPProfile {
	list := make([]LDAPProfile, len(l.Profiles))
	for i, text := range l.Profiles {
		at := max(0, strings.LastIndex(text, "="))
		list[i] = LDAPProfile{text[:at], strings.TrimPrefix(text[at:], "=")}
	}
	return list
}

func (d *document) checkProfiles() {
	l := d.config.LDAP
	for i, p := range l.AddressProfiles() {
		key := item("ldap.profiles", i)
		switch {
		case p.Address == "":
			d.problem(key, "%q is not ADDRESS=PROFILE", l.Profiles[i])
		case !slices.Contains(l.Listen, p.Address) && !slices.Contains(l.ListenTLS, p.Address) && p.Address != l.ListenUnix:
			d.problem(key, "%q is no address of ldap.listen, ldap.listen_tls or ldap.listen_unix", p.Address)
		default:
			d.checkOneOf(key, p.Profile, "rfc2307bis", "rfc2307", "vcenter", "ad-lite", "samba")
		}
	}
}

// ListenAddresses returns where the daemons of c listen for TCP, on every host
// that has this configuration; an address without a host is unspecified.
func ListenAddresses(c Config) []netip.AddrPort {
	var out []netip.AddrPort
	for _, l := range c.listeners() {
		for _, address := range l.addresses {
			host, port, err := net.SplitHostPort(address)
			n, portErr := strconv.ParseUint(port, 10, 16)
			if err != nil || portErr != nil || l.udp {
				continue
			}
			a, err := netip.ParseAddr(host)
			if err != nil {
				a = netip.IPv6Unspecified()
			}
			out = append(out, netip.AddrPortFrom(a, uint16(n)))
		}
	}
	return out
}
