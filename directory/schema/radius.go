package schema

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// The methods of authentication that a RADIUS client may be allowed.
const (
	MethodPAP         = "pap"
	MethodEAPTLS      = "eap-tls"
	MethodEAPTTLS     = "eap-ttls"
	MethodPEAP        = "peap"
	MethodMSCHAPv2    = "mschapv2"
	MethodEAPMSCHAPv2 = "eap-mschapv2"
)

// The modes of Message-Authenticator (CVE-2024-3596).
const (
	AuthenticatorRequired = "required" // every Access-Request must have it
	AuthenticatorAuto     = "auto"     // from the first one that has it
)

// RADIUSClient is the configuration of a NAS. Its networks, secrets and app are
// kept beside it.
type RADIUSClient struct {
	// Methods are allowed in this order, the first EAP method is proposed first;
	// empty: pap, eap-tls, eap-ttls, peap.
	Methods []string `json:"methods,omitempty" yaml:"methods"`
	// Reply is what an Access-Accept carries: of the first row that matches.
	Reply []Reply `json:"reply,omitempty" yaml:"reply"`
	// MessageAuthenticator is AuthenticatorRequired (default) or AuthenticatorAuto.
	MessageAuthenticator string `json:"message_authenticator,omitempty" yaml:"message_authenticator"`
	// RejectAttributes are sent with every Access-Reject, whatever its reason:
	// Reply-Message, which is left out of EAP (RFC 3579 §2.6.5), and attributes of
	// vendors.
	RejectAttributes map[string][]string `json:"reject_attributes,omitempty" yaml:"reject_attributes"`
	// Passwords is "network" to accept network passwords only.
	Passwords string `json:"passwords,omitempty" yaml:"passwords"`
	// Realms are taken off names written DOMAIN\user or user@realm.
	Realms []string `json:"realms,omitempty" yaml:"realms"`
	// SessionTimeout in seconds goes into every Access-Accept; 0: 8 hours.
	SessionTimeout int `json:"session_timeout,omitempty" yaml:"session_timeout"`
	// CoA is how the NAS takes Disconnect-Requests (RFC 5176); empty: not at all.
	CoA CoA `json:"coa,omitzero" yaml:"coa"`
	// LegacyTLS lets devices in that speak TLS 1.2 without Extended Master Secret
	// (RFC 7627) in EAP: somebody in the middle whom such a device trusts can use
	// its tunnel.
	LegacyTLS bool `json:"legacy_tls,omitempty" yaml:"legacy_tls"`
	// MaxDevices is how many devices of one person may be connected at once through
	// the clients of the app; 0: any number. A further one is let in, and the one
	// that has been connected longest is told to go.
	MaxDevices int `json:"max_devices,omitempty" yaml:"max_devices"`
	// Challenge permits Access-Challenge for a second factor.
	Challenge bool `json:"challenge,omitempty" yaml:"challenge"`
	// RateLimit is how many requests a second are looked at; more are dropped.
	// 0: 50,000.
	RateLimit int `json:"rate_limit,omitempty" yaml:"rate_limit"`
	// TLS is how the NAS is known on RADIUS over TLS; nil: it asks over UDP only.
	TLS *RADIUSTLS `json:"tls,omitempty" yaml:"tls"`
}

// CoANAS is the address of a CoA that stands for the one the NAS asks from.
const CoANAS = "nas"

// CoARadSec as the way of a CoA is the connection over TLS that the NAS has opened.
const CoARadSec = "radsec"

// The verbs of CoA.
const (
	CoADisconnect = "disconnect" // Disconnect-Request: end the session
	CoAChange     = "coa"        // CoA-Request: have the device authenticate again, which is then refused
)

// The makes of NAS that need something of their own; all others are generic.
const (
	ProfileGeneric  = "generic"  // RFC 5176 as it is: Aruba, hostapd, MikroTik, Ruckus, UniFi …
	ProfileCisco    = "cisco"    // IOS, IOS XE, Meraki: port 1700, re-authentication by Cisco-AVPair
	ProfileFortinet = "fortinet" // FortiGate finds a session by Framed-IP-Address, FortiSwitch has an AVPair
)

// CoA is the dynamic authorization server of a NAS (RFC 5176).
type CoA struct {
	// Address is host:port, or "nas" or nas:port for the address that the NAS asks
	// from. The port is 3799 when absent, 1700 for Cisco. Empty: over UDP it takes none.
	Address string `json:"address,omitempty" yaml:"address"`
	// Via is CoARadSec for a NAS that takes requests on its own connection; where it
	// has none, Address is asked. Empty: Address alone.
	Via string `json:"via,omitempty" yaml:"via"`
	// Verb is CoADisconnect (default) or CoAChange.
	Verb string `json:"verb,omitempty" yaml:"verb"`
	// Profile is what the make of the NAS needs; empty: ProfileGeneric.
	Profile string `json:"profile,omitempty" yaml:"profile"`
}

// Reply is what those get for whom all of group, user and device are true; an empty
// one is true of everybody.
type Reply struct {
	// Group is the name of a group; members through other groups count.
	Group string `json:"group,omitempty" yaml:"group"`
	// User is a username.
	User string `json:"user,omitempty" yaml:"user"`
	// Device is the MAC address that the NAS sends as Calling-Station-Id. Anybody
	// can give their device another's address: it chooses, it proves nothing.
	Device string `json:"device,omitempty" yaml:"device"`
	// VLAN is sent as the triple of RFC 3580 §3.31: a number or a name.
	VLAN string `json:"vlan,omitempty" yaml:"vlan"`
	// FilterID is sent as Filter-Id.
	FilterID string `json:"filter_id,omitempty" yaml:"filter_id"`
	// SessionTimeout in seconds; 0: that of the client.
	SessionTimeout int `json:"session_timeout,omitempty" yaml:"session_timeout"`
	// Attributes are sent as they are: dictionary name to values.
	Attributes map[string][]string `json:"attributes,omitempty" yaml:"attributes"`
}

const (
	defaultSessionTimeout = 8 * 3600
	minSessionTimeout     = 60
	maxSessionTimeout     = 30 * 86400
	maxAttributeBytes     = 253 // RFC 2865 §5
	defaultRateLimit      = 50_000
	maxRateLimit          = 1_000_000
)

// WithDefaults returns c with the defaults filled in.
func (c RADIUSClient) WithDefaults() RADIUSClient {
	if len(c.Methods) == 0 {
		c.Methods = []string{MethodPAP, MethodEAPTLS, MethodEAPTTLS, MethodPEAP}
	}
	c.MessageAuthenticator = orElse(c.MessageAuthenticator, AuthenticatorRequired)
	c.SessionTimeout = orElse(c.SessionTimeout, defaultSessionTimeout)
	c.RateLimit = orElse(c.RateLimit, defaultRateLimit)
	if c.CoA.Listens() {
		c.CoA.Verb, c.CoA.Profile = orElse(c.CoA.Verb, CoADisconnect), orElse(c.CoA.Profile, ProfileGeneric)
		c.CoA.Address = c.CoA.withPort()
	}
	return c
}

// Listens reports whether the NAS takes requests.
func (c CoA) Listens() bool { return c.Address != "" || c.Via != "" }

// withPort returns the address with its port; empty stays so.
func (c CoA) withPort() string {
	port := uint16(3799) // RFC 5176 §2.1
	if c.Profile == ProfileCisco {
		port = 1700
	}
	if c.Address == CoANAS {
		return CoANAS + ":" + strconv.Itoa(int(port))
	}
	if a, err := netip.ParseAddr(c.Address); err == nil {
		return netip.AddrPortFrom(a, port).String()
	}
	return c.Address
}

// Target returns where a NAS that asks from peer takes requests; ok is false when
// it takes none or its address is not known. Of a CoA with its defaults.
func (c CoA) Target(peer netip.Addr) (target netip.AddrPort, ok bool) {
	if port, of := strings.CutPrefix(c.Address, CoANAS+":"); of {
		n, err := strconv.ParseUint(port, 10, 16)
		return netip.AddrPortFrom(peer.Unmap(), uint16(n)), err == nil && n != 0 && peer.IsValid()
	}
	target, err := netip.ParseAddrPort(c.Address)
	return netip.AddrPortFrom(target.Addr().Unmap(), target.Port()), err == nil && target.Port() != 0
}

// Check accepts known methods, timeouts from a minute to 30 days, and replies
// that cannot touch what the server itself answers with.
func (c RADIUSClient) Check() error {
	seen := make(map[string]bool)
	for _, m := range c.Methods {
		if err := oneOf("methods", m, MethodPAP, MethodEAPTLS, MethodEAPTTLS, MethodPEAP, MethodMSCHAPv2, MethodEAPMSCHAPv2); err != nil {
			return err
		}
		if seen[m] {
			return fmt.Errorf("methods: %s is listed twice", m)
		}
		seen[m] = true
	}
	if err := oneOf("message_authenticator", c.MessageAuthenticator, "", AuthenticatorRequired, AuthenticatorAuto); err != nil {
		return err
	}
	if err := oneOf("passwords", c.Passwords, "", "network"); err != nil {
		return err
	}
	for _, r := range c.Realms {
		if r == "" || len(r) > 253 || strings.ContainsFunc(r, func(r rune) bool { return r <= ' ' || strings.ContainsRune(`@\/|`, r) }) {
			return fmt.Errorf("realms: %q is not a realm", r)
		}
	}
	if err := checkTimeout(c.SessionTimeout); err != nil {
		return err
	}
	if c.RateLimit < 0 || c.RateLimit > maxRateLimit {
		return fmt.Errorf("rate_limit: %d is not 1 to %d requests a second", c.RateLimit, maxRateLimit)
	}
	if err := c.CoA.check(); err != nil {
		return err
	}
	if c.CoA.Via != "" && c.TLS == nil {
		return fmt.Errorf("coa: via %s goes over the connection of a client with tls, and this one has none", c.CoA.Via)
	}
	if c.TLS != nil {
		if err := c.TLS.check(); err != nil {
			return fmt.Errorf("tls: %w", err)
		}
	}
	if c.MaxDevices < 0 || c.MaxDevices > 1000 {
		return fmt.Errorf("max_devices: %d is not 0 to 1000", c.MaxDevices)
	}
	if c.MaxDevices > 0 && !c.CoA.Listens() {
		return fmt.Errorf("max_devices: the oldest device cannot be told to go without coa")
	}
	if err := c.checkReject(); err != nil {
		return err
	}
	if len(c.Reply) > 1000 {
		return fmt.Errorf("reply: more than 1000 rows")
	}
	for i, r := range c.Reply {
		if err := r.check(); err != nil {
			return fmt.Errorf("reply: row %d: %w", i+1, err)
		}
	}
	return nil
}

func (c CoA) check() error {
	if !c.Listens() {
		if c != (CoA{}) {
			return fmt.Errorf("coa: a verb or profile without an address or via: %s", CoARadSec)
		}
		return nil
	}
	if err := oneOf("coa: via", c.Via, "", CoARadSec); err != nil {
		return err
	}
	with := c
	with.Address = c.withPort()
	if _, ok := with.Target(netip.IPv4Unspecified()); !ok && c.Address != "" {
		return fmt.Errorf("coa: %q is neither an address such as 192.0.2.1:3799 nor nas:3799", c.Address)
	}
	if err := oneOf("coa: profile", c.Profile, "", ProfileGeneric, ProfileCisco, ProfileFortinet); err != nil {
		return err
	}
	return oneOf("coa: verb", c.Verb, "", CoADisconnect, CoAChange)
}

func (c RADIUSClient) checkReject() error {
	if err := checkAttributes(c.RejectAttributes); err != nil {
		return fmt.Errorf("reject_attributes: %w", err)
	}
	for name := range c.RejectAttributes {
		if a, err := FindRADIUSAttribute(name); err == nil && !a.onReject() {
			return fmt.Errorf("reject_attributes: an Access-Reject has no %s (RFC 2865 §5.44)", name)
		}
	}
	return nil
}

func (r Reply) check() error {
	if err := checkVLAN(r.VLAN); err != nil {
		return err
	}
	if len(r.FilterID) > maxAttributeBytes {
		return fmt.Errorf("filter_id: is longer than %d bytes", maxAttributeBytes)
	}
	if err := checkTimeout(r.SessionTimeout); err != nil {
		return err
	}
	if _, ok := MAC(r.Device); r.Device != "" && !ok {
		return fmt.Errorf("device: %q is not a MAC address such as 02-00-5E-00-00-01", r.Device)
	}
	return checkAttributes(r.Attributes)
}

// checkVLAN accepts a VLAN id of IEEE 802.1Q or a name of at most 32 characters.
func checkVLAN(s string) error {
	if strings.Trim(s, "0123456789") != "" {
		if len(s) > 32 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return fmt.Errorf("vlan: %q is neither 1 to 4094 nor a name of at most 32 characters", s)
		}
		return nil
	}
	n := 0
	for _, c := range s {
		n = min(n*10+int(c-'0'), 1<<20)
	}
	if s != "" && (n < 1 || n > 4094 || s[0] == '0') {
		return fmt.Errorf("vlan: %s is not 1 to 4094", s)
	}
	return nil
}

func checkTimeout(seconds int) error {
	if seconds != 0 && (seconds < minSessionTimeout || seconds > maxSessionTimeout) {
		return fmt.Errorf("session_timeout: %d is not %d to %d seconds", seconds, minSessionTimeout, maxSessionTimeout)
	}
	return nil
}

// ownAttribute reports whether the server alone sets an attribute: what proves
// the packet, carries keys or names the session.
func ownAttribute(name string) bool {
	return slices.Contains([]string{
		"user-name", "user-password", "chap-password", "state", "class", "proxy-state", "eap-message", "message-authenticator",
		"ms-mppe-send-key", "ms-mppe-recv-key", "ms-chap2-success", "ms-chap-mppe-keys", "event-timestamp", "session-timeout",
		"tunnel-type", "tunnel-medium-type", "tunnel-private-group-id", "filter-id",
	}, strings.ToLower(name))
}
