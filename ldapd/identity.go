package ldapd

import (
	"slices"

	"gatehouse/directory"
)

// identity is who a connection is bound as. It does not change after it was made; another bind makes another one.
type identity struct {
	actor   directory.Actor
	dn      string // the entry's name in the tree or view that it was bound under
	app     string // slug of the app that let it in
	view    bool   // bound under the view of app
	epoch   int64
	service bool
	factors []directory.Factor
	// resumed is the app password that was bound with, which may be revoked; else nothing.
	resumed directory.Resumed
}

// newIdentity returns what an allowed decision turns a connection into.
func newIdentity(d *directory.Decision, dn string, b *bindName) *identity {
	who := &identity{
		actor:   d.Actor("ldap"),
		dn:      dn,
		app:     b.app,
		view:    b.view,
		epoch:   d.User.Epoch,
		service: d.User.Kind == directory.ServiceAccount,
		factors: d.Factors,
	}
	if who.actor.ReadOnly {
		who.resumed = directory.Resumed{Credential: d.Credential, Version: d.Version}
	}
	return who
}

// readsAll reports whether the whole tree is open to this identity; nil is anonymous.
func (w *identity) readsAll() bool {
	return w != nil && w.service && w.actor.Has(directory.ReadDirectory)
}

func sameRights(a, b []directory.Right) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(r directory.Right) bool { return !slices.Contains(b, r) })
}
