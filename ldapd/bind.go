package ldapd

import (
	"context"

	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/ldapd/wire"
)

// bind handles a bind (RFC 4511 §4.2, RFC 4513 §5).
func (op *operation) bind(ctx context.Context) wire.Result {
	c, r := op.c, &op.m.Bind
	// RFC 4511 §4.2.1: outstanding operations finish first; then the session is anonymous until the bind succeeds.
	if c.out.flush() != nil {
		return wire.Result{Code: wire.Unavailable}
	}
	c.running.wait()
	c.s.bound.remove(c)
	c.who, op.who = nil, nil
	if r.Version != 3 {
		return wire.Result{Code: wire.ProtocolError, Message: "only version 3 is supported"}
	}
	switch {
	case r.Auth == wire.AuthSASL:
		return op.saslBind(ctx)
	case r.Auth != wire.AuthSimple:
		return wire.Result{Code: wire.AuthMethodNotSupported, Message: "only simple and SASL binds are supported"}
	case len(r.Name) == 0 && len(r.Password) == 0:
		// RFC 4513 §5.1.1: anonymous.
		return wire.Result{}
	case len(r.Password) == 0:
		// RFC 4513 §5.1.2: an unauthenticated bind is refused, or clients that forget to check take it for a sign-in.
		return wire.Result{Code: wire.UnwillingToPerform, Message: "a bind with a name needs a password"}
	case !op.confidential():
		// RFC 4513 §6.3.1: passwords do not travel in clear.
		op.reason = string(directory.ReasonConfidentialityRequired)
		return wire.Result{Code: wire.ConfidentialityRequired, Message: "use StartTLS or LDAPS before sending a password"}
	}
	b, err := c.s.tree.bindName(r.Name)
	if err != nil {
		return wire.Result{Code: wire.InvalidDNSyntax, Message: err.Error()}
	}
	if b.view {
		facet, err := c.s.facet(ctx, b.app)
		if err != nil {
			op.err = err
			return bindResultOf(err)
		}
		b = b.inView(facet, clip(r.Name))
	}
	return op.authenticate(ctx, &b, directory.Secret(r.Password))
}

// confidential reports whether a password may travel on this connection.
func (op *operation) confidential() bool {
	c := op.c
	return c.secure || c.s.c.ClearPasswords || !c.peer.IsValid() || c.peer.IsLoopback()
}

// authenticate asks the core about a password and takes its decision over into the connection.
func (op *operation) authenticate(ctx context.Context, b *bindName, password directory.Secret) wire.Result {
	a := op.attempt(b)
	a.Proof = directory.PasswordProof{Password: password}
	if username, ok := op.c.s.tree.principal(b.name); ok && b.bare {
		taken, err := op.c.s.signsIn(ctx, b.name)
		if err != nil {
			op.err = err
			return bindResultOf(err)
		}
		if !taken {
			a.Name = username
		}
	}
	if b.uid != "" {
		id, err := op.c.s.userByUID(ctx, b.uid)
		if err != nil {
			op.err = err
			return bindResultOf(err)
		}
		a.User, a.Name = id, b.uid
	}
	return op.decide(ctx, &a, b)
}

// decide has the core decide an attempt and binds the connection when it is allowed.
func (op *operation) decide(ctx context.Context, a *directory.Attempt, b *bindName) wire.Result {
	c := op.c
	d, err := c.s.c.Directory.Authenticate(ctx, *a)
	if err != nil {
		op.err = err
		return bindResultOf(err)
	}
	op.reason = string(d.Reason)
	if !d.Allowed() {
		if d.Reason == directory.ReasonCredentialExpired && d.Credential != 0 {
			op.policyError(wire.PasswordExpired) // known only after a right password
		}
		return decisionResult(&d)
	}
	who := newIdentity(&d, a, c.s.entryDN(&d, b), b)
	c.who, op.who = who, who
	c.relay = c.relay || who.service
	c.s.bound.add(c, who, d.Until, d.Seq)
	if who.mustChange {
		op.policyError(wire.ChangeAfterReset)
	}
	return wire.Result{}
}

// entryDN returns the name of the entry that was bound, however the client named it.
func (s *Server) entryDN(d *directory.Decision, b *bindName) string {
	switch {
	case d.User.Kind == directory.ServiceAccount:
		return s.tree.serviceDN(d.User.Username)
	case b.view:
		if e, err := s.c.Index.LookupUser(d.User.ID, b.app); err == nil {
			return e.DN
		}
		return s.tree.viewUserDN(d.User.Username, b.app) // newer than what is searched
	default:
		return s.tree.userDN(d.User.Username)
	}
}

// facet returns how the view of an app speaks, nil when the app has none.
func (s *Server) facet(ctx context.Context, slug string) (*schema.LDAP, error) {
	a, found, err := s.c.Directory.App(ctx, slug)
	if err != nil || !found {
		return nil, err
	}
	for _, f := range a.Facets {
		if f.Protocol == directory.ProtocolLDAP {
			config, err := schema.DecodeFacet(string(f.Protocol), f.Config)
			if ldap, ok := config.(schema.LDAP); ok {
				return &ldap, nil
			}
			return nil, err
		}
	}
	return nil, nil //nolint:nilnil // no view is no failure
}

// signsIn reports whether somebody signs in by a name as it is written: an address goes before the userPrincipalName that
// looks like it, or one person could take another's name by way of an address.
func (s *Server) signsIn(ctx context.Context, name string) (taken bool, err error) {
	err = s.c.Directory.Read(ctx, directory.System("ldapd"), func(r *directory.Reader) error {
		_, err := r.UserByName(directory.Person, name)
		taken = err == nil
		if directory.Is(err, directory.NotFound) {
			return nil
		}
		return err
	})
	return taken, err
}

// userByUID finds the user with an entryUUID, 0 when there is none. A uid never changes hands, so the answer does not
// need the barrier; whether the user may do anything is decided behind it.
func (s *Server) userByUID(ctx context.Context, uid string) (directory.UserID, error) {
	var id directory.UserID
	err := s.c.Directory.Read(ctx, directory.System("ldapd"), func(r *directory.Reader) error {
		u, err := r.UserByUID(uid)
		id = u.ID
		if directory.Is(err, directory.NotFound) {
			return nil
		}
		return err
	})
	return id, err
}
