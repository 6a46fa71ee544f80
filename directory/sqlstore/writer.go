package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/directory"
)

const (
	// batchMost is how many waiting functions one transaction runs.
	batchMost = 64
	// batchFill is how long a transaction takes in more of them.
	batchFill = 50 * time.Millisecond
	// lockLimit is how long a writer waits for the host's lock, and how long it
	// may hold it.
	lockLimit = 5 * time.Second
	// patience is how long a caller waits for its turn: longer than the lock, so
	// that it is told who holds that.
	patience = lockLimit + 500*time.Millisecond
	// attempts is how often a transaction that lost a race is run.
	attempts = 5
)

var (
	errClosed = errors.New("the store is closed")
	errQueue  = errors.New("no turn to write was had in time")
)

// request is one waiting Update or Record.
type request struct {
	fn      func(*directory.Tx) error
	queued  time.Time
	feed    bool         // Update: may append changes
	claimed atomic.Bool  // by the writer that runs it or the caller that gives up
	done    chan outcome // buffered
}

type outcome struct {
	head directory.Head
	err  error
}

// writer runs waiting functions one after the other, many in one transaction.
// A store has one, or on PostgreSQL one for Updates and one for Records, since
// there Records need not wait for the feed.
type writer struct {
	s    *Store
	feed bool // lock the feed from the start

	mu     sync.Mutex
	queue  []*request
	closed bool
	wake   chan struct{}
	ended  chan struct{}
}

func newWriter(s *Store, feed bool) *writer {
	w := &writer{s: s, feed: feed, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	go w.loop()
	return w
}

// do queues fn and waits until it was committed or failed.
func (w *writer) do(ctx context.Context, fn func(*directory.Tx) error, feed bool) (directory.Head, error) {
	r := &request{fn: fn, queued: time.Now(), feed: feed, done: make(chan outcome, 1)}
	if err := ctx.Err(); err != nil {
		return directory.Head{}, unavailable("wait for a turn to write", err)
	}
	if !w.add(r) {
		return directory.Head{}, unavailable("write", errClosed)
	}
	limit := time.NewTimer(patience)
	defer limit.Stop()
	cause := errQueue
	select {
	case o := <-r.done:
		return o.head, o.err
	case <-ctx.Done():
		cause = context.Cause(ctx)
	case <-limit.C:
	}
	if r.claimed.CompareAndSwap(false, true) {
		return directory.Head{}, unavailable("wait for a turn to write", cause)
	}
	// It is running already: only its end says whether it took effect.
	o := <-r.done
	return o.head, o.err
}

func (w *writer) add(r *request) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.queue = append(w.queue, r)
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return true
}

// take claims the next request that came before a time and that nobody has
// given up.
func (w *writer) take(before time.Time) *request {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) > 0 {
		r := w.queue[0]
		if r.queued.After(before) {
			return nil
		}
		w.drop()
		if r.claimed.CompareAndSwap(false, true) {
			return r
		}
	}
	return nil
}

// drop takes the first request off the queue. w.mu is held.
func (w *writer) drop() {
	w.queue[0] = nil
	if w.queue = w.queue[1:]; len(w.queue) == 0 {
		w.queue = nil
	}
}

// waiting reports whether anybody still waits.
func (w *writer) waiting() (some, closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) > 0 && w.queue[0].claimed.Load() {
		w.drop()
	}
	return len(w.queue) > 0, w.closed
}

func (w *writer) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
	<-w.ended
}

func (w *writer) loop() {
	defer close(w.ended)
	var c *conn
	defer func() {
		if c != nil {
			c.close()
		}
	}()
	for {
		some, closed := w.waiting()
		switch {
		case some:
			c = w.serve(c)
		case closed:
			return
		default:
			<-w.wake
		}
	}
}

// serve runs one batch on c, or on a new connection when c is nil, and returns
// the connection for the next.
func (w *writer) serve(c *conn) *conn {
	ctx, cancel := context.WithTimeout(w.s.ctx, lockLimit)
	defer cancel()
	began := time.Now()
	unlock, err := w.s.d.files.lock(ctx)
	if err != nil {
		w.refuse(began, unavailable("wait for the writers' lock", err))
		return c
	}
	defer unlock()
	w.s.metrics.lockWait.Observe(time.Since(began).Seconds())
	ctx, cancel = context.WithTimeout(w.s.ctx, lockLimit)
	defer cancel()

	b := &batch{w: w}
	idle := c != nil
	for range attempts {
		if c == nil {
			if c, err = newConn(ctx, w.s.db, w.s.d); err != nil {
				break
			}
		}
		err = b.run(ctx, c)
		if again := (retryable{}); errors.As(err, &again) {
			continue
		}
		if err == nil || !idle || len(b.running) > 0 {
			break
		}
		// Nothing was begun: the connection had broken while it was idle.
		c.close()
		c, idle = nil, false
	}
	b.answer(err)
	if err != nil {
		// Nothing of the batch was kept. A connection that failed is not used again.
		if c != nil {
			c.close()
			c = nil
		}
		if len(b.running) == 0 {
			w.refuse(began, err)
		}
		return c
	}
	w.s.metrics.commit.Observe(time.Since(began).Seconds())
	w.s.metrics.batch.Observe(float64(len(b.running)))
	if b.ring {
		w.s.bell.ring()
	}
	return c
}

// refuse answers all that have waited since before a time.
func (w *writer) refuse(before time.Time, err error) {
	for r := w.take(before); r != nil; r = w.take(before) {
		r.done <- outcome{err: err}
	}
}

// batch is one transaction of a writer.
type batch struct {
	w       *writer
	running []*request // claimed; they are all answered when the batch ends
	results []outcome  // of running
	ring    bool
}

// run runs what was claimed in an earlier attempt and what waits. An error
// means that nothing was kept.
func (b *batch) run(ctx context.Context, c *conn) error {
	again := b.running
	b.results = b.results[:0]
	return c.run(ctx, c.d.locks.update, func() error {
		w, err := beginWrite(c, b.w.s, b.w.feed)
		if err != nil {
			return err
		}
		deadline := time.Now().Add(batchFill)
		for i := 0; i < batchMost; i++ {
			var r *request
			switch {
			case i < len(again):
				r = again[i]
			case i > 0 && time.Now().After(deadline):
			default:
				if r = b.w.take(time.Now()); r != nil {
					b.running = append(b.running, r)
				}
			}
			if r == nil {
				break
			}
			if err := b.one(c, w, r); err != nil {
				return err
			}
		}
		b.ring = w.ring || len(w.changes) > 0 || w.restarted
		return w.finish()
	})
}

// one runs a request in a savepoint. An error means that the whole transaction
// is lost.
func (b *batch) one(c *conn, w *writeState, r *request) error {
	if _, err := c.exec("SAVEPOINT one"); err != nil {
		return err
	}
	mark := w.mark()
	w.feedAllowed = r.feed
	err := call(r.fn, &c.tx)
	c.endCursor()
	if c.err != nil {
		err = c.err
	}
	if err == nil {
		if _, err := c.exec("RELEASE SAVEPOINT one"); err != nil {
			return err
		}
		b.results = append(b.results, outcome{head: w.seal()})
		return nil
	}
	b.results = append(b.results, outcome{err: err})
	if again := (retryable{}); errors.As(err, &again) {
		return err
	}
	c.err = nil
	w.reset(mark)
	if _, err := c.exec("ROLLBACK TO SAVEPOINT one"); err != nil {
		return err
	}
	_, err = c.exec("RELEASE SAVEPOINT one")
	return err
}

// call runs fn. A panic in it must not end the process from the writer's
// goroutine, nor stay a secret.
func call(fn func(*directory.Tx) error, tx *directory.Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = internal("panic in a transaction: %v\n%s", p, debug.Stack())
		}
	}()
	return fn(tx)
}

// answer tells every caller. With err, nothing was kept.
func (b *batch) answer(err error) {
	for i, r := range b.running {
		o := outcome{err: err}
		switch {
		case i >= len(b.results):
			if err == nil {
				o.err = internal("a request was not run")
			}
		case err == nil || b.results[i].err != nil && !transient(b.results[i].err):
			o = b.results[i]
		}
		r.done <- o
	}
}

// transient reports whether err belongs to the batch rather than to one
// request.
func transient(err error) bool {
	var again retryable
	return errors.As(err, &again) || directory.Is(err, directory.Unavailable)
}

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
	err := insert(w.c, "changes", names, len(w.changes), func(i int) []any {
		return values(changeFields(&w.changes[i]))
	})
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
