package projection

import "gatehouse/ldapd/wire"

// valueFilter chooses among the values of attributes (RFC 3876).
type valueFilter struct {
	tests []test
	eval  evaluator
	buf   []byte
}

// MatchValues makes the selection return only values for which one item of f, an or of simple items, is true for the
// viewer of the search that was opened. An attribute of which none is chosen is returned without values.
func (c *Cursor) MatchValues(want *Selection, f *wire.Filter) {
	m := &valueFilter{}
	var memory filter
	for i := 1; i < len(f.Nodes); i = int(f.Nodes[i].End) {
		one := test{}
		memory.valueItem(c.s.d, &one, f, &f.Nodes[i], c.seen)
		if one.op != opUndefined {
			m.tests = append(m.tests, one)
		}
	}
	want.values = m
}

// valueItem compiles one item. It compares values as they are returned: names by their normal form, where a search
// compares the entries behind them.
func (f *filter) valueItem(t *dialect, one *test, w *wire.Filter, n *wire.FilterNode, seen mask) {
	if len(n.Attr) == 0 {
		f.extensible(t, one, n, seen)
		return
	}
	id, ok := t.find(n.Attr)
	if !ok || !seen.has(id) {
		return
	}
	a := &t.all[id]
	one.attr, one.in, one.rule = id, a.self.and(seen), a.eq
	switch n.Kind {
	case wire.FilterPresent, wire.FilterSubstrings, wire.FilterGreaterOrEqual, wire.FilterLessOrEqual:
		f.leaf(t, one, w, n, seen)
		return
	case wire.FilterExtensible:
		if n.Rule != nil && ruleOf(string(n.Rule)) != a.eq {
			if f.extensible(t, one, n, seen); one.op == opLinked || one.op == opChain {
				one.op = opUndefined
			}
			return
		}
	}
	if one.value, ok = f.asserted(a, a.eq, n.Value); ok {
		one.op = opEqual
	}
}

// choose keeps of the encoded values of an attribute those that match. The result is valid until the next call.
func (m *valueFilter) choose(a attrID, values []byte) []byte {
	m.buf = m.buf[:0]
	for len(values) > 0 {
		var v []byte
		whole := values
		v, values = nextValue(values)
		if m.matches(a, v) {
			m.buf = append(m.buf, whole[:len(whole)-len(values)]...)
		}
	}
	return m.buf
}

func (m *valueFilter) matches(a attrID, v []byte) bool {
	for i := range m.tests {
		if one := &m.tests[i]; one.in.has(a) && (one.op == opPresent || m.eval.matches(one, v)) {
			return true
		}
	}
	return false
}
