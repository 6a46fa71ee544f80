package directory

import (
	"context"
	"sync"
	"time"
)

// activityEvery is how exact last_login is.
const activityEvery = 5 * time.Minute

// activity notes when users were let in and writes it behind, at most once in
// five minutes for each.
type activity struct {
	mu      sync.Mutex
	written map[UserID]time.Time
	pending map[UserID]time.Time
}

func newActivity() *activity {
	return &activity{written: map[UserID]time.Time{}, pending: map[UserID]time.Time{}}
}

// seen notes that a user was let in.
func (a *activity) seen(u UserID, t time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t.Sub(a.written[u]) < activityEvery {
		return
	}
	if len(a.written) >= cacheLimit {
		clear(a.written)
	}
	a.written[u], a.pending[u] = t, t
}

// flush writes what is pending. What cannot be written is dropped: the next
// sign-in after five minutes tells it again.
func (a *activity) flush(ctx context.Context, store Store) error {
	a.mu.Lock()
	rows := make([]Activity, 0, len(a.pending))
	users := make([]UserID, 0, len(a.pending))
	for u, t := range a.pending {
		rows, users = append(rows, Activity{User: u, LastLogin: t}), append(users, u)
	}
	clear(a.pending)
	a.mu.Unlock()
	if len(rows) == 0 {
		return nil
	}
	return store.Record(ctx, func(tx *Tx) error {
		if _, err := tx.Activity.Delete(ActivityQuery{Users: users}); err != nil {
			return err
		}
		return tx.Activity.Insert(rows...)
	})
}
