package test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/test/stage"
)

// suite is what all tests share: the binaries, one PostgreSQL cluster and a
// folder that other accounts may enter.
type suite struct {
	dir      string
	root     string // of the module
	binaries string
	postgres *stage.Postgres
}

var shared suite

func TestMain(m *testing.M) {
	flag.Parse()
	code := 1
	if err := shared.open(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	if err := shared.close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func (s *suite) open(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "gatehouse-test-")
	if err != nil {
		return err
	}
	s.dir = dir
	if err := os.Chmod(dir, 0o711); err != nil {
		return err
	}
	// The binaries look for data races themselves; one that finds a race ends.
	if err := os.Setenv("GORACE", "halt_on_error=1"); err != nil {
		return err
	}
	s.binaries = filepath.Join(dir, "bin")
	if err := os.Mkdir(s.binaries, 0o755); err != nil {
		return err
	}
	if s.root, err = stage.Build(ctx, s.binaries, buildFlags()...); err != nil {
		return err
	}
	s.postgres, err = stage.NewPostgres(ctx, dir)
	return err
}

func (s *suite) close() error {
	var errs []error
	if s.postgres != nil {
		errs = append(errs, s.postgres.Stop())
	}
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}

// scratch is an empty folder for one test that every account may enter.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(shared.dir, strings.ReplaceAll(t.Name(), "/", "-")+"-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

// onEachEngine runs the same test on SQLite and on PostgreSQL, each with an
// empty database.
func onEachEngine(t *testing.T, test func(t *testing.T, database string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, "") })
	t.Run("postgresql", func(t *testing.T) { test(t, newDatabase(t)) })
}

func newDatabase(t *testing.T) string {
	t.Helper()
	name := strings.ToLower(strings.NewReplacer("/", "_", "-", "_").Replace(t.Name()))
	url, err := shared.postgres.Database(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return url
}
