package directory

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"gatehouse/directory/credential"
	"gatehouse/directory/seal"
)

// codeMatch is the credential that a code belongs to; the zero value is none.
type codeMatch struct {
	credential Credential
	factor     Factor
	step       int64 // of a TOTP code
}

func (m codeMatch) ok() bool { return m.factor != "" }

// proveCode checks a second factor that continues a conversation. Whether
// anything was proved before, the work and the answer are the same.
func (t *trial) proveCode(ctx context.Context) (bool, error) {
	t.needed = true
	leave, ok, err := t.turn(ctx)
	if err != nil || !ok {
		return false, err
	}
	defer leave()
	if ok, err := t.granted(t.guess.reserve(ctx)); err != nil || !ok {
		return false, err
	}
	if t.factor, err = t.matchCode(t.code); err != nil {
		return false, err
	}
	t.used = t.factor.credential
	begun, err := t.begun(ctx)
	return begun && t.factor.ok(), err
}

// begun reports whether what was proved before in this conversation still stands:
// a password that was changed or revoked meanwhile does not.
func (t *trial) begun(ctx context.Context) (bool, error) {
	a := t.attempt
	if t.person == nil || a.User == 0 || len(a.Proved) == 0 || t.person.user.Epoch != a.Epoch {
		return false, nil
	}
	before := Admission{Protocol: a.Protocol, Factors: a.Proved, Resumed: a.Resumed}
	before.Resumed.NetworkOnly = a.NetworkOnly
	reason, err := t.d.resumes(ctx, t.person, &before, &t.dec)
	return reason == ReasonOK, err
}

// matchCode finds the authenticator or the recovery code of the user that a code
// is of now. It does not use it up.
func (t *trial) matchCode(typed string) (codeMatch, error) {
	if t.person == nil || len(typed) > credential.MaxPassword {
		return codeMatch{}, nil
	}
	if code := strings.ReplaceAll(typed, " ", ""); isDigits(code) {
		return t.matchTOTP(code)
	}
	if code, ok := credential.NormalizeRecoveryCode(typed); ok {
		for _, c := range t.person.credentials {
			if c.Kind == CredentialRecoveryCode && credential.CheckSecret(c.Verifier, code) {
				return codeMatch{credential: c, factor: FactorRecoveryCode}, nil
			}
		}
	}
	return codeMatch{}, nil
}

func (t *trial) matchTOTP(code string) (codeMatch, error) {
	now := t.d.now()
	for _, c := range t.person.credentials {
		if c.Kind != CredentialTOTP {
			continue
		}
		generator, err := t.d.openTOTP(&c)
		if err != nil {
			return codeMatch{}, err
		}
		if step, ok := generator.Match(code, now); ok {
			return codeMatch{credential: c, factor: FactorTOTP, step: step}, nil
		}
	}
	return codeMatch{}, nil
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// spend uses the code up. Of several attempts with one code, at whatever doors
// and in whatever processes, one is allowed.
func (t *trial) spend(ctx context.Context) error {
	use := t.d.spendStep
	if t.factor.factor == FactorRecoveryCode {
		use = t.d.spendRecoveryCode
	}
	won, err := use(ctx, t.factor)
	if err != nil {
		return err
	}
	t.complete = won
	t.dec.check("code", won, string(t.factor.factor))
	if !won {
		t.factor = codeMatch{}
		t.dec = Decision{
			Outcome: Deny, Reason: ReasonFactorWrong, Factors: t.factors(), Credential: t.dec.Credential,
			Version: t.dec.Version, Seq: t.dec.Seq, Trace: t.dec.Trace,
		}
	}
	return nil
}

// spendStep moves the last step of an authenticator on (RFC 6238 §5.2: a code is
// accepted once). It fails when that step, or a later one, was used before.
func (d *Directory) spendStep(ctx context.Context, m codeMatch) (won bool, err error) {
	err = d.store.Record(ctx, func(tx *Tx) error {
		won = false
		c, found, err := one(tx.Credentials.Take(CredentialQuery{IDs: []CredentialID{m.credential.ID}}))
		if err != nil || !found || c.Version != m.credential.Version {
			return err
		}
		var p totpParams
		if err := p.read(&c); err != nil {
			return err
		}
		if m.step <= p.LastStep {
			return nil
		}
		p.LastStep, won = m.step, true
		if c.Params, err = json.Marshal(p); err != nil {
			return err
		}
		c.LastUsed = d.now()
		return tx.Credentials.Update(c)
	})
	return won, err
}

// spendRecoveryCode deletes the code. Unlike a step it is seen by whoever looks
// at the account, so it is a change.
func (d *Directory) spendRecoveryCode(ctx context.Context, m codeMatch) (won bool, err error) {
	c := m.credential
	_, err = d.Write(ctx, System(d.config.Daemon), func(w *Writer) error {
		won = false
		u, err := w.User(c.User)
		if err != nil {
			return err
		}
		n, err := w.tx.Credentials.Delete(CredentialQuery{IDs: []CredentialID{c.ID}})
		if err != nil || n == 0 {
			return err
		}
		won = true
		if err := w.changed(CredentialsChanged, int64(u.ID), u.Rev); err != nil {
			return err
		}
		return w.audit(VerbSetFactor, u.touched(), map[string]any{"used": c.Kind})
	})
	return won, err
}

// totpParams are the Params of an authenticator.
type totpParams struct {
	LastStep int64 `json:"last_step,omitempty"` // the newest step of which a code was accepted
}

func (p *totpParams) read(c *Credential) error {
	if len(c.Params) == 0 {
		return nil
	}
	if err := json.Unmarshal(c.Params, p); err != nil {
		return fmt.Errorf("read the last step of an authenticator: %w", err)
	}
	return nil
}

func (d *Directory) openTOTP(c *Credential) (credential.TOTP, error) {
	encoded, err := d.keys.open(seal.TOTP, c.place(), c.Sealed)
	if err != nil {
		return credential.TOTP{}, fmt.Errorf("open an authenticator: %w", err)
	}
	return credential.ParseTOTP(encoded)
}
