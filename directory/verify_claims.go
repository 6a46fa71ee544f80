package directory

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// maxClaims bounds the checkpoints that are compared in one run.
const maxClaims = 2_000_000

// claim says that a chain once had an event with this link.
type claim struct {
	chain string
	n     int64
	link  string
	at    time.Time // when that was said
	by    string    // where
}

func (v *verifier) claim(c claim) error {
	if len(v.claims) >= maxClaims {
		return &Error{Kind: Invalid, Entity: "checkpoints", Msg: fmt.Sprintf("there are more than %d checkpoints; compare them in parts", maxClaims)}
	}
	v.claims = append(v.claims, c)
	return nil
}

// witness remembers which ends of chains a checkpoint has seen. The event has
// been verified.
func (v *verifier) witness(e *Event) {
	_ = v.heads(e, "the checkpoint that is event "+fmt.Sprint(e.N)+" of "+e.Chain) // over maxClaims, the rest is not compared
}

func (v *verifier) heads(e *Event, by string) error {
	if e.Verb != verbCheckpoint && e.Verb != verbStart {
		return nil
	}
	var detail checkpointJSON
	if json.Unmarshal(e.Detail, &detail) != nil {
		return nil // the link is right, so it is a form that a later version writes
	}
	for _, h := range detail.Heads {
		link, err := base64.StdEncoding.DecodeString(h.Link)
		if err != nil {
			continue
		}
		if err := v.claim(claim{h.Chain, h.N, string(link), e.At, by}); err != nil {
			return err
		}
	}
	return nil
}

// readClaims reads lines that left the machine. A line that holds no event is
// somebody else's; one with an event that we did not sign is a problem.
func (v *verifier) readClaims(r io.Reader) error {
	if r == nil {
		return nil
	}
	lines := bufio.NewReaderSize(r, 64<<10)
	for number := 1; ; number++ {
		line, err := readLine(lines)
		if err != nil && !errors.Is(err, io.EOF) {
			return &Error{Kind: Invalid, Entity: "checkpoints", Msg: fmt.Sprintf("line %d of the checkpoints cannot be read", number), Err: err}
		}
		if err := v.readClaim(line, number); err != nil {
			return err
		}
		if err != nil {
			break
		}
	}
	if v.report.Claims == 0 {
		return &Error{Kind: Invalid, Entity: "checkpoints", Msg: "the file holds no checkpoint and no exported audit event"}
	}
	return nil
}

func (v *verifier) readClaim(line []byte, number int) error {
	e, found, err := ParseEvent(line)
	if err != nil {
		return &Error{Kind: Invalid, Entity: "checkpoints", Msg: fmt.Sprintf("line %d of the checkpoints: %v", number, err)}
	}
	if !found {
		return nil
	}
	v.report.Claims++
	by := fmt.Sprintf("line %d of the checkpoints", number)
	if v.roots.signed(&e) {
		if err := v.heads(&e, by); err != nil {
			return err
		}
		return v.claim(claim{e.Chain, e.N, string(e.Link), e.At, by})
	}
	if n, when, ok := v.roots.restored(e.Chain, e.At); ok && e.N > n {
		v.notice("%s (%s, event %d) cannot be checked: it was made between the backup and its restore of %s", by, e.Chain, e.N, when.UTC().Format(time.RFC3339))
		return nil
	}
	if len(v.roots.by[e.Chain]) == 0 {
		v.problem(e.Chain, e.N, "%s, event %d, is of a chain that is not there: all of it was removed, or the line was not written by this directory", by, e.N)
		return nil
	}
	v.problem(e.Chain, e.N, "%s, event %d, was not written by this directory", by, e.N)
	return nil
}

// readLine reads a line of any length, of which no more than one byte over
// maxEventLine is kept.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if room := maxEventLine + 1 - len(line); room > 0 {
			line = append(line, part[:min(room, len(part))]...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		return bytes.TrimRight(line, "\r\n"), err
	}
}

func (v *verifier) notice(format string, args ...any) {
	if len(v.report.Notices) < maxProblems {
		v.report.Notices = append(v.report.Notices, fmt.Sprintf(format, args...))
	}
}

// compare looks for every event that somebody once saw.
func (v *verifier) compare() error {
	cut := map[string]claim{} // by chain, the last that is beyond the end
	for _, c := range v.claims {
		end, known := v.chains[c.chain]
		switch {
		case v.lost(&c):
		case !known || c.n > end.N:
			if c.n > cut[c.chain].n {
				cut[c.chain] = c
			}
		case c.n < end.Stub.N:
			if c.at.After(end.Stub.Cut) {
				v.problem(c.chain, c.n, "event %d was removed before it was old enough: %s is of %s, and retention removed what was older than %s",
					c.n, c.by, c.at.UTC().Format(time.RFC3339), end.Stub.Cut.UTC().Format(time.RFC3339))
			}
		default:
			if err := v.find(&c, end); err != nil {
				return err
			}
		}
	}
	for _, c := range v.claims {
		if last, ok := cut[c.chain]; ok {
			delete(cut, c.chain)
			v.problem(c.chain, last.n, "%s says that the chain had reached event %d at %s; that event is missing%s",
				last.by, last.n, last.at.UTC().Format(time.RFC3339), v.endOf(c.chain))
		}
	}
	return nil
}

func (v *verifier) endOf(chain string) string {
	if c := v.chains[chain]; c != nil {
		return fmt.Sprintf(", the chain ends at %d", c.N)
	}
	return ", and so is the whole chain"
}

// find compares a claim with the event that is there.
func (v *verifier) find(c *claim, end *Chain) error {
	link := string(end.Stub.Link)
	if c.n != end.Stub.N {
		e, found, err := one(v.tx.Events.Find(EventQuery{Chain: c.chain, N: c.n}))
		if err != nil || !found { // the walk has said that it is missing
			return err
		}
		link = string(e.Link)
	}
	if link != c.link {
		v.problem(c.chain, c.n, "event %d is another than the one that %s saw at %s", c.n, c.by, c.at.UTC().Format(time.RFC3339))
	}
	return nil
}

// lost reports whether a restore from a backup explains that the event of a
// claim is not there, and says so.
func (v *verifier) lost(c *claim) bool {
	n, when, ok := v.roots.restored(c.chain, c.at)
	if !ok || c.n <= n {
		return false
	}
	v.notice("%s (%s, event %d) is missing: it was written between the backup and its restore of %s", c.by, c.chain, c.n, when.UTC().Format(time.RFC3339))
	return true
}
