package sqlstore

import (
	"sync"
	"testing"

	"gatehouse/directory"
)

func openStore(t *testing.T) *Store {
	t.Helper()
	cfg := Config{URL: "sqlite:", DataDir: t.TempDir()}
	if _, err := Migrate(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func touch(tx *directory.Tx) error {
	return tx.Feed.Append(directory.Change{Kind: directory.UserUpdated})
}

// TestOnlyABulkMayTakeLong: out of time at once, everything but a Bulk fails.
func TestOnlyABulkMayTakeLong(t *testing.T) {
	s := openStore(t)
	s.update.hold = -1
	if _, err := s.Update(t.Context(), touch); !directory.Is(err, directory.Unavailable) {
		t.Errorf("Update = %v, want unavailable", err)
	}
	if err := s.Record(t.Context(), func(*directory.Tx) error { return nil }); !directory.Is(err, directory.Unavailable) {
		t.Errorf("Record = %v, want unavailable", err)
	}
	if h, err := s.Bulk(t.Context(), touch); err != nil || h.Seq == 0 {
		t.Errorf("Bulk = %v, %v", h, err)
	}
}

// TestABulkIsAlone: what waits before and behind it has transactions of its own.
func TestABulkIsAlone(t *testing.T) {
	s := openStore(t)
	var mu sync.Mutex
	ran := map[*writeState][]string{}
	note := func(name string) func(*directory.Tx) error {
		return func(tx *directory.Tx) error {
			mu.Lock()
			defer mu.Unlock()
			w := tx.Feed.(feed).c.write
			ran[w] = append(ran[w], name)
			return nil
		}
	}
	var requests []*request
	s.update.mu.Lock() // so that all of them wait before the first is run
	for _, name := range []string{"a", "b", "bulk", "c", "bulk", "bulk"} {
		r := &request{fn: note(name), feed: true, bulk: name == "bulk", done: make(chan outcome, 1)}
		requests = append(requests, r)
		s.update.queue = append(s.update.queue, r)
	}
	s.update.mu.Unlock()
	if _, err := s.Update(t.Context(), note("d")); err != nil {
		t.Fatal(err)
	}
	for _, r := range requests {
		if o := <-r.done; o.err != nil {
			t.Error(o.err)
		}
	}
	if len(ran) != 6 {
		t.Errorf("%d transactions, want a b, bulk, c, bulk, bulk, d", len(ran))
	}
	for _, names := range ran {
		for _, name := range names {
			if name == "bulk" && len(names) > 1 {
				t.Errorf("a Bulk in the transaction of %v", names)
			}
		}
	}
}
