package radiusd

import (
	"context"
	"fmt"
	"time"

	"gatehouse/directory"
)

const (
	openQueue   = 1024
	openBatch   = 256
	storeWithin = 5 * time.Second
)

// opener stores the rows of new sessions before their Access-Accept leaves:
// all that wait, in one commit. A session that nobody recorded could not be
// ended by a lockdown.
type opener struct {
	directory *directory.Directory
	queue     chan opening
}

type opening struct {
	row  directory.RADIUSSession
	done chan<- opened
}

// opened says when the row was stored: the feed was at seq after the commit.
type opened struct {
	seq directory.Seq
	err error
}

func newOpener(d *directory.Directory) *opener {
	return &opener{directory: d, queue: make(chan opening, openQueue)}
}

// open returns after the row was committed, with a position of the feed that
// was read after that.
func (o *opener) open(ctx context.Context, row directory.RADIUSSession) (directory.Seq, error) {
	done := make(chan opened, 1)
	select {
	case o.queue <- opening{row, done}:
	case <-ctx.Done():
		return 0, fmt.Errorf("wait to store a session: %w", ctx.Err())
	}
	select {
	case r := <-done:
		return r.seq, r.err
	case <-ctx.Done():
		return 0, fmt.Errorf("store a session: %w", ctx.Err())
	}
}

// run stores what is put in line, until ctx ends.
func (o *opener) run(ctx context.Context) {
	batch := make([]opening, 0, openBatch)
	rows := make([]directory.RADIUSSession, 0, openBatch)
	for {
		select {
		case first := <-o.queue:
			batch = append(batch[:0], first)
		case <-ctx.Done():
			return
		}
		for len(batch) < openBatch && len(o.queue) > 0 {
			batch = append(batch, <-o.queue)
		}
		rows = rows[:0]
		for _, b := range batch {
			rows = append(rows, b.row)
		}
		result := o.store(ctx, rows)
		for _, b := range batch {
			b.done <- result
		}
	}
}

func (o *opener) store(ctx context.Context, rows []directory.RADIUSSession) opened {
	ctx, cancel := context.WithTimeout(ctx, storeWithin)
	defer cancel()
	err := o.directory.RecordArtefacts(ctx, func(a *directory.Artefacts) error { return a.Network.Insert(rows...) })
	if err != nil {
		return opened{err: fmt.Errorf("store %d sessions: %w", len(rows), err)}
	}
	head, err := o.directory.Barrier(ctx)
	return opened{seq: head.Seq, err: err}
}
