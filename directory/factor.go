package directory

import (
	"context"
	"slices"

	"gatehouse/directory/schema"
)

// requireCode finds out, before anything is computed, whether a one-time code is
// required beside the password: by the setting for everybody, by the app, because
// the account is guessed at from everywhere, or by one of the app's policies, which lets the user in with a code and not without.
func (t *trial) requireCode(ctx context.Context) error {
	if t.kind() != Person {
		return nil
	}
	everybody, err := t.d.mfaRequired(ctx)
	if err != nil {
		return err
	}
	t.exposed = t.attempt.Protocol != ProtocolWeb && t.guess.exhausted()
	t.needed = everybody || t.exposed
	if t.attempt.App == "" {
		return nil
	}
	a, err := t.d.accessOf(ctx, t.attempt.App)
	if err != nil || a == nil {
		return err
	}
	t.needed = t.needed || slices.Contains(a.app.Require, FactorTOTP)
	if t.needed || t.person == nil || !a.hasPolicies() {
		return nil
	}
	alone, err := t.admitted(ctx, FactorPassword)
	if err != nil || alone {
		return err
	}
	t.needed, err = t.admitted(ctx, FactorPassword, FactorTOTP)
	t.byRule = t.needed
	return err
}

// admitted reports whether the user would be let in with some factors.
func (t *trial) admitted(ctx context.Context, factors ...Factor) (bool, error) {
	try := Decision{Factors: factors}
	err := t.d.admit(ctx, &try, t.person, t.admission())
	return try.Allowed(), err
}

func (a *access) hasPolicies() bool {
	return slices.ContainsFunc(a.bindings, func(b Binding) bool { return b.Kind == BindPolicy && !b.Disabled })
}

// lacksCode says in the decision that it is the code which is missing or wrong.
func (t *trial) lacksCode() {
	byRule := t.byRule && t.dec.Reason == ReasonPolicy
	if t.dec.Reason != ReasonFactorRequired && !byRule {
		return
	}
	t.dec.Reason = ReasonFactorRequired
	switch {
	case !t.enrolled():
		t.dec.check("code", false, "nothing is enrolled that makes codes")
	case t.code == "":
		t.dec.check("code", false, "there was none")
	default:
		t.dec.Reason = ReasonFactorWrong
		t.dec.check("code", false, "it was wrong")
	}
}

// enrolled reports whether the user has anything that makes codes.
func (t *trial) enrolled() bool {
	return slices.ContainsFunc(t.person.credentials, func(c Credential) bool {
		return c.Kind == CredentialTOTP || c.Kind == CredentialRecoveryCode
	})
}

// challenge asks for a code at a door that can. It asks whether or not the
// password was right, so that a stranger learns nothing by it: only when it was,
// and a code would open the door, does the decision say whose conversation goes on.
func (t *trial) challenge(ctx context.Context, right bool) error {
	dec := &t.dec
	dec.Outcome, dec.Challenge = Challenge, []Factor{FactorTOTP, FactorRecoveryCode}
	dec.App = App{}
	if right && dec.Factors != nil && t.enrolled() {
		opens, err := t.admitted(ctx, append(slices.Clone(dec.Factors), FactorTOTP)...)
		if err != nil {
			return err
		}
		if opens {
			dec.User, dec.Reason = t.person.user, ReasonFactorRequired
			return nil
		}
	}
	dec.User, dec.Factors, dec.Credential, dec.Version = User{}, nil, 0, 0
	return nil
}

// StepUp reports whether a one-time code would turn a denial about somebody who
// was authenticated before into an allow. Nothing is recorded.
func (d *Directory) StepUp(ctx context.Context, a Admission) (bool, error) {
	a.Factors = append(slices.Clone(a.Factors), FactorTOTP)
	dec, err := d.authorize(ctx, &a)
	return dec.Allowed(), err
}

// decoy reports whether the decision asks for a factor although nothing it could
// be followed by opens the door.
func (d *Decision) decoy() bool { return d.Outcome == Challenge && d.User.ID == 0 }

// mfaRequired reports whether everybody needs a second factor everywhere. The
// caller has passed the barrier.
func (d *Directory) mfaRequired(ctx context.Context) (bool, error) {
	v, err := d.setting(ctx, SettingRequireMFA)
	return v == "true", err
}

// decideFactors fails closed: who has not proved what the app and the setting for
// everybody ask for stays outside, also when there is no way yet to prove it. a is
// nil where no app decides.
func (d *Directory) decideFactors(ctx context.Context, dec *Decision, a *access, to admission) (Reason, error) {
	if a != nil {
		for _, f := range a.app.Require {
			if !proves(dec.Factors, f, a.appPasswords(to.protocol)) {
				dec.check("factors", false, "the app asks for "+string(f))
				return ReasonFactorRequired, nil
			}
		}
	}
	everybody, err := d.mfaRequired(ctx)
	if err != nil {
		return "", err
	}
	if everybody && !slices.ContainsFunc(dec.Factors, secondFactor) {
		dec.check("factors", false, "everybody needs a second factor")
		return ReasonFactorRequired, nil
	}
	return ReasonOK, nil
}

// proves reports whether the factors satisfy a demand. A recovery code stands for
// the one that was lost, an app or network password only where the app says so;
// neither says anything of the device, as a certificate does.
func proves(have []Factor, want Factor, appPasswords string) bool {
	if slices.Contains(have, want) {
		return true
	}
	if want != FactorTOTP && want != FactorPasskey {
		return false
	}
	counts := appPasswords == schema.AppPasswordsFactor || appPasswords == schema.AppPasswordsOnly
	return slices.Contains(have, FactorRecoveryCode) || counts && slices.Contains(have, FactorAppPassword)
}

// secondFactor reports whether a factor is more than a password that somebody
// chose: what the setting for everybody accepts.
func secondFactor(f Factor) bool {
	switch f {
	case FactorTOTP, FactorPasskey, FactorRecoveryCode, FactorEmailCode, FactorCertificate, FactorAppPassword:
		return true
	case FactorPassword, FactorPeer:
		return false
	default:
		return false
	}
}
