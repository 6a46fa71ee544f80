package directory

import (
	"encoding/binary"
	"time"

	"gatehouse/directory/seal"
)

// Event is an entry of the audit: who did what to whom, and how it ended.
type Event struct {
	ID       int64
	At       time.Time
	Actor    string // "person:alice", "operator:root", "source:hr", "system:idp"; "" for an attempt by a stranger
	Via      string // daemon or protocol
	IP       string
	Verb     string // a Verb, or "authenticate", "authorize", "audit.checkpoint" …
	Entity   string // "user", "group" …
	Ref      int64
	Name     string // of the thing, at that time
	Outcome  string // "ok", or an Outcome
	Reason   Reason
	App      string
	Count    int    // folded identical failures; 1 otherwise
	Detail   []byte // JSON: changed attributes before and after, AttemptDetail …; secrets masked
	Chain    string // "<daemon>@<instance>" or "cli@<host>"; Insert: empty is this process's
	N        int64  // position in the chain, from 1
	Segment  int64  // hour of the chain: which key made the link
	Previous []byte // link of N-1
	Link     []byte // HMAC over all the above but ID, under the key of Segment
}

// EventQuery selects audit events, oldest first.
type EventQuery struct {
	IDs      []int64
	Chain    string
	N        int64  // position in Chain
	User     UserID // events about this person …
	Username string // … and those that name them, or were done by them
	Verb     string
	App      string
	Outcome  string
	Reason   Reason
	Since    time.Time
	Until    time.Time
	After    int64 // keyset: events behind this ID in the order asked for
	Newest   bool  // newest first
	ByChain  bool  // by chain and position, instead of by ID
	Before   int64 // with Chain: segments before this one
	Through  int64 // with Chain: positions up to this one
	Limit    int
}

// VerbClose is the verb of the last event of every hour of a chain. Nobody can
// write it later, when the key of that hour is gone; so nobody can cut off the
// end of an earlier hour either.
const VerbClose = "audit.close"

// Linker computes the links of audit chains. sqlstore calls it inside the write
// transaction, with the chain's row locked. It changes the row.
type Linker interface {
	// Chain names this process's chain.
	Chain() string
	// Key returns the key of c. A chain without one begins with a new root, which
	// must be stored too.
	Key(c *Chain, now time.Time) (*seal.MACKey, *ChainRoot, error)
	// Over reports whether the hour of c's key has passed.
	Over(c *Chain, now time.Time) bool
	// Advance replaces the key of c by the next one, after an event with
	// VerbClose; when c is stored, the old one is gone.
	Advance(c *Chain, now time.Time) (*seal.MACKey, error)
}

// LinkUnder returns the link of e, whose Chain, N, Segment and Previous are set.
func (e *Event) LinkUnder(key *seal.MACKey) []byte {
	var numbers [40]byte
	binary.BigEndian.PutUint64(numbers[0:], uint64(e.At.UnixMicro()))
	binary.BigEndian.PutUint64(numbers[8:], uint64(e.Ref))
	binary.BigEndian.PutUint64(numbers[16:], uint64(e.Count))
	binary.BigEndian.PutUint64(numbers[24:], uint64(e.N))
	binary.BigEndian.PutUint64(numbers[32:], uint64(e.Segment))
	return key.Sum([]byte(e.Chain), e.Previous, numbers[:], []byte(e.Actor), []byte(e.Via), []byte(e.IP), []byte(e.Verb),
		[]byte(e.Entity), []byte(e.Name), []byte(e.Outcome), []byte(e.Reason), []byte(e.App), e.Detail)
}
