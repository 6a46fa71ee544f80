package directory

import (
	"context"
	"time"
)

// Denials leave at ticks from the receipt of the attempt, so that the time says
// nothing of what was computed.
const (
	denialTick       = 250 * time.Millisecond
	denialTickRADIUS = time.Second
)

// leaveAt returns the next tick of an attempt that is not before now.
func leaveAt(a *Attempt, now time.Time) time.Time {
	tick := denialTick
	if a.Protocol == ProtocolRADIUS {
		tick = denialTickRADIUS
	}
	spent := now.Sub(a.Received)
	if spent < 0 {
		spent = 0
	}
	n := spent/tick + 1
	return a.Received.Add(n * tick)
}

// wait returns after d, or when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
