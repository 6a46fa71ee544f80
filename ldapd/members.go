package ldapd

import (
	"bytes"
	"slices"

	"gatehouse/directory"
	"gatehouse/ldapd/projection"
	"gatehouse/ldapd/wire"
)

// modifyGroup compiles the changes to a group.
func (op *operation) modifyGroup(t *target) (func(*directory.Writer) error, error) {
	changes := op.m.Modify.Changes
	attrs := make([]written, len(changes))
	members := make([]memberChange, len(changes))
	edits := false
	for i := range changes {
		ch := &changes[i]
		var err error
		if attrs[i], err = t.attribute(ch.Type); err != nil {
			return nil, err
		}
		switch attrs[i].slot {
		case slotName:
			return nil, refuse(wire.NotAllowedOnRDN, "cn names the entry; rename it by a modify DN")
		case slotClass:
			err = checkClassChange(ch, groupClasses(), "groupOfNames", "groupOfUniqueNames")
		case slotMembers:
			members[i], err = op.memberChange(&attrs[i], ch.Kind, ch.Values)
		default:
			edits = true
		}
		if err != nil {
			return nil, err
		}
	}
	return func(w *directory.Writer) error {
		if edits {
			_, err := w.UpdateGroup(t.Group, func(g *directory.Group) error { return op.editGroup(g, attrs) })
			if err != nil {
				return err
			}
		}
		touched := map[projection.Entry]bool{}
		for i := range members {
			if attrs[i].slot != slotMembers {
				continue
			}
			if err := members[i].apply(w, t.Group, touched); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// editGroup makes the changes of the request to the attributes of a group.
func (op *operation) editGroup(g *directory.Group, attrs []written) error {
	for i := range attrs {
		a, ch := &attrs[i], &op.m.Modify.Changes[i]
		if a.slot != slotStored {
			continue
		}
		v := values{op: op, attr: a}
		for _, s := range g.Attrs[a.key] {
			v.list = append(v.list, []byte(s))
		}
		if err := v.apply(ch.Kind, ch.Values); err != nil {
			return err
		}
		stored, err := v.stored()
		if err != nil {
			return err
		}
		g.Attrs.Set(a.key, stored...)
	}
	return nil
}

// memberChange is a change to member, uniqueMember or memberUid. All three show the same memberships.
type memberChange struct {
	name       string
	kind       wire.ChangeKind
	entries    []projection.Entry
	usersOnly  bool // memberUid
	permissive bool
}

// memberChange looks up who is meant.
func (op *operation) memberChange(a *written, kind wire.ChangeKind, list [][]byte) (memberChange, error) {
	c := memberChange{
		name: a.Name(), kind: kind, usersOnly: a.Name() == "memberUid", permissive: op.ask != nil && op.ask.permissive,
	}
	switch {
	case kind == wire.ChangeIncrement:
		return c, refuse(wire.ConstraintViolation, c.name+" is not a number that can be incremented")
	case kind != wire.ChangeAdd && kind != wire.ChangeDelete && kind != wire.ChangeReplace:
		return c, refuse(wire.ProtocolError, "unknown kind of change")
	case kind == wire.ChangeAdd && len(list) == 0:
		return c, refuse(wire.ProtocolError, "nothing to add to "+c.name)
	}
	for _, value := range list {
		e, err := op.member(a, value)
		if err != nil {
			return c, err
		}
		if e.User == 0 && e.Group == 0 {
			if kind != wire.ChangeDelete {
				return c, refuse(wire.ConstraintViolation, "there is no person or group "+clip(value))
			}
			if !c.permissive {
				return c, refuse(wire.NoSuchAttribute, c.name+" has no such value")
			}
			continue
		}
		if slices.Contains(c.entries, e) {
			return c, refuse(wire.AttributeOrValueExists, "the same member twice")
		}
		c.entries = append(c.entries, e)
	}
	return c, nil
}

// member returns the person or group that a value names, the zero Entry when there is none.
func (op *operation) member(a *written, value []byte) (projection.Entry, error) {
	var name wire.Name
	if a.Name() == "memberUid" {
		value = []byte(op.c.s.tree.userDN(string(value)))
	} else if at := bytes.LastIndex(value, []byte("#'")); a.Name() == "uniqueMember" && at >= 0 && bytes.HasSuffix(value, []byte("'B")) {
		// RFC 4517 §3.3.21: a member that a bit string tells apart is none that we have.
		return projection.Entry{}, nil
	}
	if err := name.Set(value); err != nil {
		return projection.Entry{}, refuse(wire.InvalidAttributeSyntax, err.Error())
	}
	e, err := op.c.s.c.Index.Lookup(&name)
	if err != nil || e.Service || a.Name() == "memberUid" && e.User == 0 {
		return projection.Entry{}, nil //nolint:nilerr // an entry that is not there is nobody's
	}
	return projection.Entry{User: e.User, Group: e.Group}, nil
}

// apply makes the change. touched are the members that this request has changed already, by another of the three
// attributes: what is asked twice is done once.
func (c *memberChange) apply(w *directory.Writer, group directory.GroupID, touched map[projection.Entry]bool) error {
	switch {
	case c.kind == wire.ChangeReplace:
		return c.replace(w, group, c.entries)
	case c.kind == wire.ChangeDelete && len(c.entries) == 0 && !c.permissive:
		have, err := directMembers(w, group, c.usersOnly)
		if err == nil && len(have) == 0 {
			err = refuse(wire.NoSuchAttribute, "there is no "+c.name)
		}
		if err != nil {
			return err
		}
		return c.replace(w, group, nil)
	}
	for _, e := range c.entries {
		is, err := isMember(w, group, e)
		if err != nil {
			return err
		}
		add := c.kind == wire.ChangeAdd
		if is == add {
			switch {
			case c.permissive || touched[e]:
				continue
			case add:
				return refuse(wire.AttributeOrValueExists, c.name+" has this value already")
			default:
				return refuse(wire.NoSuchAttribute, c.name+" has no such value")
			}
		}
		if add {
			err = addMember(w, group, e)
		} else {
			err = removeMember(w, group, e)
		}
		if err != nil {
			return err
		}
		touched[e] = true
	}
	return nil
}

// replace makes these the members, of memberUid the direct users.
func (c *memberChange) replace(w *directory.Writer, group directory.GroupID, want []projection.Entry) error {
	have, err := directMembers(w, group, c.usersOnly)
	if err != nil {
		return err
	}
	for _, e := range have {
		if !slices.Contains(want, e) {
			if err := removeMember(w, group, e); err != nil {
				return err
			}
		}
	}
	for _, e := range want {
		if !slices.Contains(have, e) {
			if err := addMember(w, group, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// directMembers lists who is in a group now, not through another one.
func directMembers(w *directory.Writer, group directory.GroupID, usersOnly bool) ([]projection.Entry, error) {
	var out []projection.Entry
	for m, err := range w.Memberships(directory.MembershipQuery{Groups: []directory.GroupID{group}}) {
		if err != nil {
			return nil, err
		}
		if e := (projection.Entry{User: m.User}); m.InForce(w.Now()) && (len(out) == 0 || out[len(out)-1] != e) {
			out = append(out, e)
		}
	}
	if usersOnly {
		return out, nil
	}
	for n, err := range w.Nestings(directory.NestingQuery{Parents: []directory.GroupID{group}}) {
		if err != nil {
			return nil, err
		}
		if e := (projection.Entry{Group: n.Child}); n.InForce(w.Now()) && (len(out) == 0 || out[len(out)-1] != e) {
			out = append(out, e)
		}
	}
	return out, nil
}

// isMember reports whether a row in force makes e a direct member.
func isMember(w *directory.Writer, group directory.GroupID, e projection.Entry) (bool, error) {
	if e.Group != 0 {
		q := directory.NestingQuery{Parents: []directory.GroupID{group}, Children: []directory.GroupID{e.Group}}
		for n, err := range w.Nestings(q) {
			if err != nil || n.InForce(w.Now()) {
				return err == nil, err
			}
		}
		return false, nil
	}
	q := directory.MembershipQuery{Groups: []directory.GroupID{group}, Users: []directory.UserID{e.User}}
	for m, err := range w.Memberships(q) {
		if err != nil || m.InForce(w.Now()) {
			return err == nil, err
		}
	}
	return false, nil
}

func addMember(w *directory.Writer, group directory.GroupID, e projection.Entry) error {
	if e.Group != 0 {
		return w.AddNesting(directory.Nesting{Parent: group, Child: e.Group})
	}
	return w.AddMembers(group, directory.Membership{User: e.User})
}

// removeMember removes a member, or says that somebody else's row keeps it: success would be a lie then.
func removeMember(w *directory.Writer, group directory.GroupID, e projection.Entry) error {
	var err error
	if e.Group != 0 {
		err = w.RemoveNesting(group, e.Group)
	} else {
		_, err = w.RemoveMembers(group, e.User)
	}
	if err != nil {
		return err
	}
	still, err := isMember(w, group, e)
	if err == nil && still {
		err = refuse(wire.UnwillingToPerform, "this member comes from site.yaml or a SCIM source; remove it there")
	}
	return err
}
