package directory

import (
	"encoding/json"
	"iter"
	"time"
)

// passwordParams are the Params of a sign-in password.
type passwordParams struct {
	MustChange bool `json:"must_change,omitempty"`
}

// RequirePasswordChange makes the present password of a person open nothing but
// its own change. The next SetPassword ends that. NotFound: there is no password.
func (w *Writer) RequirePasswordChange(id UserID) error {
	if err := w.require(VerbSetPassword, id); err != nil {
		return err
	}
	u, err := w.credentialOwner(id)
	if err != nil {
		return err
	}
	c, found, err := one(w.tx.Credentials.Find(CredentialQuery{Users: []UserID{id}, Kinds: []CredentialKind{CredentialPassword}}))
	if err != nil {
		return err
	}
	if !found {
		return notFound("password of", u.Username)
	}
	if c.Params, err = json.Marshal(passwordParams{MustChange: true}); err != nil {
		return err
	}
	if err := w.tx.Credentials.Update(c); err != nil {
		return err
	}
	if err := w.changed(CredentialsChanged, int64(id), u.Rev); err != nil {
		return err
	}
	return w.audit(VerbSetPassword, u.touched(), map[string]any{"must_change": true})
}

// PasswordState is what may be known of a sign-in password.
type PasswordState struct {
	User       UserID
	Changed    time.Time // when it was set
	MustChange bool      // it opens nothing but its own change
}

// Passwords yields the state of the sign-in passwords of users, or of all for
// nil, by user. Who has none is left out.
func (r *Reader) Passwords(users []UserID) iter.Seq2[PasswordState, error] {
	rows := r.tx.Snapshot.Passwords()
	if users != nil {
		rows = r.tx.Credentials.Find(CredentialQuery{Users: users, Kinds: []CredentialKind{CredentialPassword, CredentialServicePassword}})
	}
	return func(yield func(PasswordState, error) bool) {
		for c, err := range only(r, VerbReadCredentials, rows) {
			if !yield(PasswordState{User: c.User, Changed: c.Created, MustChange: c.mustChange()}, err) || err != nil {
				return
			}
		}
	}
}

// mustChange reports whether the password has to be changed before it opens
// anything. What cannot be read does not open anything either.
func (c *Credential) mustChange() bool {
	if c.Kind != CredentialPassword || len(c.Params) == 0 {
		return false
	}
	var p passwordParams
	return json.Unmarshal(c.Params, &p) != nil || p.MustChange
}

// barred reports whether the attempt is refused because its password must be
// changed first. A door that lets people change it lets them in and is told so.
func (t *trial) barred() bool {
	t.dec.MustChange = t.shown().mustChange()
	if !t.dec.MustChange || t.attempt.MayChange {
		return false
	}
	t.dec.check("credential", false, "the password must be changed first")
	t.dec.Message = "Your password must be changed before it can be used."
	return true
}

// shown is the credential that the attempt began with: in a conversation not the
// second factor, but what came before it.
func (t *trial) shown() *Credential {
	if t.continued {
		for i := range t.person.credentials {
			if c := &t.person.credentials[i]; c.ID == t.attempt.Resumed.Credential {
				return c
			}
		}
	}
	return &t.used
}
