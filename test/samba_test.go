package test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatehouse/test/stage"
)

const smbConf = `[global]
server role = standalone server
netbios name = NAS1
workgroup = EXAMPLE
passdb backend = ldapsam:ldap://$host
ldap ssl = start tls
ldap suffix = $base
ldap admin dn = $reader
ldap passwd sync = no
smb ports = $port
interfaces = lo
bind interfaces only = yes
disable netbios = yes
load printers = no
printing = bsd
printcap name = /dev/null
[share]
path = /srv/share
valid users = @crew
`

// fileServer is Samba on a host of its own, on which alice lists a share.
type fileServer struct {
	process *stage.Process
	steps   io.Writer
}

// TestSamba: Debian's Samba as a standalone server with its accounts in LDAP.
func TestSamba(t *testing.T) {
	w := newWorld(t, "")
	w.apply(t, `groups:
  - {name: crew, members: [alice]}
service_accounts:
  - {name: nas1, password: "`+w.readerPassword+`", grants: ["read:directory", "read:samba"], ldap_profile: samba}
`)
	w.start(t, "ldapd")
	network := w.made(t, "network-password", "create", "alice", "--label", "phone")
	samba := w.made(t, "network-password", "create", "alice", "--label", "share", "--kind", "samba")
	s := w.fileServer(t)
	const refused = "NT_STATUS_LOGON_FAILURE"
	s.expect(t, "right", samba, "hello.txt")
	s.expect(t, "wrong", samba+"x", refused)
	s.expect(t, "signin", w.alicePassword, refused)
	s.expect(t, "network", network, refused)
	w.cli(t, "", "user", "disable", "alice", "--reason", "test")
	s.expect(t, "disabled", samba, "NT_STATUS")
	w.cli(t, "", "user", "enable", "alice")
	s.soon(t, "enabled", samba, "hello.txt")
	w.cli(t, "", "user", "lockdown", "alice", "--reason", "test")
	s.expect(t, "lockdown", samba, refused)
}

// fileServer starts testdata/sambahost.sh.
func (w *world) fileServer(t *testing.T) *fileServer {
	t.Helper()
	dir := scratch(t)
	ca, err := os.ReadFile(w.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	free, err := stage.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(free)
	values := []string{"$", "\x00", "host", w.LDAP, "base", stage.BaseDN, "reader", "cn=nas1,ou=services," + stage.BaseDN, "password", w.readerPassword, "port", port}
	nslcd, _, _ := strings.Cut(nslcdConf, "pam_authz_search")
	for name, content := range map[string]string{
		"ca.pem": string(ca), "nslcd.conf": expand(nslcd, values[2:]...), "smb.conf": expand(smbConf, values[2:]...),
		"ldap.password": w.readerPassword + "\n" + w.readerPassword + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"--mount", "--pid", "--fork", "--kill-child"}
	if os.Getuid() != 0 {
		args = append(args, "--map-root-user")
	}
	in, steps, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("unshare", append(args, "sh", "testdata/sambahost.sh", unixPackages, dir, port)...)
	cmd.Stdin = in
	p, err := stage.Start("samba", cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Kill() // and with it all that is in its namespace
		_, _ = in.Close(), steps.Close()
	})
	s := &fileServer{process: p, steps: steps}
	s.said(t, "ready")
	return s
}

// said waits for the end of a step and returns what it printed.
func (s *fileServer) said(t *testing.T, step string) (text string) {
	t.Helper()
	err := stage.Poll(t.Context(), 90*time.Second, func() error {
		_, after, began := strings.Cut(s.process.Log(), "== "+step+"\n")
		said, _, ended := strings.Cut(after, "=> ")
		if text = said; began && ended {
			return nil
		}
		return fmt.Errorf("step %s has not ended", step)
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, s.process.Tail())
	}
	return text
}

// list has alice list the share, and returns what smbclient says.
func (s *fileServer) list(t *testing.T, step, password string) string {
	t.Helper()
	if _, err := fmt.Fprintln(s.steps, step, password); err != nil {
		t.Fatal(err)
	}
	return s.said(t, step)
}

func (s *fileServer) expect(t *testing.T, step, password, want string) {
	t.Helper()
	if got := s.list(t, step, password); !strings.Contains(got, want) {
		t.Errorf("%s: %q, want %s", step, got, want)
	}
}

// soon is expect for what has to become true: searches follow what is decided.
func (s *fileServer) soon(t *testing.T, step, password, want string) {
	t.Helper()
	n := 0
	if err := stage.Poll(t.Context(), 30*time.Second, func() error {
		n++
		if got := s.list(t, step+strconv.Itoa(n), password); !strings.Contains(got, want) {
			return fmt.Errorf("%s: %q, want %s", step, got, want)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}
