package directory

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Admission asks whether somebody who was authenticated before (a session, a
// token, a resumed tunnel) may go on or enter an app.
type Admission struct {
	User     UserID
	Epoch    int64  // of the artefact; it opens nothing when the user's differs
	App      string // slug; empty: only the user's own status decides
	Protocol Protocol
	Peer     netip.Addr
	Client   netip.Addr
	Factors  []Factor
	Resumed  Resumed // what was proved when the artefact was made; zero: nothing that could have gone
	Context  map[string]string
	Entering bool // into an app, rather than going on in it: an allow is audited too
}

// Authorize decides an Admission, behind the freshness barrier. A denial is not
// delayed: nothing can be guessed here. It is audited, and so is an allow with
// Entering.
func (d *Directory) Authorize(ctx context.Context, a Admission) (Decision, error) {
	dec, err := d.authorize(ctx, &a)
	if err != nil || dec.Allowed() && !a.Entering {
		return dec, err
	}
	if err := d.auditor.append(ctx, admissionEvent(&a, &dec, d.now()), d.config.AuditStrict); err != nil {
		return Decision{}, err
	}
	return dec, nil
}

func (d *Directory) authorize(ctx context.Context, a *Admission) (Decision, error) {
	head, err := d.Barrier(ctx)
	if err != nil {
		return Decision{}, err
	}
	p, err := d.principalByID(ctx, a.User)
	if err != nil {
		return Decision{}, err
	}
	dec := Decision{Outcome: Deny, Reason: ReasonUnknownUser, Seq: head.Seq, Factors: a.Factors}
	if p == nil {
		return dec, nil
	}
	dec.about = &p.user
	if p.user.Epoch != a.Epoch && p.user.Status == Active {
		dec.Reason = ReasonCredentialExpired
		dec.check("epoch", false, "what was shown is from before the user was last disabled")
		return dec, nil
	}
	if reason, err := d.resumes(ctx, p, a, &dec); err != nil || reason != ReasonOK {
		dec.Reason = reason
		return dec, err
	}
	dec.Credential, dec.Version, dec.Certificate = a.Resumed.Credential, a.Resumed.Version, a.Resumed.Certificate
	return dec, d.admit(ctx, &dec, p, admission{app: a.App, protocol: a.Protocol, at: d.now()})
}

// admission is where somebody wants to go, and when.
type admission struct {
	app      string
	protocol Protocol
	at       time.Time
}

// admit completes a decision about somebody whose proof was right: the user's
// status, then the app's rules. It fills User, Groups and Rights only on Allow
// and sets App whenever there is one.
func (d *Directory) admit(ctx context.Context, dec *Decision, p *principal, to admission) error {
	now, slug := to.at, to.app
	if reason := standing(&p.user, now); reason != ReasonOK {
		dec.Outcome, dec.Reason = Deny, reason
		dec.check("status", false, string(p.user.Status))
		return nil
	}
	dec.check("status", true, "active")
	groups := p.groupsAt(now)
	var a *access
	if slug != "" {
		var err error
		if a, err = d.accessOf(ctx, slug); err != nil {
			return err
		}
		if a == nil {
			dec.Outcome, dec.Reason = Deny, ReasonNotBound
			dec.check("app", false, "there is no app "+slug)
			return nil
		}
		dec.App = a.app
		if reason := a.decide(dec, p, groups); reason != ReasonOK {
			dec.Outcome, dec.Reason = Deny, reason
			return nil
		}
	}
	if p.user.Kind == Person {
		reason, err := d.decideFactors(ctx, dec, a, to)
		if err != nil {
			return err
		}
		if reason != ReasonOK {
			dec.Outcome, dec.Reason = Deny, reason
			return nil
		}
	}
	dec.Outcome, dec.Reason = Allow, ReasonOK
	dec.User, dec.Groups, dec.Rights = p.user, groups, p.rights(now)
	return nil
}

// standing says what the user's own row allows at t.
func standing(u *User, t time.Time) Reason {
	switch {
	case u.Status == LockedDown:
		return ReasonLockedDown
	case u.Status != Active:
		return ReasonDisabled
	case !u.Expires.IsZero() && !t.Before(u.Expires):
		return ReasonExpired
	default:
		return ReasonOK
	}
}

func (d *Decision) check(what string, pass bool, detail string) {
	outcome := "fail"
	if pass {
		outcome = "pass"
	}
	d.Trace = append(d.Trace, Check{Name: what, Outcome: outcome, Detail: detail})
}

// decide applies the app's bindings: exclusions, then the allow-list, then the
// policies. A service account is let in by grants, which the door checks.
func (a *access) decide(dec *Decision, p *principal, groups []Group) Reason {
	member := func(b Binding) bool {
		switch {
		case b.Disabled || b.Missing():
			return false
		case b.Kind == BindUser:
			return UserID(b.Ref) == p.user.ID
		default:
			return slices.ContainsFunc(groups, func(g Group) bool { return g.ID == GroupID(b.Ref) })
		}
	}
	if p.user.Kind == ServiceAccount {
		dec.check("bindings", true, "a service account is bound by its grants")
		return ReasonOK
	}
	positive, matched := false, false
	for _, b := range a.bindings {
		switch {
		case b.Kind == BindPolicy:
		case b.Negate && member(b):
			dec.check("not "+b.label(), false, "excluded")
			return ReasonExcluded
		case b.Negate:
			dec.check("not "+b.label(), true, "")
		default:
			positive = true
			matched = matched || member(b)
		}
	}
	if positive && !matched {
		dec.check("bindings", false, "none of the bound users and groups matches")
		return ReasonNotBound
	}
	dec.check("bindings", true, a.allowDetail(positive))
	return a.decidePolicies(dec)
}

func (a *access) allowDetail(positive bool) string {
	if positive {
		return "a bound user or group matches"
	}
	return "open to every user"
}

func (b Binding) label() string {
	s := fmt.Sprintf("%s %s", b.Kind, b.RefName)
	if b.Missing() {
		s += " (missing)"
	}
	return s
}

// decidePolicies fails closed: a policy that is bound and cannot be evaluated
// denies, whatever its mode and negation.
func (a *access) decidePolicies(dec *Decision) Reason {
	for _, b := range a.bindings {
		if b.Kind != BindPolicy || b.Disabled {
			continue
		}
		p, ok := a.policies[PolicyID(b.Ref)]
		if !ok {
			dec.check(b.label(), false, "the policy was deleted")
			return ReasonPolicy
		}
		dec.check(b.label(), false, "rules are not evaluated by this version; a bound policy denies")
		dec.Message = p.Message
		return ReasonPolicy
	}
	return ReasonOK
}

// AppsFor returns the apps that a user may enter now, by slug, with the facets of
// each. Behind the freshness barrier; a user who may do nothing gets none.
func (d *Directory) AppsFor(ctx context.Context, id UserID) ([]AppAccess, error) {
	if _, err := d.Barrier(ctx); err != nil {
		return nil, err
	}
	p, err := d.principalByID(ctx, id)
	if err != nil || p == nil || standing(&p.user, d.now()) != ReasonOK {
		return nil, err
	}
	var slugs []string
	err = d.read(ctx, func(r *Reader) error {
		slugs = nil
		for a, err := range r.Apps(AppQuery{}) {
			if err != nil {
				return err
			}
			slugs = append(slugs, a.Slug)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	groups := p.groupsAt(d.now())
	var out []AppAccess
	for _, slug := range slugs {
		a, err := d.accessOf(ctx, slug)
		if err != nil {
			return nil, err
		}
		if a == nil {
			continue
		}
		if dec := (Decision{}); a.decide(&dec, p, groups) == ReasonOK {
			out = append(out, AppAccess{App: a.app, Facets: slices.Clone(a.facets)})
		}
	}
	return out, nil
}

// AppAccess is an app with how it is reached.
type AppAccess struct {
	App    App
	Facets []Facet
}

// App returns an app with its facets, as fresh as the last barrier that was
// passed; found is false when there is none.
func (d *Directory) App(ctx context.Context, slug string) (a AppAccess, found bool, err error) {
	acc, err := d.accessOf(ctx, slug)
	if err != nil || acc == nil {
		return AppAccess{}, false, err
	}
	return AppAccess{App: acc.app, Facets: slices.Clone(acc.facets)}, true, nil
}
