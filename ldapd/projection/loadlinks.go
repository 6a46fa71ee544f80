package projection

import (
	"fmt"
	"slices"

	"gatehouse/directory"
)

// links is all rows that connect entries, as they are read.
type links struct {
	head     directory.Head
	members  []directory.GroupMembers
	timed    []directory.Membership
	nestings []directory.Nesting
}

// read reads all memberships and nestings.
func (k *links) read(r *directory.Reader) (err error) {
	*k = links{}
	if k.head, err = r.Head(); err != nil {
		return err
	}
	timed := []directory.GroupID{}
	for m, err := range r.Snapshot().Members() {
		if err != nil {
			return fmt.Errorf("read memberships: %w", err)
		}
		k.members = append(k.members, m)
		if m.Timed > 0 {
			timed = append(timed, m.Group)
		}
	}
	for groups := range slices.Chunk(timed, readMost) {
		for m, err := range r.Memberships(directory.MembershipQuery{Groups: groups}) {
			if err != nil {
				return fmt.Errorf("read timed memberships: %w", err)
			}
			if !m.Starts.IsZero() || !m.Ends.IsZero() {
				k.timed = append(k.timed, m)
			}
		}
	}
	for n, err := range r.Nestings(directory.NestingQuery{}) {
		if err != nil {
			return fmt.Errorf("read nestings: %w", err)
		}
		k.nestings = append(k.nestings, n)
	}
	return nil
}

// link puts memberships and nestings into the state, in which all entries are.
func (l *loader) link(k *links) {
	n := 0
	for i := range k.members {
		n += len(k.members[i].Users)
	}
	pairs := make([]uint64, 0, n)
	var members []uint32
	for i := range k.members {
		group, ok := l.s.groups.slotOf(int64(k.members[i].Group))
		if !ok {
			continue
		}
		members = members[:0]
		for _, id := range k.members[i].Users {
			if user, ok := l.s.users.slotOf(int64(id)); ok {
				members = append(members, user)
			}
		}
		pairs = l.fillGroup(pairs, group, members)
	}
	l.bulk.link(pairs)
	l.bulk = bulk{}
	rows := map[edge]spans{}
	for _, m := range k.timed {
		group, ok1 := l.s.groups.slotOf(int64(m.Group))
		user, ok2 := l.s.users.slotOf(int64(m.User))
		// Who is a member by another row is one at any time.
		if e := (edge{group, user}); ok1 && ok2 && !l.s.links.has(l.s.down(group), user) {
			rows[e] = append(rows[e], spanOf(m.Starts, m.Ends))
		}
	}
	for _, n := range k.nestings {
		parent, ok1 := l.s.groups.slotOf(int64(n.Parent))
		child, ok2 := l.s.groups.slotOf(int64(n.Child))
		if e := (edge{parent, child}); ok1 && ok2 {
			rows[e] = append(rows[e], spanOf(n.Starts, n.Ends))
		}
	}
	for e, r := range rows {
		l.s.setEdge(e, r, l.now)
	}
}

// fillGroup stores the members of a group and appends them, with the group, to pairs.
func (l *loader) fillGroup(pairs []uint64, group uint32, members []uint32) []uint64 {
	if len(members) == 0 {
		return pairs
	}
	slices.Sort(members)
	members = slices.Compact(members)
	l.s.groups.down[group-firstGroup] = l.s.links.of(members)
	l.s.members += len(members)
	for _, m := range members {
		pairs = append(pairs, uint64(m)<<32|uint64(group))
	}
	return pairs
}
