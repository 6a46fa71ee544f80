package directory

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"gatehouse/directory/credential"
)

// provePassword finds the credential that the password opens. Whoever it is
// asked for, and whether they exist, one slow hash is computed, unless the answer
// is known without any.
func (t *trial) provePassword(ctx context.Context) (right bool, err error) {
	if len(t.typed) > credential.MaxPassword || t.typed == "" {
		return false, nil
	}
	// Before any hash: what is computed never depends on whether the password is
	// right.
	if err := t.requireCode(ctx); err != nil {
		return false, err
	}
	if ok, err := t.madeByUs(t.typed); ok || err != nil {
		return ok, err
	}
	if err := t.split(); err != nil {
		return false, err
	}
	if t.code != "" {
		ok, err := t.madeByUs(t.password)
		if err != nil {
			return false, err
		}
		if ok {
			return t.granted(t.guess.reserve(ctx)) // the code is a guess that counts
		}
	}
	c, ok := t.signInPassword()
	known := func() bool { return false }
	if ok && t.attempt.Protocol != ProtocolWeb {
		seen := t.d.verified.entry(&c, t.password)
		if t.d.verified.has(seen) && !t.needed {
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

// split takes the one-time code off the password where one is required, and only
// there: the passwords of others may end in digits. A door that asks for the code
// by itself is likelier to be shown a password that ends in digits than one with
// a code behind it; there only what is a code of this user now is taken for one.
func (t *trial) split() error {
	if !t.needed {
		return nil
	}
	password, code, ok := credential.AppendedCode(t.typed.Reveal())
	if !ok {
		return nil
	}
	match, err := t.matchCode(code)
	if err != nil || t.attempt.Challenge && !match.ok() {
		return err
	}
	t.password, t.code, t.factor = Secret(password), code, match
	return nil
}

// madeByUs looks for a secret that we made: it needs no slow hash.
func (t *trial) madeByUs(presented Secret) (bool, error) {
	if t.generated(presented) {
		return true, nil
	}
	return t.networkPassword(presented)
}

// generated checks a secret that names its credential.
func (t *trial) generated(presented Secret) bool {
	id, ok := credential.GeneratedID(presented.Reveal())
	if !ok || t.person == nil {
		return false
	}
	for _, c := range t.person.credentials {
		if c.ID == CredentialID(id) && credential.CheckSecret(c.Verifier, presented.Reveal()) {
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
	leave, ok, err := t.turn(ctx)
	if err != nil || !ok {
		return false, err
	}
	defer leave()
	if known() && !t.needed {
		return true, nil
	}
	right, refused := false, refusal{}
	reserved := t.guess.reserve(ctx)
	switch {
	case reserved.refused():
	case known():
		right = true // and the code is a guess that counts
	default:
		right, refused, err = t.inTurn(ctx, c)
	}
	ok, reserveErr := t.granted(reserved)
	if err := cmp.Or(err, reserveErr); err != nil || !ok {
		return false, err
	}
	if refused.why != "" {
		t.refuse(refused)
		return false, nil
	}
	return right, nil
}

// inTurn computes the hash when it is the source's turn.
func (t *trial) inTurn(ctx context.Context, c Credential) (right bool, refused refusal, err error) {
	place := hashPlace{lane: laneOf(t.attempt.Protocol, t.guess.knownSource()), source: t.source()}
	if place.source == "" {
		place.source = "account " + t.guess.account
	}
	began := t.d.now()
	release, ok, err := t.d.hashes.acquire(ctx, place)
	if err != nil || !ok {
		return false, refusal{why: refusedHashing, visible: busyFor}, err
	}
	defer release()
	t.d.guessing.waited.Observe(t.d.now().Sub(began).Seconds())
	t.slow = true
	right, err = t.compute(ctx, c)
	return right, refusal{}, err
}

func (t *trial) compute(ctx context.Context, c Credential) (bool, error) {
	t.d.hashed.Add(1)
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
