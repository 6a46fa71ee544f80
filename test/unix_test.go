package test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatehouse/test/stage"
)

// unixPackages is where test/install-clients unpacks sssd, nslcd and what
// belongs to them. They are not installed: that would change how this machine
// looks people up.
const unixPackages = "../.cache/unix-clients/root"

const sssdConf = `[sssd]
services = nss, pam, ssh
domains = example
[domain/example]
id_provider = ldap
auth_provider = ldap
chpass_provider = ldap
access_provider = permit
ldap_schema = rfc2307bis
ldap_uri = ldap://$host
ldap_id_use_start_tls = true
ldap_tls_cacert = /etc/gatehouse-ca.pem
ldap_search_base = $base
ldap_default_bind_dn = $reader
ldap_default_authtok = $password
cache_credentials = false
`

const nslcdConf = `uid root
gid root
uri ldap://$host
base $base
binddn $reader
bindpw $password
ssl start_tls
tls_reqcert demand
tls_cacertfile /etc/gatehouse-ca.pem
pam_authz_search (&(objectClass=posixAccount)(uid=$$username)(|(authorizedService=$$service)(!(authorizedService=*))))
`

// TestUnixHosts: Debian's sssd and nslcd look people up, sign them in and
// change a password through PAM, each on a host of its own.
func TestUnixHosts(t *testing.T) {
	w := newWorld(t, "")
	const alice = `users:
  - {username: alice, given_name: Alice, family_name: Liddell, password: "correct horse battery", reset_password: true, attributes: {sshPublicKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP0BpPq5IkDPXxTQWcDpyTXJvlFOx3h8gnlzSIxUTIfN alice"}}
`
	w.apply(t, alice+`  - {username: carol, password: "correct horse battery", attributes: {sshPublicKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP0BpPq5IkDPXxTQWcDpyTXJvlFOx3h8gnlzSIxUTIfN carol"}}
groups:
  - {name: engineers, members: [alice, carol]}
  - {name: everyone, groups: [engineers]}
`)
	w.cli(t, "", "user", "disable", "carol", "--reason", "test")
	w.start(t, "ldapd", "scimd", "idp")
	w.rootByProvisioning(t)
	for daemon, conf := range map[string]string{"sssd": sssdConf, "nslcd": nslcdConf} {
		t.Run(daemon, func(t *testing.T) {
			w.apply(t, alice)
			got := w.unixHost(t, daemon, conf)
			want := map[string]string{ // step → what it says, or the exit code alone
				"primary": "alice\n=> 0", "login": "=> 0", "change": "=> 0", "changed": "=> 0", "old": "=> 1", "wrong": "=> 1", "disabled": "=> 1",
			}
			if daemon == "sssd" {
				want["keys"] = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP0BpPq5IkDPXxTQWcDpyTXJvlFOx3h8gnlzSIxUTIfN alice"
			}
			for step, text := range want {
				if !strings.Contains(got[step], text) {
					t.Errorf("%s: %q, want %q", step, got[step], text)
				}
			}
			for step, prefix := range map[string]string{"alice": "alice:", "carol": "carol:", "root": "root:x:0:0:", "engineers": "engineers:", "private": "alice:"} {
				if !strings.HasPrefix(got[step], prefix) {
					t.Errorf("%s: %q, want %s…", step, got[step], prefix)
				}
			}
			// A group of ours by the name of one that makes root gives nobody anything, and who is disabled has no keys.
			for _, step := range []string{"sudo", "docker", "root"} {
				if strings.Contains(got[step], "alice") || strings.Contains(got[step], "mallory") || strings.Count(got[step], "\n") > 2 {
					t.Errorf("%s: %q", step, got[step])
				}
			}
			for _, g := range []string{"sudo", "docker", "root"} {
				if strings.Contains(" "+got["groups"]+" ", " "+g+" ") {
					t.Errorf("alice is in %s: %q", g, got["groups"])
				}
			}
			if strings.Contains(got["nokeys"], "ssh-ed25519") {
				t.Errorf("keys of a disabled account: %q", got["nokeys"])
			}
			for _, g := range []string{"engineers", "everyone"} {
				if !strings.Contains(got["groups"], g) {
					t.Errorf("alice is not in %s: %q", g, got["groups"])
				}
			}
			if !strings.Contains(got["alice"], ":Alice Liddell:/home/alice:/bin/sh") || !strings.Contains(got["engineers"], "alice") {
				t.Errorf("%v", got)
			}
		})
	}
}

// rootByProvisioning has an HR system make groups and a person by names that
// belong to the system of each host, with alice in the groups.
func (w *world) rootByProvisioning(t *testing.T) {
	t.Helper()
	h := w.hr(t)
	alice := h.find(t, "/Users", `userName eq "alice"`)
	for _, name := range []string{"sudo", "docker", "root"} {
		h.create(t, "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"`+name+`","members":[{"value":"`+alice+`"}]}`)
	}
	h.create(t, "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"root","displayName":"mallory","active":true}`)
}

// unixHost runs the steps of testdata/unixhost.sh and returns what each says.
func (w *world) unixHost(t *testing.T, daemon, conf string) map[string]string {
	t.Helper()
	dir := scratch(t)
	ca, err := os.ReadFile(w.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	text := expand(conf, "$", "\x00", "host", w.LDAP, "base", stage.BaseDN, "reader", readerDN, "password", w.readerPassword)
	for name, content := range map[string]string{"ca.pem": string(ca), daemon + ".conf": strings.ReplaceAll(text, "\x00", "$")} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"--mount", "--pid", "--fork", "--kill-child"}
	if os.Getuid() != 0 {
		args = append(args, "--map-root-user")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	r, err := stage.Run(ctx, "", nil, "unshare", append(args, "sh", "testdata/unixhost.sh", unixPackages, dir, daemon)...)
	if err != nil || r.Code != 0 {
		t.Fatalf("%s: %v, %v", daemon, r, err)
	}
	said := map[string]string{}
	for part := range strings.SplitSeq(r.Stdout, "== ") {
		if name, text, ok := strings.Cut(part, "\n"); ok {
			said[name] = text
		}
	}
	if len(said) < 9 {
		t.Fatalf("%s: %v", daemon, r)
	}
	return said
}
