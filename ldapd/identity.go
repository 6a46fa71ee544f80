package ldapd

import (
	"net/netip"
	"slices"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/ldapd/projection"
	"gatehouse/ldapd/wire"
)

// identity is who a connection is bound as. It does not change after it was made; another bind makes another one.
type identity struct {
	actor   directory.Actor
	dn      string             // the entry's name in the tree or view that it was bound under
	app     string             // slug of the app that let it in
	view    bool               // bound under the view of app
	profile schema.LDAPProfile // how entries look to it
	epoch   int64
	service bool
	factors []directory.Factor
	client  netip.Addr // of the person's device; invalid: unknown
	since   time.Time  // of the bind
	// resumed is the app password that was bound with, which may be revoked; else nothing.
	resumed directory.Resumed
	// mustChange closes everything but a change of the password.
	mustChange bool
}

// newIdentity returns what an allowed decision turns a connection into.
func newIdentity(d *directory.Decision, a *directory.Attempt, dn string, b *bindName) *identity {
	who := &identity{
		actor:   d.Actor("ldap"),
		dn:      dn,
		app:     b.app,
		view:    b.view,
		profile: profileOf(&d.User),
		epoch:   d.User.Epoch,
		service: d.User.Kind == directory.ServiceAccount,
		factors: d.Factors,
		client:  a.Client,
		since:   a.Received,

		mustChange: d.MustChange,
	}
	if who.actor.ReadOnly {
		who.resumed = directory.Resumed{Credential: d.Credential, Version: d.Version}
	}
	return who
}

// profileOf returns the profile that was chosen for a service account, "" when none was.
func profileOf(u *directory.User) schema.LDAPProfile {
	if u.Kind != directory.ServiceAccount {
		return ""
	}
	return schema.LDAPProfile(u.Attrs.First(directory.AttrLDAPProfile))
}

// viewer says what the requester may see at a name: of the tree, or of the view that the name is in. nil is anonymous.
func (op *operation) viewer(name *wire.Name) projection.Viewer {
	w, s := op.who, op.c.s
	if w == nil {
		return projection.Viewer{}
	}
	v := projection.Viewer{View: s.c.Index.ViewOf(name), Profile: w.profile}
	if v.Profile == "" {
		v.Profile = op.c.profile
	}
	switch {
	case w.view && v.View != w.app:
		return projection.Viewer{} // bound in a view: there is nothing else
	case w.view:
		v.Audience, v.User = schema.Self, w.actor.User
	case v.View != "" && w.readsView(v.View):
		v.Audience = schema.AppView
	case v.View != "":
		return projection.Viewer{}
	case w.readsAll():
		v.Audience, v.User = op.audience(), w.actor.User
	case w.hasRole():
		v.Audience, v.User = schema.Admin, w.actor.User
	default:
		v.Audience, v.User = schema.Self, w.actor.User
	}
	return v
}

// readsView reports whether the view of an app is open to this identity.
func (w *identity) readsView(slug string) bool {
	return w.readsAll() || w.hasRole() || w.service && w.actor.Has(directory.ReadApp(slug))
}

// hasRole reports whether this is a person who may read about others.
func (w *identity) hasRole() bool {
	return !w.service && slices.ContainsFunc(w.actor.Rights, directory.Right.IsRole)
}

// writer is the actor of this identity's writes. A person writes through LDAP as anybody would, whatever their role: it
// is a door with one factor.
func (w *identity) writer() directory.Actor {
	a := w.actor
	if !w.service {
		a.Rights = nil
	}
	return a
}

// writes reports whether the identity has a grant to change what is not its own.
func (w *identity) writes() bool {
	return w.service && slices.ContainsFunc(w.actor.Rights, func(r directory.Right) bool {
		switch r {
		case directory.WriteAttributes, directory.WriteMembers, directory.WriteEntries, directory.WritePassword:
			return true
		default:
			return false
		}
	})
}

// readsAll reports whether the whole tree is open to this identity; nil is anonymous.
func (w *identity) readsAll() bool {
	return w != nil && w.service && w.actor.Has(directory.ReadDirectory)
}

func sameRights(a, b []directory.Right) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(r directory.Right) bool { return !slices.Contains(b, r) })
}
