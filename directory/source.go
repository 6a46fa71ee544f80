package directory

import "net/netip"

// SourcePrefix is what counts as one source: an IPv4 address, or an IPv6 /64, which
// is what one household has.
func SourcePrefix(ip netip.Addr) string {
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	p, err := ip.Prefix(64)
	if err != nil {
		return ip.String()
	}
	return p.String()
}

// fromItsNetworks reports whether the peer is in the networks that a service
// account is held to.
func (t *trial) fromItsNetworks() bool {
	networks := t.person.user.Networks
	if _, local := t.attempt.Proof.(PeerProof); local || len(networks) == 0 {
		return true // a process of this host was named in the configuration
	}
	for _, n := range networks {
		if p, err := netip.ParsePrefix(n); err == nil && t.attempt.Peer.IsValid() && p.Contains(t.attempt.Peer.Unmap()) {
			return true
		}
	}
	return false
}
