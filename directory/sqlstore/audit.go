package sqlstore

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"time"

	"gatehouse/directory"
)

// eventIDs makes the ids of audit events: milliseconds and random bits, rising
// within the process.
type eventIDs struct {
	mu   sync.Mutex
	last int64
}

// eventEpoch is 2020-01-01T00:00:00Z, from which event ids count.
const eventEpoch = 1_577_836_800_000

func (e *eventIDs) next(now time.Time) int64 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	id := eventIDAt(now) | int64(binary.BigEndian.Uint32(b[:])>>10)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last = max(id, e.last+1)
	return e.last
}

// eventIDAt is the lowest id that an event written at t can have.
func eventIDAt(t time.Time) int64 { return (t.UnixMilli() - eventEpoch) << 22 }

func (w *writeState) eventID() int64 { return w.s.events.next(w.s.now()) }

// link puts the events of the transaction at the end of this process's chain
// and writes them. The chain's row is locked: the CLI's chain has several
// writers.
func (w *writeState) link() error {
	if len(w.events) == 0 {
		return nil
	}
	chain := "unlinked"
	if w.s.linker != nil {
		chain = w.s.linker.Chain()
	}
	var n int64
	var previous []byte
	// The row is made first, so that there is one to lock.
	_, err := w.c.exec("INSERT INTO audit_chains (chain, n, link) VALUES ($1, 0, NULL) ON CONFLICT (chain) DO NOTHING", chain)
	if err != nil {
		return fmt.Errorf("find the audit chain: %w", err)
	}
	_, err = w.c.row("SELECT n, link FROM audit_chains WHERE chain = $1"+w.c.d.locks.suffix, []any{chain},
		number(&n), blob(&previous))
	if err != nil {
		return fmt.Errorf("read the audit chain: %w", err)
	}
	for i := range w.events {
		e := &w.events[i]
		n++
		e.Chain, e.N, e.Previous = chain, n, previous
		normalise(e)
		if w.s.linker != nil {
			e.Link = w.s.linker.Link(e)
		}
		previous = e.Link
	}
	names := strings.Fields(eventColumns)
	err = insert(w.c, "audit", names, len(w.events), func(i int) []field { return eventFields(&w.events[i]) })
	if err != nil {
		return fmt.Errorf("append to the audit: %w", err)
	}
	if _, err := w.c.exec("UPDATE audit_chains SET n = $1, link = $2 WHERE chain = $3", n, previous, chain); err != nil {
		return fmt.Errorf("advance the audit chain: %w", err)
	}
	return nil
}

// normalise gives e the values that will be read back, so that its link can be
// computed again from the row.
func normalise(e *directory.Event) {
	e.At = e.At.UTC().Truncate(time.Microsecond)
	for _, p := range []*string{&e.Actor, &e.Via, &e.IP, &e.Verb, &e.Entity, &e.Name, &e.Outcome, &e.App, &e.Chain} {
		*p = clean(*p)
	}
	e.Reason = directory.Reason(clean(string(e.Reason)))
	e.Detail = []byte(clean(string(e.Detail)))
	if len(e.Detail) == 0 {
		e.Detail = nil
	}
	if len(e.Previous) == 0 {
		e.Previous = nil
	}
}
