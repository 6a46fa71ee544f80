package directory

import (
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
