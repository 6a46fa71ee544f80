package directorytest

import (
	"crypto/rand"
	"log/slog"
	"testing"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/seal"
)

// The names that Core's directory was initialised with.
const (
	Domain    = "example.com"
	PublicURL = "https://id.example.com"
)

// Operator is the actor of a CLI on the host: it may do everything.
func Operator() directory.Actor {
	return directory.Actor{Kind: directory.ActorOperator, Name: "test", Via: "cli"}
}

// Keys makes a ring with one new key for every purpose.
func Keys(t testing.TB) directory.Keys {
	t.Helper()
	keys := directory.Keys{}
	for _, p := range seal.Purposes() {
		k, err := seal.NewKey(p, rand.Reader, time.Unix(0, 0))
		if err != nil {
			t.Fatalf("make a %s key: %v", p, err)
		}
		if keys[p], err = seal.NewRing(p, "the test", time.Now, k); err != nil {
			t.Fatalf("make the %s ring: %v", p, err)
		}
	}
	return keys
}

// Core opens the core on an empty store with new keys, initialises it, and
// closes it when the test ends. edit may be nil.
func Core(t testing.TB, store directory.Store, edit func(*directory.Config)) *directory.Directory {
	t.Helper()
	d := Join(t, store, Keys(t), edit)
	_, err := d.Write(t.Context(), Operator(), func(w *directory.Writer) error { return w.Bootstrap(Domain, PublicURL) })
	if err != nil {
		t.Fatalf("initialise the directory: %v", err)
	}
	return d
}

// Join opens another core on a store that Core has initialised, as another
// process would.
func Join(t testing.TB, store directory.Store, keys directory.Keys, edit func(*directory.Config)) *directory.Directory {
	t.Helper()
	cfg := directory.Config{Store: store, Keys: keys, Logger: slog.New(slog.DiscardHandler), Daemon: "test", Instance: "host"}
	if edit != nil {
		edit(&cfg)
	}
	d, err := directory.Open(cfg)
	if err != nil {
		t.Fatalf("open the directory: %v", err)
	}
	t.Cleanup(d.Close)
	return d
}
