package site_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	"gatehouse/site"
)

const example = `
users:
  - {username: alice, given_name: Alice, family_name: Liddell, emails: [alice@example.com], password: "curious and", attributes: {title: Engineer}}
  - {username: carol, family_name: Old, emails: [carol@example.com], password_hash: "{SSHA}SWdNwI9zrKBmRo5SG0mvNQtpZnhhYmNkZWZnaA=="}
groups:
  - {name: staff, members: [alice, {user: carol, until: 2027-01-31T18:00:00Z}], groups: [], attributes: {vlan: "101"}}
  - {name: everybody, groups: [staff]}
service_accounts:
  - {name: reader, password: "reads a lot", grants: ["read:directory"]}
policies:
  - {name: office-net, rule: 'request.ip.in("10.0.0.0/8")', message: "Only from the office network."}
apps:
  - slug: wiki
    name: Wiki
    bindings: [{group: staff}, {policy: office-net, negate: false}]
    oidc: {client_id: wiki, client_secret: "a client secret", redirect_uris: ["http://localhost:5000/oidc/callback"]}
    ldap: {}
  - {slug: wifi, name: Wi-Fi, bindings: [{group: staff}], radius: {}}
radius_clients:
  - {name: ap-hall, networks: ["127.0.0.1/32"], secret: "a shared secret 16", app: wifi, methods: [eap-tls, eap-ttls, peap], reply: [{group: staff, vlan: 101}]}
scim_sources:
  - {name: hr, token: "0123456789abcdef0123456789abcdef", profile: lenient, writable: [password], writable_groups: [staff], emails: trusted, networks: []}
`

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "site.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func apply(t *testing.T, d *directory.Directory, text string, o site.Options) (site.Plan, error) {
	t.Helper()
	s, err := site.Parse(write(t, text))
	if err != nil {
		return site.Plan{}, err
	}
	o.Actor = directorytest.Operator()
	return site.Apply(t.Context(), d, s, o)
}

func steps(p site.Plan) []string {
	var out []string
	for _, s := range p.Steps {
		out = append(out, s.String())
	}
	return out
}

func TestApply(t *testing.T) {
	d := directorytest.Core(t, directorytest.OpenSQLite(t), nil)
	want := []string{
		"create service account reader", "create user alice", "create user carol", "create group staff",
		"create group everybody", "create policy office-net", "create app wiki", "create app wifi",
		"create radius client ap-hall", "create scim source hr",
	}
	for _, dry := range []bool{true, false} { // a dry run leaves nothing behind
		plan, err := apply(t, d, example, site.Options{DryRun: dry})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, steps(plan)); diff != "" {
			t.Fatalf("dry run %v: %s", dry, diff)
		}
	}
	plan, err := apply(t, d, example, site.Options{Prune: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Steps)+len(plan.Extra) != 0 {
		t.Errorf("the second run is not empty: %v, extra %v", steps(plan), plan.Extra)
	}
	for _, tt := range []struct{ name, password string }{{"alice", "curious and"}, {"carol", "secret"}} {
		dec, err := d.Authenticate(t.Context(), directory.Attempt{
			Name: tt.name, Protocol: directory.ProtocolLDAP,
			App: "wifi", Proof: directory.PasswordProof{Password: directory.Secret(tt.password)},
		})
		if err != nil || !dec.Allowed() {
			t.Errorf("%s may not enter: %s, %v", tt.name, dec.Reason, err)
		}
	}
}

func TestApplyChanges(t *testing.T) {
	d := directorytest.Core(t, directorytest.OpenSQLite(t), nil)
	if _, err := apply(t, d, example, site.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, text string
		prune      bool
		want       []string
	}{
		{"attribute", `users: [{username: alice, attributes: {title: Director}}]`, false, []string{"update user alice"}},
		{"again", `users: [{username: alice, attributes: {title: Director}}]`, false, nil},
		{"password stays", `users: [{username: alice, password: "something else"}]`, false, nil},
		{"password reset", `users: [{username: alice, password: "something else", reset_password: true}]`, false, []string{"set the password of user alice"}},
		{"role", `users: [{username: alice, role: admin}]`, false, []string{"update user alice"}},
		{"grants", `service_accounts: [{name: reader, grants: ["read:directory", "write:members"]}]`, false, []string{"update service account reader"}},
		{"turn groups around", "groups:\n  - {name: staff, groups: [everybody]}\n  - {name: everybody, groups: []}", false, []string{"update group staff", "update group everybody"}},
		{"members", `groups: [{name: staff, members: [carol]}, {name: everybody}]`, false, []string{"update group staff"}},
		{"prune a bound group", `groups: [{name: everybody, groups: []}]`, true, nil},
		{"prune", `scim_sources: []`, true, []string{"delete scim source hr"}},
	} {
		plan, err := apply(t, d, tt.text, site.Options{Prune: tt.prune})
		if tt.name == "prune a bound group" {
			if !directory.Is(err, directory.Denied) {
				t.Errorf("%s: %v, want denied", tt.name, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if diff := cmp.Diff(tt.want, steps(plan)); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

// TestApplyMistakes: each names its place, and nothing before it is applied.
// TestApplySaysWhatAMappingTakes: an attribute that people write is theirs no more once an app maps it.
func TestApplySaysWhatAMappingTakes(t *testing.T) {
	d := directorytest.Core(t, directorytest.OpenSQLite(t), nil)
	for text, want := range map[string]int{
		"apps:\n  - {slug: wiki, ldap: {attributes: {login: uid, nick: displayName, tel: telephoneNumber}}}\n": 1,
		"apps:\n  - {slug: shop, ldap: {attributes: {login: uid}}}\n":                                          0,
	} {
		plan, err := apply(t, d, text, site.Options{})
		if err != nil || len(plan.Warnings) != want || want > 0 && !strings.Contains(plan.Warnings[0], "read displayName, workPhone, so nobody changes that of themselves") {
			t.Errorf("%s says %q, %v", text, plan.Warnings, err)
		}
	}
}

func TestApplyMistakes(t *testing.T) {
	d := directorytest.Core(t, directorytest.OpenSQLite(t), nil)
	first := "users:\n  - {username: early}\n"
	for _, tt := range []struct{ name, text, place, says string }{
		{"unknown key", first + "  - {usernam: y}\n", ":3:", "usernam"},
		{"a key twice", first + "users: []\n", ":3:", "users"},
		{"unknown member", first + "groups:\n  - name: a\n    members: [nosuch]\n", ":5:", "nosuch"},
		{"unknown group in a binding", first + "apps:\n  - slug: x\n    bindings:\n      - {group: nosuch}\n", ":6:", "nosuch"},
		{"binding of two", first + "apps:\n  - slug: x\n    bindings: [{group: a, user: b}]\n", ":5:", "one of"},
		{"unknown nested group", first + "groups:\n  - {name: a, groups: [nosuch]}\n", ":4:", "nosuch"},
		{"cycle", first + "groups:\n  - {name: a, groups: [b]}\n  - {name: b, groups: [a]}\n", ":5:", "cycle"},
		{"address twice", "users:\n  - {username: x, emails: [a@example.com]}\n  - {username: y, emails: [A@example.com]}\n", ":3:", "already used by user x"},
		{"user twice", first + "  - {username: Early}\n", ":3:", "twice"},
		{"unknown app", first + "radius_clients:\n  - {name: c, networks: [\"10.0.0.0/8\"], secret: \"0123456789abcdef0123\", app: nosuch}\n", ":4:", "nosuch"},
		{"not a network", first + "radius_clients:\n  - {name: c, networks: [\"10.0.0.0/99\"], secret: \"0123456789abcdef0123\"}\n", ":4:", "10.0.0.0/99"},
		{"unknown grant", first + "service_accounts:\n  - {name: s, grants: [\"read:everything\"]}\n", ":4:", "read:everything"},
		{"short token", first + "scim_sources:\n  - {name: s, token: short}\n", ":4:", "32 characters"},
		{"bad username", first + "  - {username: \"a b\"}\n", ":3:", "username"},
		{"client id taken", first + "apps:\n  - {slug: a, oidc: {client_id: c, redirect_uris: [\"https://a.example/cb\"]}}\n  - {slug: b, oidc: {client_id: c, redirect_uris: [\"https://b.example/cb\"]}}\n", ":5:", "another app"},
		{"placeholder secret", first + "scim_sources:\n  - {name: s, token: \"…\"}\n", ":4:", "documentation"},
		{"too deep", strings.Repeat("[", 100), "", "nested"},
		{"tag", "groups:\n  ! {members:[{until:Z}],attributes:e}\n", ":2:", "tags"},
		{"alias", "users: &a [*a]\n", ":1:", "aliases"},
		{"second document", first + "---\nusers: []\n", "", "second document"},
	} {
		_, err := apply(t, d, tt.text, site.Options{})
		var p *site.Problem
		if !errors.As(err, &p) {
			t.Errorf("%s: %v, want a problem", tt.name, err)
			continue
		}
		if !strings.Contains(err.Error(), "site.yaml"+tt.place) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %q, want the place %q and %q", tt.name, err, tt.place, tt.says)
		}
		err = d.Read(t.Context(), directorytest.Operator(), func(r *directory.Reader) error {
			n, err := r.CountUsers(directory.UserQuery{})
			if n != 0 {
				t.Errorf("%s: half of the file was applied", tt.name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestApplyTellsHowFarItIs: and who goes away meanwhile leaves nothing behind.
func TestApplyTellsHowFarItIs(t *testing.T) {
	d := directorytest.Core(t, directorytest.OpenSQLite(t), nil)
	s, err := site.Parse(write(t, example))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var told []string
	o := site.Options{Actor: directorytest.Operator(), Progress: func(what string, done, all int) {
		told = append(told, fmt.Sprintf("%s %d/%d", what, done, all))
		if what == "members of groups" {
			cancel()
		}
	}}
	if _, err := site.Apply(ctx, d, s, o); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	want := []string{"passwords 0/2", "passwords 1/2", "users 0/2", "users 1/2", "members of groups 0/2"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
	err = d.Read(t.Context(), directorytest.Operator(), func(r *directory.Reader) error {
		n, err := r.CountUsers(directory.UserQuery{})
		if n != 0 {
			t.Errorf("%d users were kept", n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFilesThatSayNothing(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing\n", "---\n", "---\n# nothing\n", "users: []\n---\n", "{}\n"} {
		if _, err := site.Parse(write(t, text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestSecretsInReadableFiles(t *testing.T) {
	path := write(t, example)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := site.Parse(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file with secrets that others can read: %v", err)
	}
	if err := os.WriteFile(path, []byte("groups: [{name: a}]"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := site.Parse(path); err != nil {
		t.Errorf("without secrets: %v", err)
	}
	secret := filepath.Join(filepath.Dir(path), "token")
	if err := os.WriteFile(secret, []byte("0123456789abcdef0123456789abcdef\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("scim_sources: [{name: a, token_file: token}]"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := site.Parse(path); err == nil || !strings.Contains(err.Error(), "token can be read by others") {
		t.Errorf("a secret file that others can read: %v", err)
	}
	if err := os.Chmod(secret, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := site.Parse(path)
	if err != nil || s.SCIMSources[0].Token == nil || len(*s.SCIMSources[0].Token) != 32 {
		t.Errorf("a secret from a file: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(example)
	f.Add("users: [{username: a, attributes: {x: [1, 2]}}]")
	f.Add("a: &a [*a]")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4096 {
			return
		}
		path := filepath.Join(t.TempDir(), "site.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = site.Parse(path)
		}()
		select {
		case <-done:
		case <-time.After(5 * time.Second):
			t.Fatalf("still parsing %q", text)
		}
	})
}
