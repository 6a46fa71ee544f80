package projection

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/ldapd/wire"
)

// ErrNotReady means that the directory has not been loaded completely yet.
var ErrNotReady = errors.New("the directory is still being loaded")

// NoSuchObjectError means that no entry that the viewer may know has this name. Matched is the DN of the nearest entry
// above it, "" when there is none (RFC 4511 §4.1.9, matchedDN).
type NoSuchObjectError struct{ Matched string }

func (e *NoSuchObjectError) Error() string { return "no such entry" }

// Config is what an Index is made of. Directory, Domain and Logger are required.
type Config struct {
	Directory  *directory.Directory
	Domain     string // example.com has the base dc=example,dc=com
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
	Now        func() time.Time      // for memberships with a start or an end; nil: the directory's clock
}

// Index is the projection of one directory. Make it with New and fill it with Run.
type Index struct{ c Config }

// New returns an Index that is empty until Run has loaded it.
func New(c Config) (*Index, error) { return &Index{c: c}, nil }

// Run loads the directory and follows its changes until ctx ends; then it returns nil. A lost database is waited for.
func (x *Index) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// Ready reports whether the first load is complete.
func (x *Index) Ready() bool { return false }

// Seq returns the position of the change feed that searches see at least; 0 before the first load.
func (x *Index) Seq() directory.Seq { return 0 }

// Wait returns when searches see every change up to seq, or with the error of ctx.
func (x *Index) Wait(ctx context.Context, seq directory.Seq) error { <-ctx.Done(); return ctx.Err() }

// Stats is what there is to say about an Index in cn=monitor.
type Stats struct {
	Ready      bool
	Head       directory.Head // applied
	Loaded     time.Time      // when the state that is served was loaded from a snapshot
	StaleSince time.Time      // since when the database has not answered; zero while it does
	Users      int
	Services   int
	Groups     int
	Members    int // direct memberships in force
	Bytes      int // memory of entries and indexes, about
}

// Stats returns the numbers of now.
func (x *Index) Stats() Stats { return Stats{} }

// Viewer is on whose behalf is asked. The zero Viewer sees nothing.
type Viewer struct {
	// Audience says which attributes there are. With schema.FullTree or schema.Admin every entry is visible, else only
	// the containers and the entry of User.
	Audience schema.Audience
	User     directory.UserID
}

// Query is a search.
type Query struct {
	Base   *wire.Name
	Scope  wire.Scope
	Filter *wire.Filter
	Viewer Viewer
	After  uint64 // Position of the last entry that was sent before; 0 begins at the start
}

// Cursor walks the entries that a Query finds. The zero Cursor is ready for Open and may be opened again and again,
// which keeps its memory.
type Cursor struct{}

// Open begins a search. Base and Filter of q must not change until the next Open. It fails with ErrNotReady or a
// *NoSuchObjectError.
func (c *Cursor) Open(x *Index, q Query) error { return ErrNotReady }

// Next selects up to most entries (at most 1,000) that come after those selected before, and returns how many it
// found; 0 is the end. It fails when ctx ends. Entries are then named by their index in this batch.
func (c *Cursor) Next(ctx context.Context, most int) (int, error) { return 0, nil }

// Position returns where entry i of the batch stands in the order of all entries; it is greater than 0.
func (c *Cursor) Position(i int) uint64 { return 0 }

// Append appends entry i of the batch as a complete SearchResultEntry message with this message id.
func (c *Cursor) Append(dst []byte, i int, id int32, want *Selection) []byte { return dst }

// Close lets go of what the search held. Without it the memory stays until the next Open.
func (c *Cursor) Close() {}

// Selection is which attributes of an entry were asked for. It does not depend on a viewer.
type Selection struct{}

// Select reads the attributes of a search request (RFC 4511 §4.5.1.8): none and "*" are all user attributes, "+" all
// operational ones, "@class" those of an object class, "1.1" none. Unknown ones are ignored.
func (x *Index) Select(attributes [][]byte, typesOnly bool) Selection { return Selection{} }

// Comparison is the outcome of a compare (RFC 4511 §4.10).
type Comparison int

// The outcomes of a compare.
const (
	CompareFalse     Comparison = iota
	CompareTrue                 // one of the values matches
	CompareAbsent               // the entry has no such attribute: noSuchAttribute
	CompareUndefined            // nobody knows the attribute, or it has no equality: undefinedAttributeType
	CompareInvalid              // the value is not one of the attribute's syntax: invalidAttributeSyntax
)

// Compare asserts a value of an attribute of one entry. It fails with ErrNotReady or a *NoSuchObjectError.
func (x *Index) Compare(name *wire.Name, attribute, value []byte, v Viewer) (Comparison, error) {
	return CompareUndefined, ErrNotReady
}

// Entry says what stands behind a name.
type Entry struct {
	DN    string
	UUID  string
	User  directory.UserID  // of a person or a service account
	Group directory.GroupID // of a group
}

// Lookup returns the entry of a name, however old: it resolves nothing that decides. The leaf of a person may be uid,
// cn, mail or entryUUID. It fails with ErrNotReady or a *NoSuchObjectError.
func (x *Index) Lookup(name *wire.Name) (Entry, error) { return Entry{}, ErrNotReady }

// LookupUUID returns the entry with an entryUUID.
func (x *Index) LookupUUID(uuid string) (Entry, error) { return Entry{}, ErrNotReady }
