package ldapd

import (
	"context"
	"errors"

	"gatehouse/ldapd/projection"
	"gatehouse/ldapd/wire"
)

const (
	// sortMost is how many entries one search may put in order.
	sortMost = 100_000
	// sortsAtOnce is how many searches do so at the same time.
	sortsAtOnce = 4
)

// ordered handles a search whose results are to be in an order (RFC 2891), or a part of such a list. It runs beside
// the connection. unsorted means that the results are to be sent as they come.
func (op *operation) ordered(ctx context.Context, f *finder, q projection.Query) (r wire.Result, unsorted bool) {
	if op.ask.sort == nil {
		// draft-ietf-ldapext-ldapv3-vlv-09 §5.2: a list view needs an order.
		op.respond(func(dst []byte) []byte { return wire.AppendListView(dst, 0, 0, wire.SortControlMissing) })
		return wire.Result{Code: wire.SortControlMissing, Message: "a list view needs a sort control"}, false
	}
	if op.ask.view != nil && op.page != nil {
		return wire.Result{Code: wire.UnwillingToPerform, Message: "a list view and paged results exclude each other"}, false
	}
	release, err := op.c.s.sortTurn(ctx)
	if err != nil {
		return searchError(err), false
	}
	defer release()
	sorted, r := op.sortAll(ctx, f, q)
	if sorted == nil {
		return r, r.Code == wire.Success
	}
	from, to, r := op.window(sorted)
	if r.Code != wire.Success {
		return r, false
	}
	return op.sendSorted(ctx, &f.cursor, sorted, from, to), false
}

// sortTurn waits until this search may put its results in order.
func (s *Server) sortTurn(ctx context.Context) (release func(), err error) {
	select {
	case s.sorting <- struct{}{}:
		return func() { <-s.sorting }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// sortAll finds everything in order. When that is not possible it says why in the answer; the result is then success
// if the client takes the entries in any order.
func (op *operation) sortAll(ctx context.Context, f *finder, q projection.Query) (*projection.Sorted, wire.Result) {
	if err := f.cursor.Open(op.c.s.c.Index, q); err != nil {
		return nil, searchError(err)
	}
	order, err := f.cursor.Order(op.ask.sort)
	if err == nil {
		var sorted *projection.Sorted
		if sorted, err = f.cursor.Sort(ctx, order, sortMost); err == nil {
			op.respond(func(dst []byte) []byte { return wire.AppendSortResult(dst, wire.Success, "") })
			return sorted, wire.Result{}
		}
	}
	code, attr := wire.AdminLimitExceeded, []byte(nil)
	var bad *projection.OrderError
	switch {
	case errors.As(err, &bad):
		// RFC 2891 §1.2: noSuchAttribute and inappropriateMatching name the key.
		code, attr = wire.InappropriateMatching, bad.Attribute
		if bad.Unknown {
			code = wire.NoSuchAttribute
		}
	case !errors.Is(err, projection.ErrTooMany):
		return nil, searchError(err)
	}
	op.respond(func(dst []byte) []byte { return wire.AppendSortResult(dst, code, attr) })
	switch {
	case op.ask.view != nil:
		op.respond(func(dst []byte) []byte { return wire.AppendListView(dst, 0, 0, wire.UnwillingToPerform) })
		return nil, wire.Result{Code: wire.UnwillingToPerform, Message: "a list view needs results that can be sorted"}
	case op.ask.sortCritical:
		// RFC 2891 §2: a critical sort that cannot be done is unavailableCriticalExtension.
		return nil, wire.Result{Code: wire.UnavailableCriticalExtension, Message: "the results cannot be sorted so"}
	default:
		return nil, wire.Result{}
	}
}

// window returns which of the entries are wanted.
func (op *operation) window(sorted *projection.Sorted) (from, to int, r wire.Result) {
	n := sorted.Len()
	if op.ask.view == nil {
		if op.page != nil && len(op.page.Cookie) > 0 {
			place, ok := op.place(op.page.Cookie)
			if !ok {
				return 0, 0, wire.Result{Code: wire.UnwillingToPerform, Message: "this paged results cookie is not for this search"}
			}
			from = sorted.After(place.key, place.position)
		}
		return from, n, wire.Result{}
	}
	v := op.ask.view
	target, code := viewTarget(v, sorted)
	op.respond(func(dst []byte) []byte { return wire.AppendListView(dst, int32(target), int32(n), code) })
	if code != wire.Success {
		return 0, 0, wire.Result{Code: code}
	}
	first := int64(target) - 1
	from = int(max(0, first-int64(v.Before)))
	to = int(min(int64(n), first+int64(v.After)+1))
	return from, to, wire.Result{}
}

// viewTarget returns the position of the target, 1 being the first, one more than there are for a target behind the
// last (draft-ietf-ldapext-ldapv3-vlv-09 §5.2).
func viewTarget(v *wire.ListView, sorted *projection.Sorted) (int, wire.ResultCode) {
	n := int64(sorted.Len())
	if v.AtLeast != nil {
		i, ok := sorted.AtLeast(v.AtLeast)
		if !ok {
			return 0, wire.InappropriateMatching
		}
		return i + 1, wire.Success
	}
	offset, count := int64(v.Offset), int64(v.Count)
	switch {
	case offset == 0 || count > 0 && offset > count:
		return 0, wire.OffsetRangeError
	case n == 0:
		return 0, wire.Success
	case count == 0:
		return int(min(offset, n+1)), wire.Success
	case offset == 1:
		return 1, wire.Success
	default:
		// §4.1: the client's offset and count are a proportion of what there is.
		return int(max(1, n*offset/count)), wire.Success
	}
}

// sendSorted sends entries from up to to, within the bounds of the search.
func (op *operation) sendSorted(ctx context.Context, cur *projection.Cursor, sorted *projection.Sorted, from, to int) wire.Result {
	most, over, until := op.bounds()
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	more := most > 0 && to-from > most
	if more {
		to = from + most
	}
	want := op.selection(cur)
	if err := op.readHashes(ctx, &want, sorted.HashesWanted(&want, from, to)); err != nil {
		return resultOf(err)
	}
	for i := from; i < to; {
		if err := ctx.Err(); err != nil {
			return searchError(err)
		}
		buf := op.begin()
		for ; i < to && len(buf) < outputSize; i++ {
			buf = sorted.Append(buf, i, op.m.ID, &want)
			op.entries++
		}
		if op.end(buf) != nil {
			return wire.Result{Code: noAnswer} // the client is gone
		}
	}
	if op.page != nil {
		var next wire.Paged
		if more && over == wire.Success {
			key, position := sorted.Place(to - 1)
			next.Cookie = op.cookie(place{position: position, key: key})
		}
		op.respond(func(dst []byte) []byte { return wire.AppendPaged(dst, next) })
	}
	if more {
		return wire.Result{Code: over}
	}
	return wire.Result{}
}
