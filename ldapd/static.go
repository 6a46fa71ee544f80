package ldapd

import (
	"bytes"
	"slices"
	"strings"

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
}

// truth is the outcome of a filter (RFC 4511 §4.5.1.7).
type truth int8

const (
	isFalse truth = iota
	isTrue
	isUndefined
)

// match evaluates node i of f on the entry.
func (e *staticEntry) match(f *wire.Filter, i int) truth {
	n := &f.Nodes[i]
	switch n.Kind {
	case wire.FilterAnd, wire.FilterOr:
		// RFC 4526 §2: an empty and is true, an empty or is false.
		whole, decides := isTrue, isFalse
		if n.Kind == wire.FilterOr {
			whole, decides = isFalse, isTrue
		}
		for c := i + 1; c < int(n.End); c = int(f.Nodes[c].End) {
			switch e.match(f, c) {
			case decides:
				return decides
			case isUndefined:
				whole = isUndefined
			}
		}
		return whole
	case wire.FilterNot:
		switch e.match(f, i+1) {
		case isTrue:
			return isFalse
		case isFalse:
			return isTrue
		default:
			return isUndefined
		}
	}
	a := e.find(n.Attr)
	if a == nil {
		if n.Kind == wire.FilterPresent {
			return isFalse
		}
		return isUndefined
	}
	if n.Kind == wire.FilterPresent || slices.ContainsFunc(a.values, func(v string) bool { return leafMatches(f, n, v) }) {
		return isTrue
	}
	return isFalse
}

// leafMatches compares without regard to case: all attributes of static entries are names, identifiers and sentences.
func leafMatches(f *wire.Filter, n *wire.FilterNode, value string) bool {
	v := string(wire.AppendFolded(nil, value))
	want := string(wire.AppendFolded(nil, n.Value))
	switch n.Kind {
	case wire.FilterEquality, wire.FilterApprox:
		return v == want
	case wire.FilterGreaterOrEqual:
		return v >= want
	case wire.FilterLessOrEqual:
		return v <= want
	case wire.FilterSubstrings:
		return hasPieces(v, f.Pieces[n.From:n.To])
	default:
		return false // no extensible rule applies here
	}
}

func hasPieces(v string, pieces []wire.Piece) bool {
	for _, p := range pieces {
		want := string(wire.AppendFolded(nil, p.Value))
		switch p.Kind {
		case wire.PieceInitial:
			if !strings.HasPrefix(v, want) {
				return false
			}
			v = v[len(want):]
		case wire.PieceFinal:
			return strings.HasSuffix(v, want)
		default:
			at := strings.Index(v, want)
			if at < 0 {
				return false
			}
			v = v[at+len(want):]
		}
	}
	return true
}

func (e *staticEntry) find(name []byte) *staticAttr {
	for i := range e.attrs {
		if strings.EqualFold(e.attrs[i].name, string(name)) {
			return &e.attrs[i]
		}
	}
	return nil
}

// append appends the entry as the search asks for it.
func (e *staticEntry) append(dst []byte, id int32, r *wire.SearchRequest) []byte {
	dst, mark := wire.BeginEntry(dst, id, []byte(e.dn))
	for i := range e.attrs {
		a := &e.attrs[i]
		if len(a.values) == 0 || !wanted(r.Attributes, a) {
			continue
		}
		values := a.values
		if r.TypesOnly {
			values = nil
		}
		dst = wire.AppendAttribute(dst, a.name, values...)
	}
	return wire.EndEntry(dst, mark, []byte(e.dn), nil)
}

// wanted reports whether an attribute was asked for (RFC 4511 §4.5.1.8, RFC 3673).
func wanted(list [][]byte, a *staticAttr) bool {
	if len(list) == 0 {
		return !a.operational
	}
	return slices.ContainsFunc(list, func(want []byte) bool {
		switch {
		case bytes.Equal(want, []byte("*")):
			return !a.operational
		case bytes.Equal(want, []byte("+")):
			return a.operational
		default:
			return strings.EqualFold(a.name, string(want))
		}
	})
}

// searchStatic sends what a search finds whose base is the root DSE, the subschema or, for those who read the whole
// tree, the monitor; found is false for any other base.
func (op *operation) searchStatic(base *wire.Name) (found bool, r wire.Result) {
	s := &op.m.Search
	e := op.static(string(base.Key()))
	if e == nil || e.key == "" && s.Scope != wire.ScopeBase {
		return false, r
	}
	if op.ask != nil && op.ask.assertion != nil && e.match(op.ask.assertion, 0) != isTrue {
		return true, wire.Result{Code: wire.AssertionFailed}
	}
	if s.Scope != wire.ScopeOneLevel && e.match(&s.Filter, 0) == isTrue {
		_ = op.end(e.append(op.begin(), op.m.ID, s))
		op.entries++
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
