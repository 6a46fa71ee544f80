package seal

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"sync"
)

// MACKey authenticates messages of one use. It prints as "[redacted]".
type MACKey struct {
	redaction
	states *sync.Pool // of hash.Hash, keyed: keying one costs more than using it
}

func newMACKey(key []byte) *MACKey {
	m := &MACKey{states: &sync.Pool{}}
	m.states.New = func() any { return hmac.New(sha256.New, key) }
	return m
}

// MACKeys returns a key for the use that label names ("paged-cookie", "class",
// "network-password" …) from each key of the ring that has its secret, the
// active one first: HKDF-SHA256 (RFC 5869) with the purpose and label as info.
// What was authenticated before a rotation is found by trying all of them.
func (r *Ring) MACKeys(label string) ([]*MACKey, error) {
	active := r.Active()
	var out []*MACKey
	for _, k := range append([]*Key{active}, r.keys...) {
		if k.secret == nil || len(out) > 0 && k == active {
			continue
		}
		key, err := hkdf.Key(sha256.New, k.secret, nil, "gatehouse mac\x00"+string(r.purpose)+"\x00"+label, sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("derive %s key for %s: %w", r.purpose, label, err)
		}
		out = append(out, newMACKey(key))
	}
	if len(out) == 0 {
		return nil, &MissingKeyError{Purpose: r.purpose, ID: active.id, Where: r.where, Public: true}
	}
	return out, nil
}

// MACKey returns the first of MACKeys, the one to make new MACs with.
func (r *Ring) MACKey(label string) (*MACKey, error) {
	keys, err := r.MACKeys(label)
	if err != nil {
		return nil, err
	}
	return keys[0], nil
}

// Sum returns the HMAC-SHA-256 (RFC 2104) of the parts, each with its length
// before it, so that ("ab", "c") and ("a", "bc") differ.
func (m *MACKey) Sum(parts ...[]byte) []byte {
	h, _ := m.states.Get().(hash.Hash) // the pool holds nothing else
	defer m.states.Put(h)
	h.Reset()
	var n [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write(p)
	}
	return h.Sum(nil)
}

// Verify reports in constant time whether sum is the MAC of parts. A shortened
// sum is accepted down to 16 bytes.
func (m *MACKey) Verify(sum []byte, parts ...[]byte) bool {
	if len(sum) < 16 || len(sum) > sha256.Size {
		return false
	}
	return hmac.Equal(sum, m.Sum(parts...)[:len(sum)])
}
