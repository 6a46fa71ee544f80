package directory

import "time"

// Event is an entry of the audit: who did what to whom, and how it ended.
type Event struct {
	ID       int64
	At       time.Time
	Actor    string // "person:alice", "operator:root", "source:hr", "system:idp"; "" for an attempt by a stranger
	Via      string // daemon or protocol
	IP       string
	Verb     string // a Verb, or "authenticate", "authorize"
	Entity   string // "user", "group" …
	Ref      int64
	Name     string // of the thing, at that time
	Outcome  string // "ok", or an Outcome
	Reason   Reason
	App      string
	Count    int    // folded identical failures; 1 otherwise
	Detail   []byte // JSON: changed attributes before and after, the trace …; secrets masked
	Chain    string // "<daemon>@<instance>" or "cli@<host>"
	N        int64  // position in the chain, from 1
	Previous []byte // link of N-1
	Link     []byte // HMAC over all the above
}

// EventQuery selects audit events, oldest first.
type EventQuery struct {
	IDs    []int64
	Chain  string
	User   UserID // events whose Entity is "user" and Ref this id
	Verb   string
	Since  time.Time
	Until  time.Time
	After  int64 // keyset: events behind this ID in the order asked for
	Newest bool  // newest first
	Limit  int
}

// Linker computes the links of an audit chain. sqlstore calls it inside the
// write transaction, in order.
type Linker interface {
	// Chain names this process's chain.
	Chain() string
	// Link returns the link of e, whose Chain, N and Previous are set.
	Link(e *Event) []byte
}
