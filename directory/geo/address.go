package geo

import "net/netip"

// nowhere returns why an address is in no country, or "". Such an address is not
// looked up, whatever a file may say of it.
func nowhere(ip netip.Addr) string {
	switch {
	case !ip.IsValid():
		return "there is no address"
	case ip.IsPrivate(), ip.IsLoopback(), ip.IsLinkLocalUnicast(), sharedBy(ip):
		return ip.String() + " is a private address, which is in no country"
	case ip.IsMulticast(), ip.IsUnspecified():
		return ip.String() + " is the address of no device"
	case within(ip, "::/96"), within(ip, "2001::/32"):
		// In the search tree they are other names of the IPv4 networks, and who
		// uses them chooses the IPv4 address: RFC 4291 §2.5.5.1, and the server
		// in RFC 4380 §4.
		return ip.String() + " does not say where its device is"
	default:
		return ""
	}
}

// sharedBy reports the addresses behind a carrier's NAT (RFC 6598 §7).
func sharedBy(ip netip.Addr) bool { return within(ip, "100.64.0.0/10") }

func within(ip netip.Addr, network string) bool { return netip.MustParsePrefix(network).Contains(ip) }
