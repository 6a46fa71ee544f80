package directory

import (
	"maps"
	"slices"
	"time"
)

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
	var fresh, before, after []Membership
	for _, m := range rows {
		old, ok := have[m.User]
		switch {
		case ok && old.Starts.Equal(m.Starts) && old.Ends.Equal(m.Ends):
			continue
		case ok:
			if err := w.tx.Members.Update(m); err != nil {
				return err
			}
			before = append(before, old)
		default:
			fresh = append(fresh, m)
		}
		after = append(after, m)
	}
	if err := w.tx.Members.Insert(fresh...); err != nil {
		return err
	}
	return w.membersChanged(&g, before, after)
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
	gone := slices.Collect(maps.Values(have))
	if ids := slices.Collect(maps.Keys(have)); len(ids) > 0 {
		q := MembershipQuery{Groups: []GroupID{id}, Users: ids, Source: w.by.Label()}
		if _, err := w.tx.Members.Delete(q); err != nil {
			return nil, err
		}
	}
	if err := w.membersChanged(&g, gone, nil); err != nil {
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

// membersChanged bumps the group when rows of members changed: those before were
// replaced by those after.
func (w *Writer) membersChanged(g *Group, before, after []Membership) error {
	touched := map[UserID]bool{}
	for _, m := range slices.Concat(before, after) {
		touched[m.User] = true
	}
	if len(touched) == 0 {
		return nil
	}
	users := slices.Sorted(maps.Keys(touched))
	c := Change{Kind: GroupMembersChanged}
	if len(users) <= MaxChangeUsers {
		c.Users = users
	}
	detail, err := w.memberDiff(users, before, after)
	if err != nil {
		return err
	}
	return w.saveGroup(g, c, VerbWriteMembers, detail)
}

// memberDiff says in names what the rows of users were and are, of very many
// users the first MaxChangeUsers.
func (w *Writer) memberDiff(users []UserID, before, after []Membership) (map[string]any, error) {
	named := users[:min(len(users), MaxChangeUsers)]
	names := make(map[UserID]string, len(named))
	for u, err := range w.tx.Users.Find(UserQuery{IDs: named}) {
		if err != nil {
			return nil, err
		}
		names[u.ID] = u.Username
	}
	label := func(rows []Membership) []string {
		out := []string{}
		for _, m := range rows {
			if name, ok := names[m.User]; ok {
				out = append(out, termed(name, m.Starts, m.Ends))
			}
		}
		slices.Sort(out)
		return out
	}
	return map[string]any{"users": len(users), "members": diff{label(before), label(after)}}, nil
}

// termed says in words for how long something is in force.
func termed(name string, starts, ends time.Time) string {
	if !starts.IsZero() {
		name += " from " + starts.UTC().Format(time.RFC3339)
	}
	if !ends.IsZero() {
		name += " until " + ends.UTC().Format(time.RFC3339)
	}
	return name
}
