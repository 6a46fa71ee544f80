package sqlstore

import (
	"context"
	"errors"
	"runtime/debug"
	"time"

	"gatehouse/directory"
)

// batch is one transaction of a writer.
type batch struct {
	w       *writer
	bulk    bool       // one Bulk, or any number of others
	running []*request // claimed; they are all answered when the batch ends
	results []outcome  // of running
	ring    bool
}

// errFirstFailed ends a batch whose first request failed: there is nothing to keep.
var errFirstFailed = errors.New("the first request of a batch failed")

// run runs what was claimed in an earlier attempt and what waits. An error
// means that nothing was kept.
//
// The first request needs no savepoint, since nothing comes before it. Most
// batches are one request, and a savepoint copies every page that is written in
// it. When it fails the batch ends with it, unless others were claimed already.
func (b *batch) run(ctx context.Context, c *conn) error {
	again := b.running
	b.results, b.ring = b.results[:0], false
	err := c.run(ctx, c.d.locks.update, func() error {
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
				if r = b.w.take(time.Now(), b.fits); r != nil {
					b.running = append(b.running, r)
				}
			}
			if r == nil {
				break
			}
			one := b.one
			if i == 0 && len(again) <= 1 {
				one = b.first
			}
			if err := one(c, w, r); err != nil {
				return err
			}
		}
		b.ring = w.ring || len(w.changes) > 0 || w.restarted
		return w.finish()
	})
	if errors.Is(err, errFirstFailed) {
		return nil
	}
	return err
}

// fits reports whether r may be part of this batch.
func (b *batch) fits(r *request) bool { return r.bulk == b.bulk && (!b.bulk || len(b.running) == 0) }

// first runs the first request. An error means that the whole transaction is lost.
func (b *batch) first(c *conn, w *writeState, r *request) error {
	err := b.try(c, w, r)
	if err == nil {
		b.results = append(b.results, outcome{head: w.seal()})
		return nil
	}
	b.results = append(b.results, outcome{err: err})
	if transient(err) {
		return err // the connection may be at fault
	}
	return errFirstFailed
}

// try runs what a request does.
func (b *batch) try(c *conn, w *writeState, r *request) error {
	w.feedAllowed = r.feed
	err := call(r.fn, &c.tx)
	c.endCursor()
	if c.err != nil {
		err = c.err
	}
	return err
}

// one runs a request in a savepoint. An error means that the whole transaction
// is lost.
func (b *batch) one(c *conn, w *writeState, r *request) error {
	if _, err := c.exec("SAVEPOINT one"); err != nil {
		return err
	}
	mark := w.mark()
	err := b.try(c, w, r)
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
