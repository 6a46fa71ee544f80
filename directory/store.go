package directory

import (
	"context"
	"io"
	"iter"
	"time"
)

// Store keeps everything. directory/sqlstore implements it for SQLite and
// PostgreSQL; directorytest holds the suite that both pass. Its errors are
// *Error: Unavailable when the database cannot be reached or a lock is not had
// in time, Exists for a unique value that is taken, Stale for a lost race.
type Store interface {
	// View runs fn in a read-only transaction with a consistent snapshot.
	// Several may run at once.
	View(ctx context.Context, fn func(*Tx) error) error

	// Update runs fn in a transaction that is serialised against every other
	// Update of every process. Its changes get the next Seq at commit; its audit
	// events are linked. fn must be pure but for the Tx: it may run twice. When
	// fn fails nothing of it is kept. Update returns after the commit.
	Update(ctx context.Context, fn func(*Tx) error) (Head, error)

	// Bulk is Update for a change of thousands of rows, for which its caller waits.
	// It shares the transaction with nobody and may take minutes, not seconds;
	// meanwhile every other writer waits or is Unavailable.
	Bulk(ctx context.Context, fn func(*Tx) error) (Head, error)

	// Record is Update for what the feed does not carry: sessions, tokens,
	// accounting, audit, jobs, limiter. Records of several hosts may run at the
	// same time, so what is read to be changed must be read with Take. Calling
	// Tx.Feed.Append in it is an error.
	Record(ctx context.Context, fn func(*Tx) error) error

	// Head returns the newest position of the feed, by a read that begins after
	// the call.
	Head(ctx context.Context) (Head, error)

	// Changes returns the changes after a position in order, at most max
	// transactions of them. It fails with ErrSeqTrimmed when they are gone.
	Changes(ctx context.Context, after Seq, max int) ([]Change, error)

	// Trim forgets the changes made before t, in small transactions, and says how
	// many.
	Trim(ctx context.Context, t time.Time) (int, error)

	// Wait returns when another process of this host has written (the doorbell)
	// or ctx has ended. It is a hint and may never be relied on.
	Wait(ctx context.Context)

	// Backup writes a consistent copy of everything.
	Backup(ctx context.Context, w io.Writer) error

	// Close ends the store; a running Update is finished first.
	Close() error
}

// Table is one kind of row inside a transaction. Rows that Find yields are the
// caller's to keep. An error ends the iteration. No other method of the
// transaction may be called while an iteration is under way. In a query a nil
// slice and a zero scalar do not restrict; an empty slice selects nothing.
type Table[R, Q any] interface {
	// Find yields the rows that q selects, in the order that Q documents.
	Find(q Q) iter.Seq2[R, error]
	// Take is Find, and locks the rows until the transaction ends.
	Take(q Q) iter.Seq2[R, error]
	// Count counts what q selects, without its paging.
	Count(q Q) (int, error)
	// Insert adds rows; many at once are cheaper than one by one.
	Insert(rows ...R) error
	// Update replaces the row with the same primary key. NotFound: there is none.
	Update(row R) error
	// Amend is Update of what differs from was, which was read with Take: much
	// cheaper where that is little.
	Amend(was, row R) error
	// Delete removes what q selects and says how many rows that were. The zero
	// query removes nothing.
	Delete(q Q) (int, error)
}

// Tx is a transaction. It must not be used after the function that got it has
// returned, nor by two goroutines.
type Tx struct {
	Users       Table[User, UserQuery] // without Emails and UIDNumber, which are rows of their own
	Emails      Table[EmailRow, EmailQuery]
	LoginNames  Table[LoginName, LoginNameQuery]
	Groups      Table[Group, GroupQuery] // without GIDNumber
	Members     Table[Membership, MembershipQuery]
	Nestings    Table[Nesting, NestingQuery]
	PosixIDs    Table[PosixID, PosixIDQuery]
	Credentials Table[Credential, CredentialQuery]
	Grants      Table[Grant, GrantQuery]
	Apps        Table[App, AppQuery]
	Facets      Table[Facet, FacetQuery]
	Policies    Table[Policy, PolicyQuery]
	Bindings    Table[Binding, BindingQuery]
	ExternalIDs Table[ExternalID, ExternalIDQuery]
	SCIMSources Table[SCIMSource, SCIMSourceQuery]
	Clients     Table[RADIUSClient, RADIUSClientQuery]
	SigningKeys Table[SigningKey, SigningKeyQuery]

	Certificates Table[Certificate, CertificateQuery]
	Settings     Table[Setting, SettingQuery]

	Sessions     Table[Session, SessionQuery]
	SessionApps  Table[SessionApp, SessionAppQuery]
	Tokens       Table[Token, TokenQuery]
	Consents     Table[Consent, ConsentQuery]
	Activity     Table[Activity, ActivityQuery]
	DeletedUsers Table[DeletedUser, DeletedUserQuery]
	Network      Table[RADIUSSession, RADIUSSessionQuery]
	Accounting   Table[RADIUSAccounting, RADIUSAccountingQuery]
	Failures     Table[Failures, FailuresQuery]
	Jobs         Table[Job, JobQuery]
	Events       Table[Event, EventQuery] // Insert sets ID, Chain, N, Segment and the links
	Chains       Table[Chain, ChainQuery]
	ChainRoots   Table[ChainRoot, ChainRootQuery]

	Graph    Graph
	Snapshot Snapshot
	Feed     Feed
}

// Graph answers what one query per row could not.
type Graph interface {
	// Above returns every row that can make u a member of anything, in force or
	// not: u's memberships and all nestings above their groups.
	Above(u UserID) ([]Membership, []Nesting, error)
	// Ancestors returns all groups above g, whatever the time, without g unless
	// there is a cycle.
	Ancestors(g GroupID) ([]GroupID, error)
}

// Snapshot reads everything that a projection of the whole directory needs, and
// nothing else, at a fraction of what it costs by the tables. Each method goes
// once through its table; the rules of Table.Find hold.
type Snapshot interface {
	// Users yields all users but deleted ones, by id, without Networks, Source,
	// NameKey, Rev and Epoch, and people without Attrs.
	Users() iter.Seq2[User, error]
	// Emails yields User, Address and Primary of all addresses, by user and in the
	// user's order.
	Emails() iter.Seq2[EmailRow, error]
	// PosixIDs yields Number and OwnerUID of all numbers in use, by number.
	PosixIDs() iter.Seq2[PosixID, error]
	// Passwords yields User, Kind, Created and Params of all sign-in passwords, of
	// people and of service accounts, by user.
	Passwords() iter.Seq2[Credential, error]
	// Members yields the direct members of all groups, by group.
	Members() iter.Seq2[GroupMembers, error]
}

// GroupMembers is the direct members of one group.
type GroupMembers struct {
	Group GroupID
	Users []UserID // by rows that always count, in any order; twice when two sources say so
	Timed int      // how many further rows start or end
}

// Feed is the change feed inside a transaction.
type Feed interface {
	// Head is the position that this transaction sees.
	Head() (Head, error)
	// Append adds a change. Seq, N and At are set at commit.
	Append(Change) error
	// Restart begins a new epoch (after a restore).
	Restart() error
}

// errSeqTrimmed is the type of ErrSeqTrimmed.
type errSeqTrimmed struct{}

func (errSeqTrimmed) Error() string { return "the change feed no longer goes back that far" }

// ErrSeqTrimmed means that the changes asked for were pruned: load a snapshot.
var ErrSeqTrimmed error = errSeqTrimmed{}
