package directory

import (
	"context"
	"encoding/hex"
	"hash/maphash"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"gatehouse/directory/seal"
)

const (
	wrongKept      = 8         // wrong passwords of a subject that do not count again
	wrongFor       = time.Hour // for how long
	limiterEntries = 20_000    // per generation; two are kept
	formerEntries  = 100_000   // accounts whose last passwords are remembered
)

// limiter slows guessing down. It counts failures per account and source, per
// source over all accounts, and per account over a day; see Bucket. A slow hash
// is reserved before it is computed, in the store, so that guesses at several
// processes at once share one count. What is known of names that nobody has
// stays in memory, in a table of fixed size.
type limiter struct {
	now     func() time.Time
	mac     *seal.MACKey
	store   Store
	log     *slog.Logger
	metrics *guessMetrics

	mu       sync.Mutex
	seeds    [2]maphash.Seed
	entries  map[subjectHash]*failures
	older    map[subjectHash]*failures // the generation before, so that memory is bounded
	accounts map[string]*gate
	dirty    map[*failures]struct{}
	former   map[UserID][2]trace // the passwords that opened an account last, newest first
	alone    bool                // the store did not take the last reservation
}

// limitKey is the MAC of what failures are counted for, by which the store knows it.
type limitKey [16]byte

// subjectHash is the same within this process: a hash under seeds of its own, which takes
// a tenth of the time. Nobody can look for two names with one hash, and by chance
// there are none.
type subjectHash [2]uint64

// trace is the MAC of a password that was tried.
type trace [16]byte

// failures is what this process knows of one subject.
type failures struct {
	key    limitKey
	bucket Bucket
	loaded bool
	row    Failures // as the store last had it; User 0: nobody, never stored
	delta  delta    // what happened since

	reserving int // reservations that are being made by this process
	wrong     []tried
	shown     Failures // this process's failures alone, see guess.visible
}

// tried is a wrong password that was counted.
type tried struct {
	mac trace
	at  time.Time
}

func newLimiter(c *Config, metrics *guessMetrics) (*limiter, error) {
	mac, err := c.Keys.MAC(seal.Lookup, "limiter")
	if err != nil {
		return nil, err
	}
	return &limiter{
		now: c.Now, mac: mac, store: c.Store, log: c.Logger, metrics: metrics,
		seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, entries: map[subjectHash]*failures{}, older: map[subjectHash]*failures{},
		accounts: map[string]*gate{},
		dirty:    map[*failures]struct{}{}, former: map[UserID][2]trace{},
	}, nil
}

// origin says whose account an attempt is on and where it comes from.
type origin struct {
	account string // the login key as typed; ignored when user is set
	user    UserID // 0: nobody has the name
	device  string // that a browser says it is; empty: it says nothing
	source  string // of the person's own device; empty: unknown
	relay   string // who speaks for the person when source is empty
}

// guess is one attempt as the limiter sees it. Its methods are for one goroutine.
type guess struct {
	l       *limiter
	account string
	user    UserID
	pair    *failures
	whole   *failures // the account
	source  *failures // nil: the source is not known
	device  *failures // nil: a browser that names no device
	held    bool      // a reservation is held
	shared  bool      // in the store
}

// begin looks up what is known of an attempt. Nothing is counted yet.
func (l *limiter) begin(ctx context.Context, o origin) (*guess, error) {
	g := &guess{l: l, account: o.account, user: o.user}
	if o.user != 0 {
		g.account = "id " + strconv.FormatInt(int64(o.user), 10)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	from := o.source
	if from == "" {
		from = "relay " + o.relay
	} else {
		g.source = l.lookup(bucketSource, "", o.source)
	}
	g.pair, g.whole = l.lookup(BucketPair, g.account, from), l.lookup(BucketAccount, g.account, "")
	entries := []*failures{g.pair, g.whole}
	if o.device != "" && o.user != 0 {
		g.device = l.lookup(BucketPair, g.account, "device "+o.device)
		entries = append(entries, g.device)
	}
	if err := l.load(ctx, o.user, entries); err != nil {
		return nil, err
	}
	if g.device != nil && g.device.known(l.now()) {
		g.pair = g.device
	}
	return g, nil
}

// key makes the key of what is counted.
func (l *limiter) key(b Bucket, account, source string) limitKey {
	return limitKey(l.mac.Sum([]byte(b), []byte(account), []byte(source))[:16])
}

// load reads the rows of an account that this process has not seen yet. l.mu is
// held, and released meanwhile.
func (l *limiter) load(ctx context.Context, user UserID, entries []*failures) error {
	if user == 0 || !slices.ContainsFunc(entries, func(e *failures) bool { return !e.loaded }) {
		return nil
	}
	unseen := slices.DeleteFunc(slices.Clone(entries), func(e *failures) bool { return e.loaded })
	l.mu.Unlock()
	rows := map[string]Failures{}
	err := l.store.View(ctx, func(tx *Tx) error {
		clear(rows)
		for r, err := range tx.Failures.Find(FailuresQuery{Keys: keysOf(unseen)}) {
			if err != nil {
				return err
			}
			rows[r.Key] = r
		}
		return nil
	})
	l.mu.Lock()
	if err != nil {
		return err
	}
	for _, e := range unseen {
		if e.loaded {
			continue // by another attempt meanwhile
		}
		if row, ok := rows[e.name()]; ok {
			e.row = row
		}
		e.row.User, e.loaded = user, true
	}
	return nil
}

// lookup finds or makes an entry. l.mu is held.
func (l *limiter) lookup(b Bucket, account, source string) *failures {
	type subject struct {
		bucket          Bucket
		account, source string
	}
	var at subjectHash
	for i, seed := range l.seeds {
		at[i] = maphash.Comparable(seed, subject{b, account, source})
	}
	if e := l.entries[at]; e != nil {
		return e
	}
	e := l.older[at]
	if e == nil {
		e = &failures{key: l.key(b, account, source), bucket: b}
		e.row.Bucket, e.row.Source = b, source
	}
	if len(l.entries) >= limiterEntries {
		l.older, l.entries = l.entries, make(map[subjectHash]*failures, limiterEntries)
	}
	l.entries[at] = e
	return e
}

func (e *failures) name() string { return hex.EncodeToString(e.key[:]) }

func keysOf(entries []*failures) []string {
	keys := make([]string, len(entries))
	for i, e := range entries {
		keys[i] = e.name()
	}
	return keys
}

// at returns the row with what happened since.
func (e *failures) at(now time.Time) Failures {
	r := e.row
	r.settle(e.delta, now)
	return r
}

// known reports whether the account was entered from there in the last 30 days.
func (e *failures) known(now time.Time) bool {
	return now.Sub(latest(e.row.Succeeded, e.delta.succeeded)) < knownFor
}

// known reports whether this is a place where the account's owner was let in
// before. A relay is nobody's place: everybody comes through it.
func (g *guess) known(now time.Time) bool {
	return (g.source != nil || g.pair == g.device) && g.pair.known(now)
}

// knownSource is known, for who does not hold the lock.
func (g *guess) knownSource() bool {
	g.l.mu.Lock()
	defer g.l.mu.Unlock()
	return g.known(g.l.now())
}

// refused says why no attempt may be made now; empty: it may.
func (g *guess) refused() refusal {
	g.l.mu.Lock()
	defer g.l.mu.Unlock()
	now := g.l.now()
	pair := g.pair.at(now)
	if left := pair.Until.Sub(now); left > 0 {
		return refusal{why: refusedPair, left: left, visible: g.visible(now, left)}
	}
	if g.source != nil && !g.known(now) {
		s := g.source.at(now)
		if left := s.Until.Sub(now); left > 0 {
			return refusal{why: refusedSource, left: left, visible: left}
		}
	}
	return refusal{}
}

// visible is how long a person is told to wait: what would be said of a name
// that nobody has. Only what this process counted is known of those, so more
// would tell that the account exists. Where it was entered before that is known.
func (g *guess) visible(now time.Time, left time.Duration) time.Duration {
	if g.known(now) {
		return left
	}
	shown := g.pair.shown
	shown.settle(delta{}, now)
	return max(shown.Until.Sub(now), 0)
}

// exhausted reports whether the account saw so many failures today that a
// password alone opens nothing but the web and the doors where its owner has
// been let in before.
func (g *guess) exhausted() bool {
	g.l.mu.Lock()
	defer g.l.mu.Unlock()
	now := g.l.now()
	return g.whole.at(now).Count >= dailyFailures && !g.known(now)
}

// failed counts the failure, unless it says nothing new: the same was counted
// already, or, when former may be forgiven, it used to be right (the old phone
// after a change). With a second factor it may not: who knows the password would
// learn by it that it is right.
func (g *guess) failed(shown Secret, former bool) {
	l := g.l
	l.mu.Lock()
	defer l.mu.Unlock()
	now, mac := l.now(), g.trace(shown)
	d := g.release()
	if known := g.pair.wrongBefore(mac, now) || former && l.wasRight(g.user, mac); !known {
		d.failed, d.failedAt = 1, now
		g.pair.remember(tried{mac, now})
		g.whole.add(delta{failed: 1, failedAt: now})
		l.keep(g.whole, g.user)
		if g.source != nil {
			g.source.add(delta{failed: 1, failedAt: now})
			g.source.fold(now)
		}
		g.pair.shown.Bucket = BucketPair
		g.pair.shown.settle(delta{failed: 1, failedAt: now}, now)
		l.metrics.failures.Inc()
	}
	g.pair.add(d)
	l.keep(g.pair, g.user)
}

// trace is the MAC of what was shown for this account.
func (g *guess) trace(shown Secret) trace {
	return trace(g.l.mac.Sum([]byte("shown"), []byte(g.account), []byte(shown.Reveal()))[:16])
}

// wrongBefore reports whether the same was counted in the last hour.
func (e *failures) wrongBefore(mac trace, now time.Time) bool {
	return slices.ContainsFunc(e.wrong, func(w tried) bool { return w.mac == mac && now.Sub(w.at) < wrongFor })
}

// wasRight reports whether this opened the account not long ago. l.mu is held.
func (l *limiter) wasRight(user UserID, mac trace) bool {
	former, ok := l.former[user]
	return ok && (former[0] == mac || former[1] == mac)
}

func (e *failures) remember(w tried) {
	if len(e.wrong) == wrongKept {
		e.wrong = slices.Delete(e.wrong, 0, 1)
	}
	e.wrong = append(e.wrong, w)
}

// succeeded forgets the failures from this source, and remembers that the
// account was entered from there. hashed is the password, when a slow hash found it
// right, to be known again when it is tried after a change; else empty.
func (g *guess) succeeded(hashed Secret) {
	l := g.l
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	g.pair.shown, g.pair.wrong = Failures{}, nil
	if hashed != "" {
		l.opened(g.user, g.trace(hashed))
	}
	if g.device != nil && g.device != g.pair {
		g.device.add(delta{succeeded: now})
		l.keep(g.device, g.user)
	}
	fresh := now.Sub(latest(g.pair.row.Succeeded, g.pair.delta.succeeded)) < knownEvery
	if !g.held && fresh && g.pair.clean() {
		return
	}
	d := g.release()
	d.reset = true
	if !fresh {
		d.succeeded = now
	}
	g.pair.add(d)
	l.keep(g.pair, g.user)
}

// opened remembers a password that opened an account. l.mu is held.
func (l *limiter) opened(user UserID, mac trace) {
	f := l.former[user]
	if f[0] == mac {
		return
	}
	for id := range l.former {
		if len(l.former) < formerEntries {
			break
		}
		delete(l.former, id)
	}
	l.former[user] = [2]trace{mac, f[0]}
}

// returned gives back a reservation of an attempt that was not decided.
func (g *guess) returned() {
	g.l.mu.Lock()
	defer g.l.mu.Unlock()
	if g.held {
		g.pair.add(g.release())
		g.l.keep(g.pair, g.user)
	}
}

// release ends the reservation, if any is held. l.mu is held.
func (g *guess) release() delta {
	var d delta
	switch {
	case g.held && g.shared:
		d.resolved = 1
	case g.held:
		g.pair.row.Pending = max(g.pair.row.Pending-1, 0)
	}
	g.held, g.shared = false, false
	return d
}

// keep notes that the entry is to be written, or folds it when it never is.
// l.mu is held.
func (l *limiter) keep(e *failures, user UserID) {
	if user == 0 {
		e.fold(l.now())
		return
	}
	e.row.User = user
	l.dirty[e] = struct{}{}
}

// fold makes what happened part of the row, for an entry that is not stored.
func (e *failures) fold(now time.Time) { e.row, e.delta = e.at(now), delta{} }

func (e *failures) add(d delta) { e.delta = e.delta.and(d) }

// clean reports whether nothing is counted and nothing is under way.
func (e *failures) clean() bool { return e.row.Count == 0 && e.row.Pending == 0 && e.delta == delta{} }

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
	for _, generation := range []map[subjectHash]*failures{l.entries, l.older} {
		for _, e := range generation {
			if users[e.row.User] {
				e.forget()
			}
		}
	}
}

// forget drops what is held against the subject, which is to be read again. A
// reservation that has ended is still given back.
func (e *failures) forget() {
	e.row = Failures{Bucket: e.bucket, User: e.row.User, Source: e.row.Source}
	e.delta.failed, e.delta.failedAt = 0, time.Time{}
	e.loaded, e.wrong, e.shown = false, nil, Failures{}
}

// size returns how many subjects are remembered.
func (l *limiter) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.entries) + len(l.older)
}
