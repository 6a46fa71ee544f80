package projection

import (
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

// set is a set of slots inside a sets: nothing, one slot, a sorted list in shared memory, or a bitmap. Most sets are
// small and there are millions of them, so they must not be objects of their own.
type set uint32

const (
	setForm set = 3 << 30
	setOne  set = 1 << 30 // the slot is in the lower bits
	setList set = 2 << 30 // where the list begins is in the lower bits
	setBig  set = 3 << 30 // which bitmap is in the lower bits

	listMost  = 1023 // slots in a list; from there on it is a bitmap
	listAgain = 512  // a bitmap with fewer is a list again
	pageWords = 1 << 16
)

// sizeClasses are the words that lists take, one for the header included.
func sizeClasses() []uint16 {
	return []uint16{3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, listMost + 1}
}

// sets holds all sets of one kind. A list is a header, 24 bits of length and 8 of size class, and its slots.
type sets struct {
	classes []uint16
	pages   [][]uint32
	used    int        // words of the last page
	free    [][]uint32 // where lists that are no longer used begin, by class
	big     []*roaring.Bitmap
	freeBig []uint32
}

func newSets() *sets {
	c := sizeClasses()
	return &sets{classes: c, free: make([][]uint32, len(c))}
}

func (p *sets) block(at uint32) []uint32 { return p.pages[at/pageWords][at%pageWords:] }

// list returns the slots of a set in list form.
func (p *sets) list(s set) []uint32 {
	b := p.block(uint32(s &^ setForm))
	return b[1 : 1+b[0]&0xffffff]
}

func (p *sets) bitmap(s set) *roaring.Bitmap { return p.big[s&^setForm] }

// allocate returns a block with room for n slots.
func (p *sets) allocate(n int) (at uint32, block []uint32) {
	class, _ := slices.BinarySearch(p.classes, uint16(n+1))
	if f := p.free[class]; len(f) > 0 {
		at = f[len(f)-1]
		p.free[class] = f[:len(f)-1]
	} else {
		words := int(p.classes[class])
		if len(p.pages) == 0 || p.used+words > pageWords {
			p.pages = append(p.pages, make([]uint32, pageWords))
			p.used = 0
		}
		at = uint32((len(p.pages)-1)*pageWords + p.used)
		p.used += words
	}
	block = p.block(at)
	block[0] = uint32(class)<<24 | uint32(n)
	return at, block[1 : 1+n]
}

func (p *sets) release(at uint32) {
	class := p.block(at)[0] >> 24
	p.free[class] = append(p.free[class], at)
}

func (p *sets) keepBitmap(b *roaring.Bitmap) set {
	if n := len(p.freeBig); n > 0 {
		i := p.freeBig[n-1]
		p.freeBig = p.freeBig[:n-1]
		p.big[i] = b
		return setBig | set(i)
	}
	p.big = append(p.big, b)
	return setBig | set(len(p.big)-1)
}

// of makes a set of slots, which are sorted and without repetition.
func (p *sets) of(slots []uint32) set {
	switch {
	case len(slots) == 0:
		return 0
	case len(slots) == 1:
		return setOne | set(slots[0])
	case len(slots) > listMost:
		b := roaring.New()
		b.AddMany(slots)
		return p.keepBitmap(b)
	}
	at, list := p.allocate(len(slots))
	copy(list, slots)
	return setList | set(at)
}

// drop forgets a set.
func (p *sets) drop(s set) {
	switch s & setForm {
	case setList:
		p.release(uint32(s &^ setForm))
	case setBig:
		i := uint32(s &^ setForm)
		p.big[i] = nil
		p.freeBig = append(p.freeBig, i)
	}
}

// add returns the set with slot, and whether it was not in it before.
func (p *sets) add(s set, slot uint32) (set, bool) {
	switch s & setForm {
	case 0:
		return setOne | set(slot), true
	case setOne:
		have := uint32(s &^ setForm)
		if have == slot {
			return s, false
		}
		return p.of([]uint32{min(have, slot), max(have, slot)}), true
	case setBig:
		return s, p.bitmap(s).CheckedAdd(slot)
	}
	list := p.list(s)
	i := len(list)
	if slot <= list[i-1] {
		var found bool
		if i, found = slices.BinarySearch(list, slot); found {
			return s, false
		}
	}
	at := uint32(s &^ setForm)
	block := p.block(at)
	if n := len(list) + 1; n < int(p.classes[block[0]>>24]) {
		block[0]++
		list = block[1 : 1+n]
		copy(list[i+1:], list[i:])
		list[i] = slot
		return s, true
	}
	if len(list) == listMost {
		b := roaring.New()
		b.AddMany(list)
		b.Add(slot)
		p.release(at)
		return p.keepBitmap(b), true
	}
	bigger, grown := p.allocate(len(list) + 1)
	copy(grown, list[:i])
	grown[i] = slot
	copy(grown[i+1:], list[i:])
	p.release(at)
	return setList | set(bigger), true
}

// addMany returns the set with slots, which ascend and are greater than those in it.
func (p *sets) addMany(s set, slots []uint32) set {
	if s&setForm == setBig {
		p.bitmap(s).AddMany(slots)
		return s
	}
	n := p.size(s)
	switch {
	case n == 0:
		return p.of(slots)
	case n+len(slots) > listMost:
		b := roaring.New()
		b.AddMany(p.appendTo(nil, s))
		b.AddMany(slots)
		p.drop(s)
		return p.keepBitmap(b)
	}
	at := uint32(s &^ setForm)
	if s&setForm == setList && n+len(slots) < int(p.classes[p.block(at)[0]>>24]) {
		block := p.block(at)
		copy(block[1+n:], slots)
		block[0] += uint32(len(slots))
		return s
	}
	bigger, list := p.allocate(n + len(slots))
	copy(p.appendTo(list[:0], s)[n:n+len(slots)], slots)
	p.drop(s)
	return setList | set(bigger)
}

// remove returns the set without slot, and whether it was in it.
func (p *sets) remove(s set, slot uint32) (set, bool) {
	switch s & setForm {
	case 0:
		return s, false
	case setOne:
		if uint32(s&^setForm) == slot {
			return 0, true
		}
		return s, false
	case setBig:
		b := p.bitmap(s)
		if !b.CheckedRemove(slot) {
			return s, false
		}
		if b.GetCardinality() >= listAgain {
			return s, true
		}
		p.drop(s)
		return p.of(b.ToArray()), true
	}
	list := p.list(s)
	i, found := slices.BinarySearch(list, slot)
	if !found {
		return s, false
	}
	at := uint32(s &^ setForm)
	if len(list) == 2 {
		p.release(at)
		return setOne | set(list[1-i]), true
	}
	copy(list[i:], list[i+1:])
	p.block(at)[0]--
	return s, true
}

func (p *sets) has(s set, slot uint32) bool {
	switch s & setForm {
	case 0:
		return false
	case setOne:
		return uint32(s&^setForm) == slot
	case setBig:
		return p.bitmap(s).Contains(slot)
	}
	_, found := slices.BinarySearch(p.list(s), slot)
	return found
}

func (p *sets) size(s set) int {
	switch s & setForm {
	case 0:
		return 0
	case setOne:
		return 1
	case setBig:
		return int(p.bitmap(s).GetCardinality())
	}
	return len(p.list(s))
}

// appendTo appends the slots of a set in ascending order.
func (p *sets) appendTo(dst []uint32, s set) []uint32 {
	switch s & setForm {
	case 0:
		return dst
	case setOne:
		return append(dst, uint32(s&^setForm))
	case setBig:
		b := p.bitmap(s)
		from := len(dst)
		dst = slices.Grow(dst, int(b.GetCardinality()))
		dst = dst[:from+int(b.GetCardinality())]
		it := b.ManyIterator()
		it.NextMany(dst[from:])
		return dst
	}
	return append(dst, p.list(s)...)
}

// repack moves all lists into memory that holds nothing else. each calls its argument for every set there is.
func (p *sets) repack(each func(move func(*set))) {
	fresh := newSets()
	each(func(s *set) {
		if *s&setForm == setList {
			*s = fresh.of(p.list(*s))
		}
	})
	p.pages, p.used, p.free = fresh.pages, fresh.used, fresh.free
	for i, b := range p.big {
		if b != nil {
			b.RunOptimize()
			p.big[i] = b.Clone() // without room to grow
		}
	}
}

// bytes is about how much memory all sets take.
func (p *sets) bytes() int {
	n := len(p.pages) * pageWords * 4
	for _, f := range p.free {
		n += 4 * cap(f)
	}
	for _, b := range p.big {
		if b != nil {
			n += bitmapBytes(b)
		}
	}
	return n
}

func bitmapBytes(b *roaring.Bitmap) int {
	st := b.Stats()
	return int(st.ArrayContainerBytes+st.BitmapContainerBytes+st.RunContainerBytes) + int(st.Containers)*80 + 120
}
