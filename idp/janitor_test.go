package idp

import (
	"log/slog"
	"testing"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
)

func TestJanitorDeletesWhatIsLongOver(t *testing.T) {
	clock := directorytest.NewClock()
	d := directorytest.Core(t, directorytest.OpenSQLite(t), func(c *directory.Config) { c.Now = clock.Now })
	now := clock.Now()
	err := d.RecordArtefacts(t.Context(), func(a *directory.Artefacts) error {
		for i, age := range []time.Duration{-time.Hour, time.Minute, 2 * time.Hour, 3 * time.Hour} {
			over := now.Add(-age)
			if err := a.Tokens.Insert(directory.Token{Hash: []byte{1, byte(i)}, Kind: "oidc_code", Created: over, Expires: over}); err != nil {
				return err
			}
			s := directory.Session{Hash: []byte{2, byte(i)}, User: 1, AuthTime: over, Created: over, LastSeen: over, IdleUntil: over, Expires: over}
			if err := a.Sessions.Insert(s); err != nil {
				return err
			}
			if err := a.SessionApps.Insert(directory.SessionApp{Session: s.Hash, App: 1, SID: string(rune('a' + i)), Created: over}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := (&janitor{d: d, log: slog.New(slog.DiscardHandler)}).clean(t.Context()); err != nil {
		t.Fatal(err)
	}
	err = d.ReadArtefacts(t.Context(), func(a *directory.Artefacts) error {
		tokens, err1 := a.Tokens.Count(directory.TokenQuery{Kind: "oidc_code"})
		sessions, err2 := a.Sessions.Count(directory.SessionQuery{User: 1})
		apps, err3 := a.SessionApps.Count(directory.SessionAppQuery{Sessions: [][]byte{{2, 0}, {2, 1}, {2, 2}, {2, 3}}})
		if tokens != 2 || sessions != 2 || apps != 2 {
			t.Errorf("left: %d tokens, %d sessions, %d apps, want 2 of each (%v %v %v)", tokens, sessions, apps, err1, err2, err3)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
