package ldapd

import (
	"bytes"
	"slices"
	"strings"

	"gatehouse/directory/schema"
	"gatehouse/ldapd/wire"
)

// staticEntry is an entry that does not come from the directory: the root DSE and the subschema. Anybody may read it.
type staticEntry struct {
	dn    string
	key   string // normalised dn
	attrs []staticAttr
}

type staticAttr struct {
	name        string
	values      []string
	operational bool // only on demand (RFC 4512 §3.4)
	described   bool // descriptions of the schema (RFC 4512 §4.1)
}

// find returns the attribute of a name, alias or object identifier, nil when the entry does not have it.
func (e *staticEntry) find(name []byte) *staticAttr {
	for i := range e.attrs {
		if strings.EqualFold(e.attrs[i].name, string(name)) {
			return e.attrs[i].orNone()
		}
	}
	t, ok := schema.LDAPType(string(name))
	for i := range e.attrs {
		if ok && e.attrs[i].name == t.Name() {
			return e.attrs[i].orNone()
		}
	}
	return nil
}

func (a *staticAttr) orNone() *staticAttr {
	if len(a.values) == 0 {
		return nil
	}
	return a
}

// append appends the entry as the search asks for it. chosen, which may be nil, is an or of items about values
// (RFC 3876).
func (e *staticEntry) append(dst []byte, id int32, r *wire.SearchRequest, chosen *wire.Filter) []byte {
	dst, mark := wire.BeginEntry(dst, id, []byte(e.dn))
	for i := range e.attrs {
		a := &e.attrs[i]
		if len(a.values) == 0 || !e.wanted(r.Attributes, a) {
			continue
		}
		values := a.values
		switch {
		case r.TypesOnly:
			values = nil
		case chosen != nil:
			values = e.choose(a, chosen)
		}
		dst = wire.AppendAttribute(dst, a.name, values...)
	}
	return wire.EndEntry(dst, mark, []byte(e.dn), nil)
}

// choose returns the values for which an item of f is true.
func (e *staticEntry) choose(a *staticAttr, f *wire.Filter) []string {
	var out []string
	for _, v := range a.values {
		for i := 1; i < len(f.Nodes); i = int(f.Nodes[i].End) {
			n := &f.Nodes[i]
			if e.find(n.Attr) == a && (n.Kind == wire.FilterPresent || leafMatches(f, n, a, v) == wire.True) {
				out = append(out, v)
				break
			}
		}
	}
	return out
}

// wanted reports whether an attribute was asked for (RFC 4511 §4.5.1.8, RFC 3673, RFC 4529).
func (e *staticEntry) wanted(list [][]byte, a *staticAttr) bool {
	if len(list) == 0 {
		return !a.operational
	}
	return slices.ContainsFunc(list, func(want []byte) bool {
		switch {
		case bytes.Equal(want, []byte("*")):
			return !a.operational
		case bytes.Equal(want, []byte("+")):
			return a.operational
		case len(want) > 0 && want[0] == '@':
			return ofClass(string(want[1:]), a.name)
		default:
			return e.find(want) == a
		}
	})
}

// ofClass reports whether a class, or one above it, has an attribute.
func ofClass(class, name string) bool {
	for c, ok := schema.Class(class); ok; c, ok = schema.Class(c.Sup) {
		if slices.Contains(c.Must, name) || slices.Contains(c.May, name) {
			return true
		}
	}
	return false
}

// searchStatic sends what a search finds whose base is the root DSE, the subschema or, for those who read the whole
// tree, the monitor; found is false for any other base.
func (op *operation) searchStatic(base *wire.Name) (found bool, r wire.Result) {
	s := &op.m.Search
	e := op.static(string(base.Key()))
	if e == nil || e.key == "" && s.Scope != wire.ScopeBase {
		// RFC 4512 §5.1: a search of the whole tree does not find the root DSE.
		return false, r
	}
	var chosen *wire.Filter
	if op.ask != nil {
		if op.ask.assertion != nil && e.match(op.ask.assertion, 0) != wire.True {
			return true, wire.Result{Code: wire.AssertionFailed}
		}
		chosen = op.ask.values
	}
	if s.Scope != wire.ScopeOneLevel && e.match(&s.Filter, 0) == wire.True {
		_ = op.end(e.append(op.begin(), op.m.ID, s, chosen))
		op.entries++
	}
	return true, r
}

// compareStatic answers a compare on the root DSE, the subschema or the monitor (RFC 4511 §4.10).
func (op *operation) compareStatic(name *wire.Name) (found bool, r wire.Result) {
	e := op.static(string(name.Key()))
	if e == nil {
		return false, r
	}
	c := &op.m.Compare
	if op.ask != nil && op.ask.assertion != nil && e.match(op.ask.assertion, 0) != wire.True {
		return true, wire.Result{Code: wire.AssertionFailed}
	}
	f := wire.Filter{Nodes: []wire.FilterNode{{Kind: wire.FilterEquality, Attr: c.Attr, Value: c.Value, End: 1}}}
	switch {
	case e.find(c.Attr) == nil && !recognised(c.Attr):
		r.Code = wire.UndefinedAttributeType
	case e.find(c.Attr) == nil:
		r.Code = wire.NoSuchAttribute
	case e.match(&f, 0) == wire.True:
		r.Code = wire.CompareTrue
	default:
		r.Code = wire.CompareFalse
	}
	return true, r
}

// static returns the static entry of a normalised name, nil when there is none for this requester.
func (op *operation) static(key string) *staticEntry {
	if key == "" {
		return op.c.s.roots[op.mechanisms()]
	}
	for _, e := range op.c.s.static {
		if e.key == key {
			return e
		}
	}
	if key == monitorDN && op.who != nil && !op.who.view && (op.who.readsAll() || op.who.hasRole()) {
		return op.c.s.monitor()
	}
	return nil
}
