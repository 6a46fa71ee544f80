package directory

import (
	"slices"
	"time"
)

// UserKind tells people and service accounts apart. They share names,
// credentials and epochs; a service account is never listed among people and
// never signs in on the web.
type UserKind string

// The kinds of user.
const (
	Person         UserKind = "person"
	ServiceAccount UserKind = "service"
	AnyKind        UserKind = "any" // in a query: both
)

// Status says whether a user may do anything at all.
type Status string

// The statuses of a user. Only Active opens a door.
const (
	Active     Status = "active"
	Disabled   Status = "disabled"    // refused everywhere, credentials kept
	LockedDown Status = "locked_down" // disabled, and the password unusable
	Deleted    Status = "deleted"     // soft: out of every listing, names freed
)

// Attributes are the values of a user or group by canonical key (see
// directory/schema for the keys every protocol knows). Values keep their order.
type Attributes map[string][]string

// AttrLDAPProfile is the key among User.Attrs of a service account that chooses
// how LDAP entries look to it: a schema.LDAPProfile.
const AttrLDAPProfile = "ldap_profile"

// First returns the first value of key, or "".
func (a Attributes) First(key string) string {
	if v := a[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// Set replaces the values of key; no values, or only empty ones, remove it.
func (a Attributes) Set(key string, values ...string) {
	values = slices.DeleteFunc(slices.Clone(values), func(s string) bool { return s == "" })
	if len(values) == 0 {
		delete(a, key)
		return
	}
	a[key] = values
}

// Clone returns a deep copy.
func (a Attributes) Clone() Attributes {
	out := make(Attributes, len(a))
	for k, v := range a {
		out[k] = slices.Clone(v)
	}
	return out
}

// Email is one address of a user.
type Email struct {
	Address  string
	Type     string // "work", "home", "other" or empty
	Verified bool   // the user was seen to read it, or its source is trusted
	Primary  bool   // exactly one of a user's addresses, when there are any
	Source   string // who wrote it: "local", "site", "scim:hr"
}

// User is a person or a service account.
type User struct {
	ID       UserID
	UID      string // UUID: entryUUID, sub, SCIM id; never given to another user
	Kind     UserKind
	Username string
	Status   Status
	Expires  time.Time // zero: never
	Profile  Attributes
	Attrs    Attributes // the operator's own keys, for policies and replies
	Emails   []Email
	Networks []string // prefixes a service account may come from; empty: any
	Source   string   // who created it: "local", "site", "scim:hr"

	NameKey   string // Username as compared (directory/name)
	Rev       int64  // grows with each change of the row
	Epoch     int64  // what opens something (session, token …) dies when it differs
	Created   time.Time
	Updated   time.Time
	DeletedAt time.Time // zero unless Status is Deleted

	UIDNumber int64 // posix number of the user and of the virtual primary group; 0: none
}

// Email returns the user's primary address, or the first, or the zero Email.
func (u *User) Email() Email {
	for _, e := range u.Emails {
		if e.Primary {
			return e
		}
	}
	if len(u.Emails) > 0 {
		return u.Emails[0]
	}
	return Email{}
}

// DisplayName returns how the user is called on a page: displayName, else the
// formatted name, else given and family name, else the username.
func (u *User) DisplayName() string {
	for _, k := range []string{"displayName", "formatted"} {
		if v := u.Profile.First(k); v != "" {
			return v
		}
	}
	given, family := u.Profile.First("givenName"), u.Profile.First("familyName")
	switch {
	case given != "" && family != "":
		return given + " " + family
	case given+family != "":
		return given + family
	default:
		return u.Username
	}
}

// clone returns a copy that shares nothing with u.
func (u *User) clone() User {
	c := *u
	c.Profile, c.Attrs = u.Profile.Clone(), u.Attrs.Clone()
	c.Emails, c.Networks = slices.Clone(u.Emails), slices.Clone(u.Networks)
	return c
}

// UserQuery selects users. Restrictions are combined by "and"; an empty one
// does not restrict. The zero query is every person who is not deleted, by id.
type UserQuery struct {
	Kind       UserKind // empty: Person
	IDs        []UserID
	UIDs       []string
	NameKeys   []string // as made by directory/name
	Logins     []string // keys of usernames and verified primary addresses
	EmailKeys  []string // any address, verified or not
	NamePrefix string   // of NameKey
	ExternalID ExternalRef
	Source     string
	Statuses   []Status  // empty: all but Deleted
	MemberOf   GroupID   // direct members
	Since      time.Time // changed at or after

	After  UserID // keyset paging in id order; only with SortID
	Sort   UserSort
	Desc   bool
	Offset int
	Limit  int // 0: no limit
}

// UserSort is an order of users.
type UserSort string

// The orders of users; ties are broken by id.
const (
	SortID       UserSort = ""
	SortUsername UserSort = "username"
	SortCreated  UserSort = "created"
	SortUpdated  UserSort = "updated"
)
