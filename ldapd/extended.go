package ldapd

import (
	"context"

	"gatehouse/ldapd/wire"
)

// extended handles the extended operations (RFC 4511 §4.12).
func (op *operation) extended(ctx context.Context) wire.Result {
	r := &op.m.Extended
	switch string(r.Name) {
	case wire.OIDStartTLS:
		return op.checkStartTLS()
	case wire.OIDWhoAmI:
		if r.Value != nil {
			// RFC 4532 §2.1: the requestValue field is absent.
			return wire.Result{Code: wire.ProtocolError, Message: "who am i takes no value"}
		}
		// RFC 4532 §2.2: the authorization identity, empty for anonymous.
		op.value = []byte{}
		if op.who != nil {
			op.value = append([]byte("dn:"), op.who.dn...)
		}
		return wire.Result{}
	case wire.OIDPasswordModify:
		return op.passwordModify(ctx)
	case wire.OIDCancel:
		return op.cancel(ctx)
	default:
		// RFC 4511 §4.12: an unrecognised requestName.
		return wire.Result{Code: wire.ProtocolError, Message: "unsupported extended operation"}
	}
}

// checkStartTLS decides whether TLS may begin (RFC 4511 §4.14).
func (op *operation) checkStartTLS() wire.Result {
	op.name = wire.OIDStartTLS
	switch {
	case op.m.Extended.Value != nil:
		return wire.Result{Code: wire.ProtocolError, Message: "StartTLS takes no value"}
	case op.c.secure:
		// RFC 4511 §4.14.1: TLS is established already.
		return wire.Result{Code: wire.OperationsError, Message: "this connection uses TLS already"}
	case op.c.s.c.TLS == nil:
		// RFC 4511 §4.14.2: the server does not support TLS.
		return wire.Result{Code: wire.ProtocolError, Message: "this server has no certificate for TLS"}
	case !op.c.running.none():
		// RFC 4511 §4.14.1: there are outstanding operations.
		return wire.Result{Code: wire.OperationsError, Message: "other operations are running"}
	case op.c.reader.Buffered() > 0:
		// RFC 4511 §4.14.1: nothing is sent before the answer. What came in clear must not be read as if it had been
		// protected.
		return wire.Result{Code: wire.OperationsError, Message: "requests were sent before TLS began"}
	}
	op.c.running.wait() // for answers that are on their way
	op.upgrade = true
	return wire.Result{}
}

// startTLS begins TLS after the answer to StartTLS. The identity stays as it was (RFC 4513 §3.1.2 leaves it to the
// client to bind again).
func (c *conn) startTLS(ctx context.Context) ending {
	if err := c.out.flush(); err != nil {
		return writeFailed(err)
	}
	if err := c.handshake(ctx); err != nil {
		return endHandshake
	}
	c.reader.Reset(c)
	return ""
}
