package projection

import (
	"cmp"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
)

// Slots number entries inside one state. They are never given again, and ascend with the stored id but for stragglers.
const (
	slotBase uint32 = iota + 1
	slotUsers
	slotGroups
	slotServices
	slotApps
	slotViewApp                // of a view: the entry of the app,
	slotViewUsers              // and below it the containers
	slotViewGroups             //
	slotDomain                 // of Samba servers, in their profile only
	fixedSlots                 // how many there are, and none
	firstUser      = 64        // the slot of the first user
	firstGroup     = 1 << 29   // the slot of the first group
	lastSlot       = 1<<30 - 1 // the greatest slot that a set can hold
)

// state is one generation of the projection: loaded from a snapshot and changed in place. One goroutine changes it
// (apply.go), with mu held for writing; that goroutine may read without mu, except for memberships, which any search
// may change when time has come (timed.go).
type state struct {
	attrs *attributes
	tree  *tree
	seed  maphash.Seed

	mu      sync.RWMutex
	version uint64 // grows with every change
	fixed   [fixedSlots]record
	users   region
	groups  region
	arena   arena
	posts   *sets // of tables
	tables  [fields]table
	links   *sets // of memberships
	timed   timed
	next    atomic.Int64 // when timed has to do something, in microseconds
	count   [kinds]int
	members int
	sid     string     // of the domain of Samba servers, with the hyphen behind it; empty: there is none
	newest  int64      // greatest modified, in microseconds
	views   []*view    // by stored id of the app
	plain   []*dialect // of the whole tree, by profile
}

func newState(attrs *attributes, t *tree) *state {
	s := &state{attrs: attrs, tree: t, seed: maphash.MakeSeed(), posts: newSets(), links: newSets(), timed: newTimed(), version: 1}
	s.users.first, s.groups.first = firstUser, firstGroup
	s.next.Store(never)
	for _, p := range attrs.profiles {
		d := newDialect(attrs, p, p.name.Names())
		d.tree = t
		s.plain = append(s.plain, d)
	}
	s.fixed = t.containers()
	for _, r := range s.fixed {
		if r != nil {
			s.count[r.flags().kind()]++
		}
	}
	return s
}

// region is the slots of users, or of groups.
type region struct {
	first uint32
	refs  []ref   // 0: deleted
	order []int64 // stored ids, ascending; of a straggler the greatest id before it
	up    []set   // the groups that have it as a direct member
	down  []set   // the direct members; of groups only
	zones []zone
	late  []straggler      // sorted by id
	ids   map[uint32]int64 // of stragglers
}

// straggler is a slot whose stored id is lower than one that came before it: another host made it, or a clock went
// back.
type straggler struct {
	id   int64
	slot uint32
}

func (s *state) region(slot uint32) *region {
	if slot >= firstGroup {
		return &s.groups
	}
	return &s.users
}

func (g *region) end() uint32 { return g.first + uint32(len(g.refs)) }

func (g *region) has(slot uint32) bool { return slot >= g.first && slot < g.end() }

// add gives a stored id the next slot.
func (g *region) add(id int64) uint32 {
	slot := g.end()
	order := id
	if n := len(g.order); n > 0 && id <= g.order[n-1] {
		order = g.order[n-1]
		i, _ := slices.BinarySearchFunc(g.late, id, func(l straggler, id int64) int { return cmp.Compare(l.id, id) })
		g.late = slices.Insert(g.late, i, straggler{id, slot})
		if g.ids == nil {
			g.ids = map[uint32]int64{}
		}
		g.ids[slot] = id
	}
	g.refs, g.order, g.up = append(g.refs, 0), append(g.order, order), append(g.up, 0)
	if g.first == firstGroup {
		g.down = append(g.down, 0)
	}
	if int(slot-g.first)/zoneSlots == len(g.zones) {
		g.zones = append(g.zones, newZone())
	}
	return slot
}

// slotOf returns the slot of a stored id, also when the entry was deleted.
func (g *region) slotOf(id int64) (uint32, bool) {
	if i, found := slices.BinarySearch(g.order, id); found {
		return g.first + uint32(i), true // the first of equals is no straggler
	}
	i, found := slices.BinarySearchFunc(g.late, id, func(l straggler, id int64) int { return cmp.Compare(l.id, id) })
	if !found {
		return 0, false
	}
	return g.late[i].slot, true
}

// idOf returns the stored id of a slot.
func (g *region) idOf(slot uint32) int64 {
	if len(g.late) > 0 {
		if id, ok := g.ids[slot]; ok {
			return id
		}
	}
	return g.order[slot-g.first]
}

// record returns the entry in a slot, nil when there is none.
func (s *state) record(slot uint32) record {
	switch {
	case slot < fixedSlots:
		return s.fixed[slot]
	case slot&primaryBit != 0:
		return s.primary(nil, slot&^primaryBit)
	}
	g := s.region(slot)
	if !g.has(slot) || g.refs[slot-g.first] == 0 {
		return nil
	}
	return s.arena.get(g.refs[slot-g.first])
}

// Positions order all entries: containers, users, groups, primary groups and apps, each by stored id. An id begins with
// the milliseconds since 2020 in 41 bits, the first of which is not set before 2054.
const (
	groupPosition   = 1 << 62
	primaryPosition = 2 << 62
	appPosition     = 3 << 62
	idBits          = 1<<62 - 1
)

func (v *view) position() uint64 { return uint64(v.app) | appPosition }

func (s *state) position(slot uint32) uint64 {
	switch {
	case slot < fixedSlots:
		return uint64(slot)
	case slot < firstGroup:
		return uint64(s.users.idOf(slot)) + firstUser
	case slot&primaryBit != 0:
		return uint64(s.users.idOf(slot&^primaryBit)) | primaryPosition
	default:
		return uint64(s.groups.idOf(slot)) | groupPosition
	}
}

// keysIn returns the keys of the entry in a slot, sorted; none when there is no entry.
func (s *state) keysIn(dst []key, slot uint32) []key {
	if r := s.record(slot); r != nil {
		return s.sortedKeys(dst, r)
	}
	return dst[:0]
}

// put replaces the entry in a slot, whose keys were before, by r, whose keys are after; mu is held.
func (s *state) put(slot uint32, r record, before, after []key) {
	g := s.region(slot)
	at := slot - g.first
	s.version++
	was := s.flagsIn(slot)
	s.forget(slot)
	r.setSlot(slot)
	s.repost(slot, before, after)
	s.place(g, at, r)
	if was != r.flags() {
		s.viewsOf(slot)
	}
}

// flagsIn returns the flags of the entry in a slot; what is no entry has those of a container.
func (s *state) flagsIn(slot uint32) flags {
	if r := s.record(slot); r != nil {
		return r.flags()
	}
	return kindBase
}

// place stores the record of a slot.
func (s *state) place(g *region, at uint32, r record) {
	g.refs[at] = s.arena.put(r)
	g.zones[at/zoneSlots].widen(r)
	s.count[r.flags().kind()]++
	s.newest = max(s.newest, r.modified())
}

// forget lets go of the record of a slot.
func (s *state) forget(slot uint32) {
	g := s.region(slot)
	at := &g.refs[slot-g.first]
	if *at != 0 {
		s.count[s.arena.get(*at).flags().kind()]--
		s.arena.drop(*at)
		*at = 0
	}
}

// remove takes the entry out of a slot, whose keys were before, with its memberships; mu is held.
func (s *state) remove(slot uint32, before []key) {
	s.version++
	s.repost(slot, before, nil)
	s.forget(slot)
	s.unlinkAll(slot)
}

// repost moves a slot from the sets of the keys before to those of the keys after. Both are sorted.
func (s *state) repost(slot uint32, before, after []key) {
	for len(before) > 0 || len(after) > 0 {
		switch {
		case len(after) == 0 || len(before) > 0 && before[0] < after[0]:
			s.tables[before[0].field()].remove(s.posts, before[0].hash(), slot)
			before = before[1:]
		case len(before) == 0 || after[0] < before[0]:
			s.tables[after[0].field()].add(s.posts, after[0].hash(), slot)
			after = after[1:]
		default:
			before, after = before[1:], after[1:]
		}
	}
}

// compact empties one chunk of the arena that is mostly dead. mu is held.
func (s *state) compact() {
	chunk, ok := s.arena.sparse()
	if !ok {
		return
	}
	s.arena.each(chunk, func(at ref, r record) {
		g := s.region(r.slot())
		if here := &g.refs[r.slot()-g.first]; *here == at {
			*here = s.arena.put(r)
		}
	})
	s.arena.discard(chunk)
}

// fit gives back what loading left over.
func (s *state) fit() {
	for i := range s.tables {
		s.tables[i].fit()
	}
	for _, g := range []*region{&s.users, &s.groups} {
		g.refs, g.order, g.up, g.down = snug(g.refs), snug(g.order), snug(g.up), snug(g.down)
	}
	s.posts.repack(func(move func(*set)) {
		for i := range s.tables {
			for j := range s.tables[i].rows {
				move(&s.tables[i].rows[j].set)
			}
		}
	})
	s.links.repack(func(move func(*set)) {
		for _, list := range [][]set{s.users.up, s.groups.up, s.groups.down} {
			for i := range list {
				move(&list[i])
			}
		}
	})
}

// snug is v with little room to grow.
func snug[T any](v []T) []T {
	if cap(v)-len(v) < len(v)/16+64 {
		return v
	}
	return append(make([]T, 0, len(v)+len(v)/32+16), v...)
}

// bytes is about how much memory the state takes.
func (s *state) bytes() int {
	n := s.arena.bytes + s.posts.bytes() + s.links.bytes()
	for i := range s.tables {
		n += 8 * len(s.tables[i].rows)
	}
	for _, g := range []*region{&s.users, &s.groups} {
		n += 4*cap(g.refs) + 8*cap(g.order) + 4*cap(g.up) + 4*cap(g.down) + 48*cap(g.zones) + 16*cap(g.late)
	}
	for _, v := range s.views {
		n += bitmapBytes(v.seen)
	}
	return n + 64*len(s.timed.rows)
}
