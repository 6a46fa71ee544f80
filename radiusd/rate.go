package radiusd

import (
	"sync"
	"time"
)

// bucket limits how often something happens: so often a second, and a second's
// worth at once. The zero value is full. It is safe for concurrent use.
type bucket struct {
	mu    sync.Mutex
	spent float64   // of a second's worth, at the time at
	at    time.Time // never goes back
}

// take reports whether it may happen once more; limit 0: always.
func (b *bucket) take(limit int, now time.Time) bool {
	if limit == 0 {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if since := now.Sub(b.at); since > 0 {
		b.spent = max(0, b.spent-since.Seconds()*float64(limit))
		b.at = now
	}
	if b.spent+1 > float64(limit) {
		return false
	}
	b.spent++
	return true
}
