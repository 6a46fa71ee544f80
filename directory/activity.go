package directory

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// activityEvery is how exact last_login and last_used are.
const activityEvery = 5 * time.Minute

// activity notes when users were let in and when generated credentials were used,
// and writes it behind, at most once in five minutes for each.
type activity struct {
	mu          sync.Mutex
	users       noted[UserID]
	credentials noted[CredentialID]
}

// noted is when things were last seen: what was written, and what is to be.
type noted[ID comparable] struct{ written, pending map[ID]time.Time }

func newNoted[ID comparable]() noted[ID] {
	return noted[ID]{written: map[ID]time.Time{}, pending: map[ID]time.Time{}}
}

func (n *noted[ID]) seen(id ID, t time.Time) {
	if t.Sub(n.written[id]) < activityEvery {
		return
	}
	if len(n.written) >= cacheLimit {
		clear(n.written)
	}
	n.written[id], n.pending[id] = t, t
}

func newActivity() *activity {
	return &activity{users: newNoted[UserID](), credentials: newNoted[CredentialID]()}
}

// seen notes that a user was let in, by a credential.
func (a *activity) seen(u UserID, c CredentialID, t time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.users.seen(u, t)
	if c != 0 {
		a.credentials.seen(c, t)
	}
}

// take returns what is pending, which is then no longer.
func (a *activity) take() (users []Activity, credentials map[CredentialID]time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for u, t := range a.users.pending {
		users = append(users, Activity{User: u, LastLogin: t})
	}
	clear(a.users.pending)
	credentials = a.credentials.pending
	a.credentials.pending = map[CredentialID]time.Time{}
	return users, credentials
}

// flush writes what is pending. What cannot be written is dropped: the next
// sign-in after five minutes tells it again.
func (a *activity) flush(ctx context.Context, store Store) error {
	rows, credentials := a.take()
	if len(rows) == 0 && len(credentials) == 0 {
		return nil
	}
	return store.Record(ctx, func(tx *Tx) error {
		users := []UserID{}
		for _, row := range rows {
			users = append(users, row.User)
		}
		if _, err := tx.Activity.Delete(ActivityQuery{Users: users}); err != nil {
			return err
		}
		if len(rows) > 0 {
			if err := tx.Activity.Insert(rows...); err != nil {
				return err
			}
		}
		return recordUse(tx, credentials)
	})
}

// recordUse writes when credentials were last used, unless another process has
// written as much.
func recordUse(tx *Tx, used map[CredentialID]time.Time) error {
	if len(used) == 0 {
		return nil
	}
	rows, err := all(tx.Credentials.Take(CredentialQuery{IDs: slices.Collect(maps.Keys(used))}))
	if err != nil {
		return err
	}
	for _, c := range rows {
		if at := used[c.ID]; at.Sub(c.LastUsed) >= activityEvery {
			c.LastUsed = at
			if err := tx.Credentials.Update(c); err != nil {
				return err
			}
		}
	}
	return nil
}
