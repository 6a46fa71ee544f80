package directory

import (
	"context"
	"net/netip"
	"time"
)

// Question asks why somebody may or may not enter.
type Question struct {
	Name     string // username or verified primary address
	App      string // slug; empty: only the user's own status
	Protocol Protocol
	Client   netip.Addr
	Peer     netip.Addr
	At       time.Time // zero: now
	Factors  []Factor  // that were proved; nil: the password
	Context  map[string]string

	DeviceKnown bool
}

// Why decides as if the proof had been right, with every check in Trace. Nothing
// is recorded. NotFound: there is no such app.
func (d *Directory) Why(ctx context.Context, by Actor, q Question) (Decision, error) {
	if !allowed(by, VerbReadConfig, target{}) {
		return Decision{}, denied(by, VerbReadConfig)
	}
	head, err := d.Barrier(ctx)
	if err != nil {
		return Decision{}, err
	}
	dec := Decision{Seq: head.Seq, Outcome: Deny, Reason: ReasonUnknownUser}
	if q.App != "" {
		a, err := d.accessOf(ctx, q.App)
		if err != nil {
			return Decision{}, err
		}
		if a == nil {
			return Decision{}, notFound("app", q.App)
		}
	}
	p, err := d.principalByLogin(ctx, loginKey(q.Name))
	if err != nil {
		return Decision{}, err
	}
	if p == nil {
		dec.check("user", false, "nobody signs in by this name")
		return dec, nil
	}
	dec.check("user", true, p.user.Username)
	at := q.At
	if at.IsZero() {
		at = d.now()
	}
	if err := d.limitChecks(ctx, &dec, p.user.ID); err != nil {
		return Decision{}, err
	}
	if dec.Factors = q.Factors; dec.Factors == nil {
		dec.Factors = []Factor{FactorPassword}
	}
	return dec, d.admit(ctx, &dec, p, admission{
		app: q.App, at: at, protocol: q.Protocol, client: q.Client, peer: q.Peer, authTime: at,
		deviceKnown: q.DeviceKnown, context: q.Context, explain: true,
	})
}
