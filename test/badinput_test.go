package test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/test/stage"
)

// TestBadConfiguration: a mistake in gatehouse.yaml stops the command line and
// every daemon with the place of the mistake.
func TestBadConfiguration(t *testing.T) {
	w := newWorld(t, "")
	good, err := os.ReadFile(w.Config)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Count(string(good), "\n")
	cases := []struct {
		name string
		text string
		want []string // all of them in the message
	}{
		{"unknown key", string(good) + "lpad: {listen: []}\n", []string{fmt.Sprintf("gatehouse.yaml:%d:1", lines+1), "lpad"}},
		{"unknown nested key", string(good) + "posix: {first: 1880000000, lats: 1}\n", []string{fmt.Sprintf("gatehouse.yaml:%d:", lines+1), "lats"}},
		{"wrong type", strings.Replace(string(good), "domain: "+stage.Domain, "domain: [a, b]", 1), []string{"gatehouse.yaml:1:", "domain"}},
		{"not YAML", string(good) + "a: [\n", []string{"gatehouse.yaml:"}},
		{"another domain", strings.Replace(string(good), stage.Domain, "example.org", 1), []string{"domain", "example.org", stage.Domain}},
		{"another public_url", strings.Replace(string(good), w.PublicURL, "https://elsewhere.example.com", 1), []string{"public_url", "elsewhere.example.com"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(w.Config, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			w.wantRefusal(t, c.want...)
		})
	}
	if err := os.WriteFile(w.Config, good, 0o600); err != nil {
		t.Fatal(err)
	}
	w.cli(t, "", "config", "check")
	w.start(t, stage.Daemons()...)
}

// wantRefusal starts each daemon, all in one, and a command; each must end by
// itself, not with 0, and say all the words.
func (w *world) wantRefusal(t *testing.T, words ...string) {
	t.Helper()
	check := func(who string, code int, said string) {
		t.Helper()
		if code <= 0 {
			t.Errorf("%s: exit code %d, want a failure\n%s", who, code, said)
		}
		for _, word := range words {
			if !strings.Contains(said, word) {
				t.Errorf("%s does not say %q: %s", who, word, said)
			}
		}
		if strings.Contains(said, "goroutine ") {
			t.Errorf("%s panics: %s", who, said)
		}
	}
	for _, name := range append(stage.Daemons(), stage.AllInOne) {
		p, err := w.Launch(name)
		if err != nil {
			t.Fatal(err)
		}
		code, err := p.Wait(10 * time.Second)
		if err != nil {
			t.Error(err)
			continue
		}
		check(name, code, p.Log())
	}
	r := w.try(t, "", "user", "list")
	check("gatehouse user list", r.Code, r.Stderr)
}

// TestPortInUse: a second process on the same address says which one.
func TestPortInUse(t *testing.T) {
	w := newWorld(t, "")
	w.start(t, stage.Daemons()...)
	for name, addr := range map[string]string{"ldapd": w.LDAP, "radiusd": w.Auth, "scimd": w.SCIM, "idp": portOf(w.PublicURL)} {
		second, err := w.Launch(name)
		if err != nil {
			t.Fatal(err)
		}
		code, err := second.Wait(10 * time.Second)
		if err != nil || code <= 0 || !strings.Contains(second.Log(), addr) {
			t.Errorf("a second %s: exit code %d, %v, want a failure that names %s\n%s", name, code, err, addr, second.Log())
		}
		if !w.Process(name).Running() {
			t.Errorf("the first %s has ended", name)
		}
	}
}

// TestNewerStore: a store that needs a newer program stops everything.
func TestNewerStore(t *testing.T) {
	onEachEngine(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		w.exec(t, database, "UPDATE schema_version SET min_code = 9999")
		w.wantRefusal(t, "9999")
	})
}

// exec changes the store past the product.
func (w *world) exec(t *testing.T, database, statement string) {
	t.Helper()
	driver, source := "pgx", database
	if database == "" {
		driver, source = "sqlite", "file:"+filepath.Join(w.Data, "directory.db")
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// TestWrongSealingKey: with the keys of another installation nothing starts.
func TestWrongSealingKey(t *testing.T) {
	w, other := newWorld(t, ""), newWorld(t, "")
	if err := os.RemoveAll(filepath.Join(w.Data, "keys")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(w.Data, "keys"), os.DirFS(filepath.Join(other.Data, "keys"))); err != nil {
		t.Fatal(err)
	}
	keys, err := filepath.Glob(filepath.Join(w.Data, "keys", "*"))
	if err != nil || len(keys) == 0 {
		t.Fatalf("no keys: %v", err)
	}
	for _, key := range keys {
		if err := os.Chmod(key, 0o400); err != nil {
			t.Fatal(err)
		}
	}
	w.wantRefusal(t, "key")
}

// TestBadSite: a mistake in site.yaml names its place and nothing of the file
// is applied.
func TestBadSite(t *testing.T) {
	onEachEngine(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		before, seq := w.usernames(t), w.query(t, database, "SELECT seq FROM feed")
		// Each file begins with a line that would be right by itself.
		const first = "users: [{username: early}"
		cases := []struct {
			name, text string
			want       []string
		}{
			{"unknown group in a binding", first + "]\napps:\n  - slug: x\n    name: X\n    bindings: [{group: nosuch}]\n", []string{"site.yaml:5", "nosuch"}},
			{"unknown nested group", first + "]\ngroups:\n  - {name: a, groups: [nosuch]}\n", []string{"site.yaml:3", "nosuch"}},
			{"unknown member", first + "]\ngroups:\n  - {name: a, members: [nosuch]}\n", []string{"site.yaml:3", "nosuch"}},
			{"cycle of groups", first + "]\ngroups:\n  - {name: a, groups: [b]}\n  - {name: b, groups: [c]}\n  - {name: c, groups: [a]}\n", []string{"site.yaml:", "cycle"}},
			{"duplicate address in the file", first + ", {username: y, emails: [same@example.com]}, {username: z, emails: [Same@example.com]}]\n", []string{"site.yaml:1", "ame@example.com"}},
			{"duplicate address in the store", first + ", {username: y, emails: [ALICE@example.com]}]\n", []string{"site.yaml:1", "example.com"}},
			{"duplicate user", first + ", {username: Early}]\n", []string{"site.yaml:1"}},
			{"unknown key", first + ", {usernam: y}]\n", []string{"site.yaml:1:", "usernam"}},
			{"unknown app of a client", first + "]\nradius_clients:\n  - {name: c, networks: [\"10.0.0.0/8\"], secret: \"0123456789abcdef0123\", app: nosuch}\n", []string{"site.yaml:3", "nosuch"}},
			{"not a network", first + "]\nradius_clients:\n  - {name: c, networks: [\"10.0.0.0/99\"], secret: \"0123456789abcdef0123\"}\n", []string{"site.yaml:3", "10.0.0.0/99"}},
			{"unknown grant", first + "]\nservice_accounts:\n  - {name: s, grants: [\"read:everything\"]}\n", []string{"site.yaml:3", "read:everything"}},
		}
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				r := w.try(t, "", "apply", "-f", w.file(t, "site.yaml", c.text))
				if r.Code <= 0 {
					t.Errorf("%v, want a failure", r)
				}
				for _, want := range c.want {
					if !strings.Contains(r.Stderr, want) {
						t.Errorf("the message does not say %q: %s", want, r.Stderr)
					}
				}
			})
		}
		if after := w.usernames(t); !slices.Equal(after, before) {
			t.Errorf("users after the mistakes: %v, before: %v", after, before)
		}
		if after := w.query(t, database, "SELECT seq FROM feed"); !slices.Equal(after, seq) {
			t.Errorf("the feed is at %v, before: %v", after, seq)
		}
	})
}

// TestReadableSecrets: a file with secrets that others may read is refused.
func TestReadableSecrets(t *testing.T) {
	w := newWorld(t, "")
	path := w.file(t, "open.yaml", `service_accounts: [{name: s, password: "0123456789abcdef0123456789abcdef"}]`+"\n")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if r := w.try(t, "", "apply", "-f", path); r.Code <= 0 || !strings.Contains(r.Stderr, "open.yaml") {
		t.Errorf("%v, want a refusal that names the file", r)
	}
}

// TestUsage: a wrong command line is exit code 2, a refusal 3, and a second
// init 1.
func TestUsage(t *testing.T) {
	w := newWorld(t, "")
	w.apply(t, "apps: [{slug: bound, name: Bound, bindings: [{group: staff}]}]\n")
	cases := []struct {
		name string
		args []string
		want int
	}{
		{"version", []string{"version"}, 0},
		{"completion", []string{"completion", "bash"}, 0},
		{"describe", []string{"config", "describe"}, 0},
		{"unknown command", []string{"frobnicate"}, 2},
		{"unknown flag", []string{"user", "list", "--frobnicate"}, 2},
		{"missing argument", []string{"user", "show"}, 2},
		{"no such user", []string{"user", "show", "nobody-here"}, 1},
		{"second init", []string{"init"}, 1},
		{"a bound group", []string{"group", "delete", "staff"}, 3},
		{"no such file", []string{"apply", "-f", "no-such-file.yaml"}, 1},
	}
	for _, c := range cases {
		if r := w.try(t, "", c.args...); r.Code != c.want {
			t.Errorf("%s: %v, want exit code %d", c.name, r, c.want)
		}
	}
}
