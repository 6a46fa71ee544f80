package directory

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"gatehouse/directory/seal"
)

// segmentLength is how long one key of an audit chain is used.
const segmentLength = time.Hour

// Chain is the end of an audit chain. Its row is locked while the chain grows.
type Chain struct {
	Name    string
	N       int64     // of the last event
	Link    []byte    // of the last event
	Segment int64     // hour, from 1; 0: the chain has no key
	Since   time.Time // when the segment began
	State   []byte    // the segment's key, sealed under the lookup ring; never in a backup
	MAC     []byte    // of N, Link and Segment under the segment's key
	Stub    Stub
}

// Stub stands for the events that retention has removed from the beginning of a
// chain.
type Stub struct {
	N       int64     // of the last event removed; 0: none was
	Link    []byte    // of that event
	Segment int64     // of the event that follows
	Cut     time.Time // everything removed was older
	MAC     []byte
}

// ChainQuery selects chains, by name.
type ChainQuery struct {
	Names []string
}

// ChainRoot is where the keys of a chain begin, for who holds the audit ring.
type ChainRoot struct {
	Chain   string
	Segment int64  // whose key it holds
	Sealed  []byte // rootJSON, under the audit ring
}

// ChainRootQuery selects roots, by chain and segment.
type ChainRootQuery struct {
	Chains []string
}

// rootJSON is what a root seals.
type rootJSON struct {
	Key []byte    `json:"key"`
	At  time.Time `json:"at"`
	N   int64     `json:"n"` // of the last event before
	// Restored are the ends of all chains when the store was brought back from a
	// backup, which holds no keys. A chain that has events and no key for another
	// reason was tampered with.
	Restored map[string]int64 `json:"restored,omitempty"`
}

// place is where the key of c's segment is sealed.
func (c *Chain) place() seal.Place {
	return seal.Place{Table: "audit_chains", Column: "state", Row: c.Name + "/" + strconv.FormatInt(c.Segment, 10)}
}

func (r *ChainRoot) place() seal.Place {
	return seal.Place{Table: "audit_roots", Column: "sealed", Row: r.Chain + "/" + strconv.FormatInt(r.Segment, 10)}
}

// Sum returns the MAC of the end of c under the key of its segment.
func (c *Chain) Sum(key *seal.MACKey) []byte {
	return key.Sum([]byte("the end of an audit chain"), []byte(c.Name), c.Link, int64Bytes(c.N, c.Segment))
}

func int64Bytes(numbers ...int64) []byte {
	var b []byte
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return b
}

// ChainLinker is the Linker of one chain.
type ChainLinker struct {
	chain  string
	lookup *seal.Ring
	mu     sync.Mutex
	roots  *seal.Ring       // the audit ring; nil: no chain can begin here
	ends   map[string]int64 // of all chains, after a restore
	sealed []byte           // what key was opened from
	key    *seal.MACKey
}

// NewLinker returns the linker of the chain "<daemon>@<instance>". keys must
// hold the lookup ring, and the audit ring where the chain may have to begin.
func NewLinker(keys Keys, daemon, instance string) (*ChainLinker, error) {
	lookup, err := keys.Ring(seal.Lookup)
	if err != nil {
		return nil, err
	}
	return &ChainLinker{chain: ChainName(daemon, instance), lookup: lookup, roots: keys[seal.Audit]}, nil
}

// ChainName names the chain of a daemon on a host.
func ChainName(daemon, instance string) string { return daemon + "@" + strings.ToLower(instance) }

// Chain names the chain.
func (l *ChainLinker) Chain() string { return l.chain }

// Forget drops the audit ring. From then on this process holds no key from
// which an earlier hour of any chain could be computed.
func (l *ChainLinker) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.roots = nil
}

// Key returns the key of c.
func (l *ChainLinker) Key(c *Chain, now time.Time) (*seal.MACKey, *ChainRoot, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(c.State) == 0 {
		return l.begin(c, now)
	}
	if l.key != nil && bytes.Equal(l.sealed, c.State) {
		return l.key, nil, nil
	}
	ratchet, err := l.open(c)
	if err != nil {
		return nil, nil, err
	}
	l.sealed, l.key = c.State, ratchet.MACKey()
	return l.key, nil, nil
}

// Over reports whether the hour of c's key has passed. A clock that was set back
// ends it as well, so that a key is never used for much longer.
func (l *ChainLinker) Over(c *Chain, now time.Time) bool {
	return len(c.State) > 0 && now.Sub(c.Since).Abs() >= segmentLength
}

// Advance replaces the key of c by the next one.
func (l *ChainLinker) Advance(c *Chain, now time.Time) (*seal.MACKey, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ratchet, err := l.open(c)
	if err != nil {
		return nil, err
	}
	ratchet.Advance()
	c.Segment, c.Since = c.Segment+1, now
	return l.store(c, ratchet)
}

func (l *ChainLinker) open(c *Chain) (*seal.Ratchet, error) {
	plain, err := l.lookup.Open(c.place(), c.State)
	if err != nil {
		return nil, fmt.Errorf("read the key of the audit chain %s: %w", c.Name, err)
	}
	ratchet, err := seal.ParseRatchet(plain)
	if err != nil {
		return nil, fmt.Errorf("read the key of the audit chain %s: %w", c.Name, err)
	}
	return ratchet, nil
}

// store seals the ratchet's key into c and keeps it for the next transaction.
func (l *ChainLinker) store(c *Chain, ratchet *seal.Ratchet) (*seal.MACKey, error) {
	sealed, err := l.lookup.Seal(c.place(), ratchet.Reveal())
	if err != nil {
		return nil, err
	}
	c.State = sealed
	l.sealed, l.key = sealed, ratchet.MACKey()
	return l.key, nil
}

// begin gives c a first key, which nothing in the store leads to but the root.
func (l *ChainLinker) begin(c *Chain, now time.Time) (*seal.MACKey, *ChainRoot, error) {
	if l.roots == nil {
		return nil, nil, &Error{Kind: Internal, Msg: "the audit chain " + c.Name + " has no key, and this process does not hold" +
			" the audit ring to begin one: run gatehouse migrate on this host, then start it again"}
	}
	ratchet, err := seal.NewRatchet(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	c.Segment, c.Since = c.Segment+1, now
	plain, err := json.Marshal(rootJSON{Key: ratchet.Reveal(), At: now.UTC(), N: c.N, Restored: l.ends})
	if err != nil {
		return nil, nil, err
	}
	root := &ChainRoot{Chain: c.Name, Segment: c.Segment}
	if root.Sealed, err = l.roots.Seal(root.place(), plain); err != nil {
		return nil, nil, err
	}
	key, err := l.store(c, ratchet)
	return key, root, err
}

// RestoreChains gives every chain of a store that was brought back from a
// backup a new key. It must come before any other write, in a process that
// holds the audit ring.
func (d *Directory) RestoreChains(ctx context.Context, by Actor) error {
	if by.Kind != ActorOperator {
		return denied(by, VerbReadAudit)
	}
	l, err := NewLinker(d.keys, d.config.Daemon, d.config.Instance)
	if err != nil {
		return err
	}
	now := d.now()
	return d.store.Record(ctx, func(tx *Tx) error {
		chains, err := all(tx.Chains.Take(ChainQuery{}))
		if err != nil {
			return err
		}
		l.ends = map[string]int64{}
		for _, c := range chains {
			l.ends[c.Name] = c.N
		}
		for i := range chains {
			c := &chains[i]
			if len(c.State) > 0 {
				continue
			}
			key, root, err := l.Key(c, now)
			if err != nil {
				return err
			}
			c.MAC = c.Sum(key)
			if err := errors.Join(tx.ChainRoots.Insert(*root), tx.Chains.Update(*c)); err != nil {
				return err
			}
		}
		return nil
	})
}
