package projection

import (
	"bytes"
	"slices"

	"gatehouse/ldapd/wire"
)

// evaluator evaluates a filter on entries of a state, with mu held. It keeps memory from one to the next.
type evaluator struct {
	sight
	f      *filter
	values []byte // room for values that are computed
	normal []byte
}

// eval evaluates test i and what is below it.
func (e *evaluator) eval(i int, r record) wire.Truth {
	one := &e.f.tests[i]
	switch one.op {
	case opUndefined:
		return wire.Undefined
	case opFalse:
		return wire.False
	case opAnd, opOr:
		return e.combine(i, r)
	case opNot:
		return e.eval(i+1, r).Not()
	}
	if e.holds(one, r) || one.inDN && e.inDN(one, r) {
		return wire.True
	}
	return wire.False
}

// combine evaluates an and or an or. RFC 4526 §2: an empty and is true, an empty or is false.
func (e *evaluator) combine(i int, r record) wire.Truth {
	one := &e.f.tests[i]
	whole, decides := wire.True, wire.False
	if one.op == opOr {
		whole, decides = wire.False, wire.True
	}
	for c := i + 1; c < one.end; c = e.f.tests[c].end {
		switch e.eval(c, r) {
		case decides:
			return decides
		case wire.Undefined:
			whole = wire.Undefined
		}
	}
	return whole
}

// holds evaluates a test that is about attributes.
func (e *evaluator) holds(one *test, r record) bool {
	switch one.op {
	case opClass:
		return e.d.classes.of[r.flags()&classBits]&(1<<one.class) != 0
	case opLinked, opChain:
		return e.isLinked(one, r)
	case opMemberUID:
		f := r.flags()
		if f.kind() == kindPrimary {
			return one.slot|primaryBit == r.slot()
		}
		return f.kind() == kindGroup && f.has(flagPosix) && within(one.near, r.slot())
	}
	for in := one.in; !in.empty(); {
		a := in.next()
		if one.op == opPresent {
			if e.present(a, r) {
				return true
			}
			continue
		}
		for values := e.valuesOf(a, r); len(values) > 0; {
			var v []byte
			if v, values = nextValue(values); e.matches(one, v) {
				return true
			}
		}
	}
	return false
}

// valuesOf returns the encoded values of an attribute until the next call.
func (e *evaluator) valuesOf(a attrID, r record) []byte {
	if e.d.linked.has(a) {
		e.values = e.linkedValues(e.values[:0], r, a)
		return e.values
	}
	return e.sight.values(e.values[:0], r, a)
}

// present reports whether the entry has an attribute.
func (e *evaluator) present(a attrID, r record) bool {
	switch a {
	case attrMember, attrUniqueMember:
		return r.flags().kind() == kindGroup && e.down(r.slot()) != 0
	case attrMemberOf, attrIsMemberOf:
		return e.up(r.slot()) != 0
	case attrSambaNTPassword:
		return isSambaAccount(r)
	default:
		return len(e.valuesOf(a, r)) > 0
	}
}

// matches compares one value.
func (e *evaluator) matches(one *test, v []byte) bool {
	var ok bool
	if one.op == opSubstring {
		e.normal, ok = one.rule.appendFramed(e.normal[:0], v)
		return ok && one.parts.in(e.normal)
	}
	if e.normal, ok = one.rule.appendNormal(e.normal[:0], v); !ok {
		return false
	}
	switch one.op {
	case opEqual:
		return bytes.Equal(e.normal, one.value)
	case opGreater:
		return bytes.Compare(e.normal, one.value) >= 0
	case opLess:
		return bytes.Compare(e.normal, one.value) <= 0
	case opBitAnd:
		return ordered(e.normal)&one.num == one.num
	case opBitOr:
		return ordered(e.normal)&one.num != 0
	default:
		return false
	}
}

// isLinked evaluates a DN in an attribute that names entries.
func (e *evaluator) isLinked(one *test, r record) bool {
	if one.attr == attrEntryDN && r.flags().kind() == kindApp {
		// In the tree the entries of apps are not resolved: what stands below them is another tree.
		var n wire.Name
		err := n.Set(e.appendDN(nil, r))
		return err == nil && bytes.Equal(n.Key(), e.f.names[one.name].Key())
	}
	if one.slot == 0 {
		return false
	}
	switch one.attr {
	case attrEntryDN:
		return r.slot() == one.slot
	case attrManager:
		id := e.record(one.slot).uuid()
		for ids := r.find(attrManager); len(ids) >= 16; ids = ids[16:] {
			if bytes.Equal(ids[:16], id) {
				return true
			}
		}
		return false
	case attrMember, attrUniqueMember:
		if one.op == opChain {
			return within(one.near, r.slot())
		}
		return e.links.has(e.down(r.slot()), one.slot)
	}
	// memberOf: some group that has the entry as a direct member is the one asked for or in it.
	switch up := e.up(r.slot()); {
	case len(one.near) == 0:
		return false
	case len(one.near) == 1:
		return e.links.has(up, one.near[0])
	default:
		var few [16]uint32
		return slices.ContainsFunc(e.links.appendTo(few[:0], up), func(g uint32) bool { return within(one.near, g) })
	}
}

func within(list []uint32, slot uint32) bool {
	_, found := slices.BinarySearch(list, slot)
	return found
}

// inDN looks at the RDNs of the entry's name (RFC 4511 §4.5.1.7.7, dnAttributes).
func (e *evaluator) inDN(one *test, r record) bool {
	if one.op != opEqual {
		return false
	}
	dn, err := wire.ParseDN(e.appendDN(nil, r))
	if err != nil {
		return false
	}
	for _, rdn := range dn {
		for _, ava := range rdn {
			id, ok := e.d.find([]byte(ava.Type))
			if ok && one.in.has(id) && e.matches(one, []byte(ava.Value)) {
				return true
			}
		}
	}
	return false
}
