package test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// radiusVariable is a policy variable that a NAS fills in.
type radiusVariable struct {
	name, rule string
	right      string   // with which the rule is true: an attribute, or EAP-TLS with the device certificate of a label
	wrong      string   // with which it is false
	absent     []string // with each of these nobody knows
}

const withCertificate = "certificate "

func radiusVariables() []radiusVariable {
	return []radiusVariable{
		{
			name: "port_type", rule: `request.port_type == "Wireless-802.11"`,
			right: "NAS-Port-Type = Wireless-802.11", wrong: "NAS-Port-Type = Ethernet", absent: []string{"NAS-Port = 7"},
		},
		{
			name: "mac", rule: `request.mac == "02-00-00-00-00-0A"`,
			right: `Calling-Station-Id = "0200.0000.000a"`, wrong: `Calling-Station-Id = "02-00-00-00-00-0B"`,
			absent: []string{"NAS-Port = 7", `Calling-Station-Id = "192.0.2.7"`},
		},
		{
			name: "ssid", rule: `request.ssid == "Corp"`,
			right: `Called-Station-Id = "00-10-A4-23-19-C0:Corp"`, wrong: `Called-Station-Id = "00-10-A4-23-19-C0:Guests"`,
			absent: []string{"NAS-Port = 7", `Called-Station-Id = "00-10-A4-23-19-C0"`},
		},
		{
			name: "ip", rule: `request.ip.in("192.0.2.0/24")`,
			right: `Calling-Station-Id = "192.0.2.7"`, wrong: `Tunnel-Client-Endpoint:0 = "198.51.100.7"`,
			absent: []string{"NAS-Port = 7", `Calling-Station-Id = "02-00-00-00-00-0A"`},
		},
		// Without an attribute the address is that of the packet, which is always there.
		{name: "nas.ip", rule: `request.nas.ip.in("192.0.2.0/24")`, right: "NAS-IP-Address = 192.0.2.1", wrong: "NAS-Port = 7"},
		{name: "method", rule: `request.method == "eap-tls"`, right: withCertificate + "laptop", wrong: "NAS-Port = 7"},
		{
			name: "certificate", rule: `request.certificate.label == "laptop"`,
			right: withCertificate + "laptop", wrong: withCertificate + "tablet", absent: []string{"NAS-Port = 7"},
		},
	}
}

// TestRADIUSPolicies: each variable of a policy that comes from the NAS lets in and refuses, at the door. What the NAS
// does not say refuses, however the rule is turned: as it is, with a "!", and in a binding that is negated.
func TestRADIUSPolicies(t *testing.T) {
	w := newWorld(t, "")
	const forms = 3 // of each rule
	var policies, apps, clients strings.Builder
	for i, v := range radiusVariables() {
		for form := range forms {
			n := i*forms + form
			rule := v.rule
			if form == 1 {
				rule = "!(" + rule + ")"
			}
			fmt.Fprintf(&policies, "  - {name: p%d, rule: '%s'}\n", n, rule)
			fmt.Fprintf(&apps, "  - {slug: a%d, name: A%d, bindings: [{policy: p%d, negate: %t}], radius: {}}\n", n, n, n, form == 2)
			fmt.Fprintf(&clients, "  - {name: c%d, networks: [\"%s/32\"], secret: \"%s\", app: a%d}\n", n, nasAt(n), w.radiusSecret, n)
		}
	}
	w.apply(t, "policies:\n"+policies.String()+"apps:\n"+apps.String()+"radius_clients:\n"+clients.String())
	w.start(t, "radiusd")
	certificates := map[string][]string{}
	for _, label := range []string{"laptop", "tablet"} {
		file := filepath.Join(w.Dir, label+".p12")
		password := w.made(t, "device-cert", "create", "alice", "--label", label, "--p12", file)
		certificates[label] = []string{"eap=TLS", `identity="x"`, fmt.Sprintf("private_key=%q", file), fmt.Sprintf("private_key_passwd=%q", password)}
	}
	for i, v := range radiusVariables() {
		for form := range forms {
			t.Run(fmt.Sprintf("%s/%d", v.name, form), func(t *testing.T) {
				t.Parallel()
				yes, no := accept, reject
				if form != 0 {
					yes, no = reject, accept
				}
				want := append([]string{yes, no}, slices.Repeat([]string{reject}, len(v.absent))...)
				nas, attributes := nasAt(i*forms+form), append([]string{v.right, v.wrong}, v.absent...)
				for n, a := range attributes {
					label, byCertificate := strings.CutPrefix(a, withCertificate)
					got := reject
					if !byCertificate {
						got = w.papFrom(t, nas, a)
					} else if in, _ := w.eapolFrom(t, nas, certificates[label]...); in {
						got = accept
					}
					if got != want[n] {
						t.Errorf("%s: %q, want %s", a, got, want[n])
					}
				}
			})
		}
	}
}

// nasAt is the address of the n-th NAS.
func nasAt(n int) string { return fmt.Sprintf("127.0.20.%d", n+1) }

// papFrom has radclient send alice's password from an address, with one more attribute, and returns the code of the answer.
func (w *world) papFrom(t *testing.T, nas, attribute string) string {
	t.Helper()
	code := ""
	poll(t, time.Minute, func() error {
		code, _, _ = strings.Cut(w.radclient(t, "User-Name = alice", fmt.Sprintf("User-Password = %q", w.alicePassword),
			"Packet-Src-IP-Address = "+nas, "Message-Authenticator = 0x00", attribute), " ")
		if code == silence {
			return errors.New("no answer")
		}
		return nil
	})
	return code
}
