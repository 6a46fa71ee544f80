//go:build conformance

package radiusd

import (
	"testing"

	"gatehouse/directory/schema"
)

// TestConformanceEAP: every method with both versions of TLS, in full and
// resumed.
func TestConformanceEAP(t *testing.T) {
	w := newEAPWorld(t, schema.RADIUSClient{Methods: []string{schema.MethodEAPTTLS, schema.MethodEAPTLS, schema.MethodPEAP}})
	for _, c := range []eapCase{
		{"tls", withTLS},
		{"ttls-pap", inside("TTLS", "auth=PAP", alicePassword)},
		{"ttls-pap with a network password", inside("TTLS", "auth=PAP", "")},
		{"ttls-mschapv2", inside("TTLS", "auth=MSCHAPV2", "")},
		{"ttls-eap-mschapv2", inside("TTLS", "autheap=MSCHAPV2", "")},
		{"ttls-eap-gtc", inside("TTLS", "autheap=GTC", alicePassword)},
		{"peap-mschapv2", inside("PEAP", "auth=MSCHAPV2", "")},
		{"peap-mschapv2 without crypto-binding", withoutBinding(inside("PEAP", "auth=MSCHAPV2", ""))},
		{"peap-gtc", inside("PEAP", "auth=GTC", alicePassword)},
	} {
		for _, version := range []string{"1.2", "1.3"} {
			t.Run(c.name+" "+version, func(t *testing.T) { w.check(t, c, version) })
		}
	}
}

func withoutBinding(lines func(*testing.T, *eapWorld, *supplicant) []string) func(*testing.T, *eapWorld, *supplicant) []string {
	return func(t *testing.T, w *eapWorld, s *supplicant) []string {
		t.Helper()
		s.phase1 = " crypto_binding=0"
		return lines(t, w, s)
	}
}
