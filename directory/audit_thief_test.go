package directory_test

import (
	"strings"
	"testing"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	"gatehouse/directory/seal"
)

// thief has broken into a daemon: it has what the process holds, the lookup
// ring, and may write to the store. It does not have the audit ring.
type thief struct {
	*auditors
	key    *seal.MACKey // of the current hour of ldapd's chain
	chain  directory.Chain
	events []directory.Event
}

func (a *auditors) thief() *thief {
	a.t.Helper()
	b := &thief{auditors: a}
	err := a.daemons["cli"].store.View(a.t.Context(), func(tx *directory.Tx) error {
		for c, err := range tx.Chains.Find(directory.ChainQuery{Names: []string{"ldapd@host"}}) {
			if err != nil {
				return err
			}
			b.chain = c
		}
		for e, err := range tx.Events.Find(directory.EventQuery{Chain: "ldapd@host", ByChain: true}) {
			if err != nil {
				return err
			}
			b.events = append(b.events, e)
		}
		return nil
	})
	if err != nil {
		a.t.Fatal(err)
	}
	// The linker of another process opens the key, as the thief could.
	linker, err := directory.NewLinker(directory.Keys{seal.Lookup: a.keys[seal.Lookup]}, "ldapd", "host")
	if err != nil {
		a.t.Fatal(err)
	}
	if b.key, _, err = linker.Key(&b.chain, a.clock.Now()); err != nil {
		a.t.Fatal(err)
	}
	return b
}

// forge links the events from number n on anew, and ends the chain with them.
func (b *thief) forge(n int, events []directory.Event) {
	b.t.Helper()
	err := b.daemons["cli"].store.Record(b.t.Context(), func(tx *directory.Tx) error {
		for i := n - 1; i < len(events); i++ {
			e := &events[i]
			e.N, e.Previous = int64(i+1), nil
			if i > 0 {
				e.Previous = events[i-1].Link
			}
			e.Link = e.LinkUnder(b.key)
			if err := tx.Events.Update(*e); err != nil {
				return err
			}
		}
		if len(events) > 0 {
			b.chain.N, b.chain.Link = int64(len(events)), events[len(events)-1].Link
		}
		b.chain.MAC = b.chain.Sum(b.key)
		return tx.Chains.Update(b.chain)
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// TestThief checks what the key of an hour is good for: events of that hour, and
// none before.
func TestThief(t *testing.T) {
	forged := func(e directory.Event) directory.Event { e.Name = "mallory"; return e }
	for _, tt := range []struct {
		name string
		do   func(*thief)
		want string // empty: it succeeds
	}{
		{name: "an event of this hour", do: func(b *thief) {
			b.events[11] = forged(b.events[11])
			b.forge(12, b.events)
		}},
		{name: "an event of the hour before", want: "event 8 (", do: func(b *thief) {
			b.events[7] = forged(b.events[7])
			b.forge(8, b.events)
		}},
		{name: "an event of the hour before, as one of this hour", want: "where hour 2 goes on", do: func(b *thief) {
			b.events[7] = forged(b.events[7])
			for i := 7; i < len(b.events); i++ {
				b.events[i].Segment = 3
			}
			b.forge(8, b.events)
		}},
		{name: "everything, as of this hour", want: "where hour 0 goes on", do: func(b *thief) {
			for i := range b.events {
				b.events[i].Segment = 3
			}
			b.forge(1, b.events)
		}},
		{name: "the end of the hour before", want: "where hour 2 goes on", do: func(b *thief) {
			b.exec("DELETE FROM audit WHERE chain = 'ldapd@host' AND n = 10", "UPDATE audit SET n = n - 1 WHERE chain = 'ldapd@host' AND n > 10")
			b.forge(10, append(b.events[:9:9], b.events[10:]...))
		}},
		{name: "all hours but the first", want: "the events between are missing", do: func(b *thief) {
			b.exec("DELETE FROM audit WHERE chain = 'ldapd@host' AND n > 6")
			b.forge(7, b.events[:6])
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := history(t, directorytest.SQLiteConfig(t))
			if got := a.verify(""); got != "" {
				t.Fatalf("before: %s", got)
			}
			tt.do(a.thief())
			if got := a.verify(""); !strings.Contains(got, tt.want) || tt.want == "" && got != "" {
				t.Errorf("verify says %q, want %q", got, tt.want)
			}
		})
	}
}

// TestForget checks that a daemon cannot begin a chain once it has given up the
// audit ring, and says what to do.
func TestForget(t *testing.T) {
	a := newAuditors(t, directorytest.SQLiteConfig(t))
	a.open("cli")
	d := a.open("ldapd")
	a.exec("UPDATE audit_chains SET state = NULL WHERE chain = 'ldapd@host'")
	if err := d.write(t.Context(), a.clock.Now(), 1); err == nil || !strings.Contains(err.Error(), "run gatehouse migrate") {
		t.Errorf("write without a key: %v", err)
	}
	// The next process has the ring, and goes on; that something happened stays.
	a.open("ldapd")
	if got := a.verify(""); !strings.Contains(got, "its key was taken out of the store after event 1") {
		t.Errorf("verify says %q", got)
	}
}
