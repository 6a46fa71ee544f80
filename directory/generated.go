package directory

import (
	"fmt"
	"time"

	"gatehouse/directory/credential"
)

// NewGenerated is a secret that Gatehouse makes for a program: an app, service or
// API password.
type NewGenerated struct {
	User     UserID
	Kind     CredentialKind
	Label    string
	App      AppID
	Protocol Protocol
	Expires  time.Time
}

// AddGenerated makes a secret of at least 128 bits and stores its hash. The
// secret is returned once and cannot be read again.
func (w *Writer) AddGenerated(n NewGenerated) (Secret, Credential, error) {
	if err := w.require(VerbSetPassword, n.User); err != nil {
		return "", Credential{}, err
	}
	u, err := w.credentialOwner(n.User)
	if err != nil {
		return "", Credential{}, err
	}
	if err := n.check(u.Kind); err != nil {
		return "", Credential{}, err
	}
	c := Credential{User: n.User, Kind: n.Kind, Label: n.Label, App: n.App, Protocol: n.Protocol, Expires: n.Expires, Created: w.now}
	if err := c.checkLabel(); err != nil {
		return "", Credential{}, err
	}
	if err := w.roomForGenerated(u); err != nil {
		return "", Credential{}, err
	}
	if err := w.stampCredential(&c); err != nil {
		return "", Credential{}, err
	}
	secret, err := credential.NewGenerated(w.d.config.Rand, int64(c.ID))
	if err != nil {
		return "", Credential{}, fmt.Errorf("make a secret: %w", err)
	}
	c.Verifier = credential.HashSecret(secret)
	if err := w.tx.Credentials.Insert(c); err != nil {
		return "", Credential{}, err
	}
	if err := w.changed(CredentialsChanged, int64(u.ID), u.Rev); err != nil {
		return "", Credential{}, err
	}
	return Secret(secret), c, w.audit(VerbSetPassword, u.touched(), map[string]any{"added": n.Kind, "label": n.Label})
}

// maxGenerated is how many generated secrets a user may have: each is tried.
const maxGenerated = 50

func (w *Writer) roomForGenerated(u User) error {
	have, err := w.tx.Credentials.Count(CredentialQuery{Users: []UserID{u.ID}, Kinds: []CredentialKind{
		CredentialAppPassword, CredentialServicePassword, CredentialAPIToken,
	}})
	if err == nil && have >= maxGenerated {
		err = invalid("credential", "kind", "%s has %d passwords and tokens made for programs; revoke one first", u.Username, have)
	}
	return err
}

// check refuses a secret that is not generated, is not for such a user, or would
// open every door.
func (n NewGenerated) check(owner UserKind) error {
	switch n.Kind {
	case CredentialServicePassword:
		if owner != ServiceAccount {
			return invalid("credential", "kind", "a service password is for service accounts")
		}
	case CredentialAppPassword:
		if n.App == 0 && n.Protocol == "" {
			return invalid("credential", "app", "an app password is for an app or a protocol")
		}
		if n.Protocol != "" && n.Protocol != ProtocolLDAP && n.Protocol != ProtocolRADIUS {
			return invalid("credential", "protocol", "an app password is for ldap or radius, not for %q", string(n.Protocol))
		}
	case CredentialAPIToken:
	default:
		return invalid("credential", "kind", "a %s is not generated", string(n.Kind))
	}
	return nil
}

// credentialOwner returns a user whose credentials the actor may change, as far
// as a SCIM source is held to its scope.
func (w *Writer) credentialOwner(id UserID) (User, error) {
	if err := w.writable("password"); err != nil {
		return User{}, err
	}
	u, err := w.User(id)
	if err != nil {
		return User{}, err
	}
	return u, w.inScope(u)
}

// RemoveCredential revokes one credential of a user. Not having it is NotFound.
func (w *Writer) RemoveCredential(user UserID, id CredentialID) error {
	if err := w.require(VerbSetPassword, user); err != nil {
		return err
	}
	u, err := w.credentialOwner(user)
	if err != nil {
		return err
	}
	q := CredentialQuery{IDs: []CredentialID{id}, Users: []UserID{user}}
	c, found, err := one(w.tx.Credentials.Find(q))
	if err != nil {
		return err
	}
	if !found {
		return notFound("credential", rowName(int64(id)))
	}
	verb := VerbSetPassword
	if c.Kind.isFactor() {
		verb = VerbSetFactor
	}
	if err := w.require(verb, user); err != nil {
		return err
	}
	if _, err := w.tx.Credentials.Delete(q); err != nil {
		return err
	}
	if err := w.changed(CredentialsChanged, int64(user), u.Rev); err != nil {
		return err
	}
	return w.audit(verb, u.touched(), map[string]any{"removed": c.Kind, "label": c.Label})
}
