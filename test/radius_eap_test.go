package test

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatehouse/test/stage"
)

// eapol authenticates a device by wpa_supplicant's eapol_test, in full and then
// resumed, and reports whether it was let in both times. eapol_test checks the
// certificate of the network and that the keys are its own.
func (w *world) eapol(t *testing.T, lines ...string) (bool, string) {
	t.Helper()
	return w.eapolFrom(t, "127.0.0.1", lines...)
}

// eapolFrom is eapol by an access point with an address of its own.
func (w *world) eapolFrom(t *testing.T, nas string, lines ...string) (bool, string) {
	t.Helper()
	host, port, err := net.SplitHostPort(w.Auth)
	if err != nil {
		t.Fatal(err)
	}
	network := append([]string{
		"network={", "key_mgmt=WPA-EAP", "eapol_flags=0", fmt.Sprintf("ca_cert=%q", w.CAFile()), `domain_match="radius.example.com"`,
		`anonymous_identity="somebody"`,
		`phase1="tls_disable_tlsv1_3=0 tls_disable_tlsv1_2=1 tls_disable_tlsv1_1=1 tls_disable_tlsv1_0=1"`,
	}, append(lines, "}\n")...)
	config := w.file(t, "network-"+nas+".conf", strings.Join(network, "\n"))
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	r, err := stage.Run(ctx, "", nil, "eapol_test", "-c", config, "-A", nas, "-a", host, "-p", port, "-s", w.radiusSecret, "-t", "25", "-r", "1")
	if err != nil {
		t.Fatal(err)
	}
	return r.Code == 0 && strings.Contains(r.Stdout, "MPPE keys OK: 2  mismatch: 0"), r.Stdout
}

// made runs a command that makes a secret and returns it: the last line.
func (w *world) made(t *testing.T, args ...string) string {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(w.cli(t, "", args...).Stdout), "\n")
	return lines[len(lines)-1]
}

// TestWiFi: what an operator gives to a person's devices lets them into the
// network, until the person is locked down.
func TestWiFi(t *testing.T) {
	w := newWorld(t, "")
	w.start(t, "radiusd")
	phone := w.made(t, "network-password", "create", "alice", "--label", "phone")
	laptop := filepath.Join(w.Dir, "laptop.p12")
	certificate := w.made(t, "device-cert", "create", "alice", "--label", "laptop", "--p12", laptop)
	devices := map[string][]string{
		"EAP-TLS":             {"eap=TLS", `identity="laptop"`, fmt.Sprintf("private_key=%q", laptop), fmt.Sprintf("private_key_passwd=%q", certificate)},
		"EAP-TTLS/PAP":        {"eap=TTLS", `phase2="auth=PAP"`, `identity="alice"`, fmt.Sprintf("password=%q", w.alicePassword)},
		"PEAP/EAP-MSCHAPv2":   {"eap=PEAP", `phase2="auth=MSCHAPV2"`, `identity="alice"`, fmt.Sprintf("password=%q", phone)},
		"somebody else's PAP": {"eap=TTLS", `phase2="auth=PAP"`, `identity="bob"`, fmt.Sprintf("password=%q", phone)},
	}
	want := func(in bool) {
		t.Helper()
		for name, lines := range devices {
			got, out := w.eapol(t, lines...)
			if expected := in && name != "somebody else's PAP"; got != expected {
				t.Errorf("%s: let in %v, want %v\n%s", name, got, expected, out[max(0, len(out)-1500):])
			}
		}
	}
	want(true)
	w.cli(t, "", "user", "lockdown", "alice", "--reason", "stolen")
	want(false)
	for what, secret := range map[string]string{"the network password": phone, "the password of the certificate": certificate, "the RADIUS secret": w.radiusSecret} {
		if strings.Contains(w.Logs(), secret) {
			t.Errorf("%s is in the logs", what)
		}
	}
}
