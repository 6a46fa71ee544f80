package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// readProfile is how Python's plistlib, which is not ours, sees a profile.
const readProfile = `import json, plistlib, sys
p = plistlib.load(open(sys.argv[1], "rb"))
wifi = p["PayloadContent"][2]
eap = wifi["EAPClientConfiguration"]
print(json.dumps({
    "ssid": wifi["SSID_STR"], "types": eap["AcceptEAPTypes"], "names": eap["TLSTrustedServerNames"],
    "identity": wifi["PayloadCertificateUUID"] == p["PayloadContent"][0]["PayloadUUID"],
    "anchor": eap["PayloadCertificateAnchorUUID"] == [p["PayloadContent"][1]["PayloadUUID"]],
    "same": p["PayloadContent"][0]["PayloadContent"] == open("a.p12", "rb").read(),
}, sort_keys=True))`

func TestDeviceCert(t *testing.T) {
	s := newShell(t)
	s.must(t, "init", "--admin", "alice")
	out := s.must(t, "device-cert", "create", "alice", "--label", "laptop", "--p12", "a.p12", "--pem", "a.pem", "--mobileconfig", "a.mobileconfig", "--ssid", `R&D "5 GHz"`)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	password := lines[len(lines)-1]
	for _, path := range []string{"a.p12", "a.pem", "a.mobileconfig"} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	text, err := exec.CommandContext(t.Context(), "openssl", "pkcs12", "-in", "a.p12", "-nodes", "-passin", "pass:"+password).CombinedOutput()
	if err != nil || !strings.Contains(string(text), "alice laptop") {
		t.Errorf("openssl: %v\n%s", err, text)
	}
	if text, err := exec.CommandContext(t.Context(), "openssl", "x509", "-in", "a.pem", "-noout", "-ext", "subjectAltName,extendedKeyUsage").CombinedOutput(); err != nil ||
		!strings.Contains(string(text), "URI:urn:gatehouse:device:") || !strings.Contains(string(text), "TLS Web Client Authentication") {
		t.Errorf("openssl: %v\n%s", err, text)
	}
	text, err = exec.CommandContext(t.Context(), "python3", "-c", readProfile, "a.mobileconfig").CombinedOutput()
	const want = `{"anchor": true, "identity": true, "names": ["radius.example.com"], "same": true, "ssid": "R&D \"5 GHz\"", "types": [13]}`
	if err != nil || strings.TrimSpace(string(text)) != want {
		t.Errorf("profile: %v %s, want %s", err, text, want)
	}

	listed := func() (list []certificateView) {
		t.Helper()
		if err := json.Unmarshal([]byte(s.must(t, "device-cert", "list", "alice", "--json")), &list); err != nil {
			t.Fatal(err)
		}
		return list
	}
	before := listed()
	if len(before) != 1 || before[0].Label != "laptop" || !before[0].Revoked.IsZero() {
		t.Fatalf("listed %+v", before)
	}
	s.must(t, "device-cert", "revoke", "alice", before[0].Serial)
	if after := listed(); after[0].Revoked.IsZero() {
		t.Errorf("listed %+v", after)
	}
	s.wantFailure(t, exitFailed, []string{before[0].Serial}, "device-cert", "revoke", "alice", before[0].Serial)
}

// A command that fails leaves no file, and none is replaced.
func TestDeviceCertFiles(t *testing.T) {
	s := newShell(t)
	s.must(t, "init", "--admin", "alice")
	s.wantFailure(t, exitFailed, []string{"nobody"}, "device-cert", "create", "nobody", "--label", "x", "--pem", "x.pem")
	if _, err := os.Stat("x.pem"); !os.IsNotExist(err) {
		t.Errorf("a file was left: %v", err)
	}
	if err := os.WriteFile("kept.pem", []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.wantFailure(t, exitFailed, []string{"kept.pem"}, "device-cert", "create", "alice", "--label", "x", "--pem", "kept.pem")
	if text, err := os.ReadFile("kept.pem"); err != nil || string(text) != "mine" {
		t.Errorf("%q, %v", text, err)
	}
	s.wantFailure(t, exitUsage, []string{"--label"}, "device-cert", "create", "alice", "--pem", "y.pem")
	s.wantFailure(t, exitUsage, []string{"--ssid"}, "device-cert", "create", "alice", "--label", "x", "--mobileconfig", "y")
	s.wantFailure(t, exitUsage, []string{"--p12"}, "device-cert", "create", "alice", "--label", "x")
}

func TestNetworkPassword(t *testing.T) {
	s := newShell(t)
	s.must(t, "init", "--admin", "alice")
	made := strings.TrimSpace(s.must(t, "network-password", "create", "alice", "--label", "phone"))
	if lines := strings.Split(made, "\n"); len(lines[len(lines)-1]) != len("abcd-efgh-jkmn-pqrs-tuvw") {
		t.Errorf("made %q", made)
	}
	s.must(t, "network-password", "create", "alice", "--label", "nas", "--kind", "samba")
	var list []heldView
	if err := json.Unmarshal([]byte(s.must(t, "network-password", "list", "alice", "--json")), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || list[0].Label != "phone" || list[0].Kind != "network" || list[1].Kind != "samba" {
		t.Fatalf("listed %+v", list)
	}
	for _, v := range list {
		s.must(t, "network-password", "revoke", "alice", v.ID)
	}
	if left := s.must(t, "network-password", "list", "alice"); strings.Contains(left, "phone") || strings.Contains(left, "nas") {
		t.Errorf("after both were revoked: %s", left)
	}
	s.wantFailure(t, exitUsage, []string{"samba"}, "network-password", "create", "alice", "--label", "x", "--kind", "other")
}
