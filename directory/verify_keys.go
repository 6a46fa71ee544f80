package directory

import (
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"gatehouse/directory/seal"
)

// maxSegments is how many hours one root may lead to: a hundred years. A row
// that claims more would only keep the verifier busy.
const maxSegments = 100 * 366 * 24

// chainRoots finds the key of any hour of any chain.
type chainRoots struct {
	names   []string
	damaged []string                // chains with a root that was not sealed for them
	by      map[string][]*chainKeys // by segment
}

// chainKeys are the keys that one root leads to.
type chainKeys struct {
	segment int64
	at      time.Time        // when it was made
	n       int64            // of the last event before
	ends    map[string]int64 // of all chains, when it was made by a restore
	first   []byte

	ratchet *seal.Ratchet
	current int64 // segment of ratchet
	key     *seal.MACKey
}

func openRoots(tx *Tx, keys Keys) (*chainRoots, error) {
	ring, err := keys.Ring(seal.Audit)
	if err != nil {
		return nil, err
	}
	roots := &chainRoots{by: map[string][]*chainKeys{}}
	rows, err := all(tx.ChainRoots.Find(ChainRootQuery{}))
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		plain, err := ring.Open(r.place(), r.Sealed)
		if errors.Is(err, seal.ErrDamaged) || errors.Is(err, seal.ErrNotSealed) {
			roots.damaged = append(roots.damaged, r.Chain)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("the keys of the audit chain %s cannot be read: %w", r.Chain, err)
		}
		var j rootJSON
		if err := json.Unmarshal(plain, &j); err != nil {
			return nil, fmt.Errorf("the keys of the audit chain %s cannot be read: %w", r.Chain, err)
		}
		if len(roots.by[r.Chain]) == 0 {
			roots.names = append(roots.names, r.Chain)
		}
		roots.by[r.Chain] = append(roots.by[r.Chain], &chainKeys{segment: r.Segment, at: j.At, n: j.N, ends: j.Restored, first: j.Key})
	}
	return roots, nil
}

// key returns the key of a segment by the newest root that leads to it; nil:
// there is none.
func (r *chainRoots) key(chain string, segment int64) *seal.MACKey {
	all := r.by[chain]
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].segment <= segment {
			return all[i].of(segment)
		}
	}
	return nil
}

// begins reports whether a root of the chain begins at a segment behind event n.
func (r *chainRoots) begins(chain string, segment, n int64) bool {
	return slices.ContainsFunc(r.by[chain], func(k *chainKeys) bool { return k.segment == segment && k.n == n })
}

// signed reports whether any root of the chain leads to the link of e: also one
// that a restore has replaced.
func (r *chainRoots) signed(e *Event) bool {
	for _, k := range r.by[e.Chain] {
		if key := k.of(e.Segment); key != nil && hmac.Equal(e.Link, e.LinkUnder(key)) {
			return true
		}
	}
	return false
}

// restored returns the end that a chain had when the store was last restored
// from a backup after t; 0 when the backup did not know the chain. ok is false
// when there was no restore.
func (r *chainRoots) restored(chain string, t time.Time) (n int64, when time.Time, ok bool) {
	for _, all := range r.by {
		for _, k := range all {
			if k.ends != nil && t.Before(k.at) && (!ok || k.at.Before(when)) {
				n, when, ok = k.ends[chain], k.at, true
			}
		}
	}
	return n, when, ok
}

// of returns the key of a segment; nil: the root does not lead to it.
func (k *chainKeys) of(segment int64) *seal.MACKey {
	if segment < k.segment || segment-k.segment > maxSegments {
		return nil
	}
	if k.ratchet == nil || segment < k.current {
		ratchet, err := seal.ParseRatchet(k.first)
		if err != nil {
			return nil
		}
		k.ratchet, k.current, k.key = ratchet, k.segment, nil
	}
	for k.current < segment {
		k.ratchet.Advance()
		k.current++
		k.key = nil
	}
	if k.key == nil {
		k.key = k.ratchet.MACKey()
	}
	return k.key
}
