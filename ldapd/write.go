package ldapd

import (
	"context"
	"errors"
	"strings"
	"time"

	"gatehouse/directory"
	"gatehouse/ldapd/projection"
	"gatehouse/ldapd/wire"
)

// refusal is a result that a write ends with inside its transaction.
type refusal struct{ wire.Result }

func (r *refusal) Error() string { return r.Code.String() + ": " + r.Message }

func refuse(code wire.ResultCode, msg string) error {
	return &refusal{wire.Result{Code: code, Message: msg}}
}

// errMoved means that an entry is no longer what an assertion or a pre-read has seen.
var errMoved = errors.New("the entry has changed meanwhile")

// movedMost is how often a conditional write begins again before it gives up.
const movedMost = 8

// target is the entry that a write is about.
type target struct {
	projection.Entry
	name    wire.Name
	renamed map[string]string // in a view: names of attributes there, to ours
}

// person reports whether the entry is one of a person, group whether it is one of a group.
func (t *target) person() bool { return t.User != 0 && !t.Service }
func (t *target) group() bool  { return t.Group != 0 }

// writable says whether this connection writes at all, before anything is looked up.
func (op *operation) writable() wire.Result {
	switch {
	case op.who == nil:
		return wire.Result{Code: wire.InsufficientAccessRights, Message: "bind first: anonymous changes nothing"}
	case op.who.actor.ReadOnly:
		return wire.Result{Code: wire.InsufficientAccessRights, Message: "a connection that was bound with an app password changes nothing"}
	case op.who.service && !op.who.writes():
		return wire.Result{Code: wire.InsufficientAccessRights, Message: "this service account has no grant to change anything"}
	default:
		return wire.Result{}
	}
}

// find looks up the entry that a write names, as it is now.
func (op *operation) find(ctx context.Context, dn []byte) (*target, wire.Result) {
	t := &target{}
	if err := t.name.Set(dn); err != nil {
		return nil, wire.Result{Code: wire.InvalidDNSyntax, Message: err.Error()}
	}
	if r := op.writable(); r.Code != wire.Success {
		return nil, r
	}
	if err := op.catchUpAll(ctx); err != nil {
		op.err = err
		return nil, resultOf(err)
	}
	if !op.who.service {
		return op.findSelf(ctx, t)
	}
	entry, err := op.c.s.c.Index.Lookup(&t.name)
	if err != nil {
		return nil, searchError(err)
	}
	if entry.View != "" {
		return nil, wire.Result{Code: wire.UnwillingToPerform, Message: "a view is for reading; write to the entry in the tree"}
	}
	t.Entry = entry
	return t, wire.Result{}
}

// findSelf is find for a person, who writes the own entry, by any of its names where the connection was bound: in the
// tree or in a view. Whether there is another entry is not told.
func (op *operation) findSelf(ctx context.Context, t *target) (*target, wire.Result) {
	where := ""
	if op.who.view {
		where = op.who.app
	}
	entry, err := op.c.s.c.Index.Lookup(&t.name)
	if err != nil || entry.User != op.who.actor.User || entry.View != where {
		return nil, denied("people change nothing but their own entry")
	}
	t.Entry = entry
	if where != "" {
		facet, err := op.c.s.facet(ctx, where)
		if err != nil {
			op.err = err
			return nil, resultOf(err)
		}
		if facet != nil {
			t.renamed = facet.Attributes
		}
	}
	return t, wire.Result{}
}

// attribute finds out how an attribute of the entry is written. In a view it may have a name of its own there, and what
// has one is not known by ours.
func (t *target) attribute(description []byte) (written, error) {
	hidden := false
	for theirs, ours := range t.renamed {
		if strings.EqualFold(theirs, string(description)) {
			return attributeOf([]byte(ours), t.group())
		}
		hidden = hidden || strings.EqualFold(ours, string(description))
	}
	if hidden {
		return written{}, refuse(wire.UndefinedAttributeType, "there is no attribute "+clip(description))
	}
	return attributeOf(description, t.group())
}

func denied(msg string) wire.Result {
	return wire.Result{Code: wire.InsufficientAccessRights, Message: msg}
}

// catchUpAll waits until searches see all that was committed before.
func (op *operation) catchUpAll(ctx context.Context) error {
	s := op.c.s
	ctx, cancel := context.WithTimeout(ctx, s.c.Limits.Search)
	defer cancel()
	head, err := s.c.Directory.Barrier(ctx)
	if err != nil {
		return err
	}
	return s.c.Index.Wait(ctx, head.Seq)
}

// change runs a write on an entry under the assertion and read controls of the request. after is the name of the entry
// once it is done, nil when it is gone.
func (op *operation) change(ctx context.Context, t *target, after *wire.Name, fn func(*directory.Writer) error) wire.Result {
	conditional := op.ask != nil && (op.ask.assertion != nil || op.ask.preRead != nil)
	for range movedMost {
		op.controls = nil
		if r := op.assert(ctx, &t.name); r.Code != wire.Success {
			return r
		}
		if op.ask != nil {
			op.read(ctx, wire.OIDPreRead, &t.name, op.ask.preRead)
		}
		err := op.commit(ctx, func(w *directory.Writer) error {
			if conditional {
				if err := t.unmoved(w); err != nil {
					return err
				}
			}
			return fn(w)
		})
		switch {
		case err == nil:
			if op.ask != nil && after != nil {
				op.read(ctx, wire.OIDPostRead, after, op.ask.postRead)
			}
			return wire.Result{}
		case !errors.Is(err, errMoved):
			op.controls = nil
			return op.writeFailed(err)
		}
		// RFC 4528 §3: the assertion and the update are one step, so both begin again on the entry as it is now.
		if err := op.catchUpAll(ctx); err != nil {
			op.err = err
			return resultOf(err)
		}
		if entry, err := op.c.s.c.Index.Lookup(&t.name); err == nil {
			t.Entry = entry
		}
	}
	op.controls = nil
	return wire.Result{Code: wire.Busy, Message: "the entry keeps changing, try again"}
}

// unmoved fails with errMoved when the row behind the entry is not the one that was looked at.
func (t *target) unmoved(w *directory.Writer) error {
	var at time.Time
	switch {
	case t.User != 0:
		u, err := w.User(t.User)
		if err != nil {
			return err
		}
		at = u.Updated
	case t.Group != 0:
		g, err := w.Group(t.Group)
		if err != nil {
			return err
		}
		at = g.Updated
	}
	if !t.Modified.IsZero() && at.UnixMicro() != t.Modified.UnixMicro() {
		return errMoved
	}
	return nil
}

// commit writes, and returns when this connection's searches see it.
func (op *operation) commit(ctx context.Context, fn func(*directory.Writer) error) error {
	s := op.c.s
	head, err := s.c.Directory.Write(ctx, op.who.writer(), fn)
	if err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, s.c.Limits.Search)
	defer cancel()
	if err := s.c.Index.Wait(wait, head.Seq); err != nil {
		// It is written all the same; a later search waits for itself.
		op.err = err
	}
	return nil
}

// writeFailed renders why a write did not happen.
func (op *operation) writeFailed(err error) wire.Result {
	var r *refusal
	if errors.As(err, &r) {
		return r.Result
	}
	if directory.Is(err, directory.Unavailable) || directory.Is(err, directory.Internal) {
		op.err = err
	}
	return resultOf(err)
}
