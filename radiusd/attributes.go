package radiusd

import (
	"encoding/binary"
	"math"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"

	"gatehouse/directory/schema"
	"gatehouse/radiusd/wire"
)

// text returns the first attribute of type t as storable text: valid UTF-8
// without control characters, whatever the NAS sent.
func text(p wire.Packet, t wire.Type) string {
	v, _ := p.Lookup(t)
	for _, c := range v {
		if c < 0x20 || c >= 0x7f {
			return clean(string(v))
		}
	}
	return string(v)
}

func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// address returns an attribute that holds an IPv4 or IPv6 address, or "".
func address(p wire.Packet, t wire.Type) string {
	v, _ := p.Lookup(t)
	addr, ok := netip.AddrFromSlice(v)
	if !ok {
		return ""
	}
	return addr.String()
}

// station returns the Calling-Station-Id in one form: a MAC address as
// upper-case pairs with hyphens (RFC 3580 §3.21), anything else as sent.
func station(p wire.Packet) string {
	id := text(p, wire.CallingStationID)
	if mac, ok := schema.MAC(id); ok {
		return mac
	}
	return id
}

// isMAC reports whether a normalised Calling-Station-Id is a MAC address.
func isMAC(id string) bool {
	mac, ok := schema.MAC(id)
	return ok && mac == id
}

// portType names a NAS-Port-Type (RFC 2865 §5.41) as the usual dictionaries do; one
// without a name is its number.
func portType(n uint32) string {
	switch n {
	case 0:
		return "Async"
	case 5:
		return "Virtual"
	case 15:
		return "Ethernet"
	case 18:
		return "Wireless-Other"
	case 19:
		return "Wireless-802.11"
	default:
		return strconv.FormatUint(uint64(n), 10)
	}
}

// nasAddress returns the address by which the NAS names itself, else the one
// it sent from.
func nasAddress(p wire.Packet, from netip.AddrPort) string {
	for _, t := range []wire.Type{wire.NASIPAddress, wire.NASIPv6Address} {
		if a := address(p, t); a != "" {
			return a
		}
	}
	return from.Addr().Unmap().String()
}

// nasPort returns NAS-Port-Id, else NAS-Port, or "".
func nasPort(p wire.Packet) string {
	if id := text(p, wire.NASPortID); id != "" {
		return id
	}
	if n, ok := p.Uint32(wire.NASPort); ok {
		return strconv.FormatUint(uint64(n), 10)
	}
	return ""
}

// ssid returns the network name behind the access point's address.
//
// RFC 3580 §3.20: Called-Station-Id is "00-10-A4-23-19-C0:AP1".
func ssid(called string) string {
	const mac = len("00-10-A4-23-19-C0")
	if len(called) <= mac+1 || called[mac] != ':' {
		return ""
	}
	if _, err := net.ParseMAC(called[:mac]); err != nil {
		return ""
	}
	return called[mac+1:]
}

// device returns the address of the person's device, when the NAS gives one.
func device(p wire.Packet) netip.Addr {
	for _, s := range []string{text(p, wire.CallingStationID), tunnelClient(p)} {
		if a, err := netip.ParseAddr(s); err == nil {
			return a.Unmap()
		}
	}
	return netip.Addr{}
}

func tunnelClient(p wire.Packet) string {
	v, _ := p.Lookup(wire.TunnelClientEndpoint)
	_, s := wire.TaggedString(v)
	return string(s)
}

// octets combines a counter with its overflow.
//
// RFC 2869 §5.1, §5.2: Gigawords count how often the 32 bits wrapped.
func octets(p wire.Packet, low, high wire.Type) int64 {
	l, _ := p.Uint32(low)
	h, _ := p.Uint32(high)
	n := uint64(h)<<32 | uint64(l)
	return int64(min(n, math.MaxInt64))
}

// happened returns when the event of an accounting record took place.
//
// RFC 2866 §5.2: Acct-Delay-Time is how long the client has been trying;
// Event-Timestamp is not used, a NAS without a clock sends nonsense.
func happened(p wire.Packet, received time.Time) time.Time {
	delay, _ := p.Uint32(wire.AcctDelayTime)
	return received.Add(-time.Duration(min(delay, 86_400)) * time.Second)
}

// cause names an Acct-Terminate-Cause (RFC 2866 §5.10).
func cause(p wire.Packet) string {
	v, ok := p.Lookup(wire.AcctTerminateCause)
	if !ok || len(v) != 4 {
		return ""
	}
	names := [...]string{
		"", "User-Request", "Lost-Carrier", "Lost-Service", "Idle-Timeout", "Session-Timeout",
		"Admin-Reset", "Admin-Reboot", "Port-Error", "NAS-Error", "NAS-Request", "NAS-Reboot", "Port-Unneeded",
		"Port-Preempted", "Port-Suspended", "Service-Unavailable", "Callback", "User-Error", "Host-Request",
	}
	n := binary.BigEndian.Uint32(v)
	if n == 0 || n >= uint32(len(names)) {
		return strconv.FormatUint(uint64(n), 10)
	}
	return names[n]
}
