package main

import (
	"database/sql"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"
	_ "modernc.org/sqlite"

	"gatehouse/cmd/internal/core"
	"gatehouse/config"
	"gatehouse/directory"
)

// beTool makes the test binary the command itself.
const beTool = "GATEHOUSE_TEST_BE_TOOL"

func TestMain(m *testing.M) {
	if os.Getenv(beTool) != "" {
		main()
	}
	os.Exit(m.Run())
}

// wantFailure runs a command that must fail with code and say all the words.
func (s *shell) wantFailure(t *testing.T, code int, words []string, args ...string) {
	t.Helper()
	out, errs, got := s.run(t, "", args...)
	if got != code {
		t.Errorf("gatehouse %s: exit code %d, want %d\n%s", strings.Join(args, " "), got, code, errs)
	}
	for _, word := range words {
		if !strings.Contains(errs, word) {
			t.Errorf("gatehouse %s does not say %q: %s", strings.Join(args, " "), word, errs)
		}
	}
	if out != "" || strings.Count(errs, "\n") != 1 {
		t.Errorf("gatehouse %s says more than one line: %q %q", strings.Join(args, " "), out, errs)
	}
}

func (s *shell) config(t *testing.T) config.Config {
	t.Helper()
	c, err := config.Load("gatehouse.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNewerStore(t *testing.T) {
	s := newShell(t)
	s.must(t, "init")
	db, err := sql.Open("sqlite", "file:"+s.config(t).SQLiteFile())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "UPDATE schema_version SET min_code = 9999"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"user", "list"}, {"migrate"}, {"migrate", "--dry-run"}, {"backup", "copy"}} {
		s.wantFailure(t, exitFailed, []string{"9999"}, args...)
	}
	if _, err := os.Stat("copy"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a failed backup leaves a file: %v", err)
	}
}

func TestWrongKeys(t *testing.T) {
	s := newShell(t)
	s.must(t, "init")
	s.must(t, "backup", "copy")
	own := s.config(t).KeyRings("")
	if err := os.Rename(own, "own"); err != nil {
		t.Fatal(err)
	}
	s.wantFailure(t, exitFailed, []string{"cannot be used without its keys"}, "user", "list")
	s.wantFailure(t, exitRefused, []string{"needs keys that are not in", "totp"}, "restore", "copy")
	other := filepath.Join(t.TempDir(), "gatehouse.yaml")
	if err := os.WriteFile(other, []byte(testConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	s.must(t, "init", "--config", other)
	if err := os.Rename(filepath.Join(filepath.Dir(other), "data", "keys"), own); err != nil {
		t.Fatal(err)
	}
	s.wantFailure(t, exitFailed, []string{"the keys are not those of this directory"}, "user", "list")
	s.wantFailure(t, exitRefused, []string{"needs keys that are not in"}, "restore", "copy")
}

func TestRestoreRefuses(t *testing.T) {
	s := newShell(t)
	s.must(t, "init")
	s.must(t, "backup", "copy")
	invocation := &tool{errs: t.Output(), now: s.clock}
	opened, err := core.Open(t.Context(), invocation.options(s.config(t)))
	if err != nil {
		t.Fatal(err)
	}
	s.wantFailure(t, exitRefused, []string{"the store is in use", strconv.Itoa(os.Getpid())}, "restore", "copy")
	if err := opened.Close(); err != nil {
		t.Fatal(err)
	}
	s.must(t, "restore", "copy")

	good, err := os.ReadFile("copy")
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{
		"cut":    good[:len(good)-1],
		"edited": append(append(slices.Clone(good[:9000]), good[9000]^1), good[9001:]...),
	} {
		if err := os.WriteFile(name, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		s.wantFailure(t, exitFailed, []string{name, "checksum"}, "restore", name)
	}
	s.environ = []string{"GATEHOUSE_DOMAIN=example.org"}
	s.wantFailure(t, exitRefused, []string{"example.com", "example.org"}, "restore", "copy")
	s.environ = []string{"GATEHOUSE_DATABASE__URL=postgres://h/d"}
	s.wantFailure(t, exitRefused, []string{"sqlite", "postgres"}, "restore", "copy")
}

func TestFilesThatOthersRead(t *testing.T) {
	s := newShell(t)
	if err := os.WriteFile("pw", []byte("a password\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	want := []string{"pw can be read by others (mode 0644)"}
	s.wantFailure(t, exitFailed, want, "init", "--admin-password-file", "pw")
	s.wantFailure(t, exitFailed, want, "init", "--join", "--key-file", "pw")
	s.must(t, "init")
	s.wantFailure(t, exitFailed, want, "user", "add", "jane", "--password-file", "pw")
	s.wantFailure(t, exitFailed, want, "service-account", "add", "x", "--password-file", "pw")
	if err := os.WriteFile("site.yaml", []byte(`users: [{username: a, password: "secret one"}]`), 0o644); err != nil {
		t.Fatal(err)
	}
	s.wantFailure(t, exitFailed, []string{"site.yaml", "can be read by others"}, "apply", "-f", "site.yaml")
}

func TestBackupIsClosedToOthers(t *testing.T) {
	s := newShell(t)
	s.must(t, "init")
	s.must(t, "backup", "copy")
	info, err := os.Stat("copy")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
	}
	if err := os.Symlink("elsewhere", "link"); err != nil {
		t.Fatal(err)
	}
	s.wantFailure(t, exitFailed, []string{"link"}, "backup", "link")
}

func TestAuditVerifyFindsChanges(t *testing.T) {
	for _, tt := range []struct{ name, statement, want string }{
		{"edited", "UPDATE audit SET name = 'somebody' WHERE n = 5", "event 5 ("},
		{"the actor edited", "UPDATE audit SET actor = 'operator:eve' WHERE n = 19", "event 19 ("},
		{"removed", "DELETE FROM audit WHERE n = 7", "event 7 is missing"},
		{"the first removed", "DELETE FROM audit WHERE n = 1", "event 1 is missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newShell(t)
			s.must(t, "init")
			s.must(t, "user", "add", "jane")
			s.must(t, "audit", "verify")
			db, err := sql.Open("sqlite", "file:"+s.config(t).SQLiteFile())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.ExecContext(t.Context(), tt.statement); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			if _, errs, code := s.run(t, "", "audit", "verify"); code != exitFailed || !strings.Contains(errs, tt.want) {
				t.Errorf("exit code %d, want %d and %q: %s", code, exitFailed, tt.want, errs)
			}
		})
	}
}

// typist answers prompts.
type typist struct{ answers []string }

func (p *typist) Secret(string) (string, error) {
	answer := p.answers[0]
	p.answers = p.answers[1:]
	return answer, nil
}

func TestPrompt(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answers []string
		want    string
	}{
		{name: "twice the same", answers: []string{"one", "one"}},
		{name: "not the same", answers: []string{"one", "two"}, want: "not the same"},
		{name: "nothing", answers: []string{""}, want: "nothing was typed"},
	} {
		invocation := &tool{terminal: &typist{answers: tt.answers}}
		got, err := invocation.readSecret("password-file", "", "New password")
		switch {
		case tt.want == "" && (err != nil || got.Reveal() != "one"):
			t.Errorf("%s: %v", tt.name, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
}

// root leaves no file of its own in a data directory of somebody else.
func TestNoRootOwnedFiles(t *testing.T) {
	s := newShell(t)
	s.must(t, "init")
	const owner = 54321
	want := os.Getuid()
	if want == 0 {
		want = owner
		open := filepath.Dir(s.dir)
		for _, dir := range []string{open, s.dir} {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		err := filepath.WalkDir("data", func(path string, _ fs.DirEntry, err error) error {
			return errors.Join(err, os.Lchown(path, owner, owner))
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"data/directory.db-wal", "data/directory.db-shm", "data/write.lock", "data/run.lock"} {
			if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
	}
	for _, args := range [][]string{{"user", "add", "jane"}, {"migrate"}, {"config", "rename"}, {"backup", "copy"}} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
		cmd.Env = append(os.Environ(), beTool+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	err := filepath.WalkDir("data", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && int(info.Sys().(*syscall.Stat_t).Uid) != want {
			t.Errorf("%s belongs to %d, want %d", path, info.Sys().(*syscall.Stat_t).Uid, want)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestInitialAdmin(t *testing.T) {
	s := newShell(t)
	c := s.config(t)
	log := slog.New(slog.DiscardHandler)
	if forgetInitialAdmin(c, log) != nil {
		t.Error("there is something to forget")
	}
	invocation := &tool{errs: t.Output(), now: s.clock}
	if err := invocation.prepare(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(c.DataDir, "initial-admin")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v, want mode 0600", info, err)
	}
	text, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(text), "username: admin\npassword: ") {
		t.Fatalf("%q %v", text, err)
	}
	forget := forgetInitialAdmin(c, log)
	forget("somebody")
	if _, err := os.Stat(path); err != nil {
		t.Errorf("removed by the sign-in of somebody else: %v", err)
	}
	forget("admin")
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("still there after the sign-in: %v", err)
	}
	forget("admin")
	if err := invocation.prepare(t.Context(), c); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("made again: %v", err)
	}
}

func TestOperator(t *testing.T) {
	for _, tt := range []struct {
		name    string
		uid     int
		environ []string
		want    string
	}{
		{name: "root", uid: 0, want: "uid 0"},
		{name: "sudo", uid: 0, environ: []string{"SUDO_UID=1000"}, want: "uid 0, sudo uid 1000"},
		{name: "not a number", uid: 0, environ: []string{"SUDO_UID=x) ok"}, want: "uid 0"},
		{name: "somebody who claims", uid: 54321, environ: []string{"SUDO_UID=1000"}, want: "uid 54321"},
	} {
		invocation := &tool{uid: tt.uid, environ: tt.environ}
		if got := invocation.operator(); got.OS != tt.want || got.Kind != directory.ActorOperator || got.Via != "cli" {
			t.Errorf("%s: %+v, want %s", tt.name, got, tt.want)
		}
	}
}

// Every command says what it is and does something; every flag is explained.
func TestCommands(t *testing.T) {
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Short == "" || c.RunE == nil || c.Args == nil {
			t.Errorf("%s: no description, no action or no check of its arguments", c.CommandPath())
		}
		for _, child := range c.Commands() {
			walk(child)
		}
	}
	walk((&tool{}).rootCommand())
	s := newShell(t)
	for _, name := range []string{"bash", "zsh", "fish"} {
		if out := s.must(t, "completion", name); !strings.Contains(out, "gatehouse") {
			t.Errorf("completion %s: %q", name, out)
		}
	}
	if out := s.must(t, "config", "describe"); !strings.Contains(out, "public_url: ") {
		t.Errorf("config describe: %q", out)
	}
	if out := s.must(t, "version"); !strings.HasPrefix(out, "gatehouse ") {
		t.Errorf("version: %q", out)
	}
}
