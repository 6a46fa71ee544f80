package directory

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"sync"
	"time"
)

const verifiedLimit = 100_000

// verifiedCache remembers that a slow hash said yes: for a credential, at a
// version, to a password. It holds only MACs under a key of this process, and
// only successes. Status, policy and limiter are never remembered.
type verifiedCache struct {
	macs sync.Pool // of hash.Hash, keyed for this process; keying one costs more than using it
	seen *timed[verifiedEntry, struct{}]
}

type verifiedEntry struct {
	id  CredentialID
	mac [sha256.Size]byte
}

func newVerifiedCache(ttl time.Duration, now func() time.Time, rand io.Reader) (*verifiedCache, error) {
	c := &verifiedCache{seen: newTimed[verifiedEntry, struct{}](ttl, verifiedLimit, now)}
	key := make([]byte, sha256.Size)
	if _, err := io.ReadFull(rand, key); err != nil {
		return nil, fmt.Errorf("make the key of the verified-password cache: %w", err)
	}
	c.macs.New = func() any { return hmac.New(sha256.New, key) }
	return c, nil
}

// entry computes HMAC(key, len‖id‖len‖version‖len‖password).
func (c *verifiedCache) entry(cr *Credential, password Secret) verifiedEntry {
	m, _ := c.macs.Get().(hash.Hash) // the pool holds nothing else
	defer c.macs.Put(m)
	m.Reset()
	var head [32]byte
	binary.BigEndian.PutUint32(head[0:], 8)
	binary.BigEndian.PutUint64(head[4:], uint64(cr.ID))
	binary.BigEndian.PutUint32(head[12:], 8)
	binary.BigEndian.PutUint64(head[16:], uint64(cr.Version))
	binary.BigEndian.PutUint64(head[24:], uint64(len(password)))
	m.Write(head[:])
	m.Write([]byte(password.Reveal()))
	e := verifiedEntry{id: cr.ID}
	m.Sum(e.mac[:0])
	return e
}

func (c *verifiedCache) has(e verifiedEntry) bool {
	_, ok := c.seen.get(e)
	return ok
}

func (c *verifiedCache) add(e verifiedEntry) { c.seen.add(e, struct{}{}) }
