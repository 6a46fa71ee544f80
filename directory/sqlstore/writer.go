package sqlstore

import (
	"context"
	"errors"
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
	// bulkLimit is how long a Bulk may hold it. On a machine with nothing else to
	// do, ten thousand people take two seconds.
	bulkLimit = 10 * time.Minute
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

// request is one waiting Update, Bulk or Record.
type request struct {
	fn      func(*directory.Tx) error
	queued  time.Time
	feed    bool         // not Record: may append changes
	bulk    bool         // alone in its batch, and for long
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
	feed bool          // lock the feed from the start
	hold time.Duration // how long a batch may take that is no Bulk

	mu     sync.Mutex
	queue  []*request
	closed bool
	wake   chan struct{}
	ended  chan struct{}
}

func newWriter(s *Store, feed bool) *writer {
	w := &writer{s: s, feed: feed, hold: lockLimit, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	go w.loop()
	return w
}

// do queues r and waits until it was committed or failed.
func (w *writer) do(ctx context.Context, r *request) (directory.Head, error) {
	r.queued, r.done = time.Now(), make(chan outcome, 1)
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

// take claims the next request, if it came before a time and fits. Those that
// their callers have given up are passed over.
func (w *writer) take(before time.Time, fits func(*request) bool) *request {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.first() != nil {
		r := w.queue[0]
		if r.queued.After(before) || !fits(r) {
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

// first is the first request that nobody has given up. w.mu is held.
func (w *writer) first() *request {
	for len(w.queue) > 0 && w.queue[0].claimed.Load() {
		w.drop()
	}
	if len(w.queue) == 0 {
		return nil
	}
	return w.queue[0]
}

// waiting reports whether anybody still waits.
func (w *writer) waiting() (some, closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.first() != nil, w.closed
}

// bulkNext reports whether the next batch is a Bulk.
func (w *writer) bulkNext() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.first()
	return r != nil && r.bulk
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
	b, limit := &batch{w: w, bulk: w.bulkNext()}, w.hold
	if b.bulk {
		limit = bulkLimit
	}
	ctx, cancel = context.WithTimeout(w.s.ctx, limit)
	defer cancel()

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
	anyone := func(*request) bool { return true }
	for r := w.take(before, anyone); r != nil; r = w.take(before, anyone) {
		r.done <- outcome{err: err}
	}
}
