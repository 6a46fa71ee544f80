package directory

import "context"

// Refusal is a denial that a door makes by itself, because the attempt never
// came as far as a proof: a protocol that is not spoken, a handshake that failed.
type Refusal struct {
	Attempt Attempt // whose Proof is not looked at and whose Name nobody has proved
	Reason  Reason
	Check   Check // what is wrong, and what an operator can do about it
	Count   int   // how many such attempts this stands for; 0: one
}

// Refuse puts a refusal into the audit, as a denial like those of Authenticate:
// identical ones are folded, and an error means that it could not be recorded.
// No limiter counts it, because nothing was guessed. It does not wait for LeaveAt.
func (d *Directory) Refuse(ctx context.Context, r Refusal) (Decision, error) {
	now := d.now()
	if r.Attempt.Received.IsZero() {
		r.Attempt.Received = now
	}
	r.Check.Outcome = "fail"
	dec := Decision{Outcome: Deny, Reason: r.Reason, Trace: []Check{r.Check}}
	e := attemptEvent(&r.Attempt, &dec, now)
	e.Count = max(r.Count, 1)
	if err := d.auditor.append(ctx, e, d.config.AuditStrict); err != nil {
		return Decision{}, err
	}
	dec.LeaveAt = leaveAt(&r.Attempt, now)
	return dec, nil
}
