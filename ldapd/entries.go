package ldapd

import (
	"bytes"
	"context"
	"strings"

	"gatehouse/directory"
	"gatehouse/ldapd/projection"
	"gatehouse/ldapd/wire"
)

// remove handles a delete (RFC 4511 §4.8).
func (op *operation) remove(ctx context.Context) wire.Result {
	if op.c.out.flush() != nil {
		return wire.Result{Code: wire.Unavailable}
	}
	t, r := op.find(ctx, op.m.Delete)
	if r.Code != wire.Success {
		return r
	}
	switch {
	case t.person():
		return op.change(ctx, t, nil, func(w *directory.Writer) error { return w.DeleteUser(t.User) })
	case t.group():
		return op.change(ctx, t, nil, func(w *directory.Writer) error { return w.DeleteGroup(t.Group, false) })
	case t.Primary:
		return wire.Result{Code: wire.UnwillingToPerform, Message: "a person's primary group goes with the person"}
	case t.Service:
		return wire.Result{Code: wire.UnwillingToPerform, Message: "service accounts are deleted by the gatehouse command or site.yaml"}
	default:
		return wire.Result{Code: wire.NotAllowedOnNonLeaf, Message: "this entry holds others"}
	}
}

// rename handles a modify DN (RFC 4511 §4.9): another name in the same place. The entryUUID stays.
func (op *operation) rename(ctx context.Context) wire.Result {
	if op.c.out.flush() != nil {
		return wire.Result{Code: wire.Unavailable}
	}
	r := &op.m.ModifyDN
	rdn, err := wire.ParseDN(r.NewRDN)
	if err != nil || len(rdn) != 1 {
		return wire.Result{Code: wire.InvalidDNSyntax, Message: "the new name is not a relative name"}
	}
	t, res := op.find(ctx, r.Name)
	if res.Code != wire.Success {
		return res
	}
	naming := "uid"
	switch {
	case t.group():
		naming = "cn"
	case !t.person():
		return wire.Result{Code: wire.UnwillingToPerform, Message: "only people and groups are renamed"}
	}
	if res := op.samePlace(t, r.NewSuperior); res.Code != wire.Success {
		return res
	}
	value, err := rdnValue(rdn[0], naming)
	if err != nil {
		return op.writeFailed(err)
	}
	if !r.DeleteOldRDN {
		return wire.Result{Code: wire.UnwillingToPerform, Message: "an entry has one " + naming + "; give the old one up (deleteoldrdn: 1)"}
	}
	var after wire.Name
	dn := op.c.s.tree.userDN(value)
	if t.group() {
		dn = op.c.s.tree.groupDN(value)
	}
	if err := after.Set([]byte(dn)); err != nil {
		return wire.Result{Code: wire.InvalidDNSyntax, Message: err.Error()}
	}
	if e, err := op.c.s.c.Index.Lookup(&after); err == nil && e.Primary {
		return wire.Result{Code: wire.EntryAlreadyExists, Message: "the primary group of a person has this name"}
	}
	return op.change(ctx, t, &after, func(w *directory.Writer) error {
		if t.group() {
			_, err := w.UpdateGroup(t.Group, func(g *directory.Group) error { g.Name = value; return nil })
			return err
		}
		_, err := w.RenameUser(t.User, value)
		return err
	})
}

// samePlace refuses to move an entry (RFC 4511 §4.9, newSuperior): people, groups and services are apart.
func (op *operation) samePlace(t *target, superior []byte) wire.Result {
	if superior == nil {
		return wire.Result{}
	}
	var name wire.Name
	if err := name.Set(superior); err != nil {
		return wire.Result{Code: wire.InvalidDNSyntax, Message: err.Error()}
	}
	if bytes.Equal(name.Key(), t.name.Ancestor(1)) {
		return wire.Result{}
	}
	if _, err := op.c.s.c.Index.Lookup(&name); err != nil {
		return searchError(err)
	}
	return wire.Result{Code: wire.UnwillingToPerform, Message: "an entry stays where it is; people, groups and services are apart"}
}

// rdnValue returns the value of a name that has to be made of one naming attribute.
func rdnValue(rdn wire.RDN, naming string) (string, error) {
	if len(rdn) != 1 || !strings.EqualFold(rdn[0].Type, naming) {
		return "", refuse(wire.NamingViolation, "entries here are named by "+naming+" alone")
	}
	if rdn[0].Value == "" {
		return "", refuse(wire.NamingViolation, "the name is empty")
	}
	return rdn[0].Value, nil
}

// add handles an add (RFC 4511 §4.7).
func (op *operation) add(ctx context.Context) wire.Result {
	if op.c.out.flush() != nil {
		return wire.Result{Code: wire.Unavailable}
	}
	r := &op.m.Add
	var name wire.Name
	dn, err := wire.ParseDN(r.Name)
	if err == nil {
		err = name.Set(r.Name)
	}
	if err != nil {
		return wire.Result{Code: wire.InvalidDNSyntax, Message: err.Error()}
	}
	if err := newSambaDomain(dn[0]); err != nil && op.who != nil {
		return op.writeFailed(err)
	}
	if res := op.writable(); res.Code != wire.Success {
		return res
	}
	if !op.who.service {
		return denied("people add no entries")
	}
	if err := op.catchUpAll(ctx); err != nil {
		op.err = err
		return resultOf(err)
	}
	group, err := op.kindAt(&name)
	if err != nil {
		return op.writeFailed(err)
	}
	e := newEntry{op: op, group: group}
	if err := e.read(ctx, dn[0]); err != nil {
		return op.writeFailed(err)
	}
	if res := e.assert(); res.Code != wire.Success {
		return res
	}
	if err := op.commit(ctx, e.write); err != nil {
		return op.writeFailed(err)
	}
	if op.ask != nil {
		op.read(ctx, wire.OIDPostRead, &name, op.ask.postRead)
	}
	return wire.Result{}
}

// kindAt says what kind of entry belongs at a name.
func (op *operation) kindAt(name *wire.Name) (group bool, err error) {
	if _, err := op.c.s.c.Index.Lookup(name); err == nil {
		return false, refuse(wire.EntryAlreadyExists, "there is such an entry")
	}
	levels, below := name.Below(&op.c.s.tree.base)
	if below && levels == 2 {
		switch string(name.RDN(1)) {
		case "ou=users":
			return false, nil
		case "ou=groups":
			return true, nil
		case "ou=services":
			return false, refuse(wire.UnwillingToPerform, "service accounts are added by the gatehouse command or site.yaml")
		}
	}
	parent := wire.Name{}
	if name.Len() > 0 && parent.Set(name.Ancestor(1)) == nil {
		if _, err := op.c.s.c.Index.Lookup(&parent); err != nil {
			return false, &refusal{searchError(err)} // RFC 4511 §4.7: the superior must exist
		}
	}
	return false, refuse(wire.UnwillingToPerform, "people are added below ou=users, groups below ou=groups, and nothing elsewhere")
}

// newEntry is a person or group to be added.
type newEntry struct {
	op       *operation
	group    bool
	user     directory.User
	made     directory.Group
	members  []memberChange
	password *directory.PasswordHash
	classes  [][]byte
	has      map[string]bool
}

// read takes the attributes over and checks them.
func (e *newEntry) read(ctx context.Context, rdn wire.RDN) error {
	naming := "uid"
	if e.group {
		naming = "cn"
	}
	value, err := rdnValue(rdn, naming)
	if err != nil {
		return err
	}
	e.has = map[string]bool{}
	e.user = directory.User{Username: value, Profile: directory.Attributes{}}
	e.made = directory.Group{Name: value, Attrs: directory.Attributes{}}
	for i := range e.op.m.Add.Attributes {
		attr := &e.op.m.Add.Attributes[i]
		a, err := attributeOf(attr.Type, e.group)
		if err != nil {
			return err
		}
		if e.has[a.Name()] {
			return refuse(wire.AttributeOrValueExists, a.Name()+" is there twice")
		}
		e.has[a.Name()] = true
		if err := e.take(ctx, &a, attr.Values, value); err != nil {
			return err
		}
	}
	return e.check()
}

// take takes one attribute over. name is what the entry is called.
func (e *newEntry) take(ctx context.Context, a *written, list [][]byte, name string) (err error) {
	v := values{op: e.op, attr: a}
	if a.slot != slotMembers {
		if err := v.add(list, false); err != nil {
			return err
		}
	}
	switch a.slot {
	case slotClass:
		e.classes = list
		return nil
	case slotName:
		if len(list) != 1 || v.index([]byte(name)) < 0 {
			return refuse(wire.NamingViolation, a.Name()+" and the name of the entry differ")
		}
		return nil
	case slotMail:
		return setEmails(&e.user, v.list)
	case slotPassword:
		if len(list) != 1 {
			return refuse(wire.ConstraintViolation, "a person has one password")
		}
		e.password, err = e.op.hashPassword(ctx, list[0])
		return err
	case slotMembers:
		change, err := e.op.memberChange(a, wire.ChangeAdd, list)
		e.members = append(e.members, change)
		return err
	}
	stored, err := v.stored()
	if err != nil {
		return err
	}
	if e.group {
		e.made.Attrs.Set(a.key, stored...)
	} else {
		e.user.Profile.Set(a.key, stored...)
	}
	return nil
}

// check wants the classes and attributes that such an entry has (RFC 4512 §2.4).
func (e *newEntry) check() error {
	allowed, structural := personClasses(), []string{"inetOrgPerson", "organizationalPerson", "person"}
	if e.group {
		allowed, structural = groupClasses(), []string{"groupOfNames", "groupOfUniqueNames", "posixGroup"}
	}
	if len(e.classes) == 0 {
		return refuse(wire.ObjectClassViolation, "objectClass is missing")
	}
	found := false
	for _, class := range e.classes {
		if !isClass(class, allowed) {
			return classUnknown(class)
		}
		found = found || isClass(class, structural)
	}
	switch {
	case !found:
		return refuse(wire.ObjectClassViolation, "objectClass names none of "+strings.Join(structural, ", "))
	case !e.group && !e.has["cn"]:
		return refuse(wire.ObjectClassViolation, "a person has cn")
	case !e.group && !e.has["sn"]:
		return refuse(wire.ObjectClassViolation, "a person has sn")
	default:
		return nil
	}
}

// assert evaluates the assertion control on the entry as it was sent (RFC 4528 §3).
func (e *newEntry) assert() wire.Result {
	if e.op.ask == nil || e.op.ask.assertion == nil {
		return wire.Result{}
	}
	var asked staticEntry
	for i := range e.op.m.Add.Attributes {
		attr := &e.op.m.Add.Attributes[i]
		a := staticAttr{name: string(attr.Type)}
		for _, v := range attr.Values {
			a.values = append(a.values, string(v))
		}
		asked.attrs = append(asked.attrs, a)
	}
	if asked.match(e.op.ask.assertion, 0) != wire.True {
		return wire.Result{Code: wire.AssertionFailed}
	}
	return wire.Result{}
}

func (e *newEntry) write(w *directory.Writer) error {
	if !e.group {
		made, err := w.CreateUser(e.user)
		if err != nil || e.password == nil {
			return err
		}
		return w.SetPassword(made.ID, *e.password)
	}
	made, err := w.CreateGroup(e.made)
	if err != nil {
		return err
	}
	touched := map[projection.Entry]bool{}
	for i := range e.members {
		if err := e.members[i].apply(w, made.ID, touched); err != nil {
			return err
		}
	}
	return nil
}
