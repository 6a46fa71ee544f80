package egress

import (
	"fmt"
	"net"
	"net/netip"
)

// reserved are ranges that lead nowhere outside, or back into a network by
// another name (RFC 6890).
func reserved() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.88.99.0/24"),
		netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"),
		netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("fec0::/10"),
		// Addresses with an IPv4 address inside: RFC 4291 §2.5.5.1, RFC 6052, RFC 8215, RFC 3056.
		netip.MustParsePrefix("::/96"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"),
		netip.MustParsePrefix("2002::/16"),
	}
}

// private are ranges of somebody's own network: RFC 1918 and RFC 4193 are
// IsPrivate; RFC 6598.
func private(a netip.Addr) bool {
	return a.IsPrivate() || netip.MustParsePrefix("100.64.0.0/10").Contains(a)
}

// check says why an address may not be reached.
func (p *Policy) check(to netip.AddrPort) error {
	a := to.Addr()
	switch {
	case a.Is4In6():
		return refused(to, "it is an IPv4 address written as IPv6")
	case a.IsLoopback():
		return refused(to, "it is this machine")
	case a.IsUnspecified():
		return refused(to, "it is no address")
	case a.IsLinkLocalUnicast(), a.IsMulticast(), a.Zone() != "":
		return refused(to, "it is link-local or multicast")
	case private(a) && !p.Private:
		return refused(to, "it is a private address, which only an administrator may enter")
	}
	for _, r := range reserved() {
		if r.Contains(a) {
			return refused(to, "it is in "+r.String()+", which is reserved")
		}
	}
	if own, err := p.own(to); err != nil || own {
		return refused(to, "it is a listener of this installation")
	}
	return nil
}

// own reports whether one of our listeners is behind an address.
func (p *Policy) own(to netip.AddrPort) (bool, error) {
	for _, l := range p.Listeners {
		if l.Port() != to.Port() {
			continue
		}
		if l.Addr().Unmap() == to.Addr() {
			return true, nil
		}
		if !l.Addr().IsUnspecified() {
			continue
		}
		local, err := net.InterfaceAddrs()
		if err != nil {
			return false, err
		}
		for _, ifc := range local {
			if n, ok := ifc.(*net.IPNet); ok {
				if a, ok := netip.AddrFromSlice(n.IP); ok && a.Unmap() == to.Addr() {
					return true, nil
				}
			}
		}
	}
	return false, nil
}

// RefusedError says that an address is never reached.
type RefusedError struct {
	To  netip.AddrPort
	Why string
}

// Error returns, for example, "127.0.0.1:443 is not reached from here: it is this machine".
func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s is not reached from here: %s", e.To, e.Why)
}

func refused(to netip.AddrPort, why string) error { return &RefusedError{To: to, Why: why} }
