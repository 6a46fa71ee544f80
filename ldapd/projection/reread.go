package projection

import (
	"fmt"
	"maps"
	"slices"

	"gatehouse/directory"
)

// read reads the rows that the changes touched. They may be newer than the changes, which come again then and find
// nothing to do. It may run twice.
func (w *work) read(r *directory.Reader) error {
	clear(w.rowUsers)
	clear(w.password)
	clear(w.samba)
	clear(w.rowGroup)
	clear(w.members)
	clear(w.children)
	clear(w.nested)
	for p := range w.pairs {
		w.pairs[p] = nil
	}
	if err := w.readEntries(r); err != nil {
		return err
	}
	if err := w.readMembers(r); err != nil {
		return err
	}
	if err := w.readNestings(r); err != nil || len(w.apps) == 0 {
		return err
	}
	w.rowApps = map[directory.AppID]*appRow{}
	for ids := range slices.Chunk(w.apps, readMost) {
		rows, err := readApps(r, ids)
		if err != nil {
			return err
		}
		maps.Copy(w.rowApps, rows)
	}
	return nil
}

func (w *work) readEntries(r *directory.Reader) error {
	for ids := range slices.Chunk(w.users, readMost) {
		for u, err := range r.Users(directory.UserQuery{Kind: directory.AnyKind, IDs: ids}) {
			if err != nil {
				return fmt.Errorf("read changed users: %w", err)
			}
			w.rowUsers[u.ID] = u
		}
		for p, err := range r.Passwords(ids) {
			if err != nil {
				return fmt.Errorf("read changed passwords: %w", err)
			}
			w.password[p.User] = p
		}
		if err := readSambaPasswords(r, ids, w.samba); err != nil {
			return err
		}
	}
	for ids := range slices.Chunk(w.groups, readMost) {
		for g, err := range r.Groups(directory.GroupQuery{IDs: ids}) {
			if err != nil {
				return fmt.Errorf("read changed groups: %w", err)
			}
			w.rowGroup[g.ID] = g
		}
	}
	return nil
}

// readMembers reads named memberships, all of groups whose changes named nobody or that are new, and all of users who
// are new.
func (w *work) readMembers(r *directory.Reader) error {
	groups, users := map[directory.GroupID]bool{}, map[directory.UserID]bool{}
	for p := range w.pairs {
		groups[p.group], users[p.user] = true, true
	}
	named := slices.Collect(maps.Keys(users))
	for gs := range slices.Chunk(slices.Collect(maps.Keys(groups)), readMost) {
		for us := range slices.Chunk(named, readMost) {
			err := w.each(r, directory.MembershipQuery{Groups: gs, Users: us}, func(m *directory.Membership) {
				p := pair{m.Group, m.User}
				if rows, asked := w.pairs[p]; asked {
					w.pairs[p] = append(rows, spanOf(m.Starts, m.Ends))
				}
			})
			if err != nil {
				return err
			}
		}
	}
	for group := range w.whole {
		rows := map[directory.UserID]spans{}
		w.members[group] = rows
		err := w.each(r, directory.MembershipQuery{Groups: []directory.GroupID{group}}, func(m *directory.Membership) {
			rows[m.User] = append(rows[m.User], spanOf(m.Starts, m.Ends))
		})
		if err != nil {
			return err
		}
	}
	var fresh []directory.UserID
	for id := range w.rowUsers {
		if !w.alive(&w.s.users, int64(id)) {
			fresh = append(fresh, id)
		}
	}
	for us := range slices.Chunk(fresh, readMost) {
		rows := map[pair]spans{}
		err := w.each(r, directory.MembershipQuery{Users: us}, func(m *directory.Membership) {
			p := pair{m.Group, m.User}
			rows[p] = append(rows[p], spanOf(m.Starts, m.Ends))
		})
		if err != nil {
			return err
		}
		maps.Copy(w.pairs, rows)
	}
	return nil
}

func (w *work) each(r *directory.Reader, q directory.MembershipQuery, fn func(*directory.Membership)) error {
	for m, err := range r.Memberships(q) {
		if err != nil {
			return fmt.Errorf("read changed memberships: %w", err)
		}
		fn(&m)
	}
	return nil
}

// readNestings reads what is below the parents that changed, and what is above groups that are new.
func (w *work) readNestings(r *directory.Reader) error {
	var fresh []directory.GroupID
	for id := range w.rowGroup {
		if !w.alive(&w.s.groups, int64(id)) {
			fresh = append(fresh, id)
		}
	}
	parents := slices.Collect(maps.Keys(w.parents))
	for _, p := range parents {
		w.children[p] = map[directory.GroupID]spans{}
	}
	for ps := range slices.Chunk(parents, readMost) {
		for n, err := range r.Nestings(directory.NestingQuery{Parents: ps}) {
			if err != nil {
				return fmt.Errorf("read changed nestings: %w", err)
			}
			rows := w.children[n.Parent]
			rows[n.Child] = append(rows[n.Child], spanOf(n.Starts, n.Ends))
		}
	}
	for cs := range slices.Chunk(fresh, readMost) {
		for n, err := range r.Nestings(directory.NestingQuery{Children: cs}) {
			if err != nil {
				return fmt.Errorf("read changed nestings: %w", err)
			}
			key := [2]directory.GroupID{n.Parent, n.Child}
			w.nested[key] = append(w.nested[key], spanOf(n.Starts, n.Ends))
		}
	}
	return nil
}
