package test

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/test/stage"
)

// TestApply: the same file twice changes nothing; --dry-run changes nothing;
// an absent key is untouched; --json shows what was applied.
func TestApply(t *testing.T) {
	onEachEngine(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		seq := func() []string { return w.query(t, database, "SELECT seq FROM feed") }
		before := seq()
		w.apply(t, w.site())
		if after := seq(); !slices.Equal(after, before) {
			t.Errorf("applying the same file again moves the feed from %v to %v", before, after)
		}
		more := "groups: [{name: newcomers, members: [bob]}]\n"
		plan := w.cli(t, "", "apply", "--dry-run", "-f", w.file(t, "more.yaml", more))
		if !strings.Contains(plan.Stdout+plan.Stderr, "newcomers") {
			t.Errorf("the plan does not name the group: %v", plan)
		}
		if after := seq(); !slices.Equal(after, before) {
			t.Errorf("--dry-run moves the feed from %v to %v", before, after)
		}
		w.apply(t, more)
		got := decode[struct {
			Username, UID, Created string
			Emails                 []string
		}](t, w.cli(t, "", "user", "show", "bob", "--json").Stdout)
		if got.Username != "bob" || got.UID == "" || got.Created == "" || !slices.Equal(got.Emails, []string{"bob@example.com"}) {
			t.Errorf("bob is %+v", got)
		}
		if group := w.cli(t, "", "group", "show", "newcomers", "--json").Stdout; !strings.Contains(group, "bob") {
			t.Errorf("the group is %s", group)
		}
	})
}

// TestBackup: a backup under running daemons, taken back after a loss; with
// PostgreSQL into a new database, because a restore never empties one.
func TestBackup(t *testing.T) {
	onEachEngine(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		w.start(t, stage.Daemons()...)
		file := filepath.Join(w.Dir, "backup.gh")
		w.cli(t, "", "backup", file)
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("the backup has mode %v, want 0600", info.Mode().Perm())
		}
		w.cli(t, "", "user", "delete", "alice")
		if code := w.bindCode(t, "uid=alice,"+usersDN, w.alicePassword); code != 49 {
			t.Errorf("bind after the delete: %d, want 49", code)
		}
		if r := w.try(t, "", "restore", file); r.Code <= 0 {
			t.Errorf("restore under running daemons: %v, want a refusal", r)
		}
		if err := w.Stop(stage.Daemons()...); err != nil {
			t.Fatal(err)
		}
		if database != "" {
			if r := w.try(t, "", "restore", file); r.Code <= 0 || !strings.Contains(r.Stderr, "not empty") {
				t.Errorf("restore into a database in use: %v, want a refusal", r)
			}
			w.replaceConfig(t, database, w.otherDatabase(t))
		}
		w.cli(t, "", "restore", file)
		w.start(t, "ldapd")
		if code := w.bindCode(t, "uid=alice,"+usersDN, w.alicePassword); code != 0 {
			t.Errorf("bind after the restore: %d, want 0", code)
		}
	})
}

// otherDatabase is an empty database beside the one of the test.
func (w *world) otherDatabase(t *testing.T) string {
	t.Helper()
	url, err := shared.postgres.Database(t.Context(), "other_"+strings.ToLower(rand.Text()))
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// replaceConfig replaces a text in gatehouse.yaml.
func (w *world) replaceConfig(t *testing.T, old, new string) {
	t.Helper()
	text, err := os.ReadFile(w.Config)
	if err != nil {
		t.Fatal(err)
	}
	w.file(t, filepath.Base(w.Config), strings.ReplaceAll(string(text), old, new))
}

// TestServeOnAnEmptyDirectory: the first start makes keys, CA, database and an
// administrator, whose password is in a file that only the owner reads and
// that the first sign-in removes.
func TestServeOnAnEmptyDirectory(t *testing.T) {
	g, err := stage.New(scratch(t), shared.binaries, "")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Gatehouse: g}
	w.start(t, stage.AllInOne)
	path := filepath.Join(w.Data, "initial-admin")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %v, want 0600", path, info.Mode().Perm())
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(content))
	if len(fields) == 0 {
		t.Fatalf("%s is empty", path)
	}
	admins := w.usernames(t)
	if len(admins) != 1 {
		t.Fatalf("people at the start: %v, want one", admins)
	}
	window := w.openBrowser(t).window(t)
	window.open(t, w.PublicURL+"/")
	window.signIn(t, admins[0], fields[len(fields)-1])
	poll(t, 10*time.Second, func() error {
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			return errStill(path)
		}
		return nil
	})
}

// errStill says that a file is still there.
type errStill string

func (e errStill) Error() string { return string(e) + " is still there" }
