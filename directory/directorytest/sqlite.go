package directorytest

import (
	"testing"

	"gatehouse/directory"
	"gatehouse/directory/sqlstore"
)

// OpenSQLite returns a new, empty store on SQLite in a directory of the test's
// own, with a doorbell. It is closed when the test ends.
func OpenSQLite(t testing.TB) directory.Store {
	t.Helper()
	return Open(t, SQLiteConfig(t))
}

// SQLiteConfig returns the configuration of a migrated store that nobody has
// opened.
func SQLiteConfig(t testing.TB) sqlstore.Config {
	t.Helper()
	cfg := sqlstore.Config{URL: "sqlite:", DataDir: t.TempDir(), RuntimeDir: t.TempDir()}
	migrate(t, cfg)
	return cfg
}

// Open opens a migrated store and closes it when the test ends.
func Open(t testing.TB, cfg sqlstore.Config) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("open the store: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return s
}

func migrate(t testing.TB, cfg sqlstore.Config) {
	t.Helper()
	if _, err := sqlstore.Migrate(t.Context(), cfg); err != nil {
		t.Fatalf("migrate the store: %v", err)
	}
}
