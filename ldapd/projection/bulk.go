package projection

// bulkPairs is how many keys of a field a bulk collects before it puts them into the table.
const bulkPairs = 1 << 18

// bulk puts entries into a state that nobody reads yet. It collects the keys of many entries and sorts them, so that
// each set is found once for many slots, and sets in the order in which the table has them.
type bulk struct {
	s     *state
	pairs [fields][]uint64 // hash and slot
	room  []uint64
	slots []uint32
	keys  []key
}

// load adds an entry. The stored ids of a region must come in ascending order.
func (b *bulk) load(g *region, id int64, r record) {
	slot := g.add(id)
	r.setSlot(slot)
	b.keys = b.s.keysOf(b.keys[:0], r)
	for _, k := range b.keys {
		f := k.field()
		b.pairs[f] = append(b.pairs[f], uint64(k.hash())<<32|uint64(slot))
	}
	for f := range b.pairs {
		if len(b.pairs[f]) >= bulkPairs {
			b.flush(field(f))
		}
	}
	b.s.place(g, slot-g.first, r)
}

// finish puts in what is left.
func (b *bulk) finish() {
	for f := range b.pairs {
		b.flush(field(f))
	}
	*b = bulk{s: b.s}
}

func (b *bulk) flush(f field) {
	t := &b.s.tables[f]
	b.sort(b.pairs[f])
	distinct, last := 0, uint64(1)<<32
	for _, p := range b.pairs[f] {
		if p>>32 != last {
			distinct++
			last = p >> 32
		}
	}
	t.reserve(distinct)
	b.eachRun(b.pairs[f], func(hash uint32, slots []uint32) { t.addMany(b.s.posts, hash, slots) })
	b.pairs[f] = b.pairs[f][:0]
}

// link adds memberships, as pairs of member and group, to the sets of groups that members have. The groups must come
// in ascending order.
func (b *bulk) link(pairs []uint64) {
	b.sort(pairs)
	b.eachRun(pairs, func(member uint32, groups []uint32) {
		up := &b.s.users.up[member-firstUser]
		*up = b.s.links.addMany(*up, groups)
	})
}

func (b *bulk) sort(pairs []uint64) {
	if len(b.room) < len(pairs) {
		b.room = make([]uint64, max(len(pairs), bulkPairs))
	}
	sortPairs(pairs, b.room[:len(pairs)])
}

// eachRun calls fn for each upper half of sorted pairs, with the lower halves as they came, but none twice in a row.
func (b *bulk) eachRun(pairs []uint64, fn func(upper uint32, lower []uint32)) {
	for i := 0; i < len(pairs); {
		upper := uint32(pairs[i] >> 32)
		b.slots = b.slots[:0]
		for ; i < len(pairs) && uint32(pairs[i]>>32) == upper; i++ {
			lower := uint32(pairs[i])
			if n := len(b.slots); n == 0 || b.slots[n-1] != lower {
				b.slots = append(b.slots, lower)
			}
		}
		fn(upper, b.slots)
	}
}

// sortPairs sorts pairs by their upper half and keeps the order of equals. room is as long as pairs.
func sortPairs(pairs, room []uint64) {
	const bits = 11 // the counters of a pass stay in the fastest cache
	from, to := pairs, room
	for shift := 32; shift < 64; shift += bits {
		var at [1 << bits]int
		for _, p := range from {
			at[p>>shift&(1<<bits-1)]++
		}
		sum := 0
		for i, n := range at {
			at[i] = sum
			sum += n
		}
		for _, p := range from {
			digit := p >> shift & (1<<bits - 1)
			to[at[digit]] = p
			at[digit]++
		}
		from, to = to, from
	}
	copy(pairs, from) // three passes: it is in room
}
