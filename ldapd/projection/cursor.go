package projection

import (
	"cmp"
	"context"
	"slices"
	"sort"

	"github.com/RoaringBitmap/roaring/v2"

	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/ldapd/wire"
)

const (
	batchMost = 1000 // entries that are selected under one lock
	visitMost = 8192 // tests on candidates under one lock
	// visitLeast is how many candidates are evaluated under one lock, however many tests the filter has.
	visitLeast = 64
)

// Viewer is on whose behalf is asked. The zero Viewer sees nothing.
type Viewer struct {
	// Audience says which attributes there are. With schema.FullTree or schema.Admin, and with schema.AppView in a view,
	// every entry is visible, else only the containers and the entry of User.
	Audience schema.Audience
	User     directory.UserID
	// View is the slug of the app whose view is looked at, and outside which nothing is; "" is the tree, whose searches
	// do not go into views.
	View    string
	Profile schema.LDAPProfile // "" is the default
}

// Query is a search.
type Query struct {
	Base   *wire.Name
	Scope  wire.Scope
	Filter *wire.Filter
	Viewer Viewer
	After  uint64 // Position of the last entry that was sent before; 0 begins at the start
}

// Cursor walks the entries that a Query finds. The zero Cursor is ready for Open and may be opened again and again,
// which keeps its memory.
type Cursor struct {
	s     sight
	seen  mask
	full  bool   // the viewer sees every entry
	own   uint32 // else the containers and this one
	reach reach
	after uint64 // position of the last entry that was looked at
	done  bool

	filter  filter
	bound   uint64 // version of the state that filter is bound to
	eval    evaluator
	planner planner
	stored  candidates // people, services and groups
	primary candidates // people whose primary groups may match
	made    record     // the primary group that is looked at
	visits  int        // left under this lock
	most    int        // hits wanted in this batch

	hits  []hit
	used  int // of the memory of hits, by earlier batches
	dn    []byte
	buf   []byte
	slots []uint32
}

// candidates are slots that are still to be looked at.
type candidates struct {
	found
	planned bool   // no index changes them
	at      int    // in slots
	mark    uint32 // of the slots that they stand for: primaryBit
}

// plan finds the candidates by fn unless they are known.
func (k *candidates) plan(fn func() found) {
	if !k.planned {
		k.found, k.at = fn(), 0
		k.planned = !k.everything && !k.live
	}
}

// hit is a selected entry. The record does not change any more.
type hit struct {
	position uint64
	slot     uint32
	record   record
}

// reach is which entries a search may return, by base, scope and viewer.
type reach struct {
	fixed uint16 // containers, by slot
	apps  bool   // the entries of apps
	kinds uint16 // other entries, by kind
	only  uint32 // the only other entry, when it is not 0
}

// Open begins a search. Base and Filter of q must not change until it returns. It fails with ErrNotReady or a
// *NoSuchObjectError.
func (c *Cursor) Open(x *Index, q Query) error {
	s, err := x.current()
	if err != nil {
		return err
	}
	c.Close()
	c.after, c.bound = q.After, 0
	c.stored, c.primary = candidates{}, candidates{mark: primaryBit}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var ok bool
	if c.s, ok = s.sight(q.Viewer); !ok {
		return &NoSuchObjectError{}
	}
	c.seen = c.s.d.sees(q.Viewer.Audience)
	c.filter.compile(c.s.d, q.Filter, c.seen)
	c.eval.sight, c.eval.f = c.s, &c.filter
	c.planner.sight, c.planner.f = c.s, &c.filter
	base, nearest := c.s.resolve(q.Base)
	own := uint32(0)
	if !q.Viewer.full() {
		own = c.s.own(q.Viewer)
	}
	c.full, c.own = q.Viewer.full(), own
	if base == 0 || base >= fixedSlots && !q.Viewer.full() && base != own || q.Viewer.Audience == 0 {
		return &NoSuchObjectError{Matched: c.s.matched(nearest, q.Viewer)}
	}
	c.done = false
	c.reach = c.s.reach(base, q.Scope)
	if q.Viewer.full() || c.reach.only != 0 {
		return nil
	}
	if r := c.s.record(own); r != nil && c.reach.kinds&(1<<r.flags().kind()) != 0 {
		c.reach.only = own
	}
	c.reach.kinds, c.reach.apps = 0, false
	return nil
}

// sight returns the state as a viewer sees it; mu is held. It is false when there is no such view.
func (s *state) sight(v Viewer) (sight, bool) {
	at := profileAt(v.Profile)
	if v.View == "" {
		return sight{s, s.plain[at]}, true
	}
	for _, one := range s.views {
		if one.slug == v.View {
			return sight{s, one.dialects[at]}, true
		}
	}
	return sight{s, s.plain[at]}, false
}

// own returns the slot of the viewer's entry, 0 when there is none.
func (s sight) own(v Viewer) uint32 {
	if slot, ok := s.users.slotOf(int64(v.User)); ok && s.record(slot) != nil {
		return slot
	}
	return 0
}

// matched returns the name of the entry above one that does not exist. Who may not know that entry hears of the
// container, whether it is there or not.
func (s sight) matched(nearest uint32, v Viewer) string {
	r := s.record(nearest)
	if r == nil || v.Audience == 0 {
		return ""
	}
	if nearest >= fixedSlots && !v.full() {
		r = s.record(s.d.tree.unitAbove(r.flags()))
	}
	return string(s.appendDN(nil, r))
}

// reach returns what a scope reaches from a base (RFC 4511 §4.5.1.2).
func (s sight) reach(base uint32, scope wire.Scope) reach {
	t := s.d.tree
	var units uint16
	for _, slot := range t.units {
		units |= 1 << slot
	}
	var r reach
	below := base != t.root && base < fixedSlots
	switch {
	case base >= fixedSlots:
		if scope != wire.ScopeOneLevel {
			r.only = base
		}
	case scope == wire.ScopeBase:
		r.fixed = 1 << base
	case scope == wire.ScopeOneLevel && !below:
		r.fixed = units
	default:
		if scope != wire.ScopeOneLevel {
			r.fixed = 1 << base
		}
		if !below {
			r.fixed |= units
			r.kinds, r.apps = 1<<kindPerson|1<<kindGroup|1<<kindPrimary|1<<kindService, true
			break
		}
		r.kinds, r.apps = leaves(base), base == slotApps
	}
	if !s.d.hasPrimaries() {
		r.kinds &^= 1 << kindPrimary
	}
	r.apps = r.apps && s.d.view == nil
	return r
}

// leaves returns the kinds of entry directly below a container.
func leaves(unit uint32) uint16 {
	switch unit {
	case slotUsers, slotViewUsers:
		return 1 << kindPerson
	case slotGroups, slotViewGroups:
		return 1<<kindGroup | 1<<kindPrimary
	case slotServices:
		return 1 << kindService
	default:
		return 0
	}
}

// Next selects up to most entries (at most 1,000) that come after those selected before, and returns how many it
// found; 0 is the end. It fails when ctx ends. Entries are then named by their index in this batch.
func (c *Cursor) Next(ctx context.Context, most int) (int, error) {
	c.used = max(c.used, len(c.hits))
	c.hits = c.hits[:0]
	c.most = min(most, batchMost)
	for !c.done && len(c.hits) == 0 && c.most > 0 {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		c.s.mu.RLock()
		c.bind()
		c.visits = max(visitLeast, visitMost/len(c.filter.tests))
		c.done = c.selectBatch()
		c.s.mu.RUnlock()
	}
	return len(c.hits), nil
}

// Few reports whether the search is known to look at no more than most entries, containers and apps aside.
func (c *Cursor) Few(most int) bool {
	if c.reach.only != 0 || c.reach.kinds == 0 {
		return true
	}
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	c.bind()
	return c.planner.estimate(0) <= most
}

// bind lets the filter name entries of the state as it is. mu is held.
func (c *Cursor) bind() {
	if c.bound != c.s.version {
		c.filter.bind(c.s)
		c.bound = c.s.version
	}
}

// selectBatch looks at candidates until enough are found; true means that there are no more. mu is held.
func (c *Cursor) selectBatch() (end bool) {
	return c.selectEntries() && (!c.reach.apps || c.visitApps())
}

func (c *Cursor) selectEntries() (end bool) {
	for slot := uint32(c.after) + 1; c.after < uint64(fixedSlots) && slot < fixedSlots; slot++ {
		if c.reach.fixed&(1<<slot) != 0 && !c.visit(slot, uint64(slot)) {
			return false
		}
	}
	c.stored.plan(c.candidates)
	if !c.stored.everything && c.stored.bits == nil {
		return c.visitSlots(&c.stored) && c.selectPrimaries()
	}
	if c.after < groupPosition && c.reach.kinds&(1<<kindPerson|1<<kindService) != 0 {
		if !c.visitRegion(&c.s.users, int64(max(c.after, firstUser)-firstUser), &c.stored) {
			return false
		}
	}
	if c.after < primaryPosition && c.reach.kinds&(1<<kindGroup) != 0 {
		after := int64(0)
		if c.after >= groupPosition {
			after = int64(c.after & idBits)
		}
		if !c.visitRegion(&c.s.groups, after, &c.stored) {
			return false
		}
	}
	return c.selectPrimaries()
}

// selectPrimaries looks at the primary groups of people; true means that there are no more.
func (c *Cursor) selectPrimaries() (end bool) {
	if c.reach.only != 0 || c.reach.kinds&(1<<kindPrimary) == 0 || c.after >= appPosition {
		return true
	}
	c.primary.plan(func() found { return c.inView(c.planner.primaryCandidates(0)) })
	if !c.primary.everything && c.primary.bits == nil {
		return c.visitSlots(&c.primary)
	}
	after := int64(0)
	if c.after >= primaryPosition {
		after = int64(c.after & idBits)
	}
	return c.visitRegion(&c.s.users, after, &c.primary)
}

// candidates plans the search for what is stored.
func (c *Cursor) candidates() found {
	switch {
	case c.reach.only != 0:
		return found{slots: []uint32{c.reach.only}}
	case c.reach.kinds&^(1<<kindPrimary) == 0:
		return found{}
	}
	f := c.planner.collect(0)
	if f.everything && c.s.d.view == nil && c.reach.kinds == 1<<kindService {
		return c.planner.collectSets(c.s.posts, []set{c.s.tables[byKind].get(mix(uint32(kindService)))})
	}
	return c.inView(f)
}

// inView makes of all entries those of the view, and puts a list into the order of positions.
func (c *Cursor) inView(f found) found {
	if v := c.s.d.view; v != nil && f.everything {
		return found{bits: v.seen, live: true}
	}
	if f.bits == nil && len(c.s.users.late)+len(c.s.groups.late) > 0 {
		slices.SortFunc(f.slots, func(a, b uint32) int { return cmp.Compare(c.s.position(a), c.s.position(b)) })
	}
	return f
}

// visit evaluates one entry and reports whether to go on.
func (c *Cursor) visit(slot uint32, position uint64) bool {
	r := c.look(slot)
	if r == nil {
		c.after = position
		c.visits--
		return c.visits > 0
	}
	if slot >= fixedSlots && slot != c.reach.only && c.reach.kinds&(1<<r.flags().kind()) == 0 {
		c.after = position
		c.visits--
		return c.visits > 0
	}
	return c.visitRecord(r, slot, position)
}

// look returns the entry in a slot, nil when there is none. That of a primary group is valid until the next call.
func (c *Cursor) look(slot uint32) record {
	if slot&primaryBit == 0 || c.s.record(slot&^primaryBit) == nil {
		return c.s.record(slot &^ primaryBit)
	}
	if r := c.s.primary(c.made, slot&^primaryBit); r != nil {
		c.made = r
		return r
	}
	return nil
}

// visitRecord evaluates one entry that is in reach and reports whether to go on.
func (c *Cursor) visitRecord(r record, slot uint32, position uint64) bool {
	c.after = position
	c.visits--
	if c.eval.eval(0, r) == wire.True {
		if slot&primaryBit != 0 {
			r = slices.Clone(r)
		}
		c.hits = append(c.hits, hit{position, slot, r})
	}
	return c.visits > 0 && len(c.hits) < c.most
}

// visitApps evaluates the entries of apps; true means that there are no more.
func (c *Cursor) visitApps() (end bool) {
	for _, v := range c.s.views {
		if at := v.position(); at > c.after && !c.visitRecord(v.fixed[slotViewApp], slotViewApp, at) {
			return false
		}
	}
	return true
}

// visitSlots looks at a list of candidates.
func (c *Cursor) visitSlots(k *candidates) (end bool) {
	for ; k.at < len(k.slots); k.at++ {
		if k.slots[k.at] < fixedSlots || k.mark != 0 && k.slots[k.at] >= firstGroup {
			continue // looked at before, or nobody who has a primary group
		}
		slot := k.slots[k.at] | k.mark
		position := c.s.position(slot)
		if position <= c.after {
			continue
		}
		if !c.visit(slot, position) {
			k.at++
			return false
		}
	}
	return true
}

// visitRegion looks at the candidates in a region whose stored id is greater than after, in the order of their ids:
// those in slot order, and between them the stragglers.
func (c *Cursor) visitRegion(g *region, after int64, k *candidates) (end bool) {
	first := g.first + uint32(sort.Search(len(g.order), func(i int) bool { return g.order[i] > after }))
	late := sort.Search(len(g.late), func(i int) bool { return g.late[i].id > after })
	w := regionWalk{g: g, slot: first}
	if k.bits != nil {
		w.it.Initialize(k.bits)
		w.it.AdvanceIfNeeded(first)
		w.bits = true
	}
	slot, ok := w.next()
	for {
		for late < len(g.late) && (!ok || g.late[late].id < g.order[slot-g.first]) {
			l := g.late[late]
			late++
			if (k.bits == nil || k.bits.Contains(l.slot)) && !c.visit(l.slot|k.mark, c.s.position(l.slot|k.mark)) {
				return false
			}
		}
		if !ok {
			return true
		}
		if !c.visit(slot|k.mark, c.s.position(slot|k.mark)) {
			return false
		}
		slot, ok = w.next()
	}
}

// regionWalk yields the slots of a region in order, without stragglers and, when it walks bits, without the rest.
type regionWalk struct {
	g    *region
	bits bool
	it   roaring.IntIterator
	slot uint32
}

func (w *regionWalk) next() (uint32, bool) {
	for {
		slot := w.slot
		if w.bits {
			if !w.it.HasNext() {
				return 0, false
			}
			slot = w.it.Next()
		} else {
			w.slot++
		}
		if slot >= w.g.end() {
			return 0, false
		}
		if len(w.g.late) > 0 {
			if _, straggler := w.g.ids[slot]; straggler {
				continue
			}
		}
		if w.g.refs[slot-w.g.first] != 0 {
			return slot, true
		}
	}
}

// Position returns where entry i of the batch stands in the order of all entries; it is greater than 0.
func (c *Cursor) Position(i int) uint64 { return c.hits[i].position }

// Close lets go of what the search held. Without it the memory stays until the next Open.
func (c *Cursor) Close() {
	clear(c.hits[:max(c.used, len(c.hits))])
	c.hits, c.used, c.s = c.hits[:0], 0, sight{}
	c.stored, c.primary = candidates{}, candidates{}
	c.eval.sight, c.planner.sight, c.done = sight{}, sight{}, true
}
