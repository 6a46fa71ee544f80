package certs_test

import (
	"crypto/ecdsa"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/pkcs12"

	"gatehouse/internal/certs"
)

// What we pack, others unpack: a Go library and OpenSSL.
func TestPKCS12(t *testing.T) {
	const password = "abcd-efgh-jkmn-pqrs-tuvw"
	a := authority(t)
	made, err := a.IssueClient("urn:gatehouse:device:1", "alice laptop", time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	file, err := certs.PKCS12(made, "Äpfel", password)
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := pkcs12.ToPEM(file, password)
	if err != nil || len(blocks) != 3 {
		t.Fatalf("%d blocks, %v", len(blocks), err)
	}
	if string(blocks[0].Bytes) != string(made.Certificate[0]) || blocks[0].Headers["friendlyName"] != "Äpfel" || string(blocks[1].Bytes) != string(a.Certificate()) {
		t.Errorf("certificates %v", blocks[0].Headers)
	}
	if _, err := pkcs12.ToPEM(file, "another"); err == nil {
		t.Error("another password opens it")
	}
	path := filepath.Join(t.TempDir(), "a.p12")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "openssl", "pkcs12", "-in", path, "-nodes", "-passin", "pass:"+password).CombinedOutput()
	if err != nil || strings.Count(string(out), "BEGIN CERTIFICATE") != 2 || !strings.Contains(string(out), "BEGIN PRIVATE KEY") {
		t.Errorf("openssl: %v\n%s", err, out)
	}
	if key, ok := made.PrivateKey.(*ecdsa.PrivateKey); !ok || !key.PublicKey.Equal(made.Leaf.PublicKey) {
		t.Error("the key is not the certificate's")
	}
}
