package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"io"
)

// Ratchet is a key that is replaced, from time to time, by a hash of itself.
// Who learns it can compute every later key and none of the earlier ones. It
// prints as "[redacted]".
type Ratchet struct {
	redaction
	key [sha256.Size]byte
}

// NewRatchet begins a ratchet with a key made of random.
func NewRatchet(random io.Reader) (*Ratchet, error) {
	r := &Ratchet{}
	if _, err := io.ReadFull(random, r.key[:]); err != nil {
		return nil, fmt.Errorf("begin a ratchet: %w", err)
	}
	return r, nil
}

// ParseRatchet returns the ratchet whose key Reveal gave.
func ParseRatchet(key []byte) (*Ratchet, error) {
	r := &Ratchet{}
	if len(key) != len(r.key) {
		return nil, fmt.Errorf("a ratchet of %d bytes, want %d", len(key), len(r.key))
	}
	copy(r.key[:], key)
	return r, nil
}

// Advance replaces the key; the old one is overwritten.
func (r *Ratchet) Advance() { r.key = r.derive("next") }

// MACKey returns the key to authenticate with until the next Advance.
func (r *Ratchet) MACKey() *MACKey {
	key := r.derive("mac")
	return newMACKey(key[:])
}

// Reveal returns the key, to be sealed.
func (r *Ratchet) Reveal() []byte { return append([]byte(nil), r.key[:]...) }

// derive is a PRF of the key (RFC 5869 §2.3 with a single block), so that the
// MAC key says nothing about the next one.
func (r *Ratchet) derive(label string) (out [sha256.Size]byte) {
	h := hmac.New(sha256.New, r.key[:])
	_, _ = io.WriteString(h, "gatehouse ratchet\x00"+label+"\x01") // a hash never fails
	h.Sum(out[:0])
	return out
}
