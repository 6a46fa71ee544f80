package ldapd

import (
	"bytes"
	"context"
	"crypto/rand"

	"gatehouse/directory"
	"gatehouse/directory/credential"
	"gatehouse/ldapd/wire"
)

// passwordModify handles a Password Modify (RFC 3062): of oneself with the old password, of somebody else by right.
func (op *operation) passwordModify(ctx context.Context) wire.Result {
	r, err := wire.DecodePasswordModify(op.m.Extended.Value)
	if err != nil {
		return wire.Result{Code: wire.ProtocolError, Message: "wrong password modify value"}
	}
	if op.c.out.flush() != nil {
		return wire.Result{Code: wire.Unavailable}
	}
	switch {
	case op.who == nil:
		return wire.Result{Code: wire.UnwillingToPerform, Message: "bind first, then change the password"}
	case !op.confidential():
		return wire.Result{Code: wire.ConfidentialityRequired, Message: "use StartTLS or LDAPS before sending a password"}
	case op.who.actor.ReadOnly:
		op.policyError(wire.PasswordModNotAllowed)
		return denied("a connection that was bound with an app password cannot change the password")
	}
	id, res := op.passwordOf(ctx, r.Identity)
	if res.Code != wire.Success {
		return res
	}
	if id == op.who.actor.User && r.Old == nil {
		op.policyError(wire.MustSupplyOldPassword)
		return wire.Result{Code: wire.UnwillingToPerform, Message: "the old password is needed to change one's own"}
	}
	if r.Old != nil {
		if res := op.provePassword(ctx, id, r.Old); res.Code != wire.Success {
			return res
		}
	}
	return op.setPassword(ctx, id, r.New)
}

// passwordOf returns whose password is meant. Without a right to set the passwords of others that can only be oneself,
// and nobody learns who else there is.
func (op *operation) passwordOf(ctx context.Context, identity []byte) (directory.UserID, wire.Result) {
	self := op.who.actor.User
	if len(identity) == 0 {
		return self, wire.Result{}
	}
	dn := identity
	if name, ok := bytes.CutPrefix(dn, []byte("u:")); ok {
		dn = []byte(op.c.s.tree.userDN(string(name)))
	} else if rest, ok := bytes.CutPrefix(dn, []byte("dn:")); ok {
		dn = rest
	} else if bytes.IndexByte(dn, '=') < 0 {
		// RFC 3062 §2: the identity need not be a name of the tree.
		dn = []byte(op.c.s.tree.userDN(string(dn)))
	}
	var asked, own wire.Name
	if err := asked.Set(dn); err != nil {
		return 0, wire.Result{Code: wire.InvalidDNSyntax, Message: err.Error()}
	}
	if own.Set([]byte(op.who.dn)) == nil && bytes.Equal(own.Key(), asked.Key()) {
		return self, wire.Result{}
	}
	if err := op.catchUpAll(ctx); err != nil {
		op.err = err
		return 0, resultOf(err)
	}
	entry, err := op.c.s.c.Index.Lookup(&asked)
	switch {
	case err == nil && entry.User == self:
		return self, wire.Result{}
	case !op.who.service || !op.who.actor.Has(directory.WritePassword):
		op.policyError(wire.PasswordModNotAllowed)
		return 0, denied("the passwords of others need the grant write:password")
	case err != nil:
		return 0, searchError(err)
	case entry.User == 0 || entry.Service:
		return 0, wire.Result{Code: wire.UnwillingToPerform, Message: "only people have passwords that can be set"}
	default:
		return entry.User, wire.Result{}
	}
}

// provePassword checks the old password, with the code behind it where a second factor is needed, as a sign-in does:
// by the same limits and with the same answer for everything that is wrong.
func (op *operation) provePassword(ctx context.Context, id directory.UserID, old []byte) wire.Result {
	b := &bindName{app: op.who.app, kind: directory.Person}
	if id == op.who.actor.User && op.who.service {
		b.kind = directory.ServiceAccount
	}
	a := op.attempt(b)
	a.User, a.Proof = id, directory.PasswordProof{Password: directory.Secret(old)}
	d, err := op.c.s.c.Directory.Authenticate(ctx, a)
	if err != nil {
		op.err = err
		return bindResultOf(err)
	}
	op.reason = string(d.Reason)
	if !d.Allowed() || d.Actor("ldap").ReadOnly {
		return wire.Result{Code: wire.InvalidCredentials, Message: "the old password is wrong"}
	}
	return wire.Result{}
}

// setPassword writes the new password, or one that is made here when the client sent none.
func (op *operation) setPassword(ctx context.Context, id directory.UserID, password []byte) wire.Result {
	d := op.c.s.c.Directory
	if password == nil {
		made, err := credential.NewNetworkPassword(rand.Reader)
		if err != nil {
			op.err = err
			return resultOf(err)
		}
		password = []byte(made)
		op.value = wire.AppendGeneratedPassword(nil, password)
	}
	hash, err := d.HashPassword(ctx, directory.Secret(password))
	if err == nil {
		err = op.commit(ctx, func(w *directory.Writer) error { return w.SetPassword(id, hash) })
	}
	if err != nil {
		op.value = nil
		if directory.Is(err, directory.Invalid) {
			op.policyError(wire.InsufficientPasswordQuality)
		}
		return op.writeFailed(err)
	}
	if id == op.who.actor.User && op.who.mustChange {
		op.c.opened()
	}
	return wire.Result{}
}

// opened lets a connection do more than change its password, once that is done.
func (c *conn) opened() {
	who := *c.who
	who.mustChange = false
	c.s.bound.rebind(c, &who)
	c.who, c.op.who = &who, &who
}
