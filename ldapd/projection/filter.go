package projection

import (
	"bytes"

	"gatehouse/directory/schema"
	"gatehouse/ldapd/wire"
)

// operator is what a test does.
type operator uint8

const (
	opUndefined operator = iota
	opFalse
	opAnd
	opOr
	opNot
	opPresent
	opEqual
	opSubstring
	opGreater // or equal
	opLess    // or equal
	opBitAnd
	opBitOr
	opClass     // objectClass, by id
	opLinked    // a DN in an attribute that names entries
	opChain     // the same, at any distance
	opMemberUID // a username in memberUid
)

// test is one node of a filter, ready to be evaluated. The tests of a filter stand in the order of its nodes.
type test struct {
	op    operator
	attr  attrID
	rule  rule
	class uint8
	inDN  bool // :dn:, look at the RDNs as well
	end   int  // after the last descendant
	in    mask // the attributes to look at: attr and what inherits from it
	value []byte
	parts pieces
	num   int64
	name  int // in filter.names

	// What the name stands for in the state, found for each batch.
	slot uint32
	near []uint32 // for memberOf the group and those in it, else those above, ascending
}

// filter is a compiled filter. Its memory is used again by the next compile.
type filter struct {
	tests []test
	names []wire.Name
	named int
	buf   []byte
}

// compile makes f evaluate w for a viewer who sees these attributes. It cannot fail: what is unknown is Undefined.
func (f *filter) compile(t *dialect, w *wire.Filter, seen mask) {
	f.named, f.buf = 0, f.buf[:0]
	for len(f.tests) < len(w.Nodes) {
		f.tests = append(f.tests, test{})
	}
	f.tests = f.tests[:len(w.Nodes)]
	for i := range w.Nodes {
		n, one := &w.Nodes[i], &f.tests[i]
		*one = test{end: int(n.End), near: one.near[:0], parts: pieces{one.parts.list[:0]}}
		switch n.Kind {
		case wire.FilterAnd:
			one.op = opAnd
		case wire.FilterOr:
			one.op = opOr
		case wire.FilterNot:
			one.op = opNot
		case wire.FilterExtensible:
			f.extensible(t, one, n, seen)
		default:
			f.leaf(t, one, w, n, seen)
		}
	}
}

// leaf compiles an assertion about one attribute.
func (f *filter) leaf(t *dialect, one *test, w *wire.Filter, n *wire.FilterNode, seen mask) {
	id, ok := t.find(n.Attr)
	if !ok || !seen.has(id) {
		return // RFC 4511 §4.5.1.7: an attribute that is not recognised makes the item Undefined
	}
	a := &t.all[id]
	one.attr, one.in = id, a.self.and(seen)
	switch n.Kind {
	case wire.FilterPresent:
		one.op = opPresent
	case wire.FilterEquality, wire.FilterApprox:
		one.rule = a.eq
		f.equal(t, one, n.Value)
	case wire.FilterGreaterOrEqual, wire.FilterLessOrEqual:
		one.rule = a.ord
		if one.value, ok = f.asserted(a, a.ord, n.Value); ok {
			one.op = opGreater
			if n.Kind == wire.FilterLessOrEqual {
				one.op = opLess
			}
		}
	case wire.FilterSubstrings:
		one.rule = a.sub
		if a.sub == noRule {
			return
		}
		one.op = opSubstring
		for _, p := range w.Pieces[n.From:n.To] {
			from := len(f.buf)
			if f.buf, ok = a.sub.appendPiece(f.buf, p.Kind, p.Value); !ok {
				one.op = opUndefined
				return
			}
			one.parts.list = append(one.parts.list, piece{p.Kind, f.buf[from:]})
		}
	}
}

// normal keeps the normal form of an assertion value.
func (f *filter) normal(r rule, v []byte) (normal []byte, ok bool) {
	from := len(f.buf)
	f.buf, ok = r.appendNormal(f.buf, v)
	return f.buf[from:], ok
}

// asserted is normal for a value of an attribute's syntax. RFC 4511 §4.5.1.7: an assertion that is not of it is
// Undefined, as is that of no characters where there has to be one.
func (f *filter) asserted(a *attribute, r rule, v []byte) (normal []byte, ok bool) {
	if len(v) == 0 && !a.Empty() {
		return nil, false
	}
	return f.normal(r, v)
}

// equal compiles an equality match; attr and rule are set.
func (f *filter) equal(t *dialect, one *test, v []byte) {
	switch one.attr {
	case attrObjectClass:
		id, known := t.classes.ids[string(lower(nil, v))]
		if _, exists := t.classes.byName[string(lower(nil, v))]; !exists {
			return // RFC 4517 §4.2.26: a name that is not recognised is Undefined
		}
		if one.op = opFalse; known {
			one.op, one.class = opClass, id
		}
	case attrMember, attrUniqueMember, attrMemberOf, attrIsMemberOf, attrManager, attrEntryDN:
		f.linked(one, v, opLinked)
	case attrMemberUID:
		one.op = opMemberUID
		one.value, _ = f.normal(ignoreCase, v) // as the index of usernames has it; compared exactly later
		from := len(f.buf)
		f.buf = append(f.buf, v...)
		one.parts.list = append(one.parts.list, piece{0, f.buf[from:]})
	default:
		var ok bool
		if one.value, ok = f.asserted(&t.all[one.attr], one.rule, v); ok {
			one.op = opEqual
		}
	}
}

// linked compiles an assertion of a DN.
func (f *filter) linked(one *test, v []byte, op operator) {
	if one.rule == nameAndUID {
		// RFC 4517 §3.3.21: a DN with bits behind it is another member than the DN alone, and we have none.
		if at := bytes.LastIndex(v, []byte("#'")); at >= 0 && bytes.HasSuffix(v, []byte("'B")) {
			one.op = opFalse
			return
		}
	}
	if f.named == len(f.names) {
		f.names = append(f.names, wire.Name{})
	}
	if f.names[f.named].Set(v) != nil {
		return
	}
	one.op, one.name = op, f.named
	f.named++
}

// extensible compiles an extensible match (RFC 4511 §4.5.1.7.7).
func (f *filter) extensible(t *dialect, one *test, n *wire.FilterNode, seen mask) {
	one.inDN = n.DNAttributes
	if n.Rule != nil {
		if one.rule = ruleOf(string(n.Rule)); one.rule == noRule {
			return
		}
	}
	if len(n.Attr) == 0 {
		// Without a type: every attribute to which the rule applies.
		for id := range t.all {
			if t.all[id].eq == one.rule && seen.has(attrID(id)) {
				one.in.set(attrID(id))
			}
		}
		var ok bool
		if one.value, ok = f.normal(one.rule, n.Value); ok && !one.in.empty() && len(n.Value) > 0 {
			one.op, one.attr = opEqual, namedAttrs
		}
		return
	}
	id, ok := t.find(n.Attr)
	if !ok || !seen.has(id) {
		return
	}
	a := &t.all[id]
	one.attr, one.in = id, a.self.and(seen)
	switch {
	case n.Rule == nil || one.rule == a.eq:
		one.rule = a.eq
		f.equal(t, one, n.Value)
	case one.rule == inChain:
		switch id {
		case attrMember, attrUniqueMember, attrMemberOf, attrIsMemberOf:
			f.linked(one, n.Value, opChain)
		}
	case one.rule == bitAnd || one.rule == bitOr:
		if a.eq != integer {
			return
		}
		if one.num, ok = parseInteger(n.Value); ok {
			one.op = opBitAnd
			if one.rule == bitOr {
				one.op = opBitOr
			}
		}
	case one.rule.text() && a.eq.text():
		if one.value, ok = f.asserted(a, one.rule, n.Value); ok {
			one.op = opEqual
		}
	}
}

// bind finds what the names in the filter stand for; mu of s is held.
func (f *filter) bind(s sight) {
	if f.named == 0 && !f.hasMemberUID() {
		return
	}
	for i := range f.tests {
		one := &f.tests[i]
		one.slot, one.near = 0, one.near[:0]
		switch one.op {
		case opLinked, opChain:
			one.slot, _ = s.resolve(&f.names[one.name])
			if one.slot == 0 {
				continue
			}
			switch one.attr {
			case attrMemberOf, attrIsMemberOf:
				if one.slot >= firstGroup {
					one.near = s.descendants(one.near, one.slot)
				}
			case attrMember, attrUniqueMember:
				if one.op == opChain {
					one.near = s.ancestors(one.near, one.slot)
				}
			}
		case opMemberUID:
			one.slot = s.only(byUID, one.value, kindPerson, func(r record) bool {
				return r.flags().has(flagPosix) && bytes.Equal(r.name(), one.parts.list[0].v)
			})
			if one.slot != 0 {
				one.near = s.ancestors(one.near, one.slot)
			}
		}
	}
}

func (f *filter) hasMemberUID() bool {
	for i := range f.tests {
		if f.tests[i].op == opMemberUID {
			return true
		}
	}
	return false
}

// full reports whether a viewer sees all entries of the tree or view.
func (v Viewer) full() bool {
	return v.Audience&(schema.FullTree|schema.Admin) != 0 || v.Audience&schema.AppView != 0 && v.View != ""
}
