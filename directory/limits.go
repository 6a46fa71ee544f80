package directory

import (
	"context"
	"fmt"
	"time"
)

// Limit is what slows down the sign-ins of a user now.
type Limit struct {
	User     UserID
	Source   string // where from: an address, "device …" or "relay …"; empty: everywhere
	Failures int
	Until    time.Time
	Why      string // a sentence for the operator
}

// Limits returns what slows down the sign-ins of a user now, or of everybody
// with 0. A failure shows a second late at most.
func (r *Reader) Limits(id UserID) ([]Limit, error) {
	if err := r.may(VerbReadCredentials); err != nil {
		return nil, err
	}
	var out []Limit
	for f, err := range r.tx.Failures.Find(FailuresQuery{User: id, LimitedAt: r.now}) {
		if err != nil {
			return nil, err
		}
		if why := f.holdsUp(r.now); why != "" {
			out = append(out, Limit{User: f.User, Source: f.Source, Failures: f.Count, Until: f.Until, Why: why})
		}
	}
	return out, nil
}

// holdsUp says what the row holds up at a time; empty: nothing.
func (r *Failures) holdsUp(now time.Time) string {
	switch {
	case !r.Until.After(now):
		return ""
	case r.Bucket == BucketPair:
		return fmt.Sprintf("%d failures from %s; no attempt from there counts until %s", r.Count, r.Source, r.Until.Format(time.RFC3339))
	case r.Count >= dailyFailures:
		return fmt.Sprintf("%d failures in a day; until %s a password alone opens only the web and known devices", r.Count, r.Until.Format(time.RFC3339))
	default:
		return ""
	}
}

// limitChecks adds to a trace what slows down the sign-ins of a user now. It is
// no verdict: who is held up from one place enters from another.
func (d *Directory) limitChecks(ctx context.Context, dec *Decision, id UserID) error {
	var limits []Limit
	err := d.read(ctx, func(r *Reader) (err error) {
		limits, err = r.Limits(id)
		return err
	})
	for _, l := range limits {
		dec.check("limiter", false, l.Why)
	}
	if err == nil && len(limits) == 0 {
		dec.check("limiter", true, "nothing is held against the account")
	}
	return err
}
