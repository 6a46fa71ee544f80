package directory

import (
	"context"
	"fmt"
	"slices"

	"gatehouse/directory/credential"
)

// prove finds the credential that the password opens. Whoever it is asked for,
// and whether they exist, one slow hash is computed, unless the answer is known
// without any.
func (t *trial) prove(ctx context.Context) (right bool, err error) {
	if len(t.password) > credential.MaxPassword || t.password == "" {
		return false, nil
	}
	if id, ok := credential.GeneratedID(t.password.Reveal()); ok && t.generated(CredentialID(id)) {
		return true, nil
	}
	if ok, err := t.networkPassword(); ok || err != nil {
		return ok, err
	}
	c, ok := t.signInPassword()
	known := func() bool { return false }
	if ok && t.attempt.Protocol != ProtocolWeb {
		seen := t.d.verified.entry(&c, t.password)
		if t.d.verified.has(seen) {
			t.used = c
			return true, nil
		}
		known = func() bool { return t.d.verified.has(seen) }
		defer func() {
			if right && err == nil && t.slow {
				t.d.verified.add(seen)
			}
		}()
	}
	right, err = t.hash(ctx, c, known)
	if right {
		t.used = c
	}
	return right, err
}

// generated checks a secret that we made: it names its credential and needs no
// slow hash.
func (t *trial) generated(id CredentialID) bool {
	if t.person == nil {
		return false
	}
	for _, c := range t.person.credentials {
		if c.ID == id && credential.CheckSecret(c.Verifier, t.password.Reveal()) {
			t.used = c
			return true
		}
	}
	return false
}

// signInPassword returns the credential that a typed password is checked with.
func (t *trial) signInPassword() (Credential, bool) {
	if t.person == nil {
		return Credential{}, false
	}
	kind := passwordKind(t.person.user.Kind)
	i := slices.IndexFunc(t.person.credentials, func(c Credential) bool { return c.Kind == kind })
	if i < 0 {
		return Credential{}, false
	}
	return t.person.credentials[i], true
}

// hash computes the one slow hash of the attempt, in the account's and the
// source's turn, unless known says meanwhile that the same password was verified
// for another attempt. A credential without a verifier stands for nobody's: the
// work is the same.
func (t *trial) hash(ctx context.Context, c Credential, known func() bool) (bool, error) {
	leave, ok, err := t.d.limiter.enter(ctx, t.account)
	if err != nil {
		return false, err
	}
	if !ok {
		t.overload("too many attempts on this account at once")
		return false, nil
	}
	defer leave()
	t.waited = true
	if known() {
		return true, nil
	}
	if left := t.d.limiter.delayed(t.entry); left > 0 { // others failed while this one waited
		t.overload("too many failures from here")
		t.dec.RetryAfter = left
		return false, nil
	}
	source := t.source()
	if source == "" {
		source = "account " + t.account
	}
	release, ok, err := t.d.hashes.acquire(ctx, source, t.attempt.Protocol == ProtocolWeb)
	if err != nil {
		return false, err
	}
	if !ok {
		t.overload("too many passwords from this source wait to be checked")
		return false, nil
	}
	defer release()
	t.slow = true
	return t.compute(ctx, c)
}

func (t *trial) compute(ctx context.Context, c Credential) (bool, error) {
	if c.Verifier == "" {
		_, err := credential.Verify(t.d.dummy, t.password.Reveal())
		return false, err
	}
	v, err := credential.Parse(c.Verifier)
	if err != nil {
		return false, fmt.Errorf("read a stored password hash: %w", err)
	}
	if !v.Verify(t.password.Reveal()) {
		return false, nil
	}
	if credential.DefaultParams().NeedsRehash(v) {
		t.d.background(ctx, func(ctx context.Context) { t.d.rehash(ctx, c, t.password) })
	}
	return true, nil
}

func (t *trial) overload(detail string) {
	t.dec.Outcome, t.dec.Reason = Deny, ReasonThrottled
	t.dec.check("limiter", false, detail)
}
