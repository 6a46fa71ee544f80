package test

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatehouse/test/stage"
)

// radsecproxyConfig is that of docs/radius/radsec.md with other addresses.
const radsecproxyConfig = `ListenUDP $udp
LogLevel 3
tls gatehouse {
    CACertificateFile $ca
    CertificateFile $cert
    CertificateKeyFile $cert
}
client 127.0.0.1 {
    type udp
    secret $secret
}
server gatehouse {
    type tls
    host 127.0.0.1
    port $port
    secret radsec
    tls gatehouse
    StatusServer on
}
realm * {
    server gatehouse
    accountingServer gatehouse
}
`

// radsecproxy runs Debian's radsecproxy in front of radiusd, with a certificate,
// and returns the world as it is seen through it.
func (w *world) radsecproxy(t *testing.T, certificate string) *world {
	t.Helper()
	udp, err := stage.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(w.RadSec)
	if err != nil {
		t.Fatal(err)
	}
	g, seen := *w.Gatehouse, *w
	g.Auth, g.Acct = stage.Loopback(udp), stage.Loopback(udp)
	seen.Gatehouse = &g
	config := w.file(t, fmt.Sprintf("radsecproxy-%d.conf", udp), expand(radsecproxyConfig,
		"udp", g.Auth, "ca", w.CAFile(), "cert", certificate, "secret", w.radiusSecret, "port", port))
	proxy, err := stage.Start("radsecproxy", exec.Command("/usr/sbin/radsecproxy", "-f", "-c", config))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = proxy.Kill()
		if t.Failed() {
			t.Log(proxy.Log())
		}
	})
	return &seen
}

// certificate issues a certificate to a RADIUS client and returns the PEM file
// and the serial number.
func (w *world) nasCertificate(t *testing.T, client, label string) (file, serial string) {
	t.Helper()
	file = filepath.Join(w.Dir, label+".pem")
	w.cli(t, "", "radius-client", "cert", "create", client, "--label", label, "--pem", file)
	for line := range strings.Lines(w.cli(t, "", "radius-client", "cert", "list", client).Stdout) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[1] == label {
			return file, fields[0]
		}
	}
	t.Fatalf("no certificate %s of %s is listed", label, client)
	return "", ""
}

// TestRadSec: an access point that speaks RADIUS over TLS by way of radsecproxy,
// which is not ours: passwords, EAP with its keys, accounting, and the end of it
// when the certificate is revoked.
func TestRadSec(t *testing.T) {
	w := newWorld(t, "")
	if r := w.try(t, "", "radius-client", "cert", "create", "ap-hall", "--pem", filepath.Join(w.Dir, "no.pem")); r.Code != 2 || !strings.Contains(r.Stderr, "tls: {}") {
		t.Errorf("a client without tls: %v", r)
	}
	w.apply(t, "radius_clients:\n  - {name: branch, tls: {}, app: wifi, reply: [{group: staff, vlan: 101}]}\n")
	w.start(t, "radiusd")
	first, serial := w.nasCertificate(t, "branch", "first")
	second, _ := w.nasCertificate(t, "branch", "second")
	one, other := w.radsecproxy(t, first), w.radsecproxy(t, second)

	one.untilAnswered(t)
	answer := one.pap(t, "alice", w.alicePassword)
	wantRADIUS(t, answer, accept)
	if !strings.Contains(answer, `Tunnel-Private-Group-Id:0 = "101"`) {
		t.Errorf("no VLAN: %s", answer)
	}
	wantRADIUS(t, one.pap(t, "alice", "wrong"), reject)
	if in, out := one.eapol(t, "eap=TTLS", `phase2="auth=PAP"`, `identity="alice"`, fmt.Sprintf("password=%q", w.alicePassword)); !in {
		t.Errorf("EAP-TTLS: not let in\n%s", out[max(0, len(out)-1500):])
	}
	one.accounted(t)

	other.untilAnswered(t)
	w.cli(t, "", "radius-client", "cert", "revoke", "branch", serial)
	if err := stage.Poll(t.Context(), 20*time.Second, func() error {
		if got := one.pap(t, "alice", w.alicePassword); got != silence {
			return fmt.Errorf("the revoked certificate: %s", got)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	wantRADIUS(t, other.pap(t, "alice", w.alicePassword), accept)
}

// untilAnswered waits until the proxy has its connection.
func (w *world) untilAnswered(t *testing.T) {
	t.Helper()
	if err := stage.Poll(t.Context(), 60*time.Second, func() error {
		if w.pap(t, "alice", w.alicePassword) == silence {
			return fmt.Errorf("no answer through %s", w.Auth)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// accounted sends the start and the end of a session.
func (w *world) accounted(t *testing.T) {
	t.Helper()
	for _, status := range []string{"Start", "Stop"} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		record := fmt.Sprintf("Acct-Status-Type = %s\nAcct-Session-Id = \"1\"\nUser-Name = \"alice\"\nNAS-IP-Address = 127.0.0.1\n", status)
		r, err := stage.Run(ctx, record, nil, "radclient", "-x", "-r", "2", "-t", "5", w.Acct, "acct", w.radiusSecret)
		if err != nil || !strings.Contains(r.Stdout, "Received Accounting-Response") {
			t.Errorf("accounting %s: %v, %v", status, r, err)
		}
	}
}
