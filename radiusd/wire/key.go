package wire

import (
	"crypto/hmac"
	"crypto/md5" // RFC 2865 §3 prescribes MD5.
	"hash"
	"log/slog"
	"sync"
)

// Key is a shared secret, ready for use. It prints as "[redacted]" and is
// safe for concurrent use.
type Key struct {
	secret  []byte
	hashers sync.Pool // of *hasher
}

// hasher is what one computation needs. What a hash.Hash is given lives on the
// heap, so it is kept for the next one.
type hasher struct {
	mac        hash.Hash // HMAC-MD5 under the secret
	plain      hash.Hash // MD5
	nonce, sum [authSize]byte
	zero       [authSize]byte // stays so
}

// NewKey makes a Key from a shared secret, which must not change afterwards.
func NewKey(secret []byte) *Key {
	k := &Key{secret: secret}
	k.hashers.New = func() any { return &hasher{mac: hmac.New(md5.New, secret), plain: md5.New()} }
	return k
}

// String returns "[redacted]".
func (*Key) String() string { return "[redacted]" }

// LogValue returns "[redacted]".
func (*Key) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// messageAuthenticator computes HMAC-MD5 over raw with nonce in the
// Authenticator field and zeros at offset at (RFC 3579 §3.2).
func (k *Key) messageAuthenticator(raw []byte, at int, nonce [authSize]byte) [authSize]byte {
	h := k.hashers.Get().(*hasher)
	defer k.hashers.Put(h)
	h.nonce = nonce
	h.mac.Reset()
	h.mac.Write(raw[:authOffset])
	h.mac.Write(h.nonce[:])
	h.mac.Write(raw[headerSize:at])
	h.mac.Write(h.zero[:])
	h.mac.Write(raw[at+authSize:])
	h.mac.Sum(h.sum[:0])
	return h.sum
}

// digest computes MD5(Code+Identifier+Length+nonce+attributes+secret), the
// Response Authenticator of RFC 2865 §3.
func (k *Key) digest(raw []byte, nonce [authSize]byte) [authSize]byte {
	h := k.hashers.Get().(*hasher)
	defer k.hashers.Put(h)
	h.nonce = nonce
	h.plain.Reset()
	h.plain.Write(raw[:authOffset])
	h.plain.Write(h.nonce[:])
	h.plain.Write(raw[headerSize:])
	h.plain.Write(k.secret)
	h.plain.Sum(h.sum[:0])
	return h.sum
}
