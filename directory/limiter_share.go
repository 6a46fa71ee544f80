package directory

import (
	"context"
	"maps"
	"slices"
	"time"
)

const (
	inFlight      = 2  // hashes at the same time per account and process
	inFlightWaits = 16 // attempts that wait for those

	reserveWithin = 5 * time.Second        // for the store to take a reservation
	reserveAlone  = 250 * time.Millisecond // the same, after it did not take the last one
	reserveAgain  = 50 * time.Millisecond  // while others are being checked
	reserveTries  = 40
	flushAtOnce   = 500 // rows in one transaction
)

// gate admits inFlight attempts of one account at a time.
type gate struct {
	slots chan struct{}
	users int
}

// enter admits an attempt on an account; ok is false when too many wait. leave
// must be called once when ok.
func (l *limiter) enter(ctx context.Context, account string) (leave func(), ok bool, err error) {
	l.mu.Lock()
	g := l.accounts[account]
	if g == nil {
		g = &gate{slots: make(chan struct{}, inFlight)}
		l.accounts[account] = g
	}
	if g.users >= inFlight+inFlightWaits {
		l.mu.Unlock()
		return nil, false, nil
	}
	g.users++
	l.mu.Unlock()
	done := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if g.users--; g.users == 0 {
			delete(l.accounts, account)
		}
	}
	select {
	case g.slots <- struct{}{}:
		return func() { <-g.slots; done() }, true, nil
	case <-ctx.Done():
		done()
		return nil, false, unavailable("the caller went away while its attempt waited", ctx.Err())
	}
}

// reservation is the answer to whether an attempt may be decided. Its fields may
// be read when done is closed.
type reservation struct {
	done    chan struct{}
	refusal refusal
	err     error
}

// refused reports whether the answer is known already, and no.
func (r *reservation) refused() bool {
	select {
	case <-r.done:
		return r.err != nil || r.refusal.why != ""
	default:
		return false
	}
}

// reserve counts an attempt before its hash is computed, where every process
// sees it. It waits for the answer, unless nothing is held against the account
// from this source: then the hash may be computed meanwhile, and the answer must
// be known before its result is used. When it is no refusal, the attempt ends
// with failed, succeeded or returned.
func (g *guess) reserve(ctx context.Context) *reservation {
	l, r := g.l, &reservation{done: make(chan struct{})}
	l.mu.Lock()
	meanwhile := g.pair.clean() && g.pair.reserving == 0
	g.pair.reserving++
	l.mu.Unlock()
	answer := func() {
		defer close(r.done)
		r.refusal, r.err = g.reserved(ctx)
	}
	if meanwhile {
		go answer()
	} else {
		answer()
	}
	return r
}

// reserved makes the reservation, waiting for attempts elsewhere to be decided.
func (g *guess) reserved(ctx context.Context) (refusal, error) {
	defer func() {
		g.l.mu.Lock()
		defer g.l.mu.Unlock()
		g.pair.reserving--
	}()
	for range reserveTries {
		if granted, err := g.try(ctx); err != nil || granted {
			return refusal{}, err
		}
		if r := g.refused(); r.why != "" {
			return r, nil
		}
		wait(ctx, reserveAgain)
	}
	return refusal{why: refusedTurn, visible: busyFor}, nil
}

// try asks the store once. Where that cannot be written, this process counts by
// itself: guessing is still slowed down, and people can sign in. A name that
// nobody has takes the same turn, and writes nothing.
func (g *guess) try(ctx context.Context) (bool, error) {
	l, e := g.l, g.pair
	l.mu.Lock()
	since, within := e.delta, reserveWithin
	if l.alone {
		within = reserveAlone
	}
	e.delta = delta{}
	l.mu.Unlock()
	var row Failures
	var granted bool
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err := l.record(limited, func(tx *Tx) error {
		have, err := takeFailures(tx, []*failures{e})
		if err != nil || g.user == 0 {
			return err
		}
		var stored bool
		if row, stored = have[e.name()]; !stored {
			row = Failures{Key: e.name(), Bucket: e.bucket, User: g.user, Source: e.row.Source}
		}
		now := l.now()
		row.settle(since, now)
		if granted = !row.Until.After(now) && row.room(); granted {
			row.Pending, row.Updated = row.Pending+1, now
		}
		if !granted && since == (delta{}) {
			return nil
		}
		return writeFailures(tx, row, stored)
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report(err)
	switch {
	case err != nil && ctx.Err() != nil:
		e.delta = since.and(e.delta)
		return false, unavailable("the caller went away while its attempt was reserved", ctx.Err())
	case err != nil || g.user == 0:
		e.delta = since.and(e.delta)
		now := l.now()
		seen := e.at(now)
		if granted = !seen.Until.After(now) && seen.room(); granted {
			e.row.Pending, e.row.Updated = seen.Pending+1, latest(e.row.Updated, now)
		}
	default:
		e.row, g.shared = row, granted
	}
	g.held = granted
	return granted, nil
}

// report logs once when reservations are not shared and once when they are
// again. l.mu is held.
func (l *limiter) report(err error) {
	if err != nil {
		l.metrics.unshared.Inc()
	}
	switch {
	case err != nil && !l.alone:
		l.log.Warn("failed sign-ins are counted by this process alone, since the database takes no writes", "err", err)
	case err == nil && l.alone:
		l.log.Info("failed sign-ins are shared with the other processes again")
	}
	l.alone = err != nil
}

// record is Store.Record, once more when another host added the same row.
func (l *limiter) record(ctx context.Context, fn func(*Tx) error) error {
	err := l.store.Record(ctx, fn)
	if Is(err, Exists) {
		err = l.store.Record(ctx, fn)
	}
	return err
}

// takeFailures reads the rows of entries, to be changed.
func takeFailures(tx *Tx, entries []*failures) (map[string]Failures, error) {
	rows := make(map[string]Failures, len(entries))
	for r, err := range tx.Failures.Take(FailuresQuery{Keys: keysOf(entries)}) {
		if err != nil {
			return nil, err
		}
		rows[r.Key] = r
	}
	return rows, nil
}

func writeFailures(tx *Tx, row Failures, stored bool) error {
	if stored {
		return tx.Failures.Update(row)
	}
	return tx.Failures.Insert(row)
}

// flush writes what happened, for other processes and a restart.
func (l *limiter) flush(ctx context.Context) error {
	l.mu.Lock()
	due := slices.Collect(maps.Keys(l.dirty))
	clear(l.dirty)
	l.mu.Unlock()
	for some := range slices.Chunk(due, flushAtOnce) {
		if err := l.flushSome(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

func (l *limiter) flushSome(ctx context.Context, due []*failures) error {
	since, fresh := make([]delta, len(due)), make([]Failures, len(due))
	l.mu.Lock()
	for i, e := range due {
		since[i], fresh[i] = e.delta, Failures{Key: e.name(), Bucket: e.bucket, User: e.row.User, Source: e.row.Source}
		e.delta = delta{}
	}
	l.mu.Unlock()
	rows := make([]Failures, len(due))
	err := l.record(ctx, func(tx *Tx) error {
		have, err := takeFailures(tx, due)
		if err != nil {
			return err
		}
		var unknown []Failures
		for i := range due {
			was, stored := have[fresh[i].Key]
			if rows[i] = was; !stored {
				rows[i] = fresh[i]
			}
			rows[i].settle(since[i], l.now())
			if !stored {
				unknown = append(unknown, rows[i])
			} else if err := tx.Failures.Amend(was, rows[i]); err != nil {
				return err
			}
		}
		return tx.Failures.Insert(unknown...)
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, e := range due {
		if err != nil {
			e.delta = since[i].and(e.delta)
			l.dirty[e] = struct{}{}
			continue
		}
		e.row = rows[i]
	}
	return err
}
