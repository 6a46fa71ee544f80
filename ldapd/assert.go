package ldapd

import (
	"context"

	"gatehouse/ldapd/projection"
	"gatehouse/ldapd/wire"
)

// everything is the filter that is true for each entry (RFC 4526 §2).
func everything() *wire.Filter {
	return &wire.Filter{Nodes: []wire.FilterNode{{Kind: wire.FilterAnd, End: 1}}}
}

// assert evaluates the assertion of the request, if there is one, on the entry that it is about (RFC 4528 §3). What
// the asker may not read is Undefined, and an assertion that is not true fails.
func (op *operation) assert(ctx context.Context, name *wire.Name) wire.Result {
	if op.ask == nil || op.ask.assertion == nil {
		return wire.Result{}
	}
	var cur projection.Cursor
	err := cur.Open(op.c.s.c.Index, projection.Query{
		Base: name, Scope: wire.ScopeBase, Filter: op.ask.assertion, Viewer: op.viewer(name),
	})
	if err != nil {
		return searchError(err)
	}
	defer cur.Close()
	n, err := cur.Next(ctx, 1)
	switch {
	case err != nil:
		return searchError(err)
	case n == 0:
		return wire.Result{Code: wire.AssertionFailed}
	default:
		return wire.Result{}
	}
}

// read adds the entry, as the asker may see it, to the answer (RFC 4527). An entry that the asker may not see is left
// out.
func (op *operation) read(ctx context.Context, oid string, name *wire.Name, attributes [][]byte) {
	if attributes == nil {
		return
	}
	var cur projection.Cursor
	err := cur.Open(op.c.s.c.Index, projection.Query{Base: name, Scope: wire.ScopeBase, Filter: everything(), Viewer: op.viewer(name)})
	if err != nil {
		return
	}
	defer cur.Close()
	if n, err := cur.Next(ctx, 1); err != nil || n == 0 {
		return
	}
	want := cur.Select(attributes, false)
	if entry := wire.EntryContents(cur.Append(nil, 0, op.m.ID, &want)); entry != nil {
		op.respond(func(dst []byte) []byte { return wire.AppendRead(dst, oid, entry) })
	}
}
