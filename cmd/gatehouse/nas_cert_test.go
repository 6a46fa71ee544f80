package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestNASCert(t *testing.T) {
	s := newShell(t)
	s.must(t, "init", "--admin", "alice")
	if err := os.WriteFile("site.yaml", []byte("radius_clients:\n  - {name: branch, tls: {}}\n  - {name: old, networks: [10.0.0.0/8], secret: 0123456789abcdef}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.must(t, "apply", "-f", "site.yaml")
	if out := s.must(t, "radius-client", "show", "branch"); !strings.Contains(out, "certificates of the built-in CA") {
		t.Errorf("show:\n%s", out)
	}
	out := s.must(t, "radius-client", "cert", "create", "branch", "--label", "rack 1", "--p12", "a.p12", "--pem", "a.pem")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	text, err := exec.CommandContext(t.Context(), "openssl", "pkcs12", "-in", "a.p12", "-nodes", "-passin", "pass:"+lines[len(lines)-1]).CombinedOutput()
	if err != nil || !strings.Contains(string(text), "CN = branch") {
		t.Errorf("openssl: %v\n%s", err, text)
	}
	if text, err := exec.CommandContext(t.Context(), "openssl", "x509", "-in", "a.pem", "-noout", "-ext", "subjectAltName,extendedKeyUsage").CombinedOutput(); err != nil ||
		!strings.Contains(string(text), "URI:urn:gatehouse:nas:") || !strings.Contains(string(text), "TLS Web Client Authentication") {
		t.Errorf("openssl: %v\n%s", err, text)
	}
	var have []certificateView
	list := func() certificateView {
		t.Helper()
		if err := json.Unmarshal([]byte(s.must(t, "radius-client", "cert", "list", "branch", "--json")), &have); err != nil || len(have) != 1 {
			t.Fatalf("%v, %+v", err, have)
		}
		return have[0]
	}
	serial := list().Serial
	s.must(t, "radius-client", "cert", "revoke", "branch", serial)
	if list().Revoked.IsZero() {
		t.Error("it is not revoked")
	}
	for _, tt := range []struct {
		args []string
		code int
	}{
		{[]string{"revoke", "branch", serial}, 1},
		{[]string{"create", "branch"}, 2},
		{[]string{"create", "branch", "--pem", "b.pem", "--days", "0"}, 2},
		{[]string{"create", "old", "--pem", "b.pem"}, 2},
		{[]string{"create", "nobody", "--pem", "b.pem"}, 1},
	} {
		s.wantFailure(t, tt.code, nil, append([]string{"radius-client", "cert"}, tt.args...)...)
	}
	if _, err := os.Stat("b.pem"); err == nil {
		t.Error("a file was left behind")
	}
}
