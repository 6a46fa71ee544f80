package directory

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"gatehouse/directory/policy"
)

// Admission asks whether somebody who was authenticated before (a session, a
// token, a resumed tunnel) may go on or enter an app.
type Admission struct {
	User     UserID
	Epoch    int64  // of the artefact; it opens nothing when the user's differs
	App      string // slug; empty: only the user's own status decides
	Protocol Protocol
	Peer     netip.Addr // who connected
	Client   netip.Addr // the person's device; invalid: unknown
	Factors  []Factor   // what was proved
	AuthTime time.Time  // when; zero: unknown
	Resumed  Resumed    // what was proved when the artefact was made; zero: nothing that could have gone
	Context  map[string]string
	Entering bool // into an app, rather than going on in it: an allow is audited too

	DeviceKnown bool // the person was let in with this device before
}

// Authorize decides an Admission, behind the freshness barrier. A denial is not
// delayed: nothing can be guessed here. It is audited, and so is an allow with
// Entering.
func (d *Directory) Authorize(ctx context.Context, a Admission) (Decision, error) {
	dec, err := d.authorize(ctx, &a)
	if err != nil || dec.Allowed() && !a.Entering {
		return dec, err
	}
	if dec.Reason == ReasonPolicy {
		// As at the doors that take a code with the password: when a code is all that
		// the policies miss, that is the reason.
		opens, err := d.StepUp(ctx, a)
		if err != nil {
			return Decision{}, err
		}
		if opens {
			dec.Reason, dec.Message = ReasonFactorRequired, ""
		}
	}
	if err := d.auditor.append(ctx, admissionEvent(&a, &dec, d.now()), d.config.AuditStrict); err != nil {
		return Decision{}, err
	}
	return dec, nil
}

// Review decides an Admission as Authorize does and audits nothing: it is for what
// goes on by itself, and whoever ends it says so.
func (d *Directory) Review(ctx context.Context, a Admission) (Decision, error) {
	return d.authorize(ctx, &a)
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
	dec.Imported = a.Resumed.Imported
	return dec, d.admit(ctx, &dec, p, a.admission(d.now()))
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
	if p.breakGlass(now) {
		if reason := p.broken(dec, to.protocol); reason != ReasonOK {
			dec.Outcome, dec.Reason = Deny, reason
			return nil
		}
	}
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
		reason, err := d.decide(ctx, a, dec, &subject{p, groups}, &to)
		if err != nil {
			return err
		}
		if reason != ReasonOK {
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
	dec.Until = p.holdsUntil(now, dec.Credential)
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
func (d *Directory) decide(ctx context.Context, a *access, dec *Decision, s *subject, to *admission) (Reason, error) {
	if s.user.Kind == ServiceAccount {
		dec.check("bindings", true, "a service account is bound by its grants")
		return ReasonOK, nil
	}
	if reason := a.decideMembers(dec, s); reason != ReasonOK || len(a.bindings) == 0 || s.breakGlass(to.at) {
		return reason, nil
	}
	var in *policy.Input
	if a.hasPolicies() {
		var err error
		if in, err = d.input(ctx, a, dec, s, to); err != nil {
			return "", err
		}
	}
	return a.decidePolicies(dec, in, to.explain), nil
}

// decideMembers applies the bindings of users and groups.
func (a *access) decideMembers(dec *Decision, s *subject) Reason {
	member := func(b Binding) bool {
		switch {
		case b.Disabled || b.Missing():
			return false
		case b.Kind == BindUser:
			return UserID(b.Ref) == s.user.ID
		default:
			return slices.ContainsFunc(s.in, func(g Group) bool { return g.ID == GroupID(b.Ref) })
		}
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
	return ReasonOK
}

func (a *access) allowDetail(positive bool) string {
	if positive {
		return "a bound user or group matches"
	}
	return "open to every user"
}

// AppsFor returns the apps that a user may enter now, by slug, with the facets of
// each. Of a the App is not used. Behind the freshness barrier; a user who may do nothing
// gets none. An app that asks for a factor which was not proved is among them:
// entering it asks for that factor.
func (d *Directory) AppsFor(ctx context.Context, a Admission) ([]AppAccess, error) {
	if _, err := d.Barrier(ctx); err != nil {
		return nil, err
	}
	p, err := d.principalByID(ctx, a.User)
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
	to := a.admission(d.now())
	s := &subject{p, p.groupsAt(to.at)}
	var out []AppAccess
	for _, to.app = range slugs {
		acc, err := d.accessOf(ctx, to.app)
		if err != nil {
			return nil, err
		}
		if acc == nil {
			continue
		}
		reason, err := d.decide(ctx, acc, &Decision{Factors: a.Factors}, s, &to)
		if err != nil {
			return nil, err
		}
		if reason == ReasonOK {
			out = append(out, AppAccess{App: acc.app, Facets: slices.Clone(acc.facets)})
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
