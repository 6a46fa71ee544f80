package sqlstore_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	"gatehouse/directory/sqlstore"
)

// engines are the two kinds of empty database.
func engines(t *testing.T) map[string]sqlstore.Config {
	t.Helper()
	return map[string]sqlstore.Config{
		"sqlite":   {URL: "sqlite:", DataDir: t.TempDir()},
		"postgres": {URL: directorytest.StartPostgres(t).Database(t), DataDir: t.TempDir()},
	}
}

func rawExec(t *testing.T, cfg sqlstore.Config, statements ...string) {
	t.Helper()
	driver, dsn := "pgx", cfg.URL
	if cfg.URL == "sqlite:" {
		driver, dsn = "sqlite", filepath.Join(cfg.DataDir, "directory.db")
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func TestLifeOfASchema(t *testing.T) {
	for name, cfg := range engines(t) {
		t.Run(name, func(t *testing.T) {
			empty, err := sqlstore.Empty(t.Context(), cfg)
			if err != nil || !empty {
				t.Fatalf("Empty = %v, %v", empty, err)
			}
			_, err = sqlstore.Open(t.Context(), cfg)
			if !errors.Is(err, sqlstore.ErrEmpty) || !strings.Contains(directory.Message(err), "run gatehouse init") {
				t.Fatalf("Open of an empty store: %v", err)
			}
			pending, err := sqlstore.Pending(t.Context(), cfg)
			if err != nil || len(pending) == 0 || pending[0] != "0001_directory" {
				t.Fatalf("Pending = %v, %v", pending, err)
			}
			done, err := sqlstore.Migrate(t.Context(), cfg)
			if err != nil || len(done) != len(pending) {
				t.Fatalf("Migrate = %v, %v", done, err)
			}
			if done, err = sqlstore.Migrate(t.Context(), cfg); err != nil || len(done) > 0 {
				t.Fatalf("second Migrate = %v, %v", done, err)
			}
			if empty, err = sqlstore.Empty(t.Context(), cfg); err != nil || empty {
				t.Fatalf("Empty after Migrate = %v, %v", empty, err)
			}
			directorytest.Open(t, cfg)

			rawExec(t, cfg, "INSERT INTO schema_version (number, name, min_code, applied) VALUES (90, 'later', 1, 0)")
			directorytest.Open(t, cfg) // an older daemon keeps running on an expanded schema
			rawExec(t, cfg, "UPDATE schema_version SET min_code = 89 WHERE number = 90")
			for what, err := range map[string]error{"Open": openError(t, cfg), "Migrate": migrateError(t, cfg)} {
				if !directory.Is(err, directory.Invalid) || !strings.Contains(directory.Message(err), "schema 90, which needs code for schema 89") {
					t.Errorf("%s of a store from the future: %v", what, err)
				}
			}
			rawExec(t, cfg, "DELETE FROM schema_version", "INSERT INTO schema_version (number, name, min_code, applied) VALUES (0, 'old', 0, 0)")
		})
	}
}

func openError(t *testing.T, cfg sqlstore.Config) error {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), cfg)
	if err == nil {
		_ = s.Close()
	}
	return err
}

func migrateError(t *testing.T, cfg sqlstore.Config) error {
	t.Helper()
	_, err := sqlstore.Migrate(t.Context(), cfg)
	return err
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name, url, want string
	}{
		{"scheme", "mysql://localhost/x", "the scheme is not sqlite or postgres"},
		{"postgres that is no URL", "postgres://u:geheim@[::1/x", "not a PostgreSQL connection URL"},
		{"a directory", "sqlite:" + dir, "is not a file"},
	} {
		_, err := sqlstore.Open(t.Context(), sqlstore.Config{URL: c.url, DataDir: dir})
		if !directory.Is(err, directory.Invalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// An error about the connection names the server and never the password.
func TestErrorsKeepThePassword(t *testing.T) {
	for _, url := range []string{
		"postgres://me:geheim@127.0.0.1:1/db?sslmode=disable", "postgres://me:geheim@127.0.0.1:1/db?sslpassword=geheim&sslmode=disable",
		"postgres://me:geheim@[::1/x", "host=x password=geheim",
	} {
		err := openError(t, sqlstore.Config{URL: url, DataDir: t.TempDir()})
		if err == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("error = %v", err)
		}
	}
}

func TestFilesAreForTheGroupOnly(t *testing.T) {
	cfg := directorytest.SQLiteConfig(t)
	s := directorytest.Open(t, cfg)
	if _, err := s.Update(t.Context(), func(tx *directory.Tx) error { return tx.Settings.Insert(directory.Setting{Name: "a"}) }); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(cfg.DataDir, "*"))
	if err != nil || len(files) != 4 {
		t.Fatalf("files = %v, %v", files, err)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o660 {
			t.Errorf("%s has mode %o", f, info.Mode().Perm())
		}
	}
}

// A row of SQLite is found by its number in the tree that holds it: a key in a
// second tree would be read and written besides.
func TestRowsAreKeptByTheirNumber(t *testing.T) {
	cfg := sqlstore.Config{URL: "sqlite:", DataDir: t.TempDir()}
	if _, err := sqlstore.Migrate(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(cfg.DataDir, "directory.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var twice string
	err = db.QueryRowContext(t.Context(), `SELECT coalesce(group_concat(t.name), '') FROM sqlite_master t
		JOIN pragma_table_info(t.name) c ON c.pk = 1 AND c.type <> 'TEXT' AND c.type <> 'BYTEA'
		JOIN pragma_index_list(t.name) i ON i.origin = 'pk'
		WHERE t.type = 'table' AND t.name <> 'schema_version' AND (SELECT count(*) FROM pragma_table_info(t.name) WHERE pk > 0) = 1`).Scan(&twice)
	if err != nil || twice != "" {
		t.Errorf("two trees: %s, %v", twice, err)
	}
}
