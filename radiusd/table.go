package radiusd

import (
	"net/netip"
	"slices"
)

// table finds the client of an address by the longest prefix. It is built once
// and then only read. The zero value knows nobody.
type table struct {
	v4, v6 []prefixes // longest first
}

// prefixes are all prefixes of one length.
type prefixes struct {
	bits    int
	clients map[netip.Addr]*client
}

// add enters a prefix; it reports false, and changes nothing, when another
// client has the same one.
func (t *table) add(p netip.Prefix, c *client) bool {
	p = p.Masked()
	lengths := &t.v6
	if p.Addr().Is4() {
		lengths = &t.v4
	}
	at, found := slices.BinarySearchFunc(*lengths, p.Bits(), func(have prefixes, bits int) int { return bits - have.bits })
	if !found {
		*lengths = slices.Insert(*lengths, at, prefixes{p.Bits(), make(map[netip.Addr]*client)})
	}
	clients := (*lengths)[at].clients
	if have, taken := clients[p.Addr()]; taken && have != c {
		return false
	}
	clients[p.Addr()] = c
	return true
}

// lookup returns the client that addr belongs to, or nil. An IPv4 address in
// IPv6 form counts as IPv4; a zone is ignored.
func (t *table) lookup(addr netip.Addr) *client {
	addr = addr.Unmap().WithZone("")
	lengths := t.v6
	if addr.Is4() {
		lengths = t.v4
	}
	for _, l := range lengths {
		p, err := addr.Prefix(l.bits)
		if err != nil {
			continue
		}
		if c := l.clients[p.Addr()]; c != nil {
			return c
		}
	}
	return nil
}
