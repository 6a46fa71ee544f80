package ldapd

import (
	"context"

	"gatehouse/ldapd/projection"
	"gatehouse/ldapd/wire"
)

// compare handles a compare (RFC 4511 §4.10).
func (op *operation) compare(ctx context.Context) wire.Result {
	r, index := &op.m.Compare, op.c.s.c.Index
	var name wire.Name
	if err := name.Set(r.Name); err != nil {
		return wire.Result{Code: wire.InvalidDNSyntax, Message: err.Error()}
	}
	if found, res := op.compareStatic(&name); found {
		return res
	}
	if op.who == nil {
		return anonymousResult()
	}
	if err := op.catchUp(ctx, &name); err != nil {
		op.err = err
		return resultOf(err)
	}
	var first *wire.Filter
	if op.ask != nil {
		first = op.ask.assertion
	}
	got, err := index.Compare(&name, r.Attr, r.Value, op.viewer(&name), first)
	if err != nil {
		return searchError(err)
	}
	switch got {
	case projection.CompareTrue:
		return wire.Result{Code: wire.CompareTrue}
	case projection.CompareFalse:
		return wire.Result{Code: wire.CompareFalse}
	case projection.CompareAbsent:
		return wire.Result{Code: wire.NoSuchAttribute}
	case projection.CompareRefused:
		return wire.Result{Code: wire.AssertionFailed}
	case projection.CompareInvalid:
		return wire.Result{Code: wire.InvalidAttributeSyntax}
	default:
		return wire.Result{Code: wire.UndefinedAttributeType}
	}
}

// catchUp makes a compare on the bound identity's own entry see everything that was decided before it began: clients
// use it to ask whether somebody who has just signed in may go on.
func (op *operation) catchUp(ctx context.Context, name *wire.Name) error {
	s := op.c.s
	e, err := s.c.Index.Lookup(name)
	if err != nil || e.User == 0 || e.User != op.who.actor.User {
		return nil // nobody's entry, or not there: Compare says so
	}
	ctx, cancel := context.WithTimeout(ctx, s.c.Limits.Search)
	defer cancel()
	head, err := s.c.Directory.Barrier(ctx)
	if err != nil {
		return err
	}
	return s.c.Index.Wait(ctx, head.Seq)
}
