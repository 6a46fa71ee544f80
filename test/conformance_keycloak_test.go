//go:build conformance

package test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatehouse/test/stage"
)

const keycloakRelease = "26.3.5"

// keycloak is a server of the real product, in its development mode.
type keycloak struct {
	dir string // of the distribution
	url string
}

// newKeycloak gets the distribution as Maven does and starts it. It trusts the
// certificate of ca beside the usual ones.
func newKeycloak(t *testing.T, ca string) *keycloak {
	t.Helper()
	dir := scratch(t)
	for _, command := range [][]string{
		{"mvn", "-q", "-B", "dependency:copy", "-Dartifact=org.keycloak:keycloak-quarkus-dist:" + keycloakRelease + ":zip", "-DoutputDirectory=" + dir},
		{"unzip", "-q", "-d", dir, filepath.Join(dir, "keycloak-quarkus-dist-"+keycloakRelease+".zip")},
	} {
		cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", command, err, out)
		}
	}
	port, err := stage.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	k := &keycloak{dir: filepath.Join(dir, "keycloak-"+keycloakRelease), url: "http://" + stage.Loopback(port)}
	_, number, _ := strings.Cut(stage.Loopback(port), ":")
	cmd := exec.Command(filepath.Join(k.dir, "bin", "kc.sh"), "start-dev", "--http-host=127.0.0.1", "--http-port="+number, "--truststore-paths="+ca)
	cmd.Env = append(os.Environ(), "KC_BOOTSTRAP_ADMIN_USERNAME=admin", "KC_BOOTSTRAP_ADMIN_PASSWORD=admin")
	// The script starts Java as its child in the first run: the whole group is ended.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	server, err := stage.Start("keycloak", cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Kill(-server.Pid(), syscall.SIGKILL); err != nil {
			t.Error(err)
		}
		_, _ = server.Wait(30 * time.Second)
		if t.Failed() {
			t.Log(server.Tail())
		}
	})
	// The first start compiles the configuration.
	err = stage.Poll(t.Context(), 8*time.Minute, func() error {
		return k.try(t.Context(), "config", "credentials", "--server", k.url, "--realm", "master", "--user", "admin", "--password", "admin").err
	})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

type adminAnswer struct {
	out string
	err error
}

// try runs Keycloak's own command line for administrators.
func (k *keycloak) try(ctx context.Context, args ...string) adminAnswer {
	args = append(args, "--config", filepath.Join(k.dir, "kcadm.config"))
	out, err := exec.CommandContext(ctx, filepath.Join(k.dir, "bin", "kcadm.sh"), args...).Output()
	return adminAnswer{strings.TrimSpace(string(out)), err}
}

func (k *keycloak) admin(t *testing.T, args ...string) string {
	t.Helper()
	a := k.try(t.Context(), args...)
	if a.err != nil {
		t.Fatalf("kcadm %v: %v\n%s", args, a.err, a.out)
	}
	return a.out
}

// signIn reports whether a password gets a token.
func (k *keycloak) signIn(t *testing.T, name, password string) bool {
	t.Helper()
	form := url.Values{"client_id": {"admin-cli"}, "grant_type": {"password"}, "username": {name}, "password": {password}}
	r, err := http.PostForm(k.url+"/realms/example/protocol/openid-connect/token", form) //nolint:noctx // ends with the test
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	return r.StatusCode == http.StatusOK
}

// TestConformanceKeycloak: the recipe of docs/ldap/applications.md, by Keycloak
// itself: people and groups are imported, sign in, and get new passwords by
// Password Modify.
func TestConformanceKeycloak(t *testing.T) {
	w := newWorld(t, "")
	const first, second, secret = "alice's horse battery", "alice's other battery", "keycloak's horse battery"
	w.apply(t, `users:
  - {username: alice, password: "`+first+`", reset_password: true}
service_accounts:
  - {name: keycloak, password: "`+secret+`", grants: ["read:directory", "write:password"]}
`)
	w.start(t, "ldapd")
	k := newKeycloak(t, w.CAFile())
	k.admin(t, "create", "realms", "-s", "realm=example", "-s", "enabled=true")
	component := func(name, provider, kind string, config map[string]string, args ...string) string {
		args = append([]string{"create", "components", "-r", "example", "-i", "-s", "name=" + name, "-s", "providerId=" + provider, "-s", "providerType=" + kind}, args...)
		for key, value := range config {
			quoted, err := json.Marshal([]string{value})
			if err != nil {
				t.Fatal(err)
			}
			args = append(args, "-s", `config."`+key+`"=`+string(quoted))
		}
		return k.admin(t, args...)
	}
	id := component("gatehouse", "ldap", "org.keycloak.storage.UserStorageProvider", map[string]string{
		"enabled": "true", "vendor": "other", "editMode": "WRITABLE", "importEnabled": "true", "syncRegistrations": "false",
		"connectionUrl": "ldap://" + w.LDAP, "startTls": "true", "useTruststoreSpi": "always", "authType": "simple",
		"bindDn": "cn=keycloak,ou=services," + stage.BaseDN, "bindCredential": secret, "usersDn": usersDN, "searchScope": "1",
		"usernameLDAPAttribute": "uid", "rdnLDAPAttribute": "uid", "uuidLDAPAttribute": "entryUUID", "userObjectClasses": "inetOrgPerson",
		"pagination": "true", "batchSizeForSync": "2", "usePasswordModifyExtendedOp": "true",
	})
	for line := range strings.Lines(k.admin(t, "get", "components", "-r", "example", "-q", "parent="+id, "--fields", "id,name", "--format", "csv", "--noquotes")) {
		if mapper, ok := strings.CutSuffix(strings.TrimSpace(line), ",first name"); ok {
			k.admin(t, "update", "components/"+mapper, "-r", "example", "-s", `config."ldap.attribute"=["givenName"]`)
		}
	}
	component("groups", "group-ldap-mapper", "org.keycloak.storage.ldap.mappers.LDAPStorageMapper", map[string]string{
		"groups.dn": groupsDN, "group.name.ldap.attribute": "cn", "group.object.classes": "groupOfNames", "mode": "READ_ONLY",
		"membership.ldap.attribute": "member", "membership.attribute.type": "DN", "membership.user.ldap.attribute": "uid",
		"user.roles.retrieve.strategy": "LOAD_GROUPS_BY_MEMBER_ATTRIBUTE", "preserve.group.inheritance": "true",
	}, "-s", "parentId="+id)
	if got := k.admin(t, "create", "user-storage/"+id+"/sync?action=triggerFullSync", "-r", "example", "-o"); !strings.Contains(got, "3 imported users") {
		t.Errorf("import: %s", got)
	}
	if got := k.admin(t, "get", "groups", "-r", "example", "--fields", "name"); !strings.Contains(got, `"staff"`) {
		t.Errorf("groups: %s", got)
	}
	if !k.signIn(t, "alice", first) || !k.signIn(t, "alice@example.com", first) || k.signIn(t, "alice", "wrong") {
		t.Error("the wrong people sign in")
	}
	alice := k.admin(t, "get", "users", "-r", "example", "-q", "username=alice", "--fields", "id", "--format", "csv", "--noquotes")
	if got := k.admin(t, "get", "users/"+alice+"/groups", "-r", "example", "--fields", "name"); !strings.Contains(got, `"staff"`) {
		t.Errorf("groups of alice: %s", got)
	}
	k.admin(t, "set-password", "-r", "example", "--username", "alice", "--new-password", second)
	if code, _ := w.whoami(t, aliceDN, second); code != 0 || k.signIn(t, "alice", first) || !k.signIn(t, "alice", second) {
		t.Errorf("after the change by Keycloak a bind has %d", code)
	}
	w.cli(t, "", "user", "disable", "alice")
	if k.signIn(t, "alice", second) {
		t.Error("who is disabled signs in")
	}
}
