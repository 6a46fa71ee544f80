package directory

import (
	"bytes"
	"context"
	"crypto/hmac"
	"fmt"
	"io"
	"slices"
	"time"

	"gatehouse/directory/seal"
)

// maxProblems bounds what is said about one chain.
const maxProblems = 20

// AuditReport is the result of VerifyAudit.
type AuditReport struct {
	Chains   []ChainReport
	Problems []AuditProblem // none: the audit is whole
	Notices  []string       // what is missing for a reason that is on record
	Claims   int            // checkpoints that were compared
}

// ChainReport is one chain as it was found.
type ChainReport struct {
	Name    string
	Events  int64
	Last    int64 // position of the last event
	LastAt  time.Time
	Removed int64 // by retention
}

// AuditProblem is a trace of somebody who changed the audit.
type AuditProblem struct {
	Chain string
	N     int64 // the event; 0: the chain as a whole
	Text  string
}

// String returns, for example, "ldapd@host: event 7 (id 12, …) was edited or put in".
func (p AuditProblem) String() string { return p.Chain + ": " + p.Text }

// VerifyAudit follows every chain from its beginning, or from its stub, and
// compares it with the checkpoints in the store and in checkpoints, lines that
// left the machine (nil: none). It needs the audit ring. Memory grows with the
// number of checkpoints, not of events.
func (d *Directory) VerifyAudit(ctx context.Context, by Actor, checkpoints io.Reader) (AuditReport, error) {
	if !allowed(by, VerbReadAudit, target{}) {
		return AuditReport{}, denied(by, VerbReadAudit)
	}
	var report AuditReport
	err := d.store.View(ctx, func(tx *Tx) error {
		v := &verifier{tx: tx, chains: map[string]*Chain{}, said: map[string]int{}}
		if err := v.load(d.keys); err != nil {
			return err
		}
		if err := v.readClaims(checkpoints); err != nil {
			return err
		}
		if err := v.walk(); err != nil {
			return err
		}
		if err := v.compare(); err != nil {
			return err
		}
		report = v.report
		return nil
	})
	return report, err
}

// verifier is one VerifyAudit.
type verifier struct {
	tx     *Tx
	roots  *chainRoots
	stubs  []*seal.MACKey
	chains map[string]*Chain // as their rows say
	names  []string          // of chains, in order
	claims []claim
	report AuditReport
	said   map[string]int // problems of a chain
}

func (v *verifier) load(keys Keys) (err error) {
	if v.roots, err = openRoots(v.tx, keys); err != nil {
		return err
	}
	for _, name := range v.roots.damaged {
		v.problem(name, 0, "the root of its keys was changed")
	}
	lookup, err := keys.Ring(seal.Lookup)
	if err != nil {
		return err
	}
	if v.stubs, err = lookup.MACKeys("audit stub"); err != nil {
		return err
	}
	chains, err := all(v.tx.Chains.Find(ChainQuery{}))
	if err != nil {
		return err
	}
	for i := range chains {
		v.chains[chains[i].Name] = &chains[i]
		v.names = append(v.names, chains[i].Name)
	}
	return nil
}

func (v *verifier) problem(chain string, n int64, format string, args ...any) {
	v.said[chain]++
	switch {
	case v.said[chain] < maxProblems:
		v.report.Problems = append(v.report.Problems, AuditProblem{chain, n, fmt.Sprintf(format, args...)})
	case v.said[chain] == maxProblems:
		v.report.Problems = append(v.report.Problems, AuditProblem{chain, n, "there are more problems; only the first are named"})
	}
}

// walk follows all events, chain by chain.
func (v *verifier) walk() error {
	var at *walker
	for e, err := range v.tx.Events.Find(EventQuery{ByChain: true}) {
		if err != nil {
			return err
		}
		if at == nil || at.chain.Name != e.Chain {
			at.finish()
			at = v.walker(e.Chain)
		}
		at.step(&e)
	}
	at.finish()
	for _, name := range v.names {
		if c := v.chains[name]; !v.seen(name) && c.N > c.Stub.N {
			v.problem(name, c.N, "all its events, up to number %d, are missing", c.N)
		}
	}
	for _, name := range v.roots.names {
		if v.chains[name] == nil {
			v.problem(name, 0, "the chain is missing: its keys are there, its events and the record of its end are not")
		}
	}
	return nil
}

func (v *verifier) seen(chain string) bool {
	return slices.ContainsFunc(v.report.Chains, func(r ChainReport) bool { return r.Name == chain })
}

// walker follows one chain.
type walker struct {
	v        *verifier
	chain    Chain
	recorded bool // the chain has a row
	n        int64
	segment  int64 // that the next event must have
	link     []byte
	broken   bool // the event before is missing or not to be believed
	report   ChainReport
}

func (v *verifier) walker(name string) *walker {
	w := &walker{v: v, chain: Chain{Name: name}, report: ChainReport{Name: name}}
	c := v.chains[name]
	if c == nil {
		v.problem(name, 0, "the record of the chain's end is missing")
		return w
	}
	w.chain, w.recorded = *c, true
	for _, k := range v.roots.by[name] {
		if k.n > 0 && k.ends == nil {
			v.problem(name, k.n, "its key was taken out of the store after event %d, before %s", k.n, k.at.UTC().Format(time.RFC3339))
		}
	}
	if s := &c.Stub; s.N > 0 {
		if !slices.ContainsFunc(v.stubs, func(k *seal.MACKey) bool { return hmac.Equal(s.MAC, s.sum(k, name)) }) {
			v.problem(name, s.N, "what retention left in the place of the first %d events was not written by a daemon", s.N)
		}
		w.n, w.link, w.segment, w.report.Removed = s.N, s.Link, s.Segment, s.N
	}
	return w
}

// step checks one event against the one before.
func (w *walker) step(e *Event) {
	named := fmt.Sprintf("event %d (id %d, %s, %s)", e.N, e.ID, e.At.UTC().Format(time.RFC3339), e.Verb)
	switch {
	case e.N <= w.n:
		w.v.problem(e.Chain, e.N, "%s is there, although retention removed it", named)
		return
	case e.N > w.n+1:
		w.v.problem(e.Chain, w.n+1, "%s missing before %s", eventsAre(w.n+1, e.N-1), named)
		w.broken = true
	}
	key := w.v.roots.key(e.Chain, e.Segment)
	switch {
	case key == nil || w.recorded && e.Segment > w.chain.Segment:
		w.v.problem(e.Chain, e.N, "%s was edited or put in: the chain has no key for its hour", named)
		w.broken = true
	case !hmac.Equal(e.Link, e.LinkUnder(key)):
		w.v.problem(e.Chain, e.N, "%s was edited, moved or put in", named)
		w.broken = true
	case !w.broken && e.Segment != w.segment && !w.v.roots.begins(e.Chain, e.Segment, w.n):
		// Who has stolen the key of an hour can write events of that hour only.
		w.v.problem(e.Chain, e.N, "%s is of hour %d of the chain, where hour %d goes on: what was between was replaced", named, e.Segment, w.segment)
	case !w.broken && !bytes.Equal(e.Previous, w.link):
		w.v.problem(e.Chain, e.N, "%s does not follow the event before it, which was replaced", named)
	default:
		w.broken = false
		w.v.witness(e)
	}
	w.n, w.link, w.segment = e.N, e.Link, e.Segment
	if e.Verb == VerbClose {
		w.segment++
	}
	w.report.Events++
	w.report.Last, w.report.LastAt = e.N, e.At
}

// finish checks the end of the chain.
func (w *walker) finish() {
	if w == nil {
		return
	}
	w.v.report.Chains = append(w.v.report.Chains, w.report)
	if !w.recorded {
		return
	}
	c := &w.chain
	key := w.v.roots.key(c.Name, c.Segment)
	switch {
	case w.n < c.N:
		w.v.problem(c.Name, w.n+1, "%s missing from its end", eventsAre(w.n+1, c.N))
	case w.n > c.N:
		w.v.problem(c.Name, c.N+1, "events were put behind number %d, which is its end by the record", c.N)
	case key == nil || !hmac.Equal(c.MAC, c.Sum(key)):
		w.v.problem(c.Name, c.N, "the record of its end, number %d, was changed: events may be missing behind it", c.N)
	case !w.broken && c.Segment != w.segment && !w.v.roots.begins(c.Name, c.Segment, c.N):
		w.v.problem(c.Name, c.N, "it ends in hour %d, and the key in the store is of hour %d: the events between are missing", w.segment, c.Segment)
	case !bytes.Equal(c.Link, w.link):
		w.v.problem(c.Name, c.N, "event %d is not the one that the record of its end names", c.N)
	}
}

func eventsAre(from, to int64) string {
	if from == to {
		return fmt.Sprintf("event %d is", from)
	}
	return fmt.Sprintf("events %d to %d are", from, to)
}
