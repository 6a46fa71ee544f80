package ldapd

import (
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/directory"
)

// TestOpenLDAPTools runs what an administrator would type.
func TestOpenLDAPTools(t *testing.T) {
	w := newWorld(t, nil)
	w.crowd(25, 10)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	der := w.server.c.TLS.Certificates[0].Certificate[0]
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(tool string, args ...string) (string, int) {
		cmd := exec.CommandContext(t.Context(), tool, args...)
		cmd.Env = append(os.Environ(), "LDAPTLS_CACERT="+ca, "LDAPTLS_REQCERT=demand")
		out, err := cmd.CombinedOutput()
		if err != nil && cmd.ProcessState == nil {
			t.Fatalf("%s: %v", tool, err)
		}
		return string(out), cmd.ProcessState.ExitCode()
	}
	url := []string{"-x", "-H", "ldap://" + w.plain}
	reader := append(url, "-D", readerDN, "-w", password)
	tests := []struct {
		name string
		tool string
		args []string
		exit int
		want []string
	}{
		{"who am i over StartTLS", "ldapwhoami", append(url, "-ZZ", "-D", aliceDN, "-w", password), 0, []string{"dn:" + aliceDN}},
		{"who am i over LDAPS", "ldapwhoami", []string{"-x", "-H", "ldaps://" + w.tls, "-D", aliceDN, "-w", password}, 0, []string{"dn:" + aliceDN}},
		{"wrong password", "ldapwhoami", append(url, "-ZZ", "-D", aliceDN, "-w", "no"), 49, []string{"Invalid credentials (49)"}},
		{
			"search", "ldapsearch", append(reader, "-ZZ", "-LLL", "-b", baseDN, "(mail=alice@example.com)", "uid", "memberOf"), 0,
			[]string{"dn: " + aliceDN, "uid: alice", "memberOf: cn=staff,ou=groups," + baseDN},
		},
		{"critical pages", "ldapsearch", append(reader, "-LLL", "-b", baseDN, "-E", "!pr=7/noprompt", "(sn=Person)", "uid"), 0, []string{"uid: p0024"}},
		{"size limit", "ldapsearch", append(reader, "-LLL", "-z", "3", "-b", baseDN, "(sn=Person)", "uid"), 4, []string{"Size limit exceeded (4)"}},
		{"manage DSA IT", "ldapsearch", append(reader, "-LLL", "-MM", "-b", aliceDN, "-s", "base"), 0, []string{"uid: alice"}},
		{"no such object", "ldapsearch", append(reader, "-b", "uid=x,ou=users,"+baseDN, "-s", "base"), 32, []string{"matchedDN: ou=users," + baseDN}},
		{"root DSE", "ldapsearch", append(url, "-LLL", "-b", "", "-s", "base"), 0, []string{"namingContexts: " + baseDN}},
		{"SASL PLAIN", "ldapwhoami", []string{"-Y", "PLAIN", "-O", "none", "-Q", "-H", "ldaps://" + w.tls, "-U", "alice", "-w", password}, 0, []string{"dn:" + aliceDN}},
		{"unknown critical control", "ldapsearch", append(reader, "-b", baseDN, "-e", "!1.2.3.4", "(uid=alice)"), 12, []string{"unsupported control"}},
		{"compare", "ldapcompare", append(reader, "cn=staff,ou=groups,"+baseDN, "member:"+aliceDN), 6, []string{"TRUE"}},
		{"compare false", "ldapcompare", append(reader, "cn=staff,ou=groups,"+baseDN, "member:"+bobDN), 5, []string{"FALSE"}},
		{"delete without a grant", "ldapdelete", append(reader, aliceDN), 50, []string{"Insufficient access (50)"}},
		{"a password without a grant", "ldappasswd", append(reader, "-s", "x", aliceDN), 1, []string{"Insufficient access (50)"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, exit := run(tt.tool, tt.args...)
			if exit != tt.exit {
				t.Fatalf("exit %d, want %d: %s", exit, tt.exit, out)
			}
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("no %q in %s", want, out)
				}
			}
		})
	}
	pages, _ := run("ldapsearch", append(reader, "-LLL", "-b", baseDN, "-E", "!pr=7/noprompt", "(sn=Person)", "uid")...)
	if n := strings.Count(pages, "\ndn: ") + strings.Count(pages[:4], "dn: "); n < 25 {
		t.Errorf("%d entries over all pages", n)
	}
}

// TestPythonLDAP is the bind that existing scripts make: cn= names a user, and the password is the sign-in password.
func TestPythonLDAP(t *testing.T) {
	w := newWorld(t, nil)
	script := `
import ldap, sys
url, dn, password = sys.argv[1:4]
c = ldap.initialize(url)
c.simple_bind_s(dn, password)
print(c.whoami_s())
try:
    c.simple_bind_s(dn, "wrong")
except ldap.INVALID_CREDENTIALS:
    print("refused")
`
	out, err := exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", script, "ldap://"+w.plain, "cn=alice,ou=users,"+baseDN, password).CombinedOutput()
	if got := strings.Fields(string(out)); err != nil || len(got) != 2 || got[0] != "dn:"+aliceDN || got[1] != "refused" {
		t.Errorf("%s, %v", out, err)
	}
	w.write(func(tx *directory.Writer) error {
		_, err := tx.DisableUser(w.alice.ID, "test")
		return err
	})
	if err := w.dial().Bind(aliceDN, password); code(err) != 49 {
		t.Errorf("from the next attempt on: %v", err)
	}
}
