package directory

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// Writer changes the directory inside one transaction, and reads what it has
// changed. Each method checks the actor's rights, appends the Change and the
// audit event. When a method fails, the whole transaction must be given up.
type Writer struct {
	*Reader
	d     *Directory
	by    Actor
	scope *sourceScope // of ActorSource; else nil

	nextPosix int64 // the Unix number to give next; 0: not read yet
}

// Write runs fn in one transaction, serialised against every other Write of
// every process, and returns the position of the feed at which its changes are
// visible. fn must be pure but for the Writer: it may run twice. Passwords are
// hashed before (HashPassword), never inside. It must be over in seconds, unless
// an operator's command makes it: a file may name ten thousand people.
func (d *Directory) Write(ctx context.Context, by Actor, fn func(*Writer) error) (Head, error) {
	update := d.store.Update
	if by.Kind == ActorOperator {
		update = d.store.Bulk
	}
	return update(ctx, func(tx *Tx) error {
		w := &Writer{Reader: &Reader{tx: tx, now: d.now(), by: System(d.config.Daemon), rules: d.rules}, d: d, by: by}
		if err := w.loadScope(); err != nil {
			return err
		}
		var err error
		if w.by, err = w.narrowed(by); err != nil {
			return err
		}
		return fn(w)
	})
}

// narrowed holds a person or service account to what they may do now: a session, a
// connection or a token may be older than the loss of a role. Denied: they may do
// nothing any more.
func (r *Reader) narrowed(by Actor) (Actor, error) {
	if by.Kind != ActorPerson && by.Kind != ActorService {
		return by, nil
	}
	u, found, err := one(r.tx.Users.Find(UserQuery{Kind: AnyKind, IDs: []UserID{by.User}}))
	if err != nil {
		return by, err
	}
	if !found || standing(&u, r.now) != ReasonOK {
		return by, &Error{Kind: Denied, Msg: "not allowed", Err: &rightError{actor: by.Name, verb: "act"}}
	}
	have, err := r.rightsOf(by.User)
	if err != nil {
		return by, err
	}
	by.Rights = slices.DeleteFunc(slices.Clone(by.Rights), func(right Right) bool { return !slices.Contains(have, right) })
	return by, nil
}

// rightsOf returns the rights of a user that are in force.
func (r *Reader) rightsOf(id UserID) ([]Right, error) {
	grants, err := all(r.tx.Grants.Find(GrantQuery{Users: []UserID{id}}))
	p := principal{grants: grants}
	return p.rights(r.now), err
}

// require fails with Denied unless the actor may do v to the user.
func (w *Writer) require(v Verb, id UserID) error {
	t := target{user: id}
	if id != 0 && w.by.Kind != ActorSystem {
		var err error
		if t.rights, err = w.rightsOf(id); err != nil {
			return err
		}
	}
	if !allowed(w.by, v, t) {
		return denied(w.by, v)
	}
	return nil
}

// changed appends a change of a row.
func (w *Writer) changed(kind ChangeKind, ref, rev int64) error {
	return w.tx.Feed.Append(Change{Kind: kind, Ref: ref, Rev: rev})
}

// touched names what an audit event is about.
type touched struct {
	entity string
	ref    int64
	name   string
}

// audit records what was done. detail is marshalled to JSON; nil: none.
func (w *Writer) audit(v Verb, t touched, detail any) error {
	e := Event{
		At: w.now, Actor: w.by.auditName(), Via: w.by.Via, Verb: string(v), Entity: t.entity, Ref: t.ref,
		Name: t.name, Outcome: "ok", Count: 1,
	}
	if w.by.IP.IsValid() {
		e.IP = w.by.IP.String()
	}
	if detail != nil {
		b, err := json.Marshal(detail)
		if err != nil {
			return fmt.Errorf("encode an audit event: %w", err)
		}
		e.Detail = b
	}
	if err := w.tx.Events.Insert(e); err != nil {
		return fmt.Errorf("append to the audit: %w", err)
	}
	return nil
}

// auditName names the actor in the audit.
func (a Actor) auditName() string {
	s := string(a.Kind) + ":" + a.Name
	if a.OS != "" {
		s += " (" + a.OS + ")"
	}
	return s
}

// newRow makes the id and uid of a row.
func (w *Writer) newRow() (int64, string, error) {
	id, err := w.d.ids.next()
	if err != nil {
		return 0, "", err
	}
	uid, err := w.d.ids.uid()
	return id, uid, err
}

// rowName is the row part of a sealed value's additional data.
func rowName(id int64) string { return strconv.FormatInt(id, 10) }
