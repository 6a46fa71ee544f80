package directory

import "time"

const (
	freeFailures  = 5               // on an account from one source, before the first delay
	freeSpray     = 300             // from one source over all accounts, before the first delay
	dailyFailures = 1000            // on an account from everywhere, before a password alone is not enough
	maxDelay      = 5 * time.Minute // the delay doubles from one second up to this
	forgetAfter   = time.Hour       // since the last failure
	dayOfFailures = 24 * time.Hour
	knownFor      = 30 * 24 * time.Hour // since the last success from there
	knownEvery    = 24 * time.Hour      // how exact that is
	reservedFor   = 10 * time.Second    // a reservation of a process that died
)

// bucketSource counts the failures of a source over all accounts. It is never
// stored.
const bucketSource Bucket = "source"

// delta is what happened to a subject since its row was read.
type delta struct {
	failed    int // since the reset, if any
	failedAt  time.Time
	resolved  int       // reservations that ended
	reset     bool      // a success
	succeeded time.Time // to be remembered
}

// and returns what d and then later did.
func (d delta) and(later delta) delta {
	if later.reset {
		d.failed, d.reset = 0, true
	}
	d.failed += later.failed
	d.failedAt = latest(d.failedAt, later.failedAt)
	d.resolved += later.resolved
	d.succeeded = latest(d.succeeded, later.succeeded)
	return d
}

// settle brings the row to now, with what happened since it was read.
func (r *Failures) settle(d delta, now time.Time) {
	r.decay(now)
	if d.reset {
		r.Count, r.Until = 0, time.Time{}
	}
	r.Pending = max(r.Pending-d.resolved, 0)
	r.Succeeded = latest(r.Succeeded, d.succeeded)
	r.Updated = latest(latest(r.Updated, d.failedAt), d.succeeded)
	if d.failed > 0 {
		r.Count += d.failed
		r.delay(d.failedAt)
	}
}

// decay forgets what is long ago.
func (r *Failures) decay(now time.Time) {
	idle := now.Sub(r.Updated)
	if idle > reservedFor {
		r.Pending = 0
	}
	over := idle > forgetAfter
	if r.Bucket == BucketAccount {
		over = !r.Until.IsZero() && !now.Before(r.Until)
	}
	if over {
		r.Count, r.Until = 0, time.Time{}
	}
}

// delay sets Until after a failure at t.
func (r *Failures) delay(t time.Time) {
	free := freeFailures
	switch r.Bucket {
	case BucketAccount:
		if r.Until.IsZero() {
			r.Until = t.Add(dayOfFailures)
		}
		return
	case bucketSource:
		free = freeSpray
	case BucketPair:
	}
	if over := r.Count - free; over > 0 {
		r.Until = t.Add(min(time.Second<<min(over-1, 20), maxDelay))
	}
}

// room reports whether another attempt may be checked while Pending are: each
// may turn out to be a failure, and after the free ones comes one at a time.
func (r *Failures) room() bool { return r.Pending < max(freeFailures+1-r.Count, 1) }

// latest returns the later of two times.
func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// refusal is why an attempt is not made.
type refusal struct {
	why     refusedWhy
	left    time.Duration // until the next attempt counts
	visible time.Duration // the same, as a person may be told; 0: nothing
}

// refusedWhy is the label of the metric.
type refusedWhy string

const (
	refusedPair    refusedWhy = "account"  // too many failures on the account from this source
	refusedSource  refusedWhy = "source"   // too many failures from this source
	refusedTurn    refusedWhy = "parallel" // too many attempts on the account at once
	refusedHashing refusedWhy = "hashing"  // too many passwords of this source wait to be checked
)

// busyFor is what a person is told to wait when something was too much at once.
const busyFor = time.Second

// detail says it in the trace.
func (r refusal) detail() string {
	switch r.why {
	case refusedPair:
		return "too many failures on this account from here; the next attempt counts in " + r.left.String()
	case refusedSource:
		return "too many failures on many accounts from here; the next attempt counts in " + r.left.String()
	case refusedTurn:
		return "too many attempts on this account at once"
	default:
		return "too many passwords from this source wait to be checked"
	}
}
