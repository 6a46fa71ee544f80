package test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatehouse/test/stage"
)

// services are the accounts that the recipes of docs/ldap/services.md are tried
// with: two people with passwords, of whom one is in the group.
const services = `users:
  - {username: alice, password: "$alice", reset_password: true}
  - {username: bob, password: "$alice", reset_password: true}
`

// TestServices: PostgreSQL, Dovecot and Squid of Debian let people in by the real
// ldapd over StartTLS, set up as docs/ldap/services.md says.
func TestServices(t *testing.T) {
	w := newWorld(t, "")
	// Its characters would end a word, a quoted string or a field somewhere.
	const password = `correct %horse #battery`
	w.apply(t, expand(services, "alice", password))
	w.start(t, "ldapd")
	ca, err := os.ReadFile(w.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	// The services run under accounts of their own, which enter no data directory.
	public := filepath.Join(w.Dir, "services-ca.pem")
	if err := os.WriteFile(public, ca, 0o644); err != nil { //nolint:gosec // a certificate
		t.Fatal(err)
	}
	t.Run("postgresql", func(t *testing.T) { w.signsInPostgres(t, public, password) })
	t.Run("dovecot", func(t *testing.T) { w.signsInDovecot(t, public, password) })
	t.Run("squid", func(t *testing.T) { w.signsInSquid(t, public, password) })
}

// fill puts the places of this world into a recipe.
func (w *world) fill(recipe string) string {
	host, port, _ := strings.Cut(w.LDAP, ":")
	return expand(recipe, "host", host, "port", port, "users", usersDN, "groups", groupsDN, "reader", readerDN, "secret", w.readerPassword)
}

func (w *world) signsInPostgres(t *testing.T, ca, password string) {
	const line = `host all $role 127.0.0.1/32 ldap ldapserver=$host ldapport=$port ldaptls=1 ldapbasedn="$users" ` +
		`ldapbinddn="$reader" ldapbindpasswd="$secret" ldapsearchfilter="(&(uid=$username)(memberOf=cn=staff,$groups))"`
	for _, role := range []string{"alice", "bob"} {
		// $username is PostgreSQL's, not ours, and begins like $users.
		filled := strings.ReplaceAll(w.fill(strings.ReplaceAll(line, "$username", "%username")), "%username", "$username")
		if err := shared.postgres.SignIn(t.Context(), role, expand(filled, "role", role), "TLS_CACERT "+ca+"\n"); err != nil {
			t.Fatal(err)
		}
	}
	try := func(role, password string) error { return shared.postgres.Try(t.Context(), role, password) }
	// Until the rules are read anything opens.
	err := stage.Poll(t.Context(), 30*time.Second, func() error {
		if try("alice", "wrong") == nil || try("bob", "wrong") == nil {
			return errors.New("a wrong password opens PostgreSQL")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := try("alice", password); err != nil {
		t.Error(err)
	}
	if err := try("bob", password); err == nil {
		t.Error("who is not in the group opens PostgreSQL")
	}
}

const dovecotConf = `base_dir = $dir/run
log_path = $dir/log
protocols =
ssl = no
auth_mechanisms = plain
passdb {
  driver = ldap
  args = $dir/dovecot-ldap.conf.ext
}
userdb {
  driver = ldap
  args = $dir/dovecot-ldap.conf.ext
}
`

const dovecotLDAP = `uris = ldap://$host:$port
tls = yes
tls_ca_cert_file = $ca
tls_require_cert = demand
dn = $reader
dnpass = $secret
base = $users
auth_bind = yes
pass_filter = (&(objectClass=inetOrgPerson)(|(uid=%u)(mail=%u)))
pass_attrs = uid=user
user_filter = (&(objectClass=posixAccount)(uid=%u))
user_attrs = homeDirectory=home, uidNumber=uid, gidNumber=gid
iterate_filter = (objectClass=posixAccount)
iterate_attrs = uid=user
`

func (w *world) signsInDovecot(t *testing.T, ca, password string) {
	dir := filepath.Join(w.Dir, "dovecot")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	w.file(t, "dovecot/dovecot-ldap.conf.ext", expand(w.fill(dovecotLDAP), "ca", ca))
	conf := expand(dovecotConf, "dir", dir)
	if os.Geteuid() != 0 {
		me, err := user.Current()
		if err != nil {
			t.Fatal(err)
		}
		conf += expand("default_internal_user = $me\ndefault_login_user = $me\ndefault_internal_group = $group\n", "me", me.Username, "group", me.Username)
	}
	path := w.file(t, "dovecot/dovecot.conf", conf)
	server, err := stage.Start("dovecot", exec.Command("/usr/sbin/dovecot", "-F", "-c", path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(syscall.SIGTERM, 30*time.Second); err != nil {
			t.Error(err)
		}
		if log, err := os.ReadFile(filepath.Join(dir, "log")); err == nil && t.Failed() {
			t.Logf("%s\n%s", server.Log(), log)
		}
	})
	doveadm := func(args ...string) stage.Result {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		r, err := stage.Run(ctx, "", nil, "doveadm", append([]string{"-c", path}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	err = stage.Poll(t.Context(), 30*time.Second, func() error {
		if r := doveadm("auth", "test", "alice", password); r.Code != 0 {
			return errors.New(r.String())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if r := doveadm("auth", "test", "alice@example.com", password); r.Code != 0 || !strings.Contains(r.Stdout, "user=alice\n") {
		t.Errorf("by address: %v", r)
	}
	if r := doveadm("auth", "test", "alice", "wrong"); r.Code == 0 {
		t.Errorf("a wrong password: %v", r)
	}
	if r := doveadm("user", "alice"); !strings.Contains(r.Stdout, "home\t/home/alice") {
		t.Errorf("where mail goes: %v", r)
	}
	if r := doveadm("user", "*"); !strings.Contains(r.Stdout, "alice\n") || !strings.Contains(r.Stdout, "bob\n") {
		t.Errorf("who has mail: %v", r)
	}
}

func (w *world) signsInSquid(t *testing.T, ca, password string) {
	secret := w.file(t, "squid.password", w.readerPassword)
	base := []string{"-v", "3", "-Z", "-H", "ldap://" + w.LDAP, "-D", readerDN, "-W", secret, "-b", usersDN}
	helper := func(name, lines string, args ...string) []string {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		r, err := stage.Run(ctx, lines, []string{"LDAPTLS_CACERT=" + ca}, "/usr/lib/squid/"+name, append(base, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		var first []string
		for line := range strings.Lines(r.Stdout) {
			word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			first = append(first, word)
		}
		return first
	}
	typed := strings.NewReplacer("%", "%25", " ", "%20", "#", "%23").Replace(password)
	got := helper("basic_ldap_auth", "alice "+typed+"\nalice wrong\nbob "+typed+"\n* "+typed+"\n", "-P", "-f", "(&(objectClass=inetOrgPerson)(uid=%s))")
	if len(got) != 4 || got[0] != "OK" || got[1] != "ERR" || got[2] != "OK" || got[3] == "OK" {
		t.Errorf("basic_ldap_auth: %q", got)
	}
	got = helper("ext_ldap_group_acl", "alice staff\nbob staff\nalice nosuch\n", "-f", "(&(uid=%u)(memberOf=cn=%g,"+groupsDN+"))")
	if len(got) != 3 || got[0] != "OK" || got[1] != "ERR" || got[2] != "ERR" {
		t.Errorf("ext_ldap_group_acl: %q", got)
	}
}
