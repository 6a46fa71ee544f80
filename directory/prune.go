package directory

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gatehouse/directory/seal"
)

// pruneBatch is how many events are removed in one transaction.
const pruneBatch = 1000

// sum returns the MAC of the stub of a chain.
func (s *Stub) sum(key *seal.MACKey, chain string) []byte {
	return key.Sum([]byte("the stub of an audit chain"), []byte(chain), s.Link, int64Bytes(s.N, s.Segment, s.Cut.UnixMicro()))
}

func stubKey(keys Keys) (*seal.MACKey, error) { return keys.MAC(seal.Lookup, "audit stub") }

// PruneAudit removes the audit events that are older than Config.AuditKeep, in
// small transactions: whole segments from the beginning of each chain, with a
// signed stub in their place. It says how many.
func (d *Directory) PruneAudit(ctx context.Context) (int, error) {
	key, err := stubKey(d.keys)
	if err != nil {
		return 0, err
	}
	var chains []Chain
	err = d.store.View(ctx, func(tx *Tx) (err error) {
		chains, err = all(tx.Chains.Find(ChainQuery{}))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("read the audit chains: %w", err)
	}
	total := 0
	cut := d.now().Add(-d.config.AuditKeep)
	for _, c := range chains {
		n, err := d.pruneChain(ctx, key, c.Name, cut)
		total += n
		if err != nil {
			return total, fmt.Errorf("remove old events of the audit chain %s: %w", c.Name, err)
		}
	}
	return total, nil
}

// pruneChain removes the segments of a chain that ended before cut.
func (d *Directory) pruneChain(ctx context.Context, key *seal.MACKey, name string, cut time.Time) (int, error) {
	keep, err := d.firstKept(ctx, name, cut)
	if err != nil {
		return 0, err
	}
	total := 0
	for {
		n := 0
		err := d.store.Record(ctx, func(tx *Tx) (err error) {
			n, err = pruneStep(tx, key, name, keep, cut)
			return err
		})
		total += n
		if err == nil && n == pruneBatch {
			continue
		}
		if err == nil && total > 0 {
			err = d.recordPrune(ctx, name, total, cut)
		}
		return total, err
	}
}

// firstKept returns the first segment of a chain that holds an event which is
// not old enough, or its last one: a chain always keeps its end.
func (d *Directory) firstKept(ctx context.Context, name string, cut time.Time) (segment int64, err error) {
	err = d.store.View(ctx, func(tx *Tx) error {
		kept, found, err := one(tx.Events.Find(EventQuery{Chain: name, Since: cut, ByChain: true, Limit: 1}))
		if err != nil {
			return err
		}
		if !found {
			c, _, err := one(tx.Chains.Find(ChainQuery{Names: []string{name}}))
			if err != nil {
				return err
			}
			if kept, _, err = one(tx.Events.Find(EventQuery{Chain: name, N: c.N})); err != nil {
				return err
			}
		}
		segment = kept.Segment
		return nil
	})
	return segment, err
}

// pruneStep removes one batch from the beginning of a chain and moves the stub.
func pruneStep(tx *Tx, key *seal.MACKey, name string, keep int64, cut time.Time) (int, error) {
	c, found, err := one(tx.Chains.Take(ChainQuery{Names: []string{name}}))
	if err != nil || !found || keep == 0 {
		return 0, err
	}
	through := c.Stub.N + pruneBatch
	// The chain's own order is read: an event whose predecessor is missing must
	// stay, so that verify finds the hole.
	var last Event
	n := 0
	for e, err := range tx.Events.Find(EventQuery{Chain: name, Before: keep, Through: through, ByChain: true}) {
		if err != nil {
			return 0, err
		}
		if e.N != c.Stub.N+int64(n)+1 {
			break
		}
		last = e
		n++
	}
	if n == 0 {
		return 0, nil
	}
	removed, err := tx.Events.Delete(EventQuery{Chain: name, Through: last.N})
	if err != nil {
		return 0, err
	}
	c.Stub = Stub{N: last.N, Link: last.Link, Segment: last.Segment, Cut: cut}
	if last.Verb == VerbClose {
		c.Stub.Segment++
	}
	c.Stub.MAC = c.Stub.sum(key, name)
	return removed, tx.Chains.Update(c)
}

func (d *Directory) recordPrune(ctx context.Context, name string, n int, cut time.Time) error {
	detail, err := json.Marshal(map[string]any{"removed": n, "older_than": cut.UTC()})
	if err != nil {
		return err
	}
	return d.store.Record(ctx, func(tx *Tx) error {
		return tx.Events.Insert(Event{
			At: d.now(), Actor: System(d.config.Daemon).auditName(), Via: d.config.Daemon, Verb: verbPrune,
			Entity: "audit chain", Name: name, Outcome: "ok", Count: 1, Detail: detail,
		})
	})
}
