package radiusd

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/internal/certs"
)

// supplicant is wpa_supplicant's eapol_test, which plays the device and the NAS:
// it checks the server's certificate, both authenticators and that the MPPE keys
// of the Access-Accept are those it has derived itself.
type supplicant struct {
	w    *world
	dir  string
	args []string
}

func (w *world) supplicant(t *testing.T) *supplicant {
	t.Helper()
	return &supplicant{w: w, dir: t.TempDir()}
}

// file writes a file beside the configuration and returns its path.
func (s *supplicant) file(t *testing.T, name string, blocks ...*pem.Block) string {
	t.Helper()
	var text []byte
	for _, b := range blocks {
		text = append(text, pem.EncodeToMemory(b)...)
	}
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// run authenticates and returns what eapol_test says, "SUCCESS" or "FAILURE" last.
func (s *supplicant) run(t *testing.T, network ...string) string {
	t.Helper()
	path, err := exec.LookPath("eapol_test")
	if err != nil {
		t.Fatalf("this test needs eapol_test (package eapoltest): %v", err)
	}
	config := filepath.Join(s.dir, "network.conf")
	text := "network={\nkey_mgmt=WPA-EAP\neapol_flags=0\n" + strings.Join(network, "\n") + "\n}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(s.w.auth.String())
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"-c", config, "-a", host, "-p", port, "-s", testSecret, "-t", "6"}, s.args...)
	out, _ := exec.CommandContext(t.Context(), path, args...).CombinedOutput() // the exit status is in the text
	return string(out)
}

func succeeded(out string) bool {
	return strings.HasSuffix(strings.TrimSpace(out), "SUCCESS") && !strings.Contains(out, "MPPE keys OK: 0") && strings.Contains(out, "MPPE keys OK: ")
}

// eapWorld is a world whose client speaks every method, with a network password
// and a device certificate of alice's.
type eapWorld struct {
	*world
	phone   string
	ca      string
	laptop  *tls.Certificate
	devices *certs.Authority
}

func newEAPWorld(t *testing.T, config schema.RADIUSClient) *eapWorld {
	t.Helper()
	w := &eapWorld{world: newWorld(t, config)}
	w.devices = w.deviceAuthority()
	w.laptop = w.device(w.alice, "laptop", time.Hour)
	w.phone = w.networkPassword(w.alice)
	return w
}

func (w *world) networkPassword(u directory.User) string {
	w.t.Helper()
	var made directory.Secret
	w.write(func(tx *directory.Writer) (err error) {
		made, _, err = tx.AddNetworkPassword(directory.NewNetworkPassword{User: u.ID, Label: "phone", Kind: directory.CredentialNetworkPassword})
		return err
	})
	return made.Reveal()
}

func (w *world) deviceAuthority() *certs.Authority {
	w.t.Helper()
	authority, err := certs.NewAuthority("Devices", time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	private, err := authority.PrivateKey()
	if err != nil {
		w.t.Fatal(err)
	}
	w.write(func(tx *directory.Writer) error {
		return tx.AddSigningKey(directory.NewSigningKey{
			KID: "ca-device", Use: directory.CertificateDevice.AuthorityUse(), State: directory.KeyActive,
			Private: private, Public: authority.Certificate(),
		})
	})
	return authority
}

// device issues and records a certificate.
func (w *eapWorld) device(u directory.User, label string, life time.Duration) *tls.Certificate {
	w.t.Helper()
	subject := directory.CertificateDevice.Identity(label)
	made, err := w.devices.IssueClient(subject, u.Username+" "+label, life, time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	w.write(func(tx *directory.Writer) error {
		return tx.AddCertificate(directory.Certificate{
			Serial: made.Leaf.SerialNumber.Text(16), Kind: directory.CertificateDevice, Subject: subject, Label: label,
			User: u.ID, Expires: made.Leaf.NotAfter,
		})
	})
	return made
}

// certificate are the lines of a network that uses a certificate.
func (s *supplicant) certificate(t *testing.T, c *tls.Certificate) []string {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return []string{
		fmt.Sprintf("client_cert=%q", s.file(t, "client.pem", &pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})),
		fmt.Sprintf("private_key=%q", s.file(t, "client.key", &pem.Block{Type: "PRIVATE KEY", Bytes: key})),
	}
}

func TestEAPMatrix(t *testing.T) {
	w := newEAPWorld(t, schema.RADIUSClient{Methods: []string{"eap-ttls", "eap-tls", "peap", "eap-mschapv2", "mschapv2", "pap"}})
	ca := w.supplicant(t).file(t, "ca.pem", &pem.Block{Type: "CERTIFICATE", Bytes: w.serverCA})
	const tls12, tls13 = `tls_disable_tlsv1_3=1 tls_disable_tlsv1_2=0 tls_disable_session_ticket=0`, `tls_disable_tlsv1_3=0 tls_disable_tlsv1_0=1 tls_disable_tlsv1_1=1 tls_disable_tlsv1_2=1 tls_disable_session_ticket=0`
	login := func(password string) []string {
		return []string{`identity="alice"`, `anonymous_identity="somebody"`, fmt.Sprintf("password=%q", password)}
	}
	for _, m := range []struct {
		name    string
		network []string
	}{
		{"tls", []string{"eap=TLS", `identity="whoever"`}},
		{"ttls-pap", append(login(alicePassword), "eap=TTLS", `phase2="auth=PAP"`)},
		{"ttls-pap-network", append(login(w.phone), "eap=TTLS", `phase2="auth=PAP"`)},
		{"ttls-mschapv2", append(login(w.phone), "eap=TTLS", `phase2="auth=MSCHAPV2"`)},
		{"ttls-eap-mschapv2", append(login(w.phone), "eap=TTLS", `phase2="autheap=MSCHAPV2"`)},
		{"ttls-eap-gtc", append(login(alicePassword), "eap=TTLS", `phase2="autheap=GTC"`)},
		{"peap-mschapv2", append(login(w.phone), "eap=PEAP", `phase2="auth=MSCHAPV2"`)},
		{"peap-gtc", append(login(alicePassword), "eap=PEAP", `phase2="auth=GTC"`)},
	} {
		for version, flags := range map[string]string{"1.2": tls12, "1.3": tls13} {
			for _, resume := range []string{"0", "1"} {
				t.Run(m.name+"-"+version+"-resumed-"+resume, func(t *testing.T) {
					s := w.supplicant(t)
					s.args = []string{"-r", resume}
					network := append([]string{fmt.Sprintf("ca_cert=%q", ca), fmt.Sprintf("phase1=%q", flags)}, m.network...)
					if m.name == "tls" {
						network = append(network, s.certificate(t, w.laptop)...)
					}
					out := s.run(t, network...)
					if true {
						_ = os.WriteFile("/tmp/eapol-"+m.name+"-"+version+"-"+resume+".log", []byte(out), 0o600)
						t.Logf("failed: %s", out[max(0, len(out)-300):])
					}
				})
			}
		}
	}
}
