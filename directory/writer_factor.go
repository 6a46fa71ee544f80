package directory

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"gatehouse/directory/credential"
	"gatehouse/directory/seal"
)

// maxAuthenticators is how many TOTP generators a user may have: a code of any of
// them is right.
const maxAuthenticators = 5

// AddTOTP makes an authenticator (RFC 6238) for a person and stores its seed
// sealed. The generator is returned once and cannot be read again.
func (w *Writer) AddTOTP(user UserID, label string) (credential.TOTP, Credential, error) {
	u, err := w.factorOwner(user)
	if err != nil {
		return credential.TOTP{}, Credential{}, err
	}
	have, err := w.tx.Credentials.Count(CredentialQuery{Users: []UserID{user}, Kinds: []CredentialKind{CredentialTOTP}})
	if err != nil {
		return credential.TOTP{}, Credential{}, err
	}
	if have >= maxAuthenticators {
		return credential.TOTP{}, Credential{}, invalid("credential", "totp", "%s has %d authenticators; delete one first", u.Username, have)
	}
	c := Credential{User: user, Kind: CredentialTOTP, Label: label, Created: w.now}
	if err := c.checkLabel(); err != nil {
		return credential.TOTP{}, Credential{}, err
	}
	if err := w.stampCredential(&c); err != nil {
		return credential.TOTP{}, Credential{}, err
	}
	generator, err := w.sealTOTP(&c)
	if err != nil {
		return credential.TOTP{}, Credential{}, err
	}
	if err := w.tx.Credentials.Insert(c); err != nil {
		return credential.TOTP{}, Credential{}, err
	}
	return generator, c, w.factorChanged(u, map[string]any{"added": c.Kind, "label": label})
}

// sealTOTP makes a generator and puts its seed into c.
func (w *Writer) sealTOTP(c *Credential) (credential.TOTP, error) {
	generator, err := credential.NewTOTP(w.d.config.Rand)
	if err != nil {
		return generator, err
	}
	encoded, err := generator.Encode()
	if err != nil {
		return generator, fmt.Errorf("encode an authenticator: %w", err)
	}
	c.Sealed, err = w.d.keys.seal(seal.TOTP, c.place(), encoded)
	return generator, err
}

// AddRecoveryCodes makes the codes that stand for a lost factor, each for one use,
// in place of those that the person had. They are returned once.
func (w *Writer) AddRecoveryCodes(user UserID) ([]Secret, error) {
	u, err := w.factorOwner(user)
	if err != nil {
		return nil, err
	}
	codes, err := credential.NewRecoveryCodes(w.d.config.Rand)
	if err != nil {
		return nil, fmt.Errorf("make recovery codes: %w", err)
	}
	if _, err := w.tx.Credentials.Delete(CredentialQuery{Users: []UserID{user}, Kinds: []CredentialKind{CredentialRecoveryCode}}); err != nil {
		return nil, err
	}
	out := make([]Secret, len(codes))
	for i, code := range codes {
		out[i] = Secret(code)
		c := Credential{User: user, Kind: CredentialRecoveryCode, Verifier: credential.HashSecret(code), Created: w.now}
		if err := w.insertCredential(c); err != nil {
			return nil, err
		}
	}
	return out, w.factorChanged(u, map[string]any{"added": CredentialRecoveryCode, "count": len(codes)})
}

// factorOwner returns a person whose factors the actor may change.
func (w *Writer) factorOwner(id UserID) (User, error) {
	if err := w.require(VerbSetFactor, id); err != nil {
		return User{}, err
	}
	u, err := w.User(id)
	if err == nil && u.Kind != Person {
		err = invalid("credential", "kind", "a service account has no second factor")
	}
	return u, err
}

func (w *Writer) factorChanged(u User, detail map[string]any) error {
	if err := w.changed(CredentialsChanged, int64(u.ID), u.Rev); err != nil {
		return err
	}
	return w.audit(VerbSetFactor, u.touched(), detail)
}

// isFactor reports whether the kind is a second factor.
func (k CredentialKind) isFactor() bool {
	return k == CredentialTOTP || k == CredentialPasskey || k == CredentialRecoveryCode
}

const maxLabel = 100

// checkLabel accepts what people call their devices.
func (c *Credential) checkLabel() error {
	if len(c.Label) > maxLabel {
		return invalid("credential", "label", "a label has at most %d bytes", maxLabel)
	}
	if strings.ContainsFunc(c.Label, unicode.IsControl) || !utf8.ValidString(c.Label) {
		return invalid("credential", "label", "a label is one line of text")
	}
	return nil
}
