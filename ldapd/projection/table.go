package projection

import "math"

// table finds sets by a 32-bit key, which is a hash: what a set holds must be checked. It is an open-addressed table
// without pointers, in which the position grows with the key.
type table struct {
	rows []row
	n    int
}

type row struct {
	key uint32
	set set // 0: the row is free
}

// mix makes a key of a number. Different numbers have different keys.
func mix(key uint32) uint32 {
	key ^= key >> 16
	key *= 0x7feb352d
	key ^= key >> 15
	key *= 0x846ca68b
	return key ^ key>>16
}

func (t *table) home(key uint32) int { return int(uint64(key) * uint64(len(t.rows)) >> 32) }

// find returns where key is, or where it belongs.
func (t *table) find(key uint32) int {
	i := t.home(key)
	for t.rows[i].set != 0 && t.rows[i].key != key {
		if i++; i == len(t.rows) {
			i = 0
		}
	}
	return i
}

// get returns the set of a key.
func (t *table) get(key uint32) set {
	if t.n == 0 {
		return 0
	}
	return t.rows[t.find(key)].set
}

// reserve makes room for more keys. Keys that come in order need it beforehand: they would crowd at the front of a table
// that is still to grow.
func (t *table) reserve(more int) {
	if t.n+more > len(t.rows)*7/8 {
		t.resize(max(8, len(t.rows)+len(t.rows)/2, (t.n+more)*5/4))
	}
}

// row returns the row of a key, a new one when there is none.
func (t *table) row(key uint32) *row {
	t.reserve(1)
	r := &t.rows[t.find(key)]
	if r.set == 0 {
		t.n++
		r.key = key
	}
	return r
}

// add puts a slot into the set of a key.
func (t *table) add(p *sets, key, slot uint32) {
	r := t.row(key)
	r.set, _ = p.add(r.set, slot)
}

// addMany is add for slots that ascend and are greater than those in the set.
func (t *table) addMany(p *sets, key uint32, slots []uint32) {
	r := t.row(key)
	r.set = p.addMany(r.set, slots)
}

// remove takes a slot out of the set of a key.
func (t *table) remove(p *sets, key, slot uint32) {
	if t.n == 0 {
		return
	}
	i := t.find(key)
	r := &t.rows[i]
	if r.set == 0 {
		return
	}
	if r.set, _ = p.remove(r.set, slot); r.set == 0 {
		t.n--
		t.closeGap(i)
	}
}

// closeGap moves up what was pushed behind row i, which has become free.
func (t *table) closeGap(i int) {
	n := len(t.rows)
	for j := i; ; {
		if j++; j == n {
			j = 0
		}
		if t.rows[j].set == 0 {
			break
		}
		// A row may move to the gap when its home is not between the gap and itself.
		if home := t.home(t.rows[j].key); (j-home+n)%n >= (j-i+n)%n {
			t.rows[i], t.rows[j] = t.rows[j], row{}
			i = j
		}
	}
}

func (t *table) resize(n int) {
	old := t.rows
	t.rows = make([]row, min(n, math.MaxUint32))
	for _, r := range old {
		if r.set != 0 {
			t.rows[t.find(r.key)] = r
		}
	}
}

// fit gives back memory that growing left over.
func (t *table) fit() {
	if want := t.n + t.n/6 + 8; len(t.rows) > want+want/16 {
		t.resize(want)
	}
}
