package radiusd

import (
	"strings"

	"gatehouse/radiusd/wire"
)

// kind is how the value of an attribute is encoded (RFC 2865 §5).
type kind int

const (
	kindText kind = iota
	kindInteger
	kindIPv4
)

// definition is an attribute that a reply row may name.
type definition struct {
	name   string
	vendor wire.Vendor // 0: none
	typ    byte
	kind   kind
}

// lookupDefinition finds an attribute by its dictionary name, whatever the case.
func lookupDefinition(name string) (definition, bool) {
	for _, d := range definitions() {
		if strings.EqualFold(d.name, name) {
			return d, true
		}
	}
	return definition{}, false
}

// definitions are the attributes that a reply row may name. What the server
// itself answers with is not among them.
func definitions() []definition {
	return []definition{
		{"Service-Type", 0, byte(wire.ServiceType), kindInteger},
		{"Framed-Protocol", 0, byte(wire.FramedProtocol), kindInteger},
		{"Framed-IP-Address", 0, byte(wire.FramedIPAddress), kindIPv4},
		{"Framed-IP-Netmask", 0, byte(wire.FramedIPNetmask), kindIPv4},
		{"Framed-MTU", 0, byte(wire.FramedMTU), kindInteger},
		{"Reply-Message", 0, byte(wire.ReplyMessage), kindText},
		{"Idle-Timeout", 0, byte(wire.IdleTimeout), kindInteger},
		{"Termination-Action", 0, byte(wire.TerminationAction), kindInteger},
		{"Port-Limit", 0, byte(wire.PortLimit), kindInteger},
		{"Acct-Interim-Interval", 0, byte(wire.AcctInterimInterval), kindInteger},
		{"Cisco-AVPair", wire.VendorCisco, 1, kindText},
		{"Aruba-User-Role", wire.VendorAruba, 1, kindText},
		{"Aruba-User-Vlan", wire.VendorAruba, 2, kindInteger},
		{"Aruba-Priv-Admin-User", wire.VendorAruba, 3, kindInteger},
		{"Aruba-Admin-Role", wire.VendorAruba, 4, kindText},
		{"Fortinet-Group-Name", wire.VendorFortinet, 1, kindText},
		{"Mikrotik-Group", wire.VendorMikrotik, 3, kindText},
		{"Mikrotik-Rate-Limit", wire.VendorMikrotik, 8, kindText},
		{"Mikrotik-Address-List", wire.VendorMikrotik, 19, kindText},
		{"Ruckus-User-Groups", wire.VendorRuckus, 1, kindText},
		{"WISPr-Bandwidth-Max-Up", wire.VendorWISPr, 7, kindInteger},
		{"WISPr-Bandwidth-Max-Down", wire.VendorWISPr, 8, kindInteger},
		{"WISPr-Session-Terminate-Time", wire.VendorWISPr, 9, kindText},
	}
}
