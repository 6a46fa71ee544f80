package ldap

import (
	"net"
	"net/netip"
	"strconv"

	"gatehouse/config"
	"gatehouse/directory/schema"
)

// profileAt returns the profile of the listener at an address, "" when the
// configuration names none. Also a listener that systemd opened is found so.
func profileAt(at net.Addr, list []config.LDAPProfile) schema.LDAPProfile {
	for _, p := range list {
		if isAt(at, p.Address) {
			return schema.LDAPProfile(p.Profile)
		}
	}
	return ""
}

// isAt reports whether a listener at an address is what a configured address,
// such as localhost:389, :389 or the path of a socket, stands for.
func isAt(at net.Addr, configured string) bool {
	tcp, ok := at.(*net.TCPAddr)
	if !ok {
		return at.String() == configured
	}
	host, port, err := net.SplitHostPort(configured)
	if err != nil || port != strconv.Itoa(tcp.Port) {
		return false
	}
	have := tcp.AddrPort().Addr().Unmap()
	switch want, err := netip.ParseAddr(host); {
	case host == "localhost":
		return have.IsLoopback()
	case err != nil: // every address of the machine
		return true
	default:
		return want.Unmap() == have
	}
}
