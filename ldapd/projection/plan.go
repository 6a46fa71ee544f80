package projection

import (
	"bytes"
	"math"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

// found is a set of slots outside which nothing matches. What it holds must still be evaluated. With everything it
// restricts nothing; else it is bits, or slots in ascending order.
type found struct {
	everything bool
	slots      []uint32
	bits       *roaring.Bitmap
	live       bool // bits belongs to an index and changes with it
}

const (
	everything = math.MaxInt
	fewSlots   = 256  // so few candidates are evaluated rather than thinned out further
	listUnion  = 4096 // up to so many slots are merged as a list
	mostParts  = 6    // trigrams that are intersected at most
)

func (c *found) size() int {
	switch {
	case c.everything:
		return everything
	case c.bits != nil:
		return int(c.bits.GetCardinality())
	default:
		return len(c.slots)
	}
}

// planner finds candidates for a bound filter in the indexes of a state, with mu held.
type planner struct {
	sight
	f    *filter
	sets []set
}

// estimate returns how many candidates test i leaves at most, or everything when no index knows. It is cheap.
func (p *planner) estimate(i int) int {
	one := &p.f.tests[i]
	n := 0
	switch one.op {
	case opUndefined, opFalse:
		return 0
	case opNot:
		return everything
	case opAnd:
		n = everything
		for c := i + 1; c < one.end; c = p.f.tests[c].end {
			n = min(n, p.estimate(c))
		}
		return n
	case opOr:
		for c := i + 1; c < one.end; c = p.f.tests[c].end {
			m := p.estimate(c)
			if m == everything {
				return everything
			}
			n += m
		}
		return n
	case opSubstring:
		return p.smallestPart(one)
	case opGreater, opLess:
		return p.zones(one, func(_, slots uint32) { n += int(slots) }, &n)
	case opLinked, opChain, opMemberUID:
		return p.linkedSize(one)
	}
	var ok bool
	if p.sets, ok = p.indexed(p.sets[:0], one); !ok {
		return p.smallestPart(one)
	}
	for _, s := range p.sets {
		n += p.posts.size(s)
	}
	return n
}

// collect returns the candidates of test i.
func (p *planner) collect(i int) found {
	one := &p.f.tests[i]
	switch one.op {
	case opUndefined, opFalse:
		return found{}
	case opNot:
		return found{everything: true}
	case opAnd:
		return p.collectAnd(i)
	case opOr:
		var all []found
		for c := i + 1; c < one.end; c = p.f.tests[c].end {
			one := p.collect(c)
			if one.everything {
				return one
			}
			all = append(all, one)
		}
		return union(all)
	case opSubstring:
		return p.collectParts(one)
	case opGreater, opLess:
		bits := roaring.New()
		n := 0
		if p.zones(one, func(first, slots uint32) { bits.AddRange(uint64(first), uint64(first+slots)) }, &n) == everything {
			return found{everything: true}
		}
		return found{bits: bits}
	case opLinked, opChain, opMemberUID:
		return p.collectLinked(one)
	}
	var ok bool
	if p.sets, ok = p.indexed(p.sets[:0], one); !ok {
		return p.collectParts(one)
	}
	return p.collectSets(p.posts, p.sets)
}

// indexed appends the sets that together hold every entry that an equality, presence or class test matches; ok is
// false when there is no index for it.
func (p *planner) indexed(dst []set, one *test) (_ []set, ok bool) {
	get := func(f field, hash uint32) { dst = append(dst, p.tables[f].get(hash)) }
	switch {
	case one.inDN || one.in.without(maskOf(one.attr)) != (mask{}):
		return dst, false
	case one.op == opClass:
		for f, of := range p.d.classes.of {
			if of&(1<<one.class) != 0 {
				get(byClass, mix(uint32(f)))
			}
		}
		return dst, true
	case one.op == opPresent:
		return p.presence(dst, one.attr)
	case one.op != opEqual || one.rule != p.d.all[one.attr].eq:
		return dst, false
	}
	switch one.attr {
	case attrCN:
		get(byUID, p.hash(one.value))
		get(byCN, p.hash(one.value))
	case attrEntryUUID, attrNSUniqueID, attrIPAUniqueID:
		get(byUUID, p.hash(one.value))
	case attrObjectGUID:
		if len(one.value) == 16 {
			get(byUUID, p.hash(appendGUID(nil, one.value)))
		}
	case attrAccountName:
		get(byUID, p.hash(one.value))
		get(byCN, p.hash(one.value))
	case attrPrincipalName:
		if user, ok := bytes.CutSuffix(one.value, []byte("@"+p.d.tree.domain)); ok {
			get(byUID, p.hash(user))
		}
	case attrSambaSID:
		if n := p.numberOf(one.value); n != 0 {
			get(byNumber, mix(n))
		}
	case attrSambaDomainName:
	case attrUIDNumber, attrGIDNumber:
		if n := ordered(one.value); 0 < n && n <= math.MaxUint32 {
			get(byNumber, mix(uint32(n)))
		}
	default:
		f := equalityField(one.attr)
		if f == noField {
			return dst, false
		}
		get(f, p.hash(one.value))
	}
	return dst, true
}

// presence appends the sets of the entries that have an attribute, of those of which that is known.
func (p *planner) presence(dst []set, a attrID) ([]set, bool) {
	switch a {
	case attrUIDNumber, attrGIDNumber:
		for f := range flags(len(p.d.classes.of)) {
			if f.has(flagPosix) && (a == attrGIDNumber || f.kind() == kindPerson) {
				dst = append(dst, p.tables[byClass].get(mix(uint32(f))))
			}
		}
		return dst, true
	case attrOU:
		return append(dst, p.stored(attrOU), p.stored(attrDepartment)), true
	}
	if everywhere(a) || p.d.computed.has(a) {
		return dst, false
	}
	return append(dst, p.stored(a)), true
}

// stored returns the entries in which an attribute is stored.
func (s *state) stored(a attrID) set { return s.tables[byPresent].get(mix(uint32(a))) }

// collectSets returns the union of sets.
func (p *planner) collectSets(in *sets, list []set) found {
	n, last := 0, set(0)
	for _, s := range list {
		if s != 0 {
			n += in.size(s)
			last = s
		}
	}
	if last&setForm == setBig && in.size(last) == n {
		return found{bits: in.bitmap(last), live: true}
	}
	if n <= listUnion {
		slots := make([]uint32, 0, n)
		for _, s := range list {
			slots = in.appendTo(slots, s)
		}
		slices.Sort(slots)
		return found{slots: slices.Compact(slots)}
	}
	bits := roaring.New()
	for _, s := range list {
		if s&setForm == setBig {
			bits.Or(in.bitmap(s))
		} else {
			bits.AddMany(in.appendTo(nil, s))
		}
	}
	return found{bits: bits}
}

// collectAnd starts with the most selective child and thins out with others while that pays.
func (p *planner) collectAnd(i int) found {
	type child struct{ at, n int }
	var children []child
	for c := i + 1; c < p.f.tests[i].end; c = p.f.tests[c].end {
		if n := p.estimate(c); n != everything {
			children = append(children, child{c, n})
		}
	}
	if len(children) == 0 {
		return found{everything: true}
	}
	slices.SortFunc(children, func(a, b child) int { return a.n - b.n })
	result := p.collect(children[0].at)
	for _, c := range children[1:] {
		if size := result.size(); size <= fewSlots || c.n/16 > size {
			break
		}
		result = intersect(result, p.collect(c.at))
	}
	return result
}

func intersect(a, b found) found {
	switch {
	case a.everything:
		return b
	case b.everything:
		return a
	case a.bits != nil && b.bits != nil:
		return found{bits: roaring.And(a.bits, b.bits)}
	case a.bits != nil:
		a, b = b, a
	}
	has := func(slot uint32) bool { return within(b.slots, slot) }
	if b.bits != nil {
		has = b.bits.Contains
	}
	return found{slots: slices.DeleteFunc(a.slots, func(slot uint32) bool { return !has(slot) })}
}

func union(list []found) found {
	n := 0
	for i := range list {
		n += list[i].size()
	}
	if len(list) == 1 {
		return list[0]
	}
	if n <= listUnion {
		slots := make([]uint32, 0, n)
		for i := range list {
			if list[i].bits != nil {
				slots = append(slots, list[i].bits.ToArray()...)
			}
			slots = append(slots, list[i].slots...)
		}
		slices.Sort(slots)
		return found{slots: slices.Compact(slots)}
	}
	bits := roaring.New()
	for i := range list {
		if list[i].bits != nil {
			bits.Or(list[i].bits)
		}
		bits.AddMany(list[i].slots)
	}
	return found{bits: bits}
}

// linkedSize estimates a test about memberships.
func (p *planner) linkedSize(one *test) int {
	switch {
	case one.slot == 0:
		return 0
	case one.inDN:
		return everything
	case one.attr == attrEntryDN:
		return 1
	case one.attr == attrManager:
		return p.posts.size(p.managed(one))
	case one.attr == attrMember || one.attr == attrUniqueMember || one.attr == attrMemberUID:
		if one.op == opLinked {
			return p.links.size(p.up(one.slot))
		}
		return len(one.near)
	}
	n := 0
	for _, g := range one.near {
		n += p.links.size(p.down(g))
	}
	return n
}

func (p *planner) managed(one *test) set {
	return p.tables[byManager].get(p.hash(p.record(one.slot).uuid()))
}

func (p *planner) collectLinked(one *test) found {
	switch {
	case one.slot == 0:
		return found{}
	case one.inDN:
		return found{everything: true}
	case one.attr == attrEntryDN && one.slot&primaryBit != 0:
		return found{} // primaryCandidates knows it
	case one.attr == attrEntryDN:
		return found{slots: []uint32{one.slot}}
	case one.attr == attrManager:
		return p.collectSets(p.posts, []set{p.managed(one)})
	case one.attr == attrMember || one.attr == attrUniqueMember || one.attr == attrMemberUID:
		if one.op == opLinked {
			return p.collectSets(p.links, []set{p.up(one.slot)})
		}
		return found{slots: slices.Clone(one.near)}
	}
	list := make([]set, len(one.near))
	for i, g := range one.near {
		list[i] = p.down(g)
	}
	return p.collectSets(p.links, list)
}

// zones calls fn for each run of slots that may hold a value in the range of a test. It returns n, or everything when
// the attribute has no bounds.
func (p *planner) zones(one *test, fn func(first, slots uint32), n *int) int {
	if one.inDN || one.rule != integer && one.rule != moment {
		return everything
	}
	bound, slack := ordered(one.value), int64(0)
	if one.attr == attrModify {
		slack = 1e6 // a filter sees whole seconds
	}
	for _, g := range []*region{&p.users, &p.groups} {
		for i := range g.zones {
			least, most, ok := g.zones[i].bounds(one.attr)
			switch {
			case !ok:
				return everything
			case one.op == opGreater && most >= bound, one.op == opLess && least-slack <= bound:
				first := uint32(i * zoneSlots)
				fn(g.first+first, min(zoneSlots, uint32(len(g.refs))-first))
			}
		}
	}
	return *n
}
