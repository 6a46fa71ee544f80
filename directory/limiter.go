package directory

import (
	"context"
	"encoding/hex"
	"sync"
	"time"

	"gatehouse/directory/seal"
)

const (
	freeFailures   = 5               // before the first delay
	maxDelay       = 5 * time.Minute // the delay doubles from one second up to this
	forgetAfter    = time.Hour       // since the last failure
	wrongKept      = 8               // wrong passwords that do not count again
	inFlight       = 2               // hashes at the same time per account and process
	inFlightWaits  = 16              // attempts that wait for those
	limiterEntries = 50_000          // per generation; two are kept
)

// limiter slows guessing down, per account and source: five failures are free,
// then each doubles a delay in which no hash is computed. It lives in memory;
// rows of existing accounts are written behind, so that other processes and a
// restart know them.
type limiter struct {
	now func() time.Time
	mac *seal.MACKey

	mu       sync.Mutex
	entries  map[string]*failures
	older    map[string]*failures // the generation before, so that memory is bounded
	accounts map[string]*gate
	dirty    map[string]*failures
}

// failures is what is known of one account and source.
type failures struct {
	key     string
	user    UserID // 0: no such account; never stored
	count   int
	until   time.Time
	updated time.Time
	wrong   []string // MACs of wrong passwords that were counted
	loaded  bool
}

// gate admits inFlight attempts of one account at a time.
type gate struct {
	slots chan struct{}
	users int
}

func newLimiter(now func() time.Time, keys Keys) (*limiter, error) {
	mac, err := keys.MAC(seal.Lookup, "limiter")
	if err != nil {
		return nil, err
	}
	return &limiter{
		now: now, mac: mac, entries: map[string]*failures{}, older: map[string]*failures{},
		accounts: map[string]*gate{}, dirty: map[string]*failures{},
	}, nil
}

// subject makes the key of an account and source.
func (l *limiter) subject(account, source string) string {
	return hex.EncodeToString(l.mac.Sum([]byte("subject"), []byte(account), []byte(source))[:16])
}

// entry returns the failures of a subject, from the store when this process has
// not seen it yet.
func (l *limiter) entry(ctx context.Context, store Store, key string) (*failures, error) {
	l.mu.Lock()
	e := l.lookup(key)
	loaded := e.loaded
	l.mu.Unlock()
	if loaded {
		return e, nil
	}
	var row Failures
	err := store.View(ctx, func(tx *Tx) (err error) {
		row, _, err = one(tx.Failures.Find(FailuresQuery{Keys: []string{key}}))
		return err
	})
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !e.loaded {
		e.loaded, e.count, e.until, e.updated, e.user = true, e.count+row.Count, row.Until, row.Updated, row.User
	}
	return e, nil
}

// lookup finds or makes an entry. l.mu is held.
func (l *limiter) lookup(key string) *failures {
	if e := l.entries[key]; e != nil {
		return e
	}
	e := l.older[key]
	if e == nil {
		e = &failures{key: key}
	}
	if len(l.entries) >= limiterEntries {
		l.older, l.entries = l.entries, make(map[string]*failures, limiterEntries)
	}
	l.entries[key] = e
	return e
}

// delayed returns how long the subject has to wait, 0 when it may try.
func (l *limiter) delayed(e *failures) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if !e.updated.IsZero() && now.Sub(e.updated) > forgetAfter {
		e.count, e.until, e.wrong = 0, time.Time{}, nil
	}
	return max(e.until.Sub(now), 0)
}

// failed counts a failure, unless the same wrong password was counted before.
// user is 0 for a name that nobody has.
func (l *limiter) failed(e *failures, user UserID, password Secret) {
	mac := hex.EncodeToString(l.mac.Sum([]byte("wrong"), []byte(e.key), []byte(password.Reveal()))[:8])
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range e.wrong {
		if w == mac {
			return
		}
	}
	if len(e.wrong) == wrongKept {
		e.wrong = e.wrong[1:]
	}
	e.wrong = append(e.wrong, mac)
	e.user, e.updated = user, l.now()
	e.count++
	if over := e.count - freeFailures; over > 0 {
		e.until = e.updated.Add(min(time.Second<<min(over-1, 20), maxDelay))
	}
	if user != 0 {
		l.dirty[e.key] = e
	}
}

// succeeded forgets the failures of the subject.
func (l *limiter) succeeded(e *failures, user UserID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.count == 0 {
		return
	}
	e.count, e.until, e.wrong, e.user, e.updated = 0, time.Time{}, nil, user, l.now()
	l.dirty[e.key] = e
}

// enter admits an attempt on an account; ok is false when too many wait. leave
// must be called once when ok.
func (l *limiter) enter(ctx context.Context, account string) (leave func(), ok bool, err error) {
	l.mu.Lock()
	g := l.accounts[account]
	if g == nil {
		g = &gate{slots: make(chan struct{}, inFlight)}
		l.accounts[account] = g
	}
	if g.users >= inFlight+inFlightWaits {
		l.mu.Unlock()
		return nil, false, nil
	}
	g.users++
	l.mu.Unlock()
	done := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if g.users--; g.users == 0 {
			delete(l.accounts, account)
		}
	}
	select {
	case g.slots <- struct{}{}:
		return func() { <-g.slots; done() }, true, nil
	case <-ctx.Done():
		done()
		return nil, false, unavailable("the caller went away while its attempt waited", ctx.Err())
	}
}

// apply forgets what this process knows of users whose credentials changed: they
// were unlocked, or whatever was guessed at is no longer there.
func (l *limiter) apply(changes []Change) {
	users := map[UserID]bool{}
	for i := range changes {
		if changes[i].Kind == CredentialsChanged {
			users[UserID(changes[i].Ref)] = true
		}
	}
	if len(users) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, generation := range []map[string]*failures{l.entries, l.older, l.dirty} {
		for key, e := range generation {
			if users[e.user] {
				delete(generation, key)
			}
		}
	}
}

// flush writes the rows that changed, for other processes and a restart.
func (l *limiter) flush(ctx context.Context, store Store) error {
	l.mu.Lock()
	rows := make([]Failures, 0, len(l.dirty))
	for key, e := range l.dirty {
		rows = append(rows, Failures{Key: key, User: e.user, Count: e.count, Until: e.until, Updated: e.updated})
	}
	clear(l.dirty)
	l.mu.Unlock()
	if len(rows) == 0 {
		return nil
	}
	return store.Record(ctx, func(tx *Tx) error {
		keys := make([]string, len(rows))
		for i, r := range rows {
			keys[i] = r.Key
		}
		if _, err := tx.Failures.Delete(FailuresQuery{Keys: keys}); err != nil {
			return err
		}
		return tx.Failures.Insert(rows...)
	})
}
