package oidc

import (
	"crypto"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
)

// "Keys: next → active → retired, ES256 and RS256 side by side, published 24 h
// ahead".
func TestKeysTakeTurns(t *testing.T) {
	clock := directorytest.NewClock()
	d := directorytest.Core(t, directorytest.OpenSQLite(t), func(c *directory.Config) { c.Now = clock.Now })
	ring := newKeyring(d, slog.New(slog.DiscardHandler))
	pool := map[string][]crypto.Signer{}
	ring.make = func(alg string) (crypto.Signer, error) {
		s, err := makeKey(alg)
		pool[alg] = append(pool[alg], s)
		return s, err
	}
	states := func() map[string]int {
		t.Helper()
		if err := ring.rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		rows, err := ring.rows(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]int{}
		for _, r := range rows {
			out[r.Alg+" "+string(r.State)]++
		}
		return out
	}
	first, err := ring.set(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	token, err := first.active[ES256].sign(typeAccess, map[string]string{"sub": "a"})
	if err != nil {
		t.Fatal(err)
	}
	type want map[string]int
	fresh := want{"ES256 active": 1, "RS256 active": 1}
	for _, step := range []struct {
		after time.Duration
		want  want
	}{
		{0, fresh},
		{88 * 24 * time.Hour, fresh},
		{25 * time.Hour, want{"ES256 active": 1, "RS256 active": 1, "ES256 next": 1, "RS256 next": 1}},
		{23 * time.Hour, want{"ES256 active": 1, "RS256 active": 1, "ES256 next": 1, "RS256 next": 1}},
		{time.Hour, want{"ES256 active": 1, "RS256 active": 1, "ES256 retired": 1, "RS256 retired": 1}},
	} {
		clock.Advance(step.after)
		if diff := cmp.Diff(map[string]int(step.want), states()); diff != "" {
			t.Errorf("after %v: %s", step.after, diff)
		}
	}
	ring.forget()
	second, err := ring.set(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if second.active[ES256].kid == first.active[ES256].kid || second.active[RS256].kid == first.active[RS256].kid {
		t.Error("the successor does not sign")
	}
	var claims map[string]string
	if err := second.openToken(token, typeAccess, &claims); err != nil {
		t.Errorf("a token of the retired key: %v", err)
	}
	clock.Advance(40 * 24 * time.Hour)
	ring.forget()
	third, err := ring.set(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := third.openToken(token, typeAccess, &claims); err == nil || len(third.byKID) != 2 {
		t.Errorf("the retired key is still published (%d keys)", len(third.byKID))
	}
}

// Two processes that start at once on an empty store agree on one key each.
func TestFirstKeysAreMadeOnce(t *testing.T) {
	d := directorytest.Core(t, directorytest.OpenSQLite(t), nil)
	kids := make(chan string, 2)
	for range 2 {
		ring := newKeyring(d, slog.New(slog.DiscardHandler))
		go func() {
			set, err := ring.set(t.Context())
			if err != nil {
				kids <- err.Error()
				return
			}
			kids <- set.active[ES256].kid + set.active[RS256].kid
		}()
	}
	if a, b := <-kids, <-kids; a != b {
		t.Errorf("%s and %s", a, b)
	}
}
