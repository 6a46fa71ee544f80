package directory

import (
	"context"
	"log/slog"
	"time"
)

const (
	auditQueue  = 4096
	auditCommit = 50 * time.Millisecond
	auditBatch  = auditQueue
)

// auditor writes the events of sign-ins, a group of them in one commit, at most
// 50 ms late. When its queue is full, sign-ins wait; nothing is dropped while
// the store answers.
type auditor struct {
	store Store
	log   *slog.Logger
	queue chan auditItem
	folder
}

type auditItem struct {
	event Event
	done  chan<- error // nil: nobody waits
}

func newAuditor(store Store, log *slog.Logger) *auditor {
	return &auditor{store: store, log: log, queue: make(chan auditItem, auditQueue), folder: folder{seen: map[failure]int{}}}
}

// append queues an event; with strict it returns after the commit.
func (a *auditor) append(ctx context.Context, e Event, strict bool) error {
	item := auditItem{event: e}
	var done chan error
	if strict {
		done = make(chan error, 1)
		item.done = done
	}
	select {
	case a.queue <- item:
	case <-ctx.Done():
		return unavailable("the audit cannot keep up", ctx.Err())
	}
	if !strict {
		return nil
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return unavailable("the audit cannot keep up", ctx.Err())
	}
}

func (a *auditor) run(ctx context.Context) {
	var items []auditItem
	for {
		select {
		case item := <-a.queue:
			items = a.gather(ctx, append(items[:0], item))
			a.commit(ctx, items)
			clear(items) // their room is used again
		case <-ctx.Done():
			for len(a.queue) > 0 {
				a.commit(context.WithoutCancel(ctx), a.gather(ctx, append(items[:0], <-a.queue)))
			}
			return
		}
	}
}

// gather adds to the first item what arrives within the commit interval.
func (a *auditor) gather(ctx context.Context, items []auditItem) []auditItem {
	first := items[0]
	due := time.NewTimer(auditCommit)
	defer due.Stop()
	for len(items) < auditBatch {
		if first.done != nil && len(a.queue) == 0 {
			return items // somebody waits for the commit
		}
		select {
		case item := <-a.queue:
			items = append(items, item)
		case <-due.C:
			return items
		case <-ctx.Done():
			if len(a.queue) == 0 {
				return items
			}
		}
	}
	return items
}

// commit writes the items, trying again while the store is lost: until then the
// queue fills up and sign-ins, which the store could not decide anyway, wait.
func (a *auditor) commit(ctx context.Context, items []auditItem) {
	events := a.fold(items)
	for attempt := 1; ; attempt++ {
		err := a.write(ctx, events)
		if err == nil || !Is(err, Unavailable) || ctx.Err() != nil {
			if err != nil {
				a.log.Error("audit events were lost", "err", err, "count", len(events))
			}
			a.answer(items, err)
			return
		}
		if attempt == 1 {
			a.log.Error("audit events cannot be written; trying again", "err", err)
			a.answer(items, err)
		}
		wait(ctx, 10*auditCommit)
	}
}

func (a *auditor) write(ctx context.Context, events []Event) error {
	// A stop must not lose what was already decided.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*syncTimeout)
	defer cancel()
	return a.store.Record(ctx, func(tx *Tx) error { return tx.Events.Insert(events...) })
}

// answer tells those who wait, once.
func (a *auditor) answer(items []auditItem, err error) {
	for i := range items {
		if items[i].done != nil {
			items[i].done <- err
			items[i].done = nil
		}
	}
}
