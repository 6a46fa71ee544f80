package projection

import (
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"gatehouse/directory"
)

// view is what one app sees: the people whom its bindings of users and groups let in, and the groups they are in.
// Policies look at a request, so they decide a bind and not who is listed. It is changed in place, with mu of the
// state held; entries and dialects are replaced and not changed.
type view struct {
	app      directory.AppID
	slug     string
	fixed    [fixedSlots]record
	dialects []*dialect // by profile

	positive bool // somebody is let in by name: nobody else is
	users    viewRule
	groups   viewRule

	seen  *roaring.Bitmap // slots of people and groups
	count [kinds]int      // of them
}

// viewRule is who is let in and who is shut out, as stored ids, and as slots as far as those are there.
type viewRule struct {
	inIDs, outIDs []int64
	in, out       []uint32 // ascending
}

// resolve finds the slots of who is not there yet.
func (l *viewRule) resolve(g *region) {
	if len(l.in) == len(l.inIDs) && len(l.out) == len(l.outIDs) {
		return
	}
	l.in, l.out = slotsOf(g, l.inIDs), slotsOf(g, l.outIDs)
}

func slotsOf(g *region, ids []int64) []uint32 {
	var slots []uint32
	for _, id := range ids {
		if slot, ok := g.slotOf(id); ok {
			slots = append(slots, slot)
		}
	}
	slices.Sort(slots)
	return slots
}

// admits reports whether an entry is a person of the view; above is the groups that it is in, ascending.
func (v *view) admits(s *state, slot uint32, above []uint32) bool {
	f := s.flagsIn(slot)
	switch {
	case f.kind() != kindPerson || f.has(flagDisabled):
		return false
	case within(v.users.out, slot) || meet(v.groups.out, above):
		return false
	default:
		return !v.positive || within(v.users.in, slot) || meet(v.groups.in, above)
	}
}

// meet reports whether two ascending lists have an element in common.
func meet(few, many []uint32) bool {
	return slices.ContainsFunc(few, func(slot uint32) bool { return within(many, slot) })
}

// set puts an entry into the view or takes it out, and reports whether that is a change.
func (v *view) set(slot uint32, kind flags, in bool) bool {
	if in {
		if !v.seen.CheckedAdd(slot) {
			return false
		}
		v.count[kind]++
		return true
	}
	if !v.seen.CheckedRemove(slot) {
		return false
	}
	v.count[kind]--
	return true
}

// holdsSeen reports whether a direct member of a group is in the view.
func (v *view) holdsSeen(s *state, group uint32) bool {
	switch d := s.down(group); d & setForm {
	case 0:
		return false
	case setOne:
		return v.seen.Contains(uint32(d &^ setForm))
	case setBig:
		return v.seen.Intersects(s.links.bitmap(d))
	default:
		return slices.ContainsFunc(s.links.list(d), v.seen.Contains)
	}
}

// look sees whether groups are in the view, and those above them when that changes.
func (v *view) look(s *state, groups []uint32) {
	for _, g := range groups {
		in := s.record(g) != nil && v.holdsSeen(s, g)
		if v.set(g, kindGroup, in) {
			v.look(s, s.links.appendTo(nil, s.up(g)))
		}
	}
}

// judge sees whether a person is in the view.
func (v *view) judge(s *state, slot uint32, above []uint32) {
	if v.set(slot, kindPerson, v.admits(s, slot, above)) {
		var few [16]uint32
		v.look(s, s.links.appendTo(few[:0], s.up(slot)))
	}
}

// viewsOf brings the views up to date with a person that is new or was disabled or enabled; mu is held.
func (s *state) viewsOf(slot uint32) {
	if len(s.views) == 0 {
		return
	}
	var few [32]uint32
	above := s.ancestors(few[:0], slot)
	for _, v := range s.views {
		v.users.resolve(&s.users)
		v.groups.resolve(&s.groups)
		if slot < firstGroup {
			v.judge(s, slot, above)
		}
	}
}

// viewsLinked brings the views up to date with a membership that began or ended; mu is held.
func (s *state) viewsLinked(group, member uint32) {
	if member < firstGroup {
		var few [32]uint32
		above := s.ancestors(few[:0], member)
		for _, v := range s.views {
			v.judge(s, member, above)
		}
	} else {
		for _, v := range s.viewsAbout(group) {
			v.rebuild(s) // many people may have come or gone at once
		}
	}
	for _, v := range s.views {
		v.look(s, []uint32{group})
	}
}

// viewsAbout returns the views that let people in or shut them out for being in a group, or in one that it is in.
func (s *state) viewsAbout(group uint32) []*view {
	if len(s.views) == 0 || group < firstGroup {
		return nil
	}
	above := append(s.ancestors(nil, group), group)
	slices.Sort(above)
	var list []*view
	for _, v := range s.views {
		if meet(v.groups.in, above) || meet(v.groups.out, above) {
			list = append(list, v)
		}
	}
	return list
}

// viewsLost brings the views up to date with an entry that is gone, which was in the groups above; mu is held. The
// views in affected depend on it.
func (s *state) viewsLost(slot uint32, above []uint32, affected []*view) {
	kind := kindPerson
	if slot >= firstGroup {
		kind = kindGroup
	}
	for _, v := range affected {
		v.rebuild(s)
	}
	for _, v := range s.views {
		v.set(slot, kind, false)
		v.look(s, above)
	}
}

// rebuild finds everything that is in the view; mu is held.
func (v *view) rebuild(s *state) {
	v.users.resolve(&s.users)
	v.groups.resolve(&s.groups)
	persons := s.postBits(s.tables[byKind].get(mix(uint32(kindPerson))))
	seen := roaring.New()
	if v.positive {
		seen.Or(s.peopleIn(v.groups.in))
		seen.AddMany(v.users.in)
		seen.And(persons)
	} else {
		seen.Or(persons)
	}
	seen.AndNot(s.peopleIn(v.groups.out))
	seen.AndNot(roaring.BitmapOf(v.users.out...))
	seen.AndNot(s.postBits(s.stored(attrAccountLock)))
	v.seen, v.count = seen, [kinds]int{kindPerson: int(seen.GetCardinality())}
	var one [1]uint32
	for at, ref := range s.groups.refs {
		if ref != 0 {
			if one[0] = s.groups.first + uint32(at); !v.seen.Contains(one[0]) {
				v.look(s, one[:])
			}
		}
	}
	v.seen.RunOptimize()
	s.version++
}

// peopleIn returns the users in groups, at any depth.
func (s *state) peopleIn(groups []uint32) *roaring.Bitmap {
	all := roaring.New()
	for _, g := range groups {
		all.AddMany(s.flattened(nil, g))
	}
	return all
}

// postBits returns a set of the indexes as a bitmap of its own or of the index; it must not be changed.
func (s *state) postBits(p set) *roaring.Bitmap {
	if p&setForm == setBig {
		return s.posts.bitmap(p)
	}
	return roaring.BitmapOf(s.posts.appendTo(nil, p)...)
}
