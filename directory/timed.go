package directory

import (
	"sync"
	"time"
)

// timed remembers values for a while. It is bounded, and safe for concurrent use.
type timed[K comparable, V any] struct {
	ttl  time.Duration // 0 or less: nothing is remembered
	most int
	now  func() time.Time

	mu      sync.Mutex
	entries map[K]timedEntry[V]
}

type timedEntry[V any] struct {
	value V
	until time.Time
}

func newTimed[K comparable, V any](ttl time.Duration, most int, now func() time.Time) *timed[K, V] {
	return &timed[K, V]{ttl: ttl, most: most, now: now, entries: map[K]timedEntry[V]{}}
}

func (t *timed[K, V]) get(key K) (value V, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.entries[key]
	if !ok || !t.now().Before(e.until) {
		return value, false
	}
	return e.value, true
}

func (t *timed[K, V]) add(key K, value V) {
	if t.ttl <= 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for old, e := range t.entries {
		if len(t.entries) < t.most && now.Before(e.until) {
			break // the iteration begins anywhere: one look an insert keeps the map clean in time
		}
		delete(t.entries, old)
	}
	t.entries[key] = timedEntry[V]{value, now.Add(t.ttl)}
}
