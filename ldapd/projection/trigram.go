package projection

import (
	"slices"
)

// parts appends the sets of the trigrams that a value must have to match a test, smallest first; ok is false when there
// is no index, or the asserted pieces are too short for it.
func (p *planner) parts(dst []set, one *test) (_ []set, ok bool) {
	f := trigramField(one.attr)
	if f == noField || one.inDN || one.in.without(maskOf(one.attr)) != (mask{}) {
		return dst, false
	}
	var buf [64]key
	keys := buf[:0]
	switch {
	case one.op == opEqual && one.rule == p.attrs.all[one.attr].eq:
		keys = appendTrigrams(keys, f, one.value)
	case one.op == opSubstring:
		var text [256]byte
		for _, piece := range one.parts.list {
			keys = appendTrigrams(keys, f, single(text[:0], piece.v))
		}
	default:
		return dst, false
	}
	for _, k := range keys {
		dst = append(dst, p.tables[f].get(k.hash()))
	}
	slices.SortFunc(dst, func(a, b set) int { return p.posts.size(a) - p.posts.size(b) })
	return dst, len(keys) > 0
}

// single undoes what framing did to the spaces of a piece: values are indexed without a frame.
func single(dst, v []byte) []byte {
	for i, o := range v {
		if o == ' ' && (i == 0 || i == len(v)-1 || v[i-1] == ' ') {
			continue
		}
		dst = append(dst, o)
	}
	return dst
}

// smallestPart estimates what collectParts finds.
func (p *planner) smallestPart(one *test) int {
	var ok bool
	if p.sets, ok = p.parts(p.sets[:0], one); !ok {
		return everything
	}
	return p.posts.size(p.sets[0])
}

// collectParts intersects the trigrams of a test.
func (p *planner) collectParts(one *test) found {
	var ok bool
	if p.sets, ok = p.parts(p.sets[:0], one); !ok {
		return found{everything: true}
	}
	parts := slices.Compact(p.sets)
	result := p.collectSets(p.posts, parts[:1])
	for _, s := range parts[1:min(len(parts), mostParts)] {
		if result.size() <= fewSlots/4 {
			break
		}
		if result.bits == nil {
			result.slots = slices.DeleteFunc(result.slots, func(slot uint32) bool { return !p.posts.has(s, slot) })
			continue
		}
		result = intersect(result, p.collectSets(p.posts, []set{s}))
	}
	return result
}
