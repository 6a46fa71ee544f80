package sqlstore

import (
	"context"
	"errors"
	"sync"

	"gatehouse/internal/doorbell"
)

const bellKind = "feed"

// bell wakes whoever waits for a write, in this process and in others of the
// host.
type bell struct {
	ringer *doorbell.Ringer // nil: no runtime directory
	own    *doorbell.Bell
	stop   chan struct{}
	ended  chan struct{}

	mu   sync.Mutex
	rung chan struct{} // closed by the next ring
}

// newBell hangs a bell up in dir, unless dir is empty.
func newBell(dir string) (*bell, error) {
	b := &bell{rung: make(chan struct{}), stop: make(chan struct{}), ended: make(chan struct{})}
	if dir == "" {
		close(b.ended)
		return b, nil
	}
	var err error
	if b.ringer, err = doorbell.NewRinger(dir); err != nil {
		return nil, internal("%w", err)
	}
	if b.own, err = doorbell.Listen(dir, bellKind); err != nil {
		return nil, errors.Join(internal("%w", err), b.ringer.Close())
	}
	go b.listen()
	return b, nil
}

func (b *bell) listen() {
	defer close(b.ended)
	for {
		select {
		case <-b.own.Rings():
			b.wake()
		case <-b.stop:
			return
		}
	}
}

func (b *bell) wake() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.rung)
	b.rung = make(chan struct{})
}

// ring wakes all, those of this process at once.
func (b *bell) ring() {
	b.wake()
	if b.ringer != nil {
		b.ringer.Ring(bellKind)
	}
}

func (b *bell) wait(ctx context.Context) {
	b.mu.Lock()
	rung := b.rung
	b.mu.Unlock()
	select {
	case <-rung:
	case <-ctx.Done():
	case <-b.stop:
	}
}

func (b *bell) close() error {
	close(b.stop)
	<-b.ended
	if b.ringer == nil {
		return nil
	}
	return errors.Join(b.own.Close(), b.ringer.Close())
}
