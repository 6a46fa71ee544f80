package directory

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	pollEvery   = 25 * time.Millisecond
	syncTimeout = 2 * time.Second
	syncBatch   = 1000 // transactions of the feed read at once
	lastMost    = 1000 // changes that are kept for those who follow the feed

	crowd     = 4 // attempts served by one read, from which on the next waits for more
	gatherFor = 50 * time.Microsecond
)

// follower reads the head of the feed and applies the changes up to it to the
// caches. It does so every 25 ms, when the doorbell rings, and at once when an
// attempt waits at the freshness barrier: one read serves all that wait.
type follower struct {
	store   Store
	cache   *cache
	limiter *limiter
	log     *slog.Logger
	kick    chan struct{}

	mu    sync.Mutex
	head  Head // applied
	lost  bool // the last read failed
	next  *round
	moved chan struct{} // closed when head moves
	last  []Change      // that led to head, as read: whole transactions without a gap; may be none
}

// round is one read of the head and all attempts that it serves.
type round struct {
	attempts int
	done     chan struct{} // closed when head and err are set
	head     Head
	err      error
}

func newFollower(store Store, c *cache, l *limiter, log *slog.Logger) *follower {
	return &follower{store: store, cache: c, limiter: l, log: log, kick: make(chan struct{}, 1), moved: make(chan struct{})}
}

// Barrier passes the freshness barrier: it returns a position of the feed that
// was read after the call began, and to which all caches have caught up. The
// error is Unavailable when the store does not answer.
func (d *Directory) Barrier(ctx context.Context) (Head, error) { return d.follow.barrier(ctx) }

func (f *follower) barrier(ctx context.Context) (Head, error) {
	r := f.join()
	select {
	case <-r.done:
		return r.head, r.err
	case <-ctx.Done():
		return Head{}, unavailable("the directory did not answer in time", ctx.Err())
	}
}

// join enters an attempt for the next read, which has not begun yet.
func (f *follower) join() *round {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.next == nil {
		f.next = &round{done: make(chan struct{})}
		select {
		case f.kick <- struct{}{}:
		default:
		}
	}
	f.next.attempts++
	return f.next
}

// take ends the entries for the next read, which is about to begin; nil: nobody
// waits for it.
func (f *follower) take() *round {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.next
	f.next = nil
	return r
}

func (f *follower) run(ctx context.Context) {
	rings := make(chan struct{}, 1)
	var bell sync.WaitGroup
	bell.Go(func() {
		for ctx.Err() == nil {
			f.store.Wait(ctx)
			select {
			case rings <- struct{}{}:
			default:
			}
		}
	})
	defer bell.Wait()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	crowded := false
	for {
		select {
		case <-f.kick:
			if crowded {
				wait(ctx, gatherFor) // many attempts are on their way: one read for more of them
			}
		case <-poll.C:
		case <-rings:
		case <-ctx.Done():
			f.take().answer(Head{}, unavailable("the daemon is stopping", ctx.Err()))
			return
		}
		served := f.take() // before the read begins: whoever comes later waits for the next
		crowded = served != nil && served.attempts >= crowd
		head, err := f.sync(ctx)
		served.answer(head, err)
	}
}

// answer tells those who wait.
func (r *round) answer(head Head, err error) {
	if r == nil {
		return
	}
	r.head, r.err = head, err
	close(r.done)
}

// sync reads the head and brings the caches up to it.
func (f *follower) sync(ctx context.Context) (Head, error) {
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	head, err := f.store.Head(ctx)
	if err == nil && head != f.applied() {
		err = f.catchUp(ctx, head)
	}
	f.report(err)
	if err != nil {
		return Head{}, unavailable("the directory's database does not answer", err)
	}
	return head, nil
}

func (f *follower) catchUp(ctx context.Context, head Head) error {
	at := f.applied()
	if at.Epoch != head.Epoch || at.Seq == 0 {
		f.cache.clear(head.Seq)
		f.move(head, nil)
		return nil
	}
	var changes []Change
	for at.Seq < head.Seq {
		var err error
		changes, err = f.store.Changes(ctx, at.Seq, syncBatch)
		switch {
		case errors.Is(err, ErrSeqTrimmed):
			f.cache.clear(head.Seq)
			f.move(head, nil)
			return nil
		case err != nil:
			return err
		case len(changes) == 0:
			return &Error{Kind: Internal, Msg: "the change feed has a gap"}
		}
		at.Seq = changes[len(changes)-1].Seq
		f.cache.apply(changes, at.Seq)
		f.limiter.apply(changes)
	}
	f.move(at, changes)
	return nil
}

func (f *follower) applied() Head {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.head
}

// move says that the caches have caught up with h, by last and maybe changes
// before.
func (f *follower) move(h Head, last []Change) {
	if len(last) > lastMost {
		last = nil // an import: who follows reads it again, and nobody keeps it
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.head, f.last = h, last
	close(f.moved)
	f.moved = make(chan struct{})
}

// report logs once when the store is lost and once when it is back.
func (f *follower) report(err error) {
	f.mu.Lock()
	was := f.lost
	f.lost = err != nil && !errors.Is(err, context.Canceled)
	now := f.lost
	f.mu.Unlock()
	switch {
	case now && !was:
		f.log.Error("the directory's database does not answer; sign-ins are answered as unavailable", "err", err)
	case was && err == nil:
		f.log.Info("the directory's database answers again")
	}
}

// Follow yields the changes after a position, in order, as they are committed,
// until ctx ends. While the store is lost it waits. It yields ErrSeqTrimmed,
// and ends, when the changes are gone or a backup was restored: load a Snapshot.
func (d *Directory) Follow(ctx context.Context, from Head) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		f := d.follow
		at := from
		for ctx.Err() == nil {
			f.mu.Lock()
			head, moved, changes := f.head, f.moved, f.last
			f.mu.Unlock()
			if head.Epoch > at.Epoch && head.Seq != 0 {
				yield(Change{}, ErrSeqTrimmed)
				return
			}
			if head.Seq <= at.Seq { // also when from is newer than what was applied
				select {
				case <-moved:
				case <-ctx.Done():
				}
				continue
			}
			var err error
			if i := slices.IndexFunc(changes, func(c Change) bool { return c.Seq == at.Seq+1 }); i >= 0 {
				changes = changes[i:]
			} else {
				changes, err = d.store.Changes(ctx, at.Seq, syncBatch)
			}
			switch {
			case errors.Is(err, ErrSeqTrimmed):
				yield(Change{}, ErrSeqTrimmed)
				return
			case err != nil:
				select {
				case <-time.After(4 * pollEvery):
				case <-ctx.Done():
				}
				continue
			}
			for _, c := range changes {
				if !yield(c, nil) {
					return
				}
				at.Seq = c.Seq
			}
		}
	}
}
