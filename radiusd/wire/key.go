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
	secret []byte
	macs   sync.Pool // of hash.Hash: HMAC-MD5 under the secret
}

// NewKey makes a Key from a shared secret, which must not change afterwards.
func NewKey(secret []byte) *Key {
	k := &Key{secret: secret}
	k.macs.New = func() any { return hmac.New(md5.New, secret) }
	return k
}

// String returns "[redacted]".
func (*Key) String() string { return "[redacted]" }

// LogValue returns "[redacted]".
func (*Key) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// messageAuthenticator computes HMAC-MD5 over raw with nonce in the
// Authenticator field and zeros at offset at (RFC 3579 §3.2).
func (k *Key) messageAuthenticator(raw []byte, at int, nonce [16]byte) [16]byte {
	var out, zero [authSize]byte
	mac := k.macs.Get().(hash.Hash)
	mac.Reset()
	mac.Write(raw[:authOffset])
	mac.Write(nonce[:])
	mac.Write(raw[headerSize:at])
	mac.Write(zero[:])
	mac.Write(raw[at+authSize:])
	mac.Sum(out[:0])
	k.macs.Put(mac)
	return out
}

// digest computes MD5(Code+Identifier+Length+nonce+attributes+secret), the
// Response Authenticator of RFC 2865 §3.
func (k *Key) digest(raw []byte, nonce [16]byte) [16]byte {
	var out [authSize]byte
	h := md5.New()
	h.Write(raw[:authOffset])
	h.Write(nonce[:])
	h.Write(raw[headerSize:])
	h.Write(k.secret)
	h.Sum(out[:0])
	return out
}
