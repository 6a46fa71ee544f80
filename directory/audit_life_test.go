package directory_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	"gatehouse/directory/sqlstore"
)

// TestRetention removes old hours and verifies what is left.
func TestRetention(t *testing.T) {
	onEngines(t, func(t *testing.T, cfg sqlstore.Config) {
		a := history(t, cfg)
		early := a.away(3)
		a.write("ldapd", 1500) // more than one batch
		a.clock.Advance(61 * time.Minute)
		a.checkpoint("ldapd") // closes the hour
		a.clock.Advance(22 * time.Hour)
		a.write("ldapd", 2)
		a.checkpoint("idp")
		n, err := a.daemons["idp"].PruneAudit(t.Context())
		if err != nil || n != 6 { // the first hour of ldapd; that of idp was closed two hours later
			t.Fatalf("%d events were removed, %v", n, err)
		}
		if got := a.verify(""); got != "" {
			t.Errorf("after the first: %s", got)
		}
		if got := a.verify(a.away(5)); got != "" {
			t.Errorf("after the first, with checkpoints: %s", got)
		}
		a.clock.Advance(3 * time.Hour)
		a.checkpoint("ldapd")
		if n, err = a.daemons["idp"].PruneAudit(t.Context()); err != nil || n < 1500 {
			t.Fatalf("%d events were removed, %v", n, err)
		}
		if got := a.verify(""); got != "" {
			t.Errorf("after the second: %s", got)
		}
		if n, err = a.daemons["ldapd"].PruneAudit(t.Context()); err != nil || n != 0 {
			t.Errorf("another daemon removed %d more, %v", n, err)
		}
		if got := a.verify(early); got != "" {
			t.Errorf("with old checkpoints: %s", got)
		}
	})
}

// TestPruneTooEarly checks that checkpoints show what was removed before its
// time by somebody who can write stubs.
func TestPruneTooEarly(t *testing.T) {
	a := history(t, directorytest.SQLiteConfig(t))
	lines := a.away(3)
	// A daemon with a clock that is far ahead, or a thief who says that it is.
	store := a.daemons["idp"].store
	d := directorytest.Join(t, store, a.keys, func(c *directory.Config) {
		c.Daemon, c.Instance, c.AuditKeep = "idp", "host", time.Nanosecond
		c.Now = func() time.Time { return a.clock.Now().Add(-time.Hour) }
	})
	if n, err := d.PruneAudit(t.Context()); err != nil || n == 0 {
		t.Fatalf("%d, %v", n, err)
	}
	if got := a.verify(lines); got != "" {
		t.Errorf("what was old: %s", got)
	}
	a.exec("UPDATE audit SET at = 1 WHERE chain = 'ldapd@host'") // so that it takes all
	if _, err := d.PruneAudit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := a.verify(lines); !strings.Contains(got, "event 9 was removed before it was old enough: line 3 of the checkpoints") {
		t.Errorf("verify says %q", got)
	}
}

// TestSameName runs two processes of one name, which share a chain and its key,
// over the end of hours.
func TestSameName(t *testing.T) {
	onEngines(t, func(t *testing.T, cfg sqlstore.Config) {
		a := newAuditors(t, cfg)
		a.open("cli")
		first, second := a.open("ldapd"), a.open("ldapd")
		for range 3 {
			var all sync.WaitGroup
			for _, p := range []*auditor{first, second} {
				for range 3 {
					all.Go(func() {
						if err := p.write(t.Context(), a.clock.Now(), 5); err != nil {
							t.Error(err)
						}
					})
				}
			}
			all.Go(func() {
				if err := second.Checkpoint(t.Context()); err != nil {
					t.Error(err)
				}
			})
			all.Wait()
			a.clock.Advance(time.Hour)
		}
		if got := a.verify(a.away(5)); got != "" {
			t.Error(got)
		}
		report, err := a.daemons["cli"].VerifyAudit(t.Context(), directorytest.Operator(), nil)
		if err != nil || len(report.Chains) != 1 || report.Chains[0].Events != 2+3*31+2 {
			t.Errorf("%+v, %v", report.Chains, err)
		}
	})
}

// TestClockBack sets the clock back, by a little and by a day.
func TestClockBack(t *testing.T) {
	a := newAuditors(t, directorytest.SQLiteConfig(t))
	a.open("cli")
	a.open("ldapd")
	for _, step := range []time.Duration{-time.Second, -24 * time.Hour, 10 * time.Minute, 24 * time.Hour, -61 * time.Minute} {
		a.clock.Advance(step)
		a.write("ldapd", 2)
		a.checkpoint("ldapd")
	}
	if got := a.verify(a.away(6)); got != "" {
		t.Error(got)
	}
}

// TestIdleChains checks that the key of a chain which nobody writes to is moved
// on by the others.
func TestIdleChains(t *testing.T) {
	a := newAuditors(t, directorytest.SQLiteConfig(t))
	cli := a.open("cli")
	a.write("cli", 1)
	a.open("ldapd")
	before := segments(t, cli.store)
	for range 2 {
		a.clock.Advance(61 * time.Minute)
		a.checkpoint("ldapd")
	}
	after := segments(t, cli.store)
	if before["cli@host"] != 1 || after["cli@host"] != 3 || after["ldapd@host"] != 3 {
		t.Errorf("segments %v, then %v", before, after)
	}
	a.write("cli", 1)
	if got := a.verify(a.away(3)); got != "" {
		t.Error(got)
	}
}

func segments(t *testing.T, s directory.Store) map[string]int64 {
	t.Helper()
	out := map[string]int64{}
	err := s.View(t.Context(), func(tx *directory.Tx) error {
		for c, err := range tx.Chains.Find(directory.ChainQuery{}) {
			if err != nil {
				return err
			}
			out[c.Name] = c.Segment
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestFailedRatchet loses the transaction in which the key was replaced.
func TestFailedRatchet(t *testing.T) {
	onEngines(t, func(t *testing.T, cfg sqlstore.Config) {
		a := newAuditors(t, cfg)
		a.open("cli")
		d := a.open("ldapd")
		for range 3 {
			a.clock.Advance(61 * time.Minute)
			// The id of the second event is taken, so that the link fails at the end,
			// after the key was replaced in memory.
			a.exec("CREATE UNIQUE INDEX once ON audit (name) WHERE name = 'twice'")
			err := d.store.Record(t.Context(), func(tx *directory.Tx) error {
				e := directory.Event{At: a.clock.Now(), Verb: "x", Name: "twice"}
				return tx.Events.Insert(e, e)
			})
			if err == nil {
				t.Fatal("the transaction was kept")
			}
			a.exec("DROP INDEX once")
			a.write("ldapd", 2)
		}
		if got := a.verify(""); got != "" {
			t.Error(got)
		}
	})
}

// TestRestoredAudit restores a backup: the chains go on where the backup was
// made, and verify says what was lost instead of calling it tampering.
func TestRestoredAudit(t *testing.T) {
	onEngines(t, func(t *testing.T, cfg sqlstore.Config) {
		a := history(t, cfg)
		var backup bytes.Buffer
		if err := a.daemons["cli"].store.Backup(t.Context(), &backup); err != nil {
			t.Fatal(err)
		}
		var sealed []byte
		if err := a.db.QueryRowContext(t.Context(), "SELECT state FROM audit_chains WHERE chain = 'ldapd@host'").Scan(&sealed); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(backup.Bytes(), sealed[20:]) {
			t.Error("the backup holds the key of a chain")
		}
		a.clock.Advance(61 * time.Minute)
		a.write("ldapd", 3) // to be lost
		a.open("scimd")     // likewise, with its chain
		a.checkpoint("ldapd")
		lines := a.away(5)

		into := cfg
		if strings.HasPrefix(cfg.URL, "postgres") {
			into = directorytest.PostgresConfig(t)
			// Restore wants an empty database.
			b := newAuditors(t, into)
			b.exec("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
		} else {
			into.DataDir = t.TempDir()
		}
		a.clock.Advance(time.Minute)
		into.Now = a.clock.Now
		if _, err := sqlstore.Restore(t.Context(), into, &backup); err != nil {
			t.Fatal(err)
		}
		b := newAuditors(t, into)
		b.keys, b.clock, b.cfg.Now = a.keys, a.clock, a.clock.Now
		cli := b.open("cli")
		if err := cli.RestoreChains(t.Context(), directorytest.Operator()); err != nil {
			t.Fatal(err)
		}
		b.open("ldapd")
		b.open("idp")
		b.open("scimd")
		b.write("ldapd", 4)
		if got := b.verify(""); got != "" {
			t.Errorf("after the restore: %s", got)
		}
		got := b.verify(lines)
		for line := range strings.Lines(got) {
			if !strings.HasPrefix(line, "notice: ") {
				t.Errorf("a problem: %s", line)
			}
		}
		if !strings.Contains(got, "between the backup and its restore") {
			t.Errorf("verify does not say what was lost: %q", got)
		}
		// What was before the backup is compared all the same.
		b.exec("DELETE FROM audit WHERE chain = 'ldapd@host'", "DELETE FROM audit_chains WHERE chain = 'ldapd@host'", "DELETE FROM audit_roots WHERE chain = 'ldapd@host'")
		if got := b.verify(lines); !strings.Contains(got, "ldapd@host: ") {
			t.Errorf("a chain was removed after the restore: %q", got)
		}
	})
}

// failing is a courier that fails at first.
type failing struct {
	directory.Courier
	mu   sync.Mutex
	left int
}

func (f *failing) Deliver(ctx context.Context, events []directory.Event) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left > 0 {
		f.left--
		return errors.New("no way")
	}
	return f.Courier.Deliver(ctx, events)
}

// TestCheckpointsWait checks that what could not be sent away is sent later, by
// the latest when the daemon stops.
func TestCheckpointsWait(t *testing.T) {
	a := newAuditors(t, directorytest.SQLiteConfig(t))
	a.open("cli")
	idp := a.open("idp")
	a.away(1)
	d := directorytest.Join(t, idp.store, a.keys, func(c *directory.Config) {
		c.Now, c.Daemon, c.Instance, c.Checkpoints = a.clock.Now, "idp", "host", &failing{Courier: a, left: 1}
	})
	for range 3 {
		if err := d.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	d.Close()
	if n := strings.Count(a.away(3), "\n"); n < 3 { // one may be lost: it failed while the daemon stopped
		t.Errorf("%d were sent", n)
	}
}
