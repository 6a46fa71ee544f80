package projection

import (
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

// up returns the groups that have a slot as a direct member.
func (s *state) up(slot uint32) set {
	g := s.region(slot)
	if !g.has(slot) {
		return 0
	}
	return g.up[slot-g.first]
}

// down returns the direct members of a group.
func (s *state) down(group uint32) set {
	if !s.groups.has(group) {
		return 0
	}
	return s.groups.down[group-firstGroup]
}

// link makes member a direct member of group, or no longer; mu is held.
func (s *state) link(group, member uint32, in bool) {
	if s.setLink(group, member, in) && len(s.views) > 0 {
		s.viewsLinked(group, member)
	}
}

// setLink is link without what follows for views. It reports whether anything changed.
func (s *state) setLink(group, member uint32, in bool) (changed bool) {
	down, region := &s.groups.down[group-firstGroup], s.region(member)
	up := &region.up[member-region.first]
	s.version++
	if in {
		*up, _ = s.links.add(*up, group)
		if *down, changed = s.links.add(*down, member); changed {
			s.members++
		}
		return changed
	}
	*up, _ = s.links.remove(*up, group)
	if *down, changed = s.links.remove(*down, member); changed {
		s.members--
	}
	return changed
}

// unlinkAll removes an entry that is no more from every group, and everything from it; mu is held.
func (s *state) unlinkAll(slot uint32) {
	above := s.links.appendTo(nil, s.up(slot))
	affected := s.viewsAbout(slot)
	for _, group := range above {
		s.setLink(group, slot, false)
	}
	for _, member := range s.links.appendTo(nil, s.down(slot)) {
		s.setLink(slot, member, false)
	}
	s.timed.forget(slot)
	s.viewsLost(slot, above, affected)
}

// closure collects slots that are reached over memberships, each once, so that a cycle ends.
type closure struct {
	list []uint32
	seen *roaring.Bitmap // of list, when that is long
}

const longClosure = 48

func (c *closure) add(slot uint32) {
	switch {
	case c.seen != nil:
		if !c.seen.CheckedAdd(slot) {
			return
		}
	case slices.Contains(c.list, slot):
		return
	case len(c.list) == longClosure:
		c.seen = roaring.BitmapOf(c.list...)
		c.seen.Add(slot)
	}
	c.list = append(c.list, slot)
}

// ancestors appends every group that a slot is in, directly or through others, in ascending order; mu is held. A group
// is among its own ancestors only when there is a cycle.
func (s *state) ancestors(dst []uint32, slot uint32) []uint32 {
	var few [8]uint32
	c := closure{list: dst[len(dst):]}
	for _, g := range s.links.appendTo(few[:0], s.up(slot)) {
		c.add(g)
	}
	for i := 0; i < len(c.list); i++ {
		for _, g := range s.links.appendTo(few[:0], s.up(c.list[i])) {
			c.add(g)
		}
	}
	slices.Sort(c.list)
	return append(dst, c.list...)
}

// descendants appends group and every group in it, at any depth; mu is held.
func (s *state) descendants(dst []uint32, group uint32) []uint32 {
	c := closure{list: dst[len(dst):]}
	c.add(group)
	for i := 0; i < len(c.list); i++ {
		s.childGroups(c.list[i], c.add)
	}
	slices.Sort(c.list)
	return append(dst, c.list...)
}

// childGroups calls fn for the groups that are direct members of a group. They come last in its set.
func (s *state) childGroups(group uint32, fn func(uint32)) {
	switch d := s.down(group); d & setForm {
	case setOne:
		if slot := uint32(d &^ setForm); slot >= firstGroup {
			fn(slot)
		}
	case setList:
		list := s.links.list(d)
		from, _ := slices.BinarySearch(list, uint32(firstGroup))
		for _, slot := range list[from:] {
			fn(slot)
		}
	case setBig:
		it := s.links.bitmap(d).Iterator()
		it.AdvanceIfNeeded(firstGroup)
		for it.HasNext() {
			fn(it.Next())
		}
	}
}

// flattened appends the users in a group and in the groups in it, in ascending order; mu is held.
func (s *state) flattened(dst []uint32, group uint32) []uint32 {
	within := s.descendants(nil, group)
	if len(within) == 1 {
		from := len(dst)
		dst = s.links.appendTo(dst, s.down(group))
		to, _ := slices.BinarySearch(dst[from:], uint32(firstGroup))
		return dst[:from+to]
	}
	all := roaring.New()
	for _, g := range within {
		if d := s.down(g); d&setForm == setBig {
			all.Or(s.links.bitmap(d))
		} else {
			all.AddMany(s.links.appendTo(nil, d))
		}
	}
	all.RemoveRange(firstGroup, lastSlot+1)
	return append(dst, all.ToArray()...)
}
