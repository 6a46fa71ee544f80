package ldapd

import (
	"bytes"
	"context"
	"net/netip"

	"gatehouse/directory"
	"gatehouse/ldapd/wire"
)

// mechanisms is a set of SASL mechanisms. None of them has a security layer.
type mechanisms uint8

const (
	mechanismExternal mechanisms = 1 << iota // RFC 4422 appendix A
	mechanismPlain                           // RFC 4616
	allMechanisms     = mechanismExternal | mechanismPlain
)

func (m mechanisms) names() []string {
	var list []string
	if m&mechanismExternal != 0 {
		list = append(list, "EXTERNAL")
	}
	if m&mechanismPlain != 0 {
		list = append(list, "PLAIN")
	}
	return list
}

// mechanisms returns what this connection may bind with now.
func (op *operation) mechanisms() mechanisms {
	var m mechanisms
	if op.c.external() != nil {
		m |= mechanismExternal
	}
	if op.confidential() {
		m |= mechanismPlain
	}
	return m
}

// external returns what the transport proves about the client, nil when that is nothing.
func (c *conn) external() directory.Proof {
	switch {
	case c.hasUID && c.s.c.Directory.KnowsPeer(c.uid):
		return directory.PeerProof{UID: c.uid}
	case c.tls != nil && len(c.tls.PeerCertificates) > 0:
		return directory.CertificateProof{Chain: c.tls.PeerCertificates}
	default:
		return nil
	}
}

// saslBind handles a bind by SASL (RFC 4513 §5.2). The name of the request is ignored: the mechanism says who it is.
func (op *operation) saslBind(ctx context.Context) wire.Result {
	offered := op.mechanisms()
	switch mechanism := string(op.m.Bind.Mechanism); {
	case mechanism == "EXTERNAL" && offered&mechanismExternal != 0:
		return op.externalBind(ctx)
	case mechanism == "PLAIN" && offered&mechanismPlain != 0:
		return op.plainBind(ctx)
	case mechanism == "PLAIN":
		op.reason = string(directory.ReasonConfidentialityRequired)
		return wire.Result{Code: wire.ConfidentialityRequired, Message: "use StartTLS or LDAPS before sending a password"}
	case mechanism == "EXTERNAL":
		// RFC 4513 §5.2.3: without an identity from below there is none to take.
		return wire.Result{Code: wire.InappropriateAuthentication, Message: "neither a listed local user nor a client certificate is behind this connection"}
	default:
		return wire.Result{Code: wire.AuthMethodNotSupported, Message: "this SASL mechanism is not offered here"}
	}
}

// externalBind takes over the identity that the transport has proved.
func (op *operation) externalBind(ctx context.Context) wire.Result {
	b := &bindName{app: directory.AppDirectory}
	a := op.attempt(b)
	a.Proof = op.c.external()
	r := op.decide(ctx, &a, b)
	if r.Code != wire.Success {
		return r
	}
	return op.authorizedAs(op.m.Bind.Credentials)
}

// plainBind checks the name and password of a PLAIN message (RFC 4616 §2). The name is a username, an address or a DN.
func (op *operation) plainBind(ctx context.Context) wire.Result {
	parts := bytes.Split(op.m.Bind.Credentials, []byte{0})
	if len(parts) != 3 || len(parts[1]) == 0 || len(parts[2]) == 0 {
		return wire.Result{Code: wire.InvalidCredentials, Message: "not a PLAIN message"}
	}
	b := bindName{name: clip(parts[1]), kind: directory.Person, app: directory.AppDirectory, bare: true}
	if bytes.IndexByte(parts[1], '=') > 0 {
		var err error
		if b, err = op.c.s.tree.bindName(parts[1]); err != nil {
			return wire.Result{Code: wire.InvalidCredentials}
		}
	}
	if r := op.authenticate(ctx, &b, directory.Secret(parts[2])); r.Code != wire.Success {
		return r
	}
	return op.authorizedAs(parts[0])
}

// authorizedAs ends the bind again when the client asks to act as somebody else: nobody may (RFC 4513 §5.2.1.8).
func (op *operation) authorizedAs(authzID []byte) wire.Result {
	who := op.who
	if len(authzID) == 0 || sameUser(authzID, who.actor.Name) {
		return wire.Result{}
	}
	if dn, ok := bytes.CutPrefix(authzID, []byte("dn:")); ok {
		var asked, own wire.Name
		if asked.Set(dn) == nil && own.Set([]byte(who.dn)) == nil && bytes.Equal(asked.Key(), own.Key()) {
			return wire.Result{}
		}
	}
	op.c.s.bound.remove(op.c)
	op.c.who, op.who = nil, nil
	return wire.Result{Code: wire.InvalidCredentials, Message: "nobody may act as somebody else"}
}

// sameUser reports whether an authorization identity, with u: in front or without, is a username. RFC 4513 §5.2.1.8:
// both are prepared before they are compared.
func sameUser(authzID []byte, name string) bool {
	asked := bytes.TrimPrefix(authzID, []byte("u:"))
	return bytes.Equal(wire.AppendSpaceFolded(nil, asked), wire.AppendSpaceFolded(nil, name))
}

// attempt begins an attempt of this connection.
func (op *operation) attempt(b *bindName) directory.Attempt {
	c := op.c
	a := directory.Attempt{
		Name: b.name, Kind: b.kind, App: b.app, Protocol: directory.ProtocolLDAP,
		Peer: c.peer, Client: c.peer, Relay: c.relay, Received: c.s.c.Directory.Now(), MayChange: true,
	}
	if c.relay {
		// Who bound as a service account asks on behalf of others, from devices that are not known here.
		a.Client = netip.Addr{}
	}
	return a
}
