package directory

import (
	"crypto/hmac"
	"fmt"
	"time"

	"gatehouse/directory/credential"
	"gatehouse/directory/seal"
)

// maxNetworkPasswords bounds the network passwords of a user: MS-CHAPv2 tries
// them all.
const maxNetworkPasswords = 50

// NewNetworkPassword is a password that we make and people type into a device.
type NewNetworkPassword struct {
	User    UserID
	Label   string         // the device it is for
	Kind    CredentialKind // CredentialNetworkPassword, or CredentialSambaPassword, of which a user has one
	Expires time.Time      // zero: never
}

// AddNetworkPassword makes a network password. Kept are its NT hash, sealed for
// the daemon that needs it, and for the network a MAC to find it by. The
// password is returned once and cannot be read again. A second Samba password
// replaces the first.
func (w *Writer) AddNetworkPassword(n NewNetworkPassword) (Secret, Credential, error) {
	if err := w.require(VerbSetPassword, n.User); err != nil {
		return "", Credential{}, err
	}
	u, err := w.credentialOwner(n.User)
	if err != nil {
		return "", Credential{}, err
	}
	if err := w.placeForNetworkPassword(n, u.Kind); err != nil {
		return "", Credential{}, err
	}
	made, err := credential.NewNetworkPassword(w.d.config.Rand)
	if err != nil {
		return "", Credential{}, fmt.Errorf("make a network password: %w", err)
	}
	c := Credential{User: n.User, Kind: n.Kind, Label: n.Label, Expires: n.Expires, Created: w.now}
	if err := w.stampCredential(&c); err != nil {
		return "", Credential{}, err
	}
	if err := w.d.sealNetworkPassword(&c, made); err != nil {
		return "", Credential{}, err
	}
	if err := w.tx.Credentials.Insert(c); err != nil {
		return "", Credential{}, err
	}
	if err := w.changed(CredentialsChanged, int64(u.ID), u.Rev); err != nil {
		return "", Credential{}, err
	}
	return Secret(made), c, w.audit(VerbSetPassword, u.touched(), map[string]any{"added": n.Kind, "label": n.Label})
}

// placeForNetworkPassword refuses one too many, and removes the Samba password
// that is replaced.
func (w *Writer) placeForNetworkPassword(n NewNetworkPassword, owner UserKind) error {
	if owner != Person {
		return invalid("credential", "kind", "network passwords are for people")
	}
	q := CredentialQuery{Users: []UserID{n.User}, Kinds: []CredentialKind{n.Kind}}
	switch n.Kind {
	case CredentialNetworkPassword:
		have, err := w.tx.Credentials.Count(q)
		if err == nil && have >= maxNetworkPasswords {
			err = invalid("credential", "kind", "there are %d network passwords already; revoke one first", have)
		}
		return err
	case CredentialSambaPassword:
		_, err := w.tx.Credentials.Delete(q)
		return err
	default:
		return invalid("credential", "kind", "a %s is not a network password", string(n.Kind))
	}
}

// sealNetworkPassword fills in what is kept of a network password.
func (d *Directory) sealNetworkPassword(c *Credential, password string) error {
	purpose := seal.Samba
	if c.Kind == CredentialNetworkPassword {
		purpose = seal.Network
		macs, err := d.networkPasswordMACs()
		if err != nil {
			return err
		}
		c.Lookup = macs[0].Sum([]byte(password))
	}
	hash := credential.NTHash(password)
	sealed, err := d.keys.seal(purpose, c.place(), hash[:])
	c.Sealed = sealed
	return err
}

func (c *Credential) place() seal.Place {
	return seal.Place{Table: "credentials", Column: "sealed", Row: rowName(int64(c.ID))}
}

// networkPasswordMACs are the keys by which network passwords are found, the one
// that makes new ones first.
func (d *Directory) networkPasswordMACs() ([]*seal.MACKey, error) {
	ring, err := d.keys.Ring(seal.Lookup)
	if err != nil {
		return nil, err
	}
	return ring.MACKeys("network-password")
}

// networkPassword looks for a network password that was typed in full: no slow
// hash is needed for 100 random bits.
func (t *trial) networkPassword(presented Secret) (bool, error) {
	if t.attempt.Protocol != ProtocolRADIUS || t.person == nil {
		return false, nil
	}
	typed, ok := credential.NormalizeNetworkPassword(presented.Reveal())
	if !ok {
		return false, nil
	}
	macs, err := t.d.networkPasswordMACs()
	if err != nil {
		return false, err
	}
	found := false
	for _, mac := range macs {
		want := mac.Sum([]byte(typed))
		for _, c := range t.person.credentials {
			if c.Kind == CredentialNetworkPassword && hmac.Equal(c.Lookup, want) {
				t.used, found = c, true
			}
		}
	}
	return found, nil
}
