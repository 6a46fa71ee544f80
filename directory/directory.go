package directory

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/directory/authority"
	"gatehouse/directory/credential"
	"gatehouse/directory/geo"
	"gatehouse/directory/schema"
)

// Config is what a Directory is made of. Store, Keys and Logger are required.
type Config struct {
	Store  Store
	Keys   Keys
	Logger *slog.Logger

	// Daemon and Instance name this process in audit and leases: "ldapd", and
	// the host's name.
	Daemon, Instance string

	Now  func() time.Time // nil: time.Now
	Rand io.Reader        // nil: crypto/rand

	HashSlots     int           // slow hashes at the same time; 0: the number of cores
	NoWeb         bool          // nobody signs in on the web through this process: no slot is kept for them
	VerifiedTTL   time.Duration // how long a verified password is remembered; 0: 15 min, negative: not at all
	PosixFirst    int64         // first Unix number to give; 0: 1880000000
	PosixLast     int64         // last one; 0: 1999999999
	SelfWritable  []string      // keys of attributes that people may change themselves besides those of schema
	WideUsernames bool          // accept RFC 8265 usernames, not only [a-z0-9._@-]
	AuditStrict   bool          // a sign-in is answered after its audit event is committed
	AuditKeep     time.Duration // audit events that are older are removed; 0: none
	Checkpoints   Courier       // takes the checkpoints of the audit away; nil: they are logged only

	Locate      func(netip.Addr) geo.Place // where an address is; nil: there is no GeoIP database
	Authorities *authority.Set             // imported CAs of people's devices; nil: none
	Peers       map[uint32]string          // service accounts of local users, by the user's number (PeerProof)
	Metrics     prometheus.Registerer      // nil: none
}

// Directory is the core: one per process, shared by the daemons in it.
type Directory struct {
	store  Store
	keys   Keys
	log    *slog.Logger
	now    func() time.Time
	ids    *idSource
	config Config

	follow   *follower
	cache    *cache
	rules    *ruleBook
	limiter  *limiter
	guessing *guessMetrics
	hashes   *hashQueue    // of passwords that are checked
	hashed   atomic.Int64  // slow hashes of passwords that were checked
	hashing  chan struct{} // slots of passwords that are set
	renewing chan struct{} // the slot of those that were imported
	verified *verifiedCache
	issuers  atomic.Pointer[issuers] // of device certificates
	ntHashes *timed[openedHash, [16]byte]
	auditor  *auditor
	leaving  chan Event // checkpoints of the audit
	activity *activity
	schema   map[string]schema.Attribute // by key
	dummy    string                      // a hash that no password matches, for users who do not exist

	stop context.CancelFunc
	done sync.WaitGroup
}

// Open starts the core on a store that has been migrated. Close it after the
// daemons that use it.
func Open(c Config) (*Directory, error) {
	if c.Store == nil || c.Keys == nil || c.Logger == nil {
		return nil, errors.New("directory: Store, Keys and Logger are required")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.HashSlots == 0 {
		c.HashSlots = runtime.GOMAXPROCS(0)
	}
	if c.VerifiedTTL == 0 {
		c.VerifiedTTL = 15 * time.Minute
	}
	if c.PosixFirst == 0 {
		c.PosixFirst, c.PosixLast = 1_880_000_000, 1_999_999_999
	}
	d := &Directory{store: c.Store, keys: c.Keys, log: c.Logger, now: c.Now, config: c}
	d.ids = &idSource{now: c.Now, rand: c.Rand}
	var err error
	d.ntHashes = newTimed[openedHash, [16]byte](c.VerifiedTTL, ntHashLimit, c.Now)
	if d.verified, err = newVerifiedCache(c.VerifiedTTL, c.Now, c.Rand); err != nil {
		return nil, err
	}
	if d.guessing, err = newGuessMetrics(c.Metrics, d); err != nil {
		return nil, err
	}
	if d.limiter, err = newLimiter(&c, d.guessing); err != nil {
		return nil, err
	}
	if d.dummy, err = credential.DefaultParams().Dummy(c.Rand); err != nil {
		return nil, fmt.Errorf("prepare the hash for unknown users: %w", err)
	}
	d.cache, d.activity, d.rules = newCache(), newActivity(), newRuleBook()
	d.schema = map[string]schema.Attribute{}
	for _, a := range schema.Attributes() {
		d.schema[a.Key] = a
	}
	d.hashes = newHashQueue(c.HashSlots, !c.NoWeb)
	d.hashing, d.renewing = make(chan struct{}, c.HashSlots), make(chan struct{}, 1)
	ctx, stop := context.WithCancel(context.Background())
	d.stop = stop
	d.follow = newFollower(c.Store, d.cache, d.limiter, c.Logger)
	d.auditor = newAuditor(c.Store, c.Logger)
	d.done.Go(func() { d.follow.run(ctx) })
	d.done.Go(func() { d.auditor.run(ctx) })
	d.done.Go(func() { d.writeBehind(ctx) })
	d.done.Go(func() { d.tidy(ctx) })
	d.done.Go(func() { d.keepAudit(ctx) })
	if c.Checkpoints != nil {
		d.leaving = make(chan Event, leavingMost)
		d.done.Go(func() { d.sendAway(ctx) })
	}
	return d, nil
}

// Close ends the core's goroutines after what was queued has been written. It
// does not close the store.
func (d *Directory) Close() {
	d.stop()
	d.done.Wait()
}

// Now returns the time by the core's clock.
func (d *Directory) Now() time.Time { return d.now() }

// Keys returns the key rings, for what a daemon seals by itself.
func (d *Directory) Keys() Keys { return d.keys }

// Ready reports whether the store answers, by passing the freshness barrier.
func (d *Directory) Ready(ctx context.Context) error {
	_, err := d.Barrier(ctx)
	return err
}

// writeBehind stores what the limiter and the activity have noted, once a second
// and a last time when ctx ends.
func (d *Directory) writeBehind(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for stopping := false; !stopping; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			stopping = true
		}
		write, cancel := context.WithTimeout(context.WithoutCancel(ctx), syncTimeout)
		err := errors.Join(d.limiter.flush(write), d.activity.flush(write, d.store))
		cancel()
		if err != nil {
			d.log.Warn("failed sign-ins and last logins were not recorded", "err", err)
		}
	}
}

const (
	keepChanges = 7 * 24 * time.Hour
	tidyEvery   = time.Hour
)

// tidy forgets old changes, limiter rows and deleted users, once an hour. Every process does:
// what another has forgotten already costs a look.
func (d *Directory) tidy(ctx context.Context) {
	for tick := time.NewTicker(tidyEvery); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
			return
		}
		if err := d.forget(ctx); err != nil {
			d.log.Warn("old changes, failures and deleted users were not removed", "err", err)
		}
	}
}

// forget removes what is kept for a while only.
func (d *Directory) forget(ctx context.Context) error {
	_, trimmed := d.store.Trim(ctx, d.now().Add(-keepChanges))
	failures := d.store.Record(ctx, func(tx *Tx) error {
		_, err := tx.Failures.Delete(FailuresQuery{Before: d.now().Add(-dayOfFailures), SucceededBefore: d.now().Add(-knownFor)})
		return err
	})
	return errors.Join(trimmed, failures, d.purge(ctx))
}

// background runs fn after the request that asked for it is answered. Close
// waits for it.
func (d *Directory) background(ctx context.Context, fn func(context.Context)) {
	d.done.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		fn(ctx)
	})
}
