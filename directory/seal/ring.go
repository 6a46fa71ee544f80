package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hpke"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Versions of a sealed value. A new one is understood for a release before it
// is written.
const (
	versionGCM  = 1
	versionHPKE = 2
)

const headerBytes = 1 + len(KeyID{})

// ErrNotSealed says that the bytes are no sealed value of a known version.
var ErrNotSealed = errors.New("not a sealed value")

// ErrDamaged says that the key is here, but the value was changed or belongs to
// another table, column or row.
var ErrDamaged = errors.New("sealed value was changed or moved")

// MissingKeyError says that the key a value was sealed with is not here.
type MissingKeyError struct {
	Purpose Purpose
	ID      KeyID
	Where   string // where the ring was loaded from
	Public  bool   // only the public half is here, so this process can only seal
}

// Error returns, for example, "sealed with totp key 5f3a…, which is not in /etc/…".
func (e *MissingKeyError) Error() string {
	if e.Public {
		return fmt.Sprintf("sealed with %s key %s, of which only the public half is in %s", e.Purpose, e.ID, e.Where)
	}
	return fmt.Sprintf("sealed with %s key %s, which is not in %s", e.Purpose, e.ID, e.Where)
}

// Place is where a sealed value lives. Row must be unique in the table and must
// never be reused.
type Place struct {
	Table, Column, Row string
}

// bind returns the additional data for p; lengths keep the parts apart.
func (p Place) bind() []byte {
	var b []byte
	for _, s := range []string{"gatehouse", p.Table, p.Column, p.Row} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	return b
}

// Ring holds the keys of one purpose.
type Ring struct {
	redaction
	purpose Purpose
	where   string
	now     func() time.Time
	keys    []*Key // newest first
}

// NewRing makes a ring of at least one key. where is named in errors; now tells
// which keys have begun. A key that is present with its public half counts once.
func NewRing(purpose Purpose, where string, now func() time.Time, keys ...*Key) (*Ring, error) {
	r := &Ring{purpose: purpose, where: where, now: now}
	for _, k := range keys {
		if k.purpose != purpose {
			return nil, fmt.Errorf("%s key %s among the %s keys in %s", k.purpose, k.id, purpose, where)
		}
		i := slices.IndexFunc(r.keys, func(have *Key) bool { return have.id == k.id })
		switch {
		case i < 0:
			r.keys = append(r.keys, k)
		case r.keys[i].secret == nil:
			r.keys[i] = k
		}
	}
	if len(r.keys) == 0 {
		return nil, fmt.Errorf("no %s key in %s", purpose, where)
	}
	slices.SortFunc(r.keys, func(a, b *Key) int {
		if c := b.begins.Compare(a.begins); c != 0 {
			return c
		}
		return slices.Compare(a.id[:], b.id[:])
	})
	return r, nil
}

// Purpose returns what the ring is for.
func (r *Ring) Purpose() Purpose { return r.purpose }

// Keys returns the keys, newest first.
func (r *Ring) Keys() []*Key { return slices.Clone(r.keys) }

// Active returns the key that seals now: the newest that has begun, or the
// oldest when none has.
func (r *Ring) Active() *Key {
	now := r.now()
	for _, k := range r.keys {
		if !k.begins.After(now) {
			return k
		}
	}
	return r.keys[len(r.keys)-1]
}

// Seal encrypts plaintext for place under the active key.
func (r *Ring) Seal(place Place, plaintext []byte) ([]byte, error) {
	k := r.Active()
	if k.public != nil {
		return k.sealTo(place, plaintext)
	}
	aead, err := k.gcm()
	if err != nil {
		return nil, fmt.Errorf("seal %s.%s: %w", place.Table, place.Column, err)
	}
	out := append([]byte{versionGCM}, k.id[:]...)
	return aead.Seal(out, nil, plaintext, place.bind()), nil
}

// Open decrypts what Seal made for the same place. Errors are ErrNotSealed,
// *MissingKeyError or ErrDamaged, wrapped with the place.
func (r *Ring) Open(place Place, sealed []byte) ([]byte, error) {
	plaintext, err := r.open(place, sealed)
	if err != nil {
		return nil, fmt.Errorf("open %s.%s of %s: %w", place.Table, place.Column, place.Row, err)
	}
	return plaintext, nil
}

func (r *Ring) open(place Place, sealed []byte) ([]byte, error) {
	id, err := KeyOf(sealed)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(r.keys, func(k *Key) bool { return k.id == id })
	if i < 0 {
		return nil, &MissingKeyError{Purpose: r.purpose, ID: id, Where: r.where}
	}
	k := r.keys[i]
	if k.secret == nil {
		return nil, &MissingKeyError{Purpose: r.purpose, ID: id, Where: r.where, Public: true}
	}
	if (sealed[0] == versionHPKE) != (k.public != nil) {
		return nil, ErrNotSealed
	}
	if k.public != nil {
		return k.openFrom(place, sealed[headerBytes:])
	}
	aead, err := k.gcm()
	if err != nil {
		return nil, err
	}
	plaintext, err := aead.Open(nil, nil, sealed[headerBytes:], place.bind())
	if err != nil {
		return nil, ErrDamaged
	}
	return plaintext, nil
}

// Stale reports whether sealed should be sealed again because its key is not
// the active one.
func (r *Ring) Stale(sealed []byte) bool {
	id, err := KeyOf(sealed)
	return err != nil || id != r.Active().id
}

// KeyOf returns the id of the key that sealed a value, or ErrNotSealed.
func KeyOf(sealed []byte) (KeyID, error) {
	if len(sealed) < headerBytes || sealed[0] != versionGCM && sealed[0] != versionHPKE {
		return KeyID{}, ErrNotSealed
	}
	return KeyID(sealed[1:headerBytes]), nil
}

// gcm returns AES-256-GCM that makes a random nonce and puts it first.
func (k *Key) gcm() (cipher.AEAD, error) {
	block, err := aes.NewCipher(k.secret)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (k *Key) sealTo(place Place, plaintext []byte) ([]byte, error) {
	public, err := hpke.NewDHKEMPublicKey(k.public)
	if err != nil {
		return nil, fmt.Errorf("seal %s.%s: %w", place.Table, place.Column, err)
	}
	box, err := hpke.Seal(public, hpke.HKDFSHA256(), hpke.AES256GCM(), place.bind(), plaintext)
	if err != nil {
		return nil, fmt.Errorf("seal %s.%s: %w", place.Table, place.Column, err)
	}
	return slices.Concat([]byte{versionHPKE}, k.id[:], box), nil
}

func (k *Key) openFrom(place Place, box []byte) ([]byte, error) {
	plaintext, err := hpke.Open(k.private, hpke.HKDFSHA256(), hpke.AES256GCM(), place.bind(), box)
	if err != nil {
		return nil, ErrDamaged
	}
	return plaintext, nil
}
