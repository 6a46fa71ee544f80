package directory

import (
	"slices"
	"strings"
)

// Right is a role of a person or a grant of a service account. Rights are rows
// of their own, never groups, so that no provisioner can hand them out.
type Right string

// The roles of people, highest first.
const (
	RoleOwner    Right = "role:owner"
	RoleAdmin    Right = "role:admin"
	RoleHelpdesk Right = "role:helpdesk"
	RoleAuditor  Right = "role:auditor"
)

// BreakGlass marks the account for the day when nothing else works: an owner who
// enters by the web only, with two factors, whatever apps' policies say. Only the
// CLI of the host changes it, and every use raises an alarm. It is held beside
// RoleOwner.
const BreakGlass Right = "break-glass"

// The grants of service accounts and tokens. There is also
// "read:app:<slug>", made by ReadApp.
const (
	ReadDirectory   Right = "read:directory"
	ReadSamba       Right = "read:samba"
	WritePassword   Right = "write:password"
	WriteAttributes Right = "write:attributes"
	WriteMembers    Right = "write:members"
	WriteEntries    Right = "write:entries"
	Sync            Right = "sync"
	APIRead         Right = "api:read"
	APIWrite        Right = "api:write"
)

const readAppPrefix = "read:app:"

// ReadApp returns the grant to read the view of one app.
func ReadApp(slug string) Right { return Right(readAppPrefix + slug) }

// IsRole reports whether r is a role of people.
func (r Right) IsRole() bool { return strings.HasPrefix(string(r), "role:") }

// ofPeople reports whether r is for people rather than for service accounts.
func (r Right) ofPeople() bool { return r.IsRole() || r == BreakGlass }

// Check returns an Invalid error unless r is in the closed list.
func (r Right) Check() error {
	known := []Right{
		RoleOwner, RoleAdmin, RoleHelpdesk, RoleAuditor, BreakGlass, ReadDirectory, ReadSamba, WritePassword,
		WriteAttributes, WriteMembers, WriteEntries, Sync, APIRead, APIWrite,
	}
	if slices.Contains(known, r) || (strings.HasPrefix(string(r), readAppPrefix) && len(r) > len(readAppPrefix)) {
		return nil
	}
	return invalid("grant", "grants", "%q is not a role or grant", string(r))
}

// rank orders principals by role: nobody changes a principal above their own.
func rank(rights []Right) int {
	switch {
	case slices.Contains(rights, RoleOwner):
		return 3
	case slices.Contains(rights, RoleAdmin):
		return 2
	case slices.Contains(rights, RoleHelpdesk), slices.Contains(rights, RoleAuditor):
		return 1
	default:
		return 0
	}
}

// Verb is what an Actor wants to do; each exported method of Writer and each
// read of people's data has exactly one.
type Verb string

// The verbs.
const (
	VerbReadUsers       Verb = "users.read"
	VerbReadCredentials Verb = "credentials.read" // what kinds, never the secrets; rights, last login, limits
	VerbReadConfig      Verb = "config.read"
	VerbReadAudit       Verb = "audit.read"
	VerbReadSamba       Verb = "samba.read" // NT hashes of Samba passwords
	VerbCreateUser      Verb = "users.create"
	VerbUpdateUser      Verb = "users.update"
	VerbRenameUser      Verb = "users.rename"
	VerbDeleteUser      Verb = "users.delete"
	VerbUndeleteUser    Verb = "users.undelete"
	VerbPurgeUser       Verb = "users.purge" // daemons only
	VerbDisableUser     Verb = "users.disable"
	VerbEnableUser      Verb = "users.enable"
	VerbLockdown        Verb = "users.lockdown"
	VerbUnlock          Verb = "users.unlock"
	VerbSetPassword     Verb = "users.password"
	VerbSetFactor       Verb = "users.factor" // add and remove second factors
	VerbGrant           Verb = "users.grant"
	VerbWriteGroup      Verb = "groups.write"
	VerbDeleteGroup     Verb = "groups.delete"
	VerbWriteMembers    Verb = "groups.members"
	VerbWriteConfig     Verb = "config.write"
	VerbEndSession      Verb = "sessions.end"
	VerbWriteArtefacts  Verb = "artefacts.write" // sessions, tokens, accounting, jobs: daemons only
)

// target is the principal that a verb touches, if any.
type target struct {
	user   UserID
	rights []Right // of the user
}

// permit is one row of the rights table: who may, when the target allows it.
type permit struct {
	right Right
	self  bool // a person or service account, on itself
	below bool // only on principals that rank lower than the actor's role
	plain bool // only on people without any role
}

// permits is the one table role × verb × target. Operators and daemons are
// outside it; SCIM sources have their own scope, checked by sourceScope.
func permits(v Verb) []permit {
	admin := []permit{{right: RoleOwner}, {right: RoleAdmin, below: true}}
	config := []permit{{right: RoleOwner}, {right: RoleAdmin}}
	switch v {
	case VerbReadUsers:
		return []permit{
			{right: RoleOwner},
			{right: RoleAdmin},
			{right: RoleHelpdesk},
			{right: RoleAuditor},
			{right: ReadDirectory},
			{right: APIRead},
			{right: APIWrite},
			{self: true},
		}
	case VerbReadCredentials:
		return append(config, permit{right: RoleHelpdesk}, permit{right: RoleAuditor}, permit{right: APIRead}, permit{right: APIWrite})
	case VerbReadConfig:
		return append(config, permit{right: RoleAuditor}, permit{right: APIRead}, permit{right: APIWrite})
	case VerbReadAudit:
		return append(config, permit{right: RoleAuditor})
	case VerbReadSamba:
		return []permit{{right: ReadSamba}} // no role: an NT hash is as good as the password
	case VerbCreateUser:
		return append(admin, permit{right: WriteEntries, plain: true}, permit{right: APIWrite, plain: true})
	case VerbUpdateUser:
		return append(admin, permit{right: WriteAttributes, plain: true}, permit{right: APIWrite, plain: true}, permit{self: true})
	case VerbDeleteUser, VerbDisableUser, VerbEnableUser, VerbRenameUser:
		return append(admin, permit{right: WriteEntries, plain: true}, permit{right: APIWrite, plain: true})
	case VerbUndeleteUser:
		return admin
	case VerbLockdown:
		return append(admin, permit{right: APIWrite, plain: true}, permit{self: true})
	case VerbUnlock:
		return append(admin, permit{right: RoleHelpdesk, plain: true})
	case VerbSetPassword:
		return append(admin, permit{right: RoleHelpdesk, plain: true}, permit{right: WritePassword, plain: true}, permit{self: true})
	case VerbSetFactor:
		// Not who may write passwords: with both, nobody else's factor would be one.
		return append(admin, permit{right: RoleHelpdesk, plain: true})
	case VerbEndSession:
		return append(admin, permit{right: RoleHelpdesk, plain: true}, permit{self: true})
	case VerbGrant:
		return []permit{{right: RoleOwner}}
	case VerbWriteGroup, VerbDeleteGroup:
		return append(config, permit{right: WriteEntries}, permit{right: APIWrite})
	case VerbWriteMembers:
		return append(config, permit{right: WriteMembers}, permit{right: APIWrite})
	case VerbWriteConfig:
		return config
	case VerbWriteArtefacts, VerbPurgeUser:
		return nil
	default:
		return nil
	}
}

// allowed reports whether a may do v to t.
func allowed(a Actor, v Verb, t target) bool {
	if slices.Contains(t.rights, BreakGlass) && !a.onTheHost() {
		return false
	}
	switch a.Kind {
	case ActorOperator, ActorSystem:
		return true
	case ActorSource:
		return sourceVerb(v) && len(t.rights) == 0
	case ActorPerson, ActorService:
		if a.ReadOnly && !v.reads() {
			return false
		}
	default:
		return false
	}
	for _, p := range permits(v) {
		switch {
		case p.self && t.user != 0 && t.user == a.User:
			return true
		case p.self || !a.Has(p.right):
		case p.below && rank(t.rights) >= rank(a.Rights) && t.user != a.User:
		case p.plain && len(t.rights) > 0:
		default:
			return true
		}
	}
	return false
}

// reads reports whether the verb changes nothing.
func (v Verb) reads() bool {
	return v == VerbReadUsers || v == VerbReadCredentials || v == VerbReadConfig || v == VerbReadAudit || v == VerbReadSamba
}

// sourceVerb reports whether a SCIM source may ever do v. Which users and
// groups it reaches is the source's scope.
func sourceVerb(v Verb) bool {
	switch v {
	case VerbReadUsers, VerbCreateUser, VerbUpdateUser, VerbRenameUser, VerbDeleteUser, VerbDisableUser, VerbEnableUser,
		VerbSetPassword, VerbWriteGroup, VerbDeleteGroup, VerbWriteMembers:
		return true
	default:
		return false
	}
}

// denied is the error of a failed check.
func denied(a Actor, v Verb) error {
	return &Error{Kind: Denied, Msg: "not allowed", Err: &rightError{actor: a.Name, verb: v}}
}

// rightError says for the log what was missing.
type rightError struct {
	actor string
	verb  Verb
}

func (e *rightError) Error() string { return e.actor + " has no right to " + string(e.verb) }
