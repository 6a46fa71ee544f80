package ldapd

import (
	"context"

	"gatehouse/directory"
	"gatehouse/ldapd/wire"
)

// modify handles a modify (RFC 4511 §4.6): all of its changes or none.
func (op *operation) modify(ctx context.Context) wire.Result {
	if op.c.out.flush() != nil {
		return wire.Result{Code: wire.Unavailable}
	}
	t, r := op.find(ctx, op.m.Modify.Name)
	if r.Code != wire.Success {
		return r
	}
	var fn func(*directory.Writer) error
	var err error
	switch {
	case t.person():
		fn, err = op.modifyPerson(ctx, t)
	case t.group():
		fn, err = op.modifyGroup(t)
	case t.Primary:
		err = refuse(wire.UnwillingToPerform, "a person's primary group follows from the person")
	case t.Service:
		err = refuse(wire.UnwillingToPerform, "service accounts are changed by the gatehouse command or site.yaml")
	default:
		err = refuse(wire.UnwillingToPerform, "this entry follows from the configuration")
	}
	if err != nil {
		return op.writeFailed(err)
	}
	return op.change(ctx, t, &t.name, fn)
}

// modifyPerson compiles the changes to a person.
func (op *operation) modifyPerson(ctx context.Context, t *target) (func(*directory.Writer) error, error) {
	attrs := make([]written, len(op.m.Modify.Changes))
	var password *directory.PasswordHash
	edits := false
	for i := range op.m.Modify.Changes {
		ch := &op.m.Modify.Changes[i]
		var err error
		if attrs[i], err = t.attribute(ch.Type); err != nil {
			return nil, err
		}
		switch attrs[i].slot {
		case slotName:
			return nil, refuse(wire.NotAllowedOnRDN, "uid names the entry; rename it by a modify DN")
		case slotClass:
			if err := checkClassChange(ch, personClasses(), "inetOrgPerson", "organizationalPerson", "person"); err != nil {
				return nil, err
			}
		case slotPassword:
			hash, err := op.newPassword(ctx, ch)
			if err != nil {
				return nil, err
			}
			password = hash
		default:
			edits = true
		}
	}
	return func(w *directory.Writer) error {
		if edits {
			_, err := w.UpdateUser(t.User, func(u *directory.User) error { return op.editPerson(u, attrs) })
			if err != nil {
				return err
			}
		}
		if password != nil {
			return w.SetPassword(t.User, *password)
		}
		return nil
	}, nil
}

// newPassword hashes the value of a change to userPassword. That is only for service accounts that may set passwords;
// people have Password Modify, which asks for the old one.
func (op *operation) newPassword(ctx context.Context, ch *wire.Change) (*directory.PasswordHash, error) {
	switch {
	case !op.who.service || !op.who.actor.Has(directory.WritePassword):
		return nil, refuse(wire.UnwillingToPerform, "userPassword is not modified; use the Password Modify operation (RFC 3062)")
	case ch.Kind == wire.ChangeDelete && len(ch.Values) == 0:
		return nil, nil // what follows in the same request replaces it
	case ch.Kind != wire.ChangeAdd && ch.Kind != wire.ChangeReplace || len(ch.Values) != 1:
		return nil, refuse(wire.UnwillingToPerform, "a password can only be replaced by one other")
	}
	return op.hashPassword(ctx, ch.Values[0])
}

func (op *operation) hashPassword(ctx context.Context, value []byte) (*directory.PasswordHash, error) {
	if !op.confidential() {
		return nil, refuse(wire.ConfidentialityRequired, "use StartTLS or LDAPS before sending a password")
	}
	if len(value) > 1 && value[0] == '{' {
		return nil, refuse(wire.UnwillingToPerform, "send the password itself; hashes are imported by site.yaml")
	}
	hash, err := op.c.s.c.Directory.HashPassword(ctx, directory.Secret(value))
	if err != nil {
		return nil, err
	}
	return &hash, nil
}

// editPerson makes the changes of the request to a copy of the person. It may run twice.
func (op *operation) editPerson(u *directory.User, attrs []written) error {
	for i := range attrs {
		a, ch := &attrs[i], &op.m.Modify.Changes[i]
		if a.slot != slotStored && a.slot != slotMail {
			continue
		}
		v := values{op: op, attr: a, list: personValues(u, a)}
		if err := v.apply(ch.Kind, ch.Values); err != nil {
			return err
		}
		if err := setPerson(u, a, &v); err != nil {
			return err
		}
	}
	return nil
}

// personValues returns the values of an attribute of a person, as LDAP shows them.
func personValues(u *directory.User, a *written) [][]byte {
	if a.slot == slotMail {
		var out [][]byte
		for _, e := range u.Emails {
			out = append(out, []byte(e.Address))
		}
		return out
	}
	var out [][]byte
	for _, s := range u.Profile[a.key] {
		out = append(out, a.shown(s))
	}
	if len(out) == 0 {
		switch a.Name() {
		case "cn":
			return [][]byte{[]byte(u.DisplayName())}
		case "sn":
			return [][]byte{[]byte(u.Username)}
		}
	}
	return out
}

// setPerson takes over the values of an attribute.
func setPerson(u *directory.User, a *written, v *values) error {
	if a.slot == slotMail {
		return setEmails(u, v.list)
	}
	if len(v.list) == 0 && (a.Name() == "cn" || a.Name() == "sn") {
		// RFC 4519 §3.12: a person has cn and sn.
		return refuse(wire.ObjectClassViolation, "a person has "+a.Name())
	}
	stored, err := v.stored()
	if err != nil {
		return err
	}
	delete(u.Attrs, a.key)
	u.Profile.Set(a.key, stored...)
	return nil
}

// setEmails makes these the addresses of a person. Those that stay keep what is known of them.
func setEmails(u *directory.User, list [][]byte) error {
	out := make([]directory.Email, 0, len(list))
	for _, value := range list {
		address := string(value)
		if !printable(value) || address == "" {
			return refuse(wire.InvalidAttributeSyntax, "not a value of mail")
		}
		e := directory.Email{Address: address, Type: "work"}
		for _, have := range u.Emails {
			if have.Address == address {
				e = have
			}
		}
		out = append(out, e)
	}
	u.Emails = out
	return nil
}
