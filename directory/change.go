package directory

import "time"

// ChangeKind says what happened, in the past tense. An unknown kind, written by
// a newer version, must be treated as "anything may have changed".
type ChangeKind string

// The kinds of change.
const (
	UserCreated         ChangeKind = "user_created"
	UserUpdated         ChangeKind = "user_updated" // names, attributes, addresses
	UserStatusChanged   ChangeKind = "user_status_changed"
	UserDeleted         ChangeKind = "user_deleted"
	CredentialsChanged  ChangeKind = "credentials_changed" // Ref: the user
	GrantsChanged       ChangeKind = "grants_changed"      // Ref: the user
	GroupCreated        ChangeKind = "group_created"
	GroupUpdated        ChangeKind = "group_updated"
	GroupDeleted        ChangeKind = "group_deleted"
	GroupMembersChanged ChangeKind = "group_members_changed" // Ref: the group, Users: who
	GroupNestingChanged ChangeKind = "group_nesting_changed" // Ref: the parent
	AppChanged          ChangeKind = "app_changed"           // app, facets or bindings
	AppDeleted          ChangeKind = "app_deleted"
	PolicyChanged       ChangeKind = "policy_changed"
	RADIUSClientChanged ChangeKind = "radius_client_changed"
	SCIMSourceChanged   ChangeKind = "scim_source_changed"
	KeysChanged         ChangeKind = "keys_changed"
	SettingsChanged     ChangeKind = "settings_changed"
)

// Change is an entry of the change feed. One transaction has one Seq and may
// hold several changes, numbered by N.
type Change struct {
	Seq  Seq
	N    int
	At   time.Time
	Kind ChangeKind
	Ref  int64
	Rev  int64
	// Users are the members that were added to or removed from group Ref, when
	// they are at most MaxChangeUsers; nil: read the group's rows again.
	Users []UserID
}

// MaxChangeUsers is the largest number of members that a Change names.
const MaxChangeUsers = 64
