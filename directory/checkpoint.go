package directory

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// The verbs of what a daemon writes into the audit about itself and the audit.
const (
	verbStart      = "daemon.start"
	verbCheckpoint = "audit.checkpoint"
	verbPrune      = "audit.prune"
)

// maxHeads bounds the chains that one checkpoint names.
const maxHeads = 500

// Courier takes audit events to another machine. It returns when they have
// arrived or cannot.
type Courier interface {
	Deliver(ctx context.Context, events []Event) error
}

// head is the end of a chain that a checkpoint has seen.
type head struct {
	Chain string `json:"chain"`
	N     int64  `json:"n"`
	Link  string `json:"link"`
}

// checkpointJSON is the detail of a checkpoint.
type checkpointJSON struct {
	Version string `json:"version,omitempty"`
	Heads   []head `json:"heads"`
}

// Started writes into the audit that this daemon has started, which is a
// checkpoint at the same time. It must be the first event of a process: a chain
// that has no key begins with it.
func (d *Directory) Started(ctx context.Context, version string) error {
	return d.checkpoint(ctx, verbStart, version)
}

// Checkpoint writes an event that names the end of every chain, and sends it
// away: who removes events later must remove every later checkpoint too, also
// where those were sent. The keys of chains that nobody has written to for an
// hour are moved on.
func (d *Directory) Checkpoint(ctx context.Context) error {
	return d.checkpoint(ctx, verbCheckpoint, "")
}

func (d *Directory) checkpoint(ctx context.Context, verb, version string) error {
	var events []Event
	err := d.store.Record(ctx, func(tx *Tx) error {
		chains, err := all(tx.Chains.Find(ChainQuery{}))
		if err != nil {
			return err
		}
		detail := checkpointJSON{Version: version, Heads: []head{}}
		for i := range chains {
			if c := &chains[i]; c.N > 0 && len(detail.Heads) < maxHeads {
				detail.Heads = append(detail.Heads, head{c.Name, c.N, base64.StdEncoding.EncodeToString(c.Link)})
			}
		}
		b, err := json.Marshal(detail)
		if err != nil {
			return err
		}
		events = []Event{{
			At: d.now(), Actor: System(d.config.Daemon).auditName(), Via: d.config.Daemon, Verb: verb, Entity: "audit chain",
			Name: ChainName(d.config.Daemon, d.config.Instance), Outcome: "ok", Count: 1, Detail: b,
		}}
		return tx.Events.Insert(events...)
	})
	if err != nil {
		return fmt.Errorf("write a checkpoint of the audit: %w", err)
	}
	return errors.Join(d.moveOn(ctx), d.announce(ctx, events[0].ID))
}

// announce sends a checkpoint away, with the link that it has got.
func (d *Directory) announce(ctx context.Context, id int64) error {
	var e Event
	err := d.store.View(ctx, func(tx *Tx) (err error) {
		e, _, err = one(tx.Events.Find(EventQuery{IDs: []int64{id}}))
		return err
	})
	if err != nil {
		return fmt.Errorf("read a checkpoint of the audit: %w", err)
	}
	d.log.LogAttrs(ctx, slog.LevelInfo, "audit checkpoint",
		slog.String("chain", e.Chain), slog.Int64("n", e.N), slog.String(checkpointKey, e.logValue()))
	if d.config.Checkpoints == nil {
		return nil
	}
	select {
	case d.leaving <- e:
		return nil
	default:
		return errors.New("a checkpoint of the audit was not sent away: too many wait already")
	}
}

const (
	leavingMost = 48 // checkpoints that wait to be sent away: two days of them
	leavingWait = 5 * time.Minute
)

// sendAway delivers checkpoints in order, each until it has arrived. A daemon
// that stops tries once more.
func (d *Directory) sendAway(ctx context.Context) {
	for {
		select {
		case e := <-d.leaving:
			d.deliver(ctx, e)
		case <-ctx.Done():
			for len(d.leaving) > 0 {
				d.deliver(ctx, <-d.leaving)
			}
			return
		}
	}
}

func (d *Directory) deliver(ctx context.Context, e Event) {
	for pause := time.Second; ; pause = min(2*pause, leavingWait) {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), syncTimeout)
		err := d.config.Checkpoints.Deliver(limited, []Event{e})
		cancel()
		if err == nil {
			return
		}
		d.log.Error("a checkpoint of the audit could not be sent away", "err", err, "chain", e.Chain, "n", e.N)
		if wait(ctx, pause); ctx.Err() != nil {
			return
		}
	}
}

// moveOn closes the hour of chains that nobody writes to: of command lines and
// of daemons that have stopped. A thief finds no key that is older than two
// hours.
func (d *Directory) moveOn(ctx context.Context) error {
	now := d.now()
	var idle []Event
	err := d.store.View(ctx, func(tx *Tx) error {
		idle = nil
		for c, err := range tx.Chains.Find(ChainQuery{}) {
			if err != nil {
				return err
			}
			if len(c.State) > 0 && now.Sub(c.Since).Abs() >= segmentLength {
				idle = append(idle, Event{Chain: c.Name, At: now, Verb: VerbClose, Outcome: "ok", Count: 1})
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for idle audit chains: %w", err)
	}
	for _, e := range idle {
		if err := d.store.Record(ctx, func(tx *Tx) error { return tx.Events.Insert(e) }); err != nil {
			return fmt.Errorf("close the hour of the audit chain %s: %w", e.Chain, err)
		}
	}
	return nil
}

// keepAudit writes checkpoints and removes what is too old, once an hour.
func (d *Directory) keepAudit(ctx context.Context) {
	for tick := time.NewTicker(segmentLength); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
			return
		}
		err := d.Checkpoint(ctx)
		if d.config.AuditKeep > 0 {
			_, pruned := d.PruneAudit(ctx)
			err = errors.Join(err, pruned)
		}
		if err != nil && ctx.Err() == nil {
			d.log.Error("the audit could not be looked after", "err", err)
		}
	}
}
