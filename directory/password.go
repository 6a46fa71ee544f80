package directory

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/text/unicode/norm"

	"gatehouse/directory/credential"
)

// PasswordHash is a password ready to be stored. Make it before the transaction.
type PasswordHash struct{ encoded string }

// HashPassword hashes a new password (argon2id, some 30 ms of a core). Invalid:
// it is empty, too long, or not text.
func (d *Directory) HashPassword(ctx context.Context, password Secret) (PasswordHash, error) {
	if password == "" {
		return PasswordHash{}, invalid("user", "password", "the password is empty")
	}
	if len(password) > credential.MaxPassword {
		return PasswordHash{}, invalid("user", "password", "a password has at most %d bytes", credential.MaxPassword)
	}
	// Each hash takes 19 MiB: no more of them at once than there are cores.
	select {
	case d.hashing <- struct{}{}:
		defer func() { <-d.hashing }()
	case <-ctx.Done():
	}
	if err := ctx.Err(); err != nil {
		return PasswordHash{}, unavailable("the password was not hashed in time", err)
	}
	// RFC 8265 §4.2.2: OpaqueString normalises to NFC.
	encoded, err := credential.DefaultParams().Hash(d.config.Rand, norm.NFC.String(password.Reveal()))
	if err != nil {
		return PasswordHash{}, fmt.Errorf("hash a password: %w", err)
	}
	return PasswordHash{encoded: encoded}, nil
}

// ImportedHash checks a password hash from another system. Invalid: the form is
// unknown or too expensive to verify.
func ImportedHash(encoded Secret) (PasswordHash, error) {
	if _, err := credential.Parse(encoded.Reveal()); err != nil {
		var cost *credential.CostError
		if errors.As(err, &cost) {
			return PasswordHash{}, invalid("user", "password_hash", "%s", cost.Error())
		}
		return PasswordHash{}, invalid("user", "password_hash", "the form of this password hash is not known")
	}
	return PasswordHash{encoded: encoded.Reveal()}, nil
}

// SetPassword gives the user a sign-in password, or a service account its
// password. Cached verifications of the old one die with this transaction, and
// so do the user's sessions, unless they change it themselves.
func (w *Writer) SetPassword(id UserID, hash PasswordHash) error {
	if err := w.require(VerbSetPassword, id); err != nil {
		return err
	}
	u, err := w.credentialOwner(id)
	if err != nil {
		return err
	}
	kind := passwordKind(u.Kind)
	had, err := w.tx.Credentials.Delete(CredentialQuery{Users: []UserID{id}, Kinds: []CredentialKind{kind}})
	if err != nil {
		return err
	}
	c := Credential{User: id, Kind: kind, Verifier: hash.encoded, Created: w.now}
	if err := w.insertCredential(c); err != nil {
		return err
	}
	if had > 0 && w.by.User != id {
		if err := w.endArtefacts(id, string(VerbSetPassword), &LockdownReport{}); err != nil {
			return err
		}
	}
	if err := w.changed(CredentialsChanged, int64(id), u.Rev); err != nil {
		return err
	}
	return w.audit(VerbSetPassword, u.touched(), nil)
}

func passwordKind(k UserKind) CredentialKind {
	if k == ServiceAccount {
		return CredentialServicePassword
	}
	return CredentialPassword
}

// insertCredential stores c with its id and version.
func (w *Writer) insertCredential(c Credential) error {
	if err := w.stampCredential(&c); err != nil {
		return err
	}
	return w.tx.Credentials.Insert(c)
}

// stampCredential gives c its id and its random version.
func (w *Writer) stampCredential(c *Credential) error {
	id, _, err := w.newRow()
	if err != nil {
		return err
	}
	var b [8]byte
	if _, err := io.ReadFull(w.d.config.Rand, b[:]); err != nil {
		return fmt.Errorf("make a credential version: %w", err)
	}
	c.ID, c.Version = CredentialID(id), int64(binary.BigEndian.Uint64(b[:])>>1)
	return nil
}

// rehash replaces the stored form of a password that has just been verified by
// ours, when it was imported or its parameters are old. The password stays the
// same, so nothing else changes; a lost race is no loss. One at a time: whoever
// has no turn before ctx ends keeps the old form until a later sign-in.
func (d *Directory) rehash(ctx context.Context, c Credential, password Secret) {
	select {
	case d.renewing <- struct{}{}:
		defer func() { <-d.renewing }()
	case <-ctx.Done():
		return
	}
	hash, err := d.HashPassword(ctx, password)
	if err != nil {
		d.log.WarnContext(ctx, "an imported password hash was not replaced", "err", err, "user", int64(c.User))
		return
	}
	_, err = d.store.Update(ctx, func(tx *Tx) error {
		now, found, err := one(tx.Credentials.Take(CredentialQuery{IDs: []CredentialID{c.ID}}))
		if err != nil || !found || now.Version != c.Version {
			return err
		}
		now.Verifier = hash.encoded
		if err := tx.Credentials.Update(now); err != nil {
			return err
		}
		return tx.Feed.Append(Change{Kind: CredentialsChanged, Ref: int64(c.User)})
	})
	if err != nil {
		d.log.WarnContext(ctx, "an imported password hash was not replaced", "err", err, "user", int64(c.User))
	}
}
