package seal

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

const (
	keyBytes   = 32
	privateTag = "GATEHOUSE-KEY-1"
	publicTag  = "GATEHOUSE-PUBLIC-KEY-1"
)

// KeyID names a key. It is computed from the key and gives nothing away.
type KeyID [8]byte

// String returns the id in hex.
func (id KeyID) String() string { return hex.EncodeToString(id[:]) }

// Key is one key of one purpose, or the public half of one. It prints as
// "[redacted]"; Export gives the value.
type Key struct {
	redaction
	purpose Purpose
	id      KeyID
	begins  time.Time
	secret  []byte          // nil: public half only
	public  *ecdh.PublicKey // asymmetric purposes only
	private hpke.PrivateKey // made of secret, which costs a third of an opening; asymmetric purposes only
}

// NewKey makes a key that seals from begins on, from 32 bytes of random.
func NewKey(purpose Purpose, random io.Reader, begins time.Time) (*Key, error) {
	secret := make([]byte, keyBytes)
	if _, err := io.ReadFull(random, secret); err != nil {
		return nil, fmt.Errorf("make %s key: %w", purpose, err)
	}
	return newKey(purpose, secret, begins)
}

func newKey(purpose Purpose, secret []byte, begins time.Time) (*Key, error) {
	if !purpose.valid() {
		return nil, fmt.Errorf("no key purpose %q", purpose)
	}
	if len(secret) != keyBytes {
		return nil, fmt.Errorf("%s key has %d bytes, want %d", purpose, len(secret), keyBytes)
	}
	k := &Key{purpose: purpose, secret: secret, begins: begins.UTC().Truncate(time.Second)}
	if !purpose.asymmetric() {
		k.id = keyID(purpose, secret)
		return k, nil
	}
	private, err := ecdh.X25519().NewPrivateKey(secret)
	if err != nil {
		return nil, fmt.Errorf("%s key: %w", purpose, err)
	}
	if k.private, err = hpke.NewDHKEMPrivateKey(private); err != nil {
		return nil, fmt.Errorf("%s key: %w", purpose, err)
	}
	k.public = private.PublicKey()
	k.id = keyID(purpose, k.public.Bytes())
	return k, nil
}

func keyID(purpose Purpose, material []byte) (id KeyID) {
	sum := sha256.Sum256(append([]byte("gatehouse key id\x00"+string(purpose)+"\x00"), material...))
	copy(id[:], sum[:])
	return id
}

// ID returns the id of k. A key and its public half have the same.
func (k *Key) ID() KeyID { return k.id }

// Purpose returns what k is for.
func (k *Key) Purpose() Purpose { return k.purpose }

// Begins returns when k starts to seal.
func (k *Key) Begins() time.Time { return k.begins }

// Public returns the public half of k, or nil when its purpose has none.
func (k *Key) Public() *Key {
	if k.public == nil {
		return nil
	}
	return &Key{purpose: k.purpose, id: k.id, begins: k.begins, public: k.public}
}

// Export returns k as one line of text for a key file or for another host. It
// holds the secret, unless k is a public half.
func (k *Key) Export() []byte {
	tag, material := privateTag, k.secret
	if k.secret == nil {
		tag, material = publicTag, k.public.Bytes()
	}
	return fmt.Appendf(nil, "%s:%s:%d:%s\n", tag, k.purpose, k.begins.Unix(), base64.RawURLEncoding.EncodeToString(material))
}

// ParseKey reads what Export wrote. Its errors never repeat the input.
func ParseKey(text []byte) (*Key, error) {
	if len(text) > 512 {
		return nil, fmt.Errorf("not a key: longer than 512 bytes")
	}
	f := strings.Split(string(bytes.TrimSpace(text)), ":")
	if len(f) != 4 || f[0] != privateTag && f[0] != publicTag {
		return nil, fmt.Errorf("not a key: want %s:purpose:time:key", privateTag)
	}
	purpose := Purpose(f[1])
	if !purpose.valid() {
		return nil, fmt.Errorf("key of an unknown purpose")
	}
	unix, err := strconv.ParseInt(f[2], 10, 64)
	if err != nil || unix < 0 {
		return nil, fmt.Errorf("%s key: invalid time", purpose)
	}
	material, err := base64.RawURLEncoding.Strict().DecodeString(f[3])
	if err != nil {
		return nil, fmt.Errorf("%s key: not base64url", purpose)
	}
	begins := time.Unix(unix, 0).UTC()
	if f[0] == privateTag {
		return newKey(purpose, material, begins)
	}
	if !purpose.asymmetric() {
		return nil, fmt.Errorf("%s keys have no public half", purpose)
	}
	public, err := ecdh.X25519().NewPublicKey(material)
	if err != nil {
		return nil, fmt.Errorf("%s key: %w", purpose, err)
	}
	return &Key{purpose: purpose, id: keyID(purpose, material), begins: begins, public: public}, nil
}
