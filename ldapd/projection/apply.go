package projection

import (
	"maps"
	"slices"
	"time"

	"gatehouse/directory"
)

// work is the changes of a batch, put together: which rows to read again, and then those rows.
type work struct {
	s   *state
	now func() time.Time

	users    []directory.UserID
	groups   []directory.GroupID
	pairs    map[pair]spans // named memberships, with the rows that were found
	whole    map[directory.GroupID]bool
	parents  map[directory.GroupID]bool
	rowUsers map[directory.UserID]directory.User
	password map[directory.UserID]directory.PasswordState
	samba    map[directory.UserID]sambaPassword
	rowGroup map[directory.GroupID]directory.Group
	members  map[directory.GroupID]map[directory.UserID]spans // of whole groups
	children map[directory.GroupID]map[directory.GroupID]spans
	nested   map[[2]directory.GroupID]spans // rows that name a new group as child
	apps     []directory.AppID
	rowApps  map[directory.AppID]*appRow

	before, after []key
}

// pair is a membership by stored ids.
type pair struct {
	group directory.GroupID
	user  directory.UserID
}

// readMost is how many ids one query names.
const readMost = 500

func newWork(s *state, now func() time.Time) *work {
	return &work{
		s: s, now: now, pairs: map[pair]spans{}, whole: map[directory.GroupID]bool{}, parents: map[directory.GroupID]bool{},
		rowUsers: map[directory.UserID]directory.User{}, rowGroup: map[directory.GroupID]directory.Group{},
		password: map[directory.UserID]directory.PasswordState{}, samba: map[directory.UserID]sambaPassword{},
		members:  map[directory.GroupID]map[directory.UserID]spans{},
		children: map[directory.GroupID]map[directory.GroupID]spans{}, nested: map[[2]directory.GroupID]spans{},
	}
}

// plan notes what the changes touch. It reports false when one of them may have changed anything.
func (w *work) plan(changes []directory.Change) bool {
	users, groups, apps := map[directory.UserID]bool{}, map[directory.GroupID]bool{}, map[directory.AppID]bool{}
	for _, c := range changes {
		switch c.Kind {
		case directory.UserCreated, directory.UserUpdated, directory.UserStatusChanged, directory.UserDeleted,
			directory.CredentialsChanged:
			users[directory.UserID(c.Ref)] = true
		case directory.GroupCreated, directory.GroupUpdated, directory.GroupDeleted:
			groups[directory.GroupID(c.Ref)] = true
		case directory.GroupMembersChanged:
			group := directory.GroupID(c.Ref)
			groups[group] = true
			if c.Users == nil {
				w.whole[group] = true
			}
			for _, u := range c.Users {
				w.pairs[pair{group, u}] = nil
			}
		case directory.GroupNestingChanged:
			groups[directory.GroupID(c.Ref)] = true
			w.parents[directory.GroupID(c.Ref)] = true
		case directory.AppChanged, directory.AppDeleted:
			apps[directory.AppID(c.Ref)] = true
		case directory.GrantsChanged, directory.PolicyChanged, directory.RADIUSClientChanged, directory.SCIMSourceChanged, directory.KeysChanged,
			directory.SettingsChanged:
		default:
			return false
		}
	}
	// In the order of ids, so that new entries get their slots in it.
	w.users = slices.Sorted(maps.Keys(users))
	w.groups = slices.Sorted(maps.Keys(groups))
	w.apps = slices.Sorted(maps.Keys(apps))
	for _, g := range w.groups {
		if !w.alive(&w.s.groups, int64(g)) {
			w.whole[g], w.parents[g] = true, true
		}
	}
	return true
}

// alive reports whether there is an entry with a stored id.
func (w *work) alive(g *region, id int64) bool {
	slot, ok := g.slotOf(id)
	return ok && g.refs[slot-g.first] != 0
}

// apply brings the state to the rows that were read. Each entry is replaced under the lock by itself, so searches go
// on between two of them.
func (w *work) apply(b *builder) {
	b.domain, b.samba = w.s.sid != "", w.samba
	for _, id := range w.users {
		if u, ok := w.rowUsers[id]; ok {
			w.replace(&w.s.users, int64(id), b.user(&u, w.password[id]))
		} else {
			w.replace(&w.s.users, int64(id), nil)
		}
	}
	for _, id := range w.groups {
		if g, ok := w.rowGroup[id]; ok {
			w.replace(&w.s.groups, int64(id), b.groupRecord(&g))
		} else {
			w.replace(&w.s.groups, int64(id), nil)
		}
	}
	now := w.now().UnixMicro()
	for p, rows := range w.pairs {
		w.setMember(p, rows, now)
	}
	for group, rows := range w.members {
		w.setMembers(group, rows, now)
	}
	for parent, rows := range w.children {
		w.setChildren(parent, rows, now)
	}
	for n, rows := range w.nested {
		w.setChild(n, rows, now)
	}
	for _, id := range w.apps {
		w.locked(func() { w.s.setView(id, w.rowApps[id]) })
	}
	w.locked(w.s.compact)
}

func (w *work) locked(fn func()) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	fn()
}

// replace puts a record in the place of what has its id, nil for none.
func (w *work) replace(g *region, id int64, r record) {
	slot, known := g.slotOf(id)
	if known {
		w.before = w.s.keysIn(w.before, slot)
	} else {
		w.before = w.before[:0]
	}
	if r == nil {
		if known {
			w.locked(func() { w.s.remove(slot, w.before) })
		}
		return
	}
	w.after = w.s.sortedKeys(w.after, r)
	w.locked(func() {
		if !known {
			slot = g.add(id)
		}
		w.s.put(slot, r, w.before, w.after)
	})
}

func (w *work) setMember(p pair, rows spans, now int64) {
	group, ok1 := w.s.groups.slotOf(int64(p.group))
	user, ok2 := w.s.users.slotOf(int64(p.user))
	if ok1 && ok2 {
		w.setLink(edge{group, user}, rows, now)
	}
}

func (w *work) setChild(n [2]directory.GroupID, rows spans, now int64) {
	parent, ok1 := w.s.groups.slotOf(int64(n[0]))
	child, ok2 := w.s.groups.slotOf(int64(n[1]))
	if ok1 && ok2 {
		w.setLink(edge{parent, child}, rows, now)
	}
}

// setLink makes rows what says whether there is a membership. Both ends must be alive.
func (w *work) setLink(e edge, rows spans, now int64) {
	w.locked(func() {
		if w.s.record(e.group) != nil && w.s.record(e.member) != nil {
			w.s.setEdge(e, rows, now)
		}
	})
}

// setMembers makes rows the only memberships of users in a group.
func (w *work) setMembers(group directory.GroupID, rows map[directory.UserID]spans, now int64) {
	slot, ok := w.s.groups.slotOf(int64(group))
	if !ok {
		return
	}
	w.unset(slot, now, func(member uint32) bool {
		if member >= firstGroup {
			return true
		}
		_, stays := rows[directory.UserID(w.s.users.idOf(member))]
		return stays
	})
	for user, r := range rows {
		w.setMember(pair{group, user}, r, now)
	}
}

// setChildren makes rows the only nestings below a group.
func (w *work) setChildren(parent directory.GroupID, rows map[directory.GroupID]spans, now int64) {
	slot, ok := w.s.groups.slotOf(int64(parent))
	if !ok {
		return
	}
	w.unset(slot, now, func(member uint32) bool {
		if member < firstGroup {
			return true
		}
		_, stays := rows[directory.GroupID(w.s.groups.idOf(member))]
		return stays
	})
	for child, r := range rows {
		w.setChild([2]directory.GroupID{parent, child}, r, now)
	}
}

// unset ends the memberships in a group of those who do not stay.
func (w *work) unset(group uint32, now int64, stays func(member uint32) bool) {
	w.s.mu.RLock()
	gone := slices.DeleteFunc(w.s.direct(group), stays)
	w.s.mu.RUnlock()
	for _, member := range gone {
		w.setLink(edge{group, member}, nil, now)
	}
}

// direct returns the direct members of a group, with those whose membership has not begun; mu is held.
func (s *state) direct(group uint32) []uint32 {
	list := s.links.appendTo(nil, s.down(group))
	for e := range s.timed.rows {
		if e.group == group {
			list = append(list, e.member)
		}
	}
	return list
}
