package directory

import (
	"context"
	"net/netip"
	"strconv"
	"strings"
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
	var a *access
	if q.App != "" {
		if a, err = d.accessOf(ctx, q.App); err != nil {
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
	if err := d.credentialChecks(ctx, &dec, p.user.ID, q.Protocol, a, at); err != nil {
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

// credentialChecks lists what the user may prove themselves with, and what of it
// opens the door; without one, what has not expired.
func (d *Directory) credentialChecks(ctx context.Context, dec *Decision, id UserID, door Protocol, a *access, at time.Time) error {
	var held []Credential
	err := d.read(ctx, func(r *Reader) (err error) {
		held, err = all(r.tx.Credentials.Find(CredentialQuery{Users: []UserID{id}}))
		return err
	})
	if err != nil {
		return err
	}
	codes := 0
	for i := range held {
		c := &held[i]
		if c.Kind == CredentialRecoveryCode {
			codes++
			continue
		}
		reason, why := misfit(c, door, a, at)
		if door == "" && reason == ReasonCredentialScope {
			reason, why = ReasonOK, ""
		}
		check := Check{Name: c.shown(), Outcome: "pass", Detail: c.usage()}
		if reason != ReasonOK {
			check.Outcome, check.Detail = "skip", why
		}
		dec.Trace = append(dec.Trace, check)
	}
	if codes > 0 {
		dec.check("recovery codes", true, strconv.Itoa(codes)+" left")
	}
	if len(held) == 0 {
		dec.check("credentials", false, "there is nothing to sign in with")
	}
	return nil
}

// shown names the credential: "app password laptop".
func (c *Credential) shown() string {
	return strings.TrimSpace(strings.ReplaceAll(string(c.Kind), "_", " ") + " " + c.Label)
}

// usage says when it was used and until when it can be.
func (c *Credential) usage() string {
	const layout = "2006-01-02 15:04"
	var said []string
	if !c.LastUsed.IsZero() {
		said = append(said, "last used "+c.LastUsed.UTC().Format(layout))
	}
	if !c.Expires.IsZero() {
		said = append(said, "good until "+c.Expires.UTC().Format(layout))
	}
	return strings.Join(said, "; ")
}
