package sqlstore

import (
	"fmt"

	"gatehouse/directory"
)

// writeState is what a writing transaction gathers until it commits.
type writeState struct {
	c           *conn
	s           *Store
	locked      bool // the feed's row
	feedAllowed bool
	base        directory.Head // as read
	head        directory.Head // with the changes so far
	restarted   bool
	pending     []directory.Change // of the request that runs
	changes     []directory.Change
	events      []directory.Event
	ring        bool
}

// mark is a point to go back to.
type mark struct {
	head      directory.Head
	restarted bool
	changes   int
	events    int
	ring      bool
}

// beginWrite makes c's transaction a writing one. With feed it holds the feed
// until the end, so that Seqs are given in the order of commits.
func beginWrite(c *conn, s *Store, feed bool) (*writeState, error) {
	w := &writeState{c: c, s: s}
	query := headQuery
	if feed {
		query += c.d.locks.suffix
		w.locked = true
	}
	found, err := c.row(query, nil, number(&w.base.Seq), number(&w.base.Epoch))
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, internal("the feed has no row")
	}
	w.head = w.base
	c.write = w
	return w, nil
}

func (w *writeState) mark() mark {
	w.pending = nil
	return mark{head: w.head, restarted: w.restarted, changes: len(w.changes), events: len(w.events), ring: w.ring}
}

// reset forgets what a failed request gathered.
func (w *writeState) reset(m mark) {
	w.head, w.restarted, w.ring = m.head, m.restarted, m.ring
	w.changes, w.events, w.pending = w.changes[:m.changes], w.events[:m.events], nil
}

// seal gives the changes of a request that succeeded their Seq, and returns the
// position at which all it did is visible.
func (w *writeState) seal() directory.Head {
	if len(w.pending) > 0 {
		w.head.Seq++
		now := w.s.now()
		for i, ch := range w.pending {
			ch.Seq, ch.N, ch.At = w.head.Seq, i+1, now
			w.changes = append(w.changes, ch)
		}
		w.pending = nil
	}
	return w.head
}

// finish writes what was gathered: audit events in order, then the changes,
// and last the feed's new position.
func (w *writeState) finish() error {
	if err := w.link(); err != nil {
		return err
	}
	if w.head == w.base {
		return nil
	}
	names := []string{"seq", "n", "at", "kind", "ref", "rev", "users"}
	err := insert(w.c, "changes", names, len(w.changes), func(i int) []field { return changeFields(&w.changes[i]) })
	if err != nil {
		return fmt.Errorf("append to the feed: %w", err)
	}
	if _, err = w.c.exec("UPDATE feed SET seq = $1, epoch = $2 WHERE one = 1", int64(w.head.Seq), w.head.Epoch); err != nil {
		return fmt.Errorf("advance the feed: %w", err)
	}
	return nil
}

// writable returns an error unless the transaction may write.
func (c *conn) writable() error {
	if c.write == nil {
		return internal("write in a View")
	}
	return nil
}
