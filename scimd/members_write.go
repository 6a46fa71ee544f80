package scimd

import (
	"gatehouse/directory"
)

// memberIDs are members by row id.
type memberIDs struct {
	users  []directory.UserID
	groups []directory.GroupID
}

// writeMembers carries out member changes. None of them loads the members that
// are there already; each touches rows of the source alone.
func writeMembers(w *directory.Writer, id directory.GroupID, changes []memberChange) error {
	for _, c := range changes {
		ids, err := findMembers(w.Reader, c.refs, c.verb == verbRemove)
		if err != nil {
			return err
		}
		switch {
		case c.verb == verbAdd:
			err = addMembers(w, id, ids)
		case c.verb == verbReplace || c.all:
			err = replaceMembers(w, id, ids)
		default:
			err = removeMembers(w, id, ids)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// findMembers looks up ids: those of users, and of groups what is left. Unless
// lenient an id of nobody is an error; whoever is gone need not be removed.
func findMembers(r *directory.Reader, refs []memberRef, lenient bool) (memberIDs, error) {
	var out memberIDs
	left := make(map[string]bool, len(refs))
	var uids []string
	for _, ref := range refs {
		left[ref.id] = true
		if !ref.group {
			uids = append(uids, ref.id)
		}
	}
	for len(uids) > 0 {
		n := min(memberChunk, len(uids))
		for u, err := range r.BareUsers(directory.UserQuery{UIDs: uids[:n]}) {
			if err != nil {
				return out, err
			}
			out.users = append(out.users, u.ID)
			delete(left, u.UID)
		}
		uids = uids[n:]
	}
	if len(left) > 0 {
		rest := make([]string, 0, len(left))
		for uid := range left {
			rest = append(rest, uid)
		}
		for g, err := range r.BareGroups(directory.GroupQuery{UIDs: rest}) {
			if err != nil {
				return out, err
			}
			out.groups = append(out.groups, g.ID)
			delete(left, g.UID)
		}
	}
	if lenient {
		return out, nil
	}
	for _, ref := range refs {
		if left[ref.id] {
			return out, badRequest(errInvalidValue, "there is no User or Group %q to be a member", ref.id)
		}
	}
	return out, nil
}

func addMembers(w *directory.Writer, id directory.GroupID, ids memberIDs) error {
	if len(ids.users) > 0 {
		if err := w.AddMembers(id, memberRows(ids.users)...); err != nil {
			return err
		}
	}
	for _, g := range ids.groups {
		if err := w.AddNesting(directory.Nesting{Parent: id, Child: g}); err != nil {
			return err
		}
	}
	return nil
}

func removeMembers(w *directory.Writer, id directory.GroupID, ids memberIDs) error {
	// Also with nobody to remove: the core says whether the source may.
	if _, err := w.RemoveMembers(id, ids.users...); err != nil {
		return err
	}
	for _, g := range ids.groups {
		if err := w.RemoveNesting(id, g); err != nil {
			return err
		}
	}
	return nil
}

func replaceMembers(w *directory.Writer, id directory.GroupID, ids memberIDs) error {
	if err := w.ReplaceMembers(id, memberRows(ids.users)...); err != nil {
		return err
	}
	rows := make([]directory.Nesting, len(ids.groups))
	for i, g := range ids.groups {
		rows[i].Child = g
	}
	return w.ReplaceNestings(id, rows...)
}

func memberRows(users []directory.UserID) []directory.Membership {
	rows := make([]directory.Membership, len(users))
	for i, u := range users {
		rows[i].User = u
	}
	return rows
}
