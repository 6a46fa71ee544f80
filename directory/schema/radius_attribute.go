package schema

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// RADIUSAttribute is an attribute that a reply may name.
type RADIUSAttribute struct {
	Name   string // in the dictionaries of FreeRADIUS
	Vendor uint32 // SMI number; 0: none, the attribute is of an RFC
	Type   byte

	kind valueKind
}

// valueKind is how the value of an attribute is encoded (RFC 2865 §5).
type valueKind int

const (
	kindText valueKind = iota
	kindInteger
	kindIPv4
)

// The vendors of the attributes below, by their SMI numbers.
const (
	vendorCisco    = 9
	vendorFortinet = 12356
	vendorWISPr    = 14122
	vendorAruba    = 14823
	vendorMikrotik = 14988
	vendorRuckus   = 25053
)

// radiusAttributes are those that a reply may name. What the server itself answers
// with is not among them.
func radiusAttributes() []RADIUSAttribute {
	return []RADIUSAttribute{
		{"Service-Type", 0, 6, kindInteger},
		{"Framed-Protocol", 0, 7, kindInteger},
		{"Framed-IP-Address", 0, 8, kindIPv4},
		{"Framed-IP-Netmask", 0, 9, kindIPv4},
		{"Framed-MTU", 0, 12, kindInteger},
		{"Reply-Message", 0, typeReplyMessage, kindText},
		{"Framed-Route", 0, 22, kindText},
		{"Idle-Timeout", 0, 28, kindInteger},
		{"Termination-Action", 0, 29, kindInteger},
		{"Port-Limit", 0, 62, kindInteger},
		{"Acct-Interim-Interval", 0, 85, kindInteger},
		{"Framed-Pool", 0, 88, kindText},
		{"Cisco-AVPair", vendorCisco, 1, kindText},
		{"Fortinet-Group-Name", vendorFortinet, 1, kindText},
		{"Fortinet-Vdom-Name", vendorFortinet, 3, kindText},
		{"Fortinet-Access-Profile", vendorFortinet, 6, kindText},
		{"WISPr-Redirection-URL", vendorWISPr, 4, kindText},
		{"WISPr-Bandwidth-Max-Up", vendorWISPr, 7, kindInteger},
		{"WISPr-Bandwidth-Max-Down", vendorWISPr, 8, kindInteger},
		{"WISPr-Session-Terminate-Time", vendorWISPr, 9, kindText},
		{"Aruba-User-Role", vendorAruba, 1, kindText},
		{"Aruba-User-Vlan", vendorAruba, 2, kindInteger},
		{"Aruba-Priv-Admin-User", vendorAruba, 3, kindInteger},
		{"Aruba-Admin-Role", vendorAruba, 4, kindText},
		{"Mikrotik-Group", vendorMikrotik, 3, kindText},
		{"Mikrotik-Rate-Limit", vendorMikrotik, 8, kindText},
		{"Mikrotik-Address-List", vendorMikrotik, 19, kindText},
		{"Ruckus-User-Groups", vendorRuckus, 1, kindText},
	}
}

const typeReplyMessage = 18

// FindRADIUSAttribute finds an attribute by its name, whatever the case. What is not
// found may not be in a reply, and the error says why.
func FindRADIUSAttribute(name string) (RADIUSAttribute, error) {
	if !keyString(name) {
		return RADIUSAttribute{}, fmt.Errorf("%q is not an attribute name", name)
	}
	if ownAttribute(name) {
		return RADIUSAttribute{}, fmt.Errorf("%s is set by the server", name)
	}
	var known []string
	for _, a := range radiusAttributes() {
		if strings.EqualFold(a.Name, name) {
			return a, nil
		}
		known = append(known, a.Name)
	}
	return RADIUSAttribute{}, fmt.Errorf("%s is not known; known are %s", name, strings.Join(known, ", "))
}

// Encode turns the text of a configuration into the octets of a value: as it is, a
// number of 32 bits, or an IPv4 address.
func (a RADIUSAttribute) Encode(s string) ([]byte, error) {
	switch a.kind {
	case kindInteger:
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%s: %q is not a number of 32 bits", a.Name, s)
		}
		return binary.BigEndian.AppendUint32(nil, uint32(n)), nil
	case kindIPv4:
		ip, err := netip.ParseAddr(s)
		if err != nil || !ip.Is4() {
			return nil, fmt.Errorf("%s: %q is not an IPv4 address", a.Name, s)
		}
		return ip.AsSlice(), nil
	default:
		// RFC 2865 §5, §5.26: 255 octets with the two of the header, and six more of a vendor's.
		limit := maxAttributeBytes
		if a.Vendor != 0 {
			limit -= 6
		}
		if s == "" || len(s) > limit || strings.ContainsRune(s, 0) {
			return nil, fmt.Errorf("%s: a value is not 1 to %d bytes without a zero", a.Name, limit)
		}
		return []byte(s), nil
	}
}

// onReject reports whether an Access-Reject may carry the attribute: RFC 2865 §5.44
// lets it have Reply-Message; vendors have their own there all the same.
func (a RADIUSAttribute) onReject() bool { return a.Vendor != 0 || a.Type == typeReplyMessage }

// checkAttributes accepts values by the name of an attribute that a reply may have.
func checkAttributes(attributes map[string][]string) error {
	if len(attributes) > 50 {
		return fmt.Errorf("attributes: more than 50")
	}
	for name, values := range attributes {
		a, err := FindRADIUSAttribute(name)
		if err != nil {
			return fmt.Errorf("attributes: %w", err)
		}
		for _, v := range values {
			if _, err := a.Encode(v); err != nil {
				return fmt.Errorf("attributes: %w", err)
			}
		}
	}
	return nil
}
