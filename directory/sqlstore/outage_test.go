package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	"gatehouse/directory/sqlstore"
	"gatehouse/internal/hostlock"
)

func put(name string) func(*directory.Tx) error {
	return func(tx *directory.Tx) error {
		return errors.Join(tx.Settings.Insert(directory.Setting{Name: name}), tx.Feed.Append(directory.Change{Kind: directory.SettingsChanged}))
	}
}

func nothing(*directory.Tx) error { return nil }

// calls are all ways to reach the database.
func calls(ctx context.Context, s *sqlstore.Store, name string) map[string]func() error {
	return map[string]func() error{
		"Head":    func() error { _, err := s.Head(ctx); return err },
		"View":    func() error { return s.View(ctx, nothing) },
		"Update":  func() error { _, err := s.Update(ctx, put(name)); return err },
		"Record":  func() error { return s.Record(ctx, nothing) },
		"Changes": func() error { _, err := s.Changes(ctx, 0, 9); return err },
	}
}

// A server that has gone makes everything Unavailable, soon; when it is back
// the same store works again.
func TestPostgresGoesAndComes(t *testing.T) {
	p := directorytest.StartPostgres(t)
	cfg := sqlstore.Config{URL: p.Database(t)}
	if _, err := sqlstore.Migrate(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	s := directorytest.Open(t, cfg)
	for round := range 2 {
		for name, call := range calls(t.Context(), s, fmt.Sprint("up", round)) {
			if err := call(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		p.Stop(t)
		for range 2 {
			for name, call := range calls(t.Context(), s, "down") {
				began := time.Now()
				if err := call(); !directory.Is(err, directory.Unavailable) {
					t.Errorf("%s without a server: %v", name, err)
				}
				if d := time.Since(began); d > 3*time.Second {
					t.Errorf("%s took %v to notice", name, d)
				}
			}
		}
		p.Start(t)
	}
	for name, call := range calls(t.Context(), s, "again") {
		if err := call(); err != nil {
			t.Errorf("%s after the server came back: %v", name, err)
		}
	}
}

// A restart that nobody noticed fails nothing: what broke while it was idle is
// replaced before it is used.
func TestPostgresRestartsUnnoticed(t *testing.T) {
	p := directorytest.StartPostgres(t)
	cfg := sqlstore.Config{URL: p.Database(t)}
	if _, err := sqlstore.Migrate(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	s := directorytest.Open(t, cfg)
	for round := range 3 {
		for name, call := range calls(t.Context(), s, fmt.Sprint("round", round)) {
			if err := call(); err != nil {
				t.Errorf("%s in round %d: %v", name, round, err)
			}
		}
		p.Stop(t)
		p.Start(t)
	}
}

// Two transactions that lock the same rows in the other order: the database
// ends one, which is run again.
func TestDeadlockIsRunAgain(t *testing.T) {
	cfg := directorytest.PostgresConfig(t)
	a, b := directorytest.Open(t, cfg), directorytest.Open(t, cfg)
	for _, name := range []string{"x", "y"} {
		if _, err := a.Update(t.Context(), put(name)); err != nil {
			t.Fatal(err)
		}
	}
	var both sync.WaitGroup // both hold their first row
	both.Add(2)
	lock := func(s *sqlstore.Store, first, second string) error {
		var once sync.Once
		return s.Record(t.Context(), func(tx *directory.Tx) error {
			for _, name := range []string{first, second} {
				for row, err := range tx.Settings.Take(directory.SettingQuery{Names: []string{name}}) {
					if err != nil {
						return err
					}
					row.Rev++
					if name == second {
						return tx.Settings.Update(row)
					}
				}
				once.Do(func() {
					both.Done()
					both.Wait()
				})
			}
			return nil
		})
	}
	done := make(chan error, 2)
	go func() { done <- lock(a, "x", "y") }()
	go func() { done <- lock(b, "y", "x") }()
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	err := a.View(t.Context(), func(tx *directory.Tx) error {
		for row, err := range tx.Settings.Find(directory.SettingQuery{}) {
			if err != nil || row.Rev != 1 {
				t.Errorf("%+v, %v", row, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A process that stops while it holds the lock (SIGSTOP) makes the others say
// so, with its process id, within 6 s.
func TestStuckHolderIsNamed(t *testing.T) {
	t.Parallel()
	cfg := directorytest.SQLiteConfig(t)
	s := directorytest.Open(t, cfg)
	lock, err := hostlock.Open(filepath.Join(cfg.DataDir, "write.lock"))
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := lock.TryLock()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_, err = s.Update(t.Context(), put("stuck"))
	if !directory.Is(err, directory.Unavailable) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("Update = %v", err)
	}
	if d := time.Since(began); d > 6*time.Second {
		t.Errorf("it took %v", d)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = s.Update(ctx, put("cancelled")); !directory.Is(err, directory.Unavailable) {
		t.Errorf("cancelled Update = %v", err)
	}
	unlock()
	if _, err := s.Update(t.Context(), put("free")); err != nil {
		t.Errorf("after the holder went on: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Error(err)
	}
}

func TestClosedStore(t *testing.T) {
	s, err := sqlstore.Open(t.Context(), directorytest.SQLiteConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	for name, call := range calls(t.Context(), s, "closed") {
		if err := call(); !directory.Is(err, directory.Unavailable) {
			t.Errorf("%s of a closed store: %v", name, err)
		}
	}
}
