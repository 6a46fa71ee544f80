package directory

import (
	"slices"
	"strings"

	"gatehouse/directory/name"
)

func (g *Group) touched() touched { return touched{entity: "group", ref: int64(g.ID), name: g.Name} }

// CreateGroup adds a group. Of g are used Name and Attrs. Exists: there is a
// group of that name.
func (w *Writer) CreateGroup(g Group) (Group, error) {
	if err := w.require(VerbWriteGroup, 0); err != nil {
		return Group{}, err
	}
	id, uid, err := w.newRow()
	if err != nil {
		return Group{}, err
	}
	g.ID, g.UID, g.Source, g.Rev, g.Created, g.Updated = GroupID(id), uid, w.by.Label(), 1, w.now, w.now
	g.Attrs = g.Attrs.Clone()
	if err := w.prepareGroup(&g); err != nil {
		return Group{}, err
	}
	if err := w.tx.Groups.Insert(g); err != nil {
		return Group{}, err
	}
	if !name.ReservedOnUnix(g.NameKey) {
		if g.GIDNumber, err = w.allocatePosixID(g.UID); err != nil {
			return Group{}, err
		}
	}
	if err := w.changed(GroupCreated, id, g.Rev); err != nil {
		return Group{}, err
	}
	return g, w.audit(VerbWriteGroup, g.touched(), nil)
}

// prepareGroup brings g into the form that is stored, or says what is wrong.
func (w *Writer) prepareGroup(g *Group) error {
	key, err := name.Group(g.Name)
	if err != nil {
		return nameError("group", "name", err)
	}
	g.NameKey = key
	for k, values := range g.Attrs {
		if err := checkAttribute("group", k, values); err != nil {
			return err
		}
	}
	other, taken, err := one(w.tx.Groups.Find(GroupQuery{NameKeys: []string{key}}))
	if err != nil {
		return err
	}
	if taken && other.ID != g.ID {
		return &Error{Kind: Exists, Entity: "group", Field: "name", Ref: other.UID, Msg: "there is already a group " + other.Name}
	}
	return nil
}

// UpdateGroup changes the name or the attributes of a group. When nothing
// differs nothing is written.
func (w *Writer) UpdateGroup(id GroupID, change func(*Group) error) (Group, error) {
	if err := w.require(VerbWriteGroup, 0); err != nil {
		return Group{}, err
	}
	before, err := w.Group(id)
	if err != nil {
		return Group{}, err
	}
	if err := w.ownsGroup(before); err != nil {
		return Group{}, err
	}
	edited := before
	edited.Attrs = before.Attrs.Clone()
	if err := change(&edited); err != nil {
		return Group{}, err
	}
	g := before
	g.Name, g.Attrs = edited.Name, edited.Attrs
	if err := w.prepareGroup(&g); err != nil {
		return Group{}, err
	}
	diffs := map[string]diff{}
	if g.Name != before.Name {
		diffs["name"] = diff{before.Name, g.Name}
	}
	diffAttributes(diffs, before.Attrs, g.Attrs)
	if len(diffs) == 0 {
		return before, nil
	}
	return g, w.saveGroup(&g, Change{Kind: GroupUpdated}, VerbWriteGroup, diffs)
}

// saveGroup writes the row with the next Rev, the change and the audit event.
func (w *Writer) saveGroup(g *Group, c Change, v Verb, detail any) error {
	g.Rev++
	g.Updated = w.now
	if err := w.tx.Groups.Update(*g); err != nil {
		return err
	}
	c.Ref, c.Rev = int64(g.ID), g.Rev
	if err := w.tx.Feed.Append(c); err != nil {
		return err
	}
	return w.audit(v, g.touched(), detail)
}

// DeleteGroup deletes a group. A bound one is refused unless force: then its
// bindings stay and match nobody, so that no app opens.
func (w *Writer) DeleteGroup(id GroupID, force bool) error {
	if err := w.require(VerbDeleteGroup, 0); err != nil {
		return err
	}
	g, err := w.Group(id)
	if err != nil {
		return err
	}
	if err := w.ownsGroup(g); err != nil {
		return err
	}
	if err := w.guardBound(BindGroup, int64(id), "group "+g.Name, force); err != nil {
		return err
	}
	nested, err := all(w.tx.Nestings.Find(NestingQuery{Children: []GroupID{id}}))
	if err != nil {
		return err
	}
	for _, n := range nested {
		if err := w.changed(GroupNestingChanged, int64(n.Parent), 0); err != nil {
			return err
		}
	}
	for _, del := range []func() (int, error){
		func() (int, error) { return w.tx.Members.Delete(MembershipQuery{Groups: []GroupID{id}}) },
		func() (int, error) { return w.tx.Nestings.Delete(NestingQuery{Parents: []GroupID{id}}) },
		func() (int, error) { return w.tx.Nestings.Delete(NestingQuery{Children: []GroupID{id}}) },
		func() (int, error) {
			return w.tx.ExternalIDs.Delete(ExternalIDQuery{Kind: "group", Refs: []int64{int64(id)}})
		},
		func() (int, error) { return w.tx.Groups.Delete(GroupQuery{IDs: []GroupID{id}}) },
	} {
		if _, err := del(); err != nil {
			return err
		}
	}
	if err := w.releasePosixID(g.UID, w.now); err != nil {
		return err
	}
	if err := w.orphanBindings(BindGroup, int64(id)); err != nil {
		return err
	}
	if err := w.changed(GroupDeleted, int64(id), g.Rev); err != nil {
		return err
	}
	return w.audit(VerbDeleteGroup, g.touched(), nil)
}

// guardBound refuses to delete what an app is bound to, unless force.
func (w *Writer) guardBound(kind BindingKind, ref int64, what string, force bool) error {
	if force {
		return nil
	}
	bindings, err := all(w.tx.Bindings.Find(BindingQuery{Kind: kind, Ref: ref}))
	if err != nil || len(bindings) == 0 {
		return err
	}
	slugs := []string{}
	for _, b := range bindings {
		a, found, err := one(w.tx.Apps.Find(AppQuery{IDs: []AppID{b.App}}))
		if err != nil {
			return err
		}
		if found {
			slugs = append(slugs, a.Slug)
		}
	}
	return &Error{
		Kind: Denied, Entity: string(kind), Field: "bindings",
		Msg: what + " is bound to app " + strings.Join(slugs, ", ") + "; remove the binding first",
	}
}

// AddMembers makes users direct members of a group, as rows of the actor's
// source. Of rows are used User, Starts and Ends; of several of one user the last
// counts. Who is a member by the same row already is left alone.
func (w *Writer) AddMembers(id GroupID, rows ...Membership) error {
	g, err := w.groupForMembers(id)
	if err != nil {
		return err
	}
	rows = lastOfEach(rows)
	users := make([]UserID, len(rows))
	for i := range rows {
		rows[i].Group, rows[i].Source = id, w.by.Label()
		users[i] = rows[i].User
	}
	have, err := w.ownMembers(id, users)
	if err != nil {
		return err
	}
	if err := w.usersExist(users, have); err != nil {
		return err
	}
	var fresh []Membership
	touchedUsers := map[UserID]bool{}
	for _, m := range rows {
		old, ok := have[m.User]
		switch {
		case ok && old.Starts.Equal(m.Starts) && old.Ends.Equal(m.Ends):
			continue
		case ok:
			if err := w.tx.Members.Update(m); err != nil {
				return err
			}
		default:
			fresh = append(fresh, m)
		}
		have[m.User] = m
		touchedUsers[m.User] = true
	}
	if err := w.tx.Members.Insert(fresh...); err != nil {
		return err
	}
	return w.membersChanged(&g, touchedUsers)
}

// lastOfEach returns a copy of rows in which each user has one: the last.
func lastOfEach(rows []Membership) []Membership {
	at := make(map[UserID]int, len(rows))
	out := make([]Membership, 0, len(rows))
	for _, m := range rows {
		if i, again := at[m.User]; again {
			out[i] = m
			continue
		}
		at[m.User] = len(out)
		out = append(out, m)
	}
	return out
}

// RemoveMembers removes the actor's rows of these users from a group. The users
// who are still members, by a row of another source, are returned.
func (w *Writer) RemoveMembers(id GroupID, users ...UserID) (still []Membership, err error) {
	g, err := w.groupForMembers(id)
	if err != nil {
		return nil, err
	}
	have, err := w.ownMembers(id, users)
	if err != nil {
		return nil, err
	}
	gone := map[UserID]bool{}
	ids := []UserID{}
	for u := range have {
		gone[u] = true
		ids = append(ids, u)
	}
	if len(ids) > 0 {
		q := MembershipQuery{Groups: []GroupID{id}, Users: ids, Source: w.by.Label()}
		if _, err := w.tx.Members.Delete(q); err != nil {
			return nil, err
		}
	}
	if err := w.membersChanged(&g, gone); err != nil {
		return nil, err
	}
	return all(w.tx.Members.Find(MembershipQuery{Groups: []GroupID{id}, Users: users}))
}

// ReplaceMembers makes the rows of the actor's source exactly these. Rows of
// other sources stay.
func (w *Writer) ReplaceMembers(id GroupID, rows ...Membership) error {
	if _, err := w.groupForMembers(id); err != nil {
		return err
	}
	own, err := all(w.tx.Members.Find(MembershipQuery{Groups: []GroupID{id}, Source: w.by.Label()}))
	if err != nil {
		return err
	}
	stay := make(map[UserID]bool, len(rows))
	for _, m := range rows {
		stay[m.User] = true
	}
	gone := []UserID{}
	for _, m := range own {
		if !stay[m.User] {
			gone = append(gone, m.User)
		}
	}
	if _, err := w.RemoveMembers(id, gone...); err != nil {
		return err
	}
	return w.AddMembers(id, rows...)
}

func (w *Writer) groupForMembers(id GroupID) (Group, error) {
	if err := w.require(VerbWriteMembers, 0); err != nil {
		return Group{}, err
	}
	g, err := w.Group(id)
	if err != nil {
		return Group{}, err
	}
	return g, w.mayFill(g)
}

// ownMembers returns the rows of the actor's source among these users.
func (w *Writer) ownMembers(id GroupID, users []UserID) (map[UserID]Membership, error) {
	if users == nil {
		users = []UserID{}
	}
	out := make(map[UserID]Membership, len(users))
	q := MembershipQuery{Groups: []GroupID{id}, Users: users, Source: w.by.Label()}
	for m, err := range w.tx.Members.Find(q) {
		if err != nil {
			return nil, err
		}
		out[m.User] = m
	}
	return out, nil
}

// usersExist fails with NotFound when one of users is not a person; those in
// known are.
func (w *Writer) usersExist(users []UserID, known map[UserID]Membership) error {
	ask := []UserID{}
	asked := make(map[UserID]bool, len(users))
	for _, u := range users {
		if _, ok := known[u]; !ok && !asked[u] {
			asked[u] = true
			ask = append(ask, u)
		}
	}
	n, err := w.tx.Users.Count(UserQuery{IDs: ask})
	if err != nil {
		return err
	}
	if n != len(ask) {
		return &Error{Kind: NotFound, Entity: "group", Field: "members", Msg: "a member does not exist"}
	}
	return nil
}

// membersChanged bumps the group when somebody's membership changed.
func (w *Writer) membersChanged(g *Group, users map[UserID]bool) error {
	if len(users) == 0 {
		return nil
	}
	c := Change{Kind: GroupMembersChanged}
	if len(users) <= MaxChangeUsers {
		for u := range users {
			c.Users = append(c.Users, u)
		}
		slices.Sort(c.Users)
	}
	return w.saveGroup(g, c, VerbWriteMembers, map[string]any{"users": len(users)})
}
