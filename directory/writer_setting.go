package directory

import (
	"fmt"
	"time"

	"gatehouse/directory/seal"
)

// The settings that init records. A configuration that says otherwise stops the
// daemons.
const (
	SettingDomain    = "domain"
	SettingPublicURL = "public_url"
)

// SettingRequireMFA is "true" when everybody needs a second factor at every door:
// a code, or where programs sign in an app or network password or a certificate.
const SettingRequireMFA = "require_mfa"

// SetSetting sets one value of the whole installation.
func (w *Writer) SetSetting(key, value string) error {
	if err := w.require(VerbWriteConfig, 0); err != nil {
		return err
	}
	old, found, err := one(w.tx.Settings.Find(SettingQuery{Names: []string{key}}))
	if err != nil || found && old.Value == value {
		return err
	}
	s := Setting{Name: key, Value: value, Rev: old.Rev + 1}
	if found {
		err = w.tx.Settings.Update(s)
	} else {
		err = w.tx.Settings.Insert(s)
	}
	if err != nil {
		return err
	}
	if err := w.changed(SettingsChanged, 0, s.Rev); err != nil {
		return err
	}
	return w.audit(VerbWriteConfig, touched{entity: "setting", name: key}, diff{Before: old.Value, After: value})
}

// NewSigningKey is what AddSigningKey writes.
type NewSigningKey struct {
	KID       string
	Use       string // see SigningKey
	Alg       string
	State     KeyState
	Private   []byte // PKCS #8; sealed before it is stored
	Public    []byte // PKIX, or a certificate chain in DER
	NotBefore time.Time
	NotAfter  time.Time
}

// AddSigningKey stores a key pair.
func (w *Writer) AddSigningKey(n NewSigningKey) error {
	if err := w.require(VerbWriteConfig, 0); err != nil {
		return err
	}
	k := SigningKey{KID: n.KID, Use: n.Use, Alg: n.Alg, State: n.State, Public: n.Public, NotBefore: n.NotBefore, NotAfter: n.NotAfter}
	var err error
	if k.Sealed, err = w.d.keys.seal(k.purpose(), k.place(), n.Private); err != nil {
		return err
	}
	if err := w.tx.SigningKeys.Insert(k); err != nil {
		return err
	}
	return w.keyChanged(&k, "")
}

// keyChanged audits that a key came into its state; before is empty for a new one.
func (w *Writer) keyChanged(k *SigningKey, before KeyState) error {
	if err := w.changed(KeysChanged, 0, 0); err != nil {
		return err
	}
	return w.audit(VerbWriteConfig, touched{entity: "signing key", name: k.KID}, map[string]any{"use": k.Use, "state": diff{before, k.State}})
}

// SetKeyState moves a signing key to another state.
func (w *Writer) SetKeyState(kid string, state KeyState) error {
	if err := w.require(VerbWriteConfig, 0); err != nil {
		return err
	}
	k, found, err := one(w.tx.SigningKeys.Find(SigningKeyQuery{KIDs: []string{kid}}))
	if err != nil {
		return err
	}
	if !found {
		return notFound("signing key", kid)
	}
	before := k.State
	k.State = state
	if err := w.tx.SigningKeys.Update(k); err != nil {
		return err
	}
	return w.keyChanged(&k, before)
}

func (k *SigningKey) place() seal.Place {
	return seal.Place{Table: "signing_keys", Column: "sealed_private", Row: k.KID}
}

// purpose is the ring that seals the key: authorities are kept apart from what
// signs tokens, and a server's TLS key from both.
func (k *SigningKey) purpose() seal.Purpose {
	switch {
	case len(k.Use) > 3 && k.Use[:3] == "ca:":
		return seal.CA
	case len(k.Use) > 4 && k.Use[:4] == "tls:":
		return seal.Clients
	default:
		return seal.Signing
	}
}

// PrivateKey opens the private key of k, in PKCS #8.
func (d *Directory) PrivateKey(k SigningKey) ([]byte, error) {
	b, err := d.keys.open(k.purpose(), k.place(), k.Sealed)
	if err != nil {
		return nil, fmt.Errorf("open the private key %s: %w", k.KID, err)
	}
	return b, nil
}
