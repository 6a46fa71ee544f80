package directory

import (
	"context"
	"slices"
	"time"
)

// breakGlass reports whether the user is the account for emergencies.
func (p *principal) breakGlass(t time.Time) bool {
	return p != nil && slices.Contains(p.rights(t), BreakGlass)
}

// broken says whether the account for emergencies may enter by this door with
// these factors. Apps' policies are not asked for it; its own rules are.
func (p *principal) broken(dec *Decision, door Protocol) Reason {
	switch {
	case door != ProtocolWeb && door != ProtocolOIDC && door != ProtocolSAML && door != ProtocolProxy:
		dec.check("break-glass", false, "enters by the web only")
		return ReasonMethodNotAllowed
	case !slices.ContainsFunc(dec.Factors, secondFactor):
		dec.check("break-glass", false, "needs two factors")
		return ReasonFactorRequired
	default:
		dec.check("break-glass", true, "is not held to the policies of apps")
		return ReasonOK
	}
}

// alarm tells, loudly and for good, that the account for emergencies was used.
func (d *Directory) alarm(ctx context.Context, a *Attempt, dec *Decision) error {
	e := attemptEvent(a, dec, d.now())
	e.Verb = "break-glass"
	d.log.ErrorContext(ctx, "the break-glass account was used", "user", dec.User.Username, "ip", e.IP)
	return d.auditor.append(ctx, e, true)
}
