package sqlstore

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"gatehouse/directory"
	"gatehouse/directory/seal"
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

// unlinked is the chain of a store that has no linker.
const unlinked = "unlinked"

// link puts the events of the transaction at the end of their chains, which is
// this process's for nearly all, and writes them.
func (w *writeState) link() error {
	if len(w.events) == 0 {
		return nil
	}
	own := unlinked
	if w.s.linker != nil {
		own = w.s.linker.Chain()
	}
	by := map[string][]*directory.Event{}
	for i := range w.events {
		e := &w.events[i]
		if e.Chain == "" {
			e.Chain = own
		}
		by[e.Chain] = append(by[e.Chain], e)
	}
	// Always in the same order, so that two transactions do not wait for each other.
	for _, name := range slices.Sorted(maps.Keys(by)) {
		if err := w.linkChain(name, by[name]); err != nil {
			return fmt.Errorf("append to the audit chain %s: %w", name, err)
		}
	}
	return nil
}

// linkChain appends events to one chain. Its row is locked: the CLI's chain has
// several writers, and two processes may have the same name.
func (w *writeState) linkChain(name string, events []*directory.Event) error {
	chain, key, err := w.chain(name)
	if err != nil {
		return err
	}
	linker, now := w.s.linker, w.s.now()
	if linker != nil && linker.Over(&chain, now) {
		if events[0].Verb != directory.VerbClose {
			events = append([]*directory.Event{w.closing(now)}, events...)
		}
	} else if events[0].Verb == directory.VerbClose {
		return nil // somebody else was faster
	}
	for _, e := range events {
		chain.N++
		e.Chain, e.N, e.Segment, e.Previous = name, chain.N, chain.Segment, chain.Link
		normalise(e)
		if key != nil {
			e.Link = e.LinkUnder(key)
		}
		chain.Link = e.Link
		if key != nil && e.Verb == directory.VerbClose {
			if key, err = linker.Advance(&chain, now); err != nil {
				return err
			}
		}
	}
	names := strings.Fields(eventColumns)
	err = insert(w.c, "audit", names, len(events), func(i int) []field { return eventFields(events[i]) })
	if err != nil {
		return err
	}
	if key != nil {
		chain.MAC = chain.Sum(key)
	}
	return w.c.tx.Chains.Update(chain)
}

// closing is the last event of an hour.
func (w *writeState) closing(now time.Time) *directory.Event {
	return &directory.Event{ID: w.eventID(), At: now, Verb: directory.VerbClose, Outcome: "ok", Count: 1}
}

// chain reads and locks the end of a chain. key is nil without a linker.
func (w *writeState) chain(name string) (chain directory.Chain, key *seal.MACKey, err error) {
	// The row is made first, so that there is one to lock.
	_, err = w.c.exec("INSERT INTO audit_chains (chain, n) VALUES ($1, 0) ON CONFLICT (chain) DO NOTHING", name)
	if err != nil {
		return chain, nil, err
	}
	for chain, err = range w.c.tx.Chains.Take(directory.ChainQuery{Names: []string{name}}) {
		if err != nil {
			return chain, nil, err
		}
	}
	if w.s.linker == nil {
		return chain, nil, nil
	}
	key, root, err := w.s.linker.Key(&chain, w.s.now())
	if err == nil && root != nil {
		err = w.c.tx.ChainRoots.Insert(*root)
	}
	return chain, key, err
}

// normalise gives e the values that will be read back, so that its link can be
// computed again from the row.
func normalise(e *directory.Event) {
	e.At = e.At.UTC().Truncate(time.Microsecond)
	for _, p := range []*string{&e.Actor, &e.Via, &e.IP, &e.Verb, &e.Entity, &e.Name, &e.Outcome, &e.App, &e.Chain} {
		*p = clean(*p)
	}
	e.Reason = directory.Reason(clean(string(e.Reason)))
	if !utf8.Valid(e.Detail) || bytes.IndexByte(e.Detail, 0) >= 0 {
		e.Detail = []byte(clean(string(e.Detail)))
	}
	if len(e.Detail) == 0 {
		e.Detail = nil
	}
	if len(e.Previous) == 0 {
		e.Previous = nil
	}
}
