package directory

import "time"

// Group is a set of users and of other groups.
type Group struct {
	ID      GroupID
	UID     string
	Name    string
	Attrs   Attributes
	Source  string
	NameKey string
	Rev     int64
	Created time.Time
	Updated time.Time

	GIDNumber int64 // posix number; 0: none
}

// Membership is one row that makes a user a direct member of a group. Several
// sources may each hold one; the user is a member while at least one is in force.
type Membership struct {
	Group  GroupID
	User   UserID
	Source string    // "local", "site", "scim:hr": a source removes only its own rows
	Starts time.Time // zero: at once
	Ends   time.Time // zero: never
}

// Nesting is one row that makes all members of Child members of Parent.
type Nesting struct {
	Parent GroupID
	Child  GroupID
	Source string
	Starts time.Time
	Ends   time.Time
}

// inForce reports whether a row with these bounds counts at t.
func inForce(starts, ends, t time.Time) bool {
	return (starts.IsZero() || !t.Before(starts)) && (ends.IsZero() || t.Before(ends))
}

// InForce reports whether the row counts at t: from Starts, until before Ends.
func (m Membership) InForce(t time.Time) bool { return inForce(m.Starts, m.Ends, t) }

// InForce reports whether the row counts at t: from Starts, until before Ends.
func (n Nesting) InForce(t time.Time) bool { return inForce(n.Starts, n.Ends, t) }

// GroupQuery selects groups; see UserQuery for how restrictions combine.
type GroupQuery struct {
	IDs        []GroupID
	UIDs       []string
	NameKeys   []string
	NamePrefix string
	ExternalID ExternalRef
	Source     string
	HasUser    UserID // groups with this user as a direct member
	Since      time.Time

	After  GroupID
	ByName bool // order by name instead of id
	Desc   bool
	Offset int
	Limit  int
}

// MembershipQuery selects membership rows, ordered by group, user, source.
type MembershipQuery struct {
	Groups []GroupID
	Users  []UserID
	Source string
	After  Membership // keyset: rows after (Group, User, Source) of it
	Limit  int
}

// NestingQuery selects nesting rows, ordered by parent, child, source.
type NestingQuery struct {
	Parents  []GroupID
	Children []GroupID
	Source   string
}

// PosixID is a Unix number that was given to a user or a group, in one space,
// and is never given again.
type PosixID struct {
	Number   int64
	OwnerUID string
	Released time.Time // zero while the owner lives
}

// PosixIDQuery selects posix numbers.
type PosixIDQuery struct {
	Owners  []string
	Numbers []int64
	Highest bool // only the highest number
}
