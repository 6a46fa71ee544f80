package edge

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// proxies are the peers whose X-Forwarded-For is believed.
type proxies []netip.Prefix

// newProxies refuses a prefix that would trust everybody.
func newProxies(prefixes []netip.Prefix) (proxies, error) {
	for _, p := range prefixes {
		if !p.IsValid() || p.Bits() == 0 {
			return nil, fmt.Errorf("trusted proxies: %s would let anybody choose their address", p)
		}
	}
	return prefixes, nil
}

func (p proxies) trusts(a netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

// maxHops bounds how far X-Forwarded-For is followed.
const maxHops = 32

// resolve returns who connected and the person's device. X-Forwarded-For is read
// from right to left and stops at the first hop that is not a trusted proxy; an
// unreadable hop there leaves the device unknown. What an untrusted peer says
// about forwarding is deleted from the request.
func (p proxies) resolve(r *http.Request) (peer, client netip.Addr) {
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		peer = ap.Addr().Unmap()
	}
	if !peer.IsValid() || !p.trusts(peer) {
		dropForwarded(r.Header)
		return peer, peer
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	client = peer
	for i := len(hops) - 1; i >= 0 && i >= len(hops)-maxHops && p.trusts(client); i-- {
		hop := strings.TrimSpace(hops[i])
		if hop == "" {
			continue
		}
		client = parseHop(hop)
	}
	return peer, client
}

// parseHop reads an address with or without a port; the zero Addr when it is
// neither.
func parseHop(s string) netip.Addr {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return a.WithZone("").Unmap()
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().WithZone("").Unmap()
	}
	return netip.Addr{}
}

func dropForwarded(h http.Header) {
	for name := range h {
		lower := strings.ReplaceAll(strings.ToLower(name), "_", "-")
		if lower == "forwarded" || lower == "x-real-ip" || strings.HasPrefix(lower, "x-forwarded-") {
			delete(h, name)
		}
	}
}
