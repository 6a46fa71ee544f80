package ldapd

import (
	"context"
	"errors"
	"time"

	"gatehouse/ldapd/projection"
	"gatehouse/ldapd/wire"
)

const (
	// inOrder is how many entries a search may find and still be answered in order.
	inOrder = 128
	// fewCandidates is how many entries a search may look at and still be answered in order: about a tenth of a
	// millisecond.
	fewCandidates = 256
	// batch is how many entries are selected at once beside the connection.
	batch = 1000
)

// finder is the memory of a search, kept from one to the next.
type finder struct {
	base   wire.Name
	cursor projection.Cursor
}

// search handles a search (RFC 4511 §4.5.1).
func (op *operation) search(ctx context.Context) wire.Result {
	f := op.c.s.finders.Get().(*finder)
	defer op.c.s.finders.Put(f)
	if err := f.base.Set(op.m.Search.Base); err != nil {
		return wire.Result{Code: wire.InvalidDNSyntax, Message: err.Error()}
	}
	if found, r := op.searchStatic(&f.base); found {
		if r.Code != wire.Success {
			return r
		}
		if op.page != nil {
			op.controls = wire.AppendPaged(nil, wire.Paged{}) // one entry is one page
		}
		return wire.Result{}
	}
	if op.who == nil {
		return anonymousResult()
	}
	if r := op.assert(ctx, &f.base); r.Code != wire.Success {
		return r // RFC 4528 §3: of a search the base is asserted, before anything is searched
	}
	q := projection.Query{Base: &f.base, Scope: op.m.Search.Scope, Filter: &op.m.Search.Filter, Viewer: op.viewer(&f.base)}
	if op.page != nil && op.page.Size == 0 {
		// RFC 2696 §3: the client gives up the rest of the pages.
		op.controls = wire.AppendPaged(nil, wire.Paged{})
		return wire.Result{}
	}
	sort := op.ask != nil && (op.ask.sort != nil || op.ask.view != nil)
	if !op.beside && sort {
		op.deferred = true
		return wire.Result{}
	}
	defer f.cursor.Close()
	if sort {
		if r, unsorted := op.ordered(ctx, f, q); !unsorted {
			return r
		}
	}
	if op.page != nil && len(op.page.Cookie) > 0 {
		at, ok := op.place(op.page.Cookie)
		if !ok || at.key != nil {
			return wire.Result{Code: wire.UnwillingToPerform, Message: "this paged results cookie is not for this search"}
		}
		q.After = at.position
	}
	if err := f.cursor.Open(op.c.s.c.Index, q); err != nil {
		return searchError(err)
	}
	if !op.beside && !quick(&op.m.Search) && !f.cursor.Few(fewCandidates) {
		op.deferred = true
		return wire.Result{}
	}
	return op.send(ctx, &f.cursor)
}

func anonymousResult() wire.Result {
	return wire.Result{Code: wire.InsufficientAccessRights, Message: "bind first: anonymous sees only the root DSE and the schema"}
}

// selection is what is wanted of each entry that the cursor finds.
func (op *operation) selection(cur *projection.Cursor) projection.Selection {
	s := &op.m.Search
	want := cur.Select(s.Attributes, s.TypesOnly)
	if op.ask != nil {
		if op.ask.values != nil && !s.TypesOnly {
			cur.MatchValues(&want, op.ask.values)
		}
		cur.Dereference(&want, op.ask.derefs)
	}
	return want
}

// quick guesses whether a search is over at once: it looks at one entry, or an equality narrows it down. That is
// cheaper than to ask the indexes (Cursor.Few). Whatever it finds, at most inOrder entries are answered in order.
func quick(s *wire.SearchRequest) bool {
	return s.Scope == wire.ScopeBase || narrow(&s.Filter, 0)
}

func narrow(f *wire.Filter, i int) bool {
	n := &f.Nodes[i]
	switch n.Kind {
	case wire.FilterEquality:
		return true
	case wire.FilterAnd, wire.FilterOr:
		// One narrow part is enough for an and; every part must be for an or.
		and := n.Kind == wire.FilterAnd
		for c := i + 1; c < int(n.End); c = int(f.Nodes[c].End) {
			if narrow(f, c) == and {
				return and
			}
		}
		return !and
	default:
		return false
	}
}

// bounds returns how many entries may be sent, the result when there are more, and until when.
func (op *operation) bounds() (most int, over wire.ResultCode, until time.Time) {
	s, l := &op.m.Search, &op.c.s.c.Limits
	// RFC 4511 §4.5.1.4 and §4.5.1.5: 0 is no limit of the client's; the server's holds anyway.
	if op.page == nil {
		most = l.Entries
	}
	over = wire.SizeLimitExceeded
	if n := int(s.SizeLimit); n > 0 && (most == 0 || n < most) {
		most = n
	}
	// RFC 2696 §3: a page that holds all that the size limit allows is no page.
	if op.page != nil && (most == 0 || int(op.page.Size) < most) {
		most, over = int(op.page.Size), wire.Success
	}
	limit := l.Search
	if n := time.Duration(s.TimeLimit) * time.Second; n > 0 && n < limit {
		limit = n
	}
	return most, over, op.received.Add(limit)
}

// send sends what the cursor finds, up to the bounds.
func (op *operation) send(ctx context.Context, cur *projection.Cursor) wire.Result {
	most, over, until := op.bounds()
	if op.beside {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, until)
		defer cancel()
	}
	want := op.selection(cur)
	var last uint64
	more := false
	for !more {
		size := batch
		if !op.beside {
			size = inOrder
		}
		if most > 0 {
			size = min(size, most-op.entries+1) // one more than allowed tells whether there are more
		}
		n, err := cur.Next(ctx, size)
		if err != nil {
			return searchError(err)
		}
		if n == 0 {
			break
		}
		if !op.beside && n == inOrder {
			// Nothing was sent yet, so it can begin again beside the connection.
			op.deferred = true
			return wire.Result{}
		}
		if more = most > 0 && op.entries+n > most; more {
			n--
		}
		if n > 0 {
			last = cur.Position(n - 1)
		}
		if err := op.readHashes(ctx, &want, cur.HashesWanted(&want, n)); err != nil {
			return resultOf(err)
		}
		if err := op.sendBatch(ctx, cur, n, &want); err != nil {
			return wire.Result{Code: noAnswer} // the client is gone
		}
		if err := ctx.Err(); err != nil {
			return searchError(err)
		}
	}
	return op.concluded(more, over, last)
}

// concluded returns the result of a search that came to its end or bound.
func (op *operation) concluded(more bool, over wire.ResultCode, last uint64) wire.Result {
	if op.page != nil {
		var next wire.Paged
		if more && over == wire.Success {
			next.Cookie = op.cookie(place{position: last})
		}
		op.respond(func(dst []byte) []byte { return wire.AppendPaged(dst, next) })
	}
	if more {
		return wire.Result{Code: over}
	}
	return wire.Result{}
}

// sendBatch renders the first n entries of the batch into output buffers.
func (op *operation) sendBatch(ctx context.Context, cur *projection.Cursor, n int, want *projection.Selection) error {
	for i := 0; i < n && ctx.Err() == nil; {
		buf := op.begin()
		for ; i < n && len(buf) < outputSize; i++ {
			buf = cur.Append(buf, i, op.m.ID, want)
			op.entries++
		}
		if err := op.end(buf); err != nil {
			return err
		}
	}
	return nil
}

// searchError renders why a search could not begin or go on.
func searchError(err error) wire.Result {
	var missing *projection.NoSuchObjectError
	switch {
	case errors.As(err, &missing):
		return wire.Result{Code: wire.NoSuchObject, MatchedDN: missing.Matched}
	case errors.Is(err, projection.ErrNotReady):
		return wire.Result{Code: wire.Unavailable, Message: "the directory is still being loaded, try again later"}
	case errors.Is(err, context.DeadlineExceeded):
		return wire.Result{Code: wire.TimeLimitExceeded}
	case errors.Is(err, context.Canceled):
		return wire.Result{Code: noAnswer} // RFC 4511 §4.11: abandoned
	default:
		return wire.Result{Code: wire.Other}
	}
}
