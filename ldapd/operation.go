package ldapd

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"time"

	"gatehouse/ldapd/wire"
)

// operation is one request on its way to its answer.
type operation struct {
	c        *conn
	m        *wire.Message
	who      *identity // nil is anonymous
	received time.Time

	page    *wire.Paged // of the paged results control, nil when absent
	pageBuf wire.Paged
	ask     *asked // of the other controls, nil when there are none

	// What goes into the final answer beside the result.
	controls []byte
	name     string
	value    []byte

	entries  int
	holding  bool   // the output is locked
	upgrade  bool   // StartTLS follows the answer
	reason   string // of a decision, for the log
	err      error  // why there was none, for the log
	deferred bool   // the handler asks to be run again beside the connection
	beside   bool   // it is running there
}

// noAnswer is the code of an operation that sends nothing.
const noAnswer wire.ResultCode = -1

// request decodes one PDU and answers it, or hands it on to run beside the connection. An ending other than "" ends
// the connection.
func (c *conn) request(ctx context.Context, m *wire.Message, pdu []byte) ending {
	op := &c.op
	*op = operation{c: c, m: m, who: c.who, received: time.Now()}
	if err := m.Decode(pdu); err != nil {
		var e *wire.Error
		if !errors.As(err, &e) || e.Fatal {
			c.last(wire.ProtocolError, err.Error())
			return endMalformed
		}
		if m.Op.Response() != 0 {
			op.finish(ctx, malformedResult(e))
		}
		return ""
	}
	switch m.Op {
	case wire.OpUnbindRequest:
		// RFC 4511 §4.3: there is no response; the session ends.
		op.finish(ctx, wire.Result{Code: noAnswer})
		return endUnbind
	case wire.OpAbandonRequest:
		// RFC 4511 §4.11: no response, whether or not there was something to abandon.
		c.running.abandon(m.Abandon)
		op.finish(ctx, wire.Result{Code: noAnswer})
		return ""
	}
	r := op.perform(ctx)
	if op.deferred {
		c.beside(ctx, m, pdu)
		return ""
	}
	op.finish(ctx, r)
	if op.upgrade {
		return c.startTLS(ctx)
	}
	return ""
}

// beside runs the request again, from a copy of its octets, in a goroutine of its own.
func (c *conn) beside(ctx context.Context, m *wire.Message, pdu []byte) {
	ctx, cancel := context.WithCancel(ctx)
	flight, duplicate := c.running.add(m.ID, cancel, c.s.c.Limits.InFlight)
	if flight == nil {
		cancel()
		r := wire.Result{Code: wire.Busy, Message: "too many operations of this connection are running"}
		if duplicate {
			// RFC 4511 §4.1.1.1: the id of an outstanding operation must not be used again.
			r = wire.Result{Code: wire.ProtocolError, Message: "message id is in use"}
		}
		c.op.finish(ctx, r)
		return
	}
	op := &operation{c: c, m: c.s.msgs.Get().(*wire.Message), who: c.who, received: c.op.received, beside: true}
	id, pdu := m.ID, bytes.Clone(pdu)
	c.s.m.running.Inc()
	go func() {
		defer c.running.done()
		defer cancel()
		defer close(flight.done)
		defer c.running.land(id, flight, false)
		defer c.s.m.running.Dec()
		defer func() {
			if p := recover(); p != nil {
				op.panicked(ctx, p)
			}
		}()
		// It was decoded before, so it decodes again.
		if err := op.m.Decode(pdu); err == nil {
			r := op.perform(ctx)
			// RFC 4511 §4.1.1.1: the client may use the id again once it has the answer.
			if c.running.land(id, flight, r.Code == noAnswer) {
				r = wire.Result{Code: wire.Canceled} // RFC 3909 §3
			}
			op.finish(ctx, r)
			_ = c.out.flush()
		}
		c.s.msgs.Put(op.m)
	}()
}

// perform runs the handler of the operation. A panic in it becomes other(80).
func (op *operation) perform(ctx context.Context) (r wire.Result) {
	defer func() {
		if p := recover(); p != nil {
			op.panicked(ctx, p)
			op.deferred, op.upgrade, op.controls, op.name, op.value = false, false, nil, "", nil
			r = wire.Result{Code: wire.Other}
		}
	}()
	if r := op.readControls(); r.Code != wire.Success {
		return r
	}
	if op.who != nil && op.who.mustChange && !op.opensChange() {
		op.policyError(wire.ChangeAfterReset)
		return wire.Result{Code: wire.InsufficientAccessRights, Message: "change your password first"}
	}
	switch op.m.Op {
	case wire.OpBindRequest:
		return op.bind(ctx)
	case wire.OpSearchRequest:
		return op.search(ctx)
	case wire.OpCompareRequest:
		return op.compare(ctx)
	case wire.OpExtendedRequest:
		return op.extended(ctx)
	case wire.OpModifyRequest:
		return op.modify(ctx)
	case wire.OpAddRequest:
		return op.add(ctx)
	case wire.OpDeleteRequest:
		return op.remove(ctx)
	case wire.OpModifyDNRequest:
		return op.rename(ctx)
	default:
		return wire.Result{Code: wire.ProtocolError}
	}
}

// opensChange reports whether the operation is open to somebody who must change the password first
// (draft-behera-ldap-password-policy-10 §5.2.3).
func (op *operation) opensChange() bool {
	switch op.m.Op {
	case wire.OpBindRequest:
		return true
	case wire.OpExtendedRequest:
		switch string(op.m.Extended.Name) {
		case wire.OIDPasswordModify, wire.OIDStartTLS, wire.OIDWhoAmI:
			return true
		}
	}
	return false
}

// panicked takes note of a bug and lets go of the output.
func (op *operation) panicked(ctx context.Context, p any) {
	if op.holding {
		op.holding = false
		op.c.out.abort()
	}
	op.c.s.m.panics.Inc()
	op.c.s.c.Logger.LogAttrs(ctx, slog.LevelError, "ldap operation panicked", slog.Any("panic", p),
		slog.String("stack", string(debug.Stack())))
}

// begin locks the output of the connection and returns the buffer to append to; end gives it back.
func (op *operation) begin() []byte {
	buf := op.c.out.begin()
	op.holding = true
	return buf
}

func (op *operation) end(buf []byte) error {
	op.holding = false
	return op.c.out.end(buf)
}

// finish sends the final answer, counts and logs the operation.
func (op *operation) finish(ctx context.Context, r wire.Result) {
	if r.Code != noAnswer {
		id, buf := op.m.ID, op.begin()
		switch op.m.Op {
		case wire.OpBindRequest:
			buf = wire.AppendBindResponse(buf, id, r, nil, op.controls)
		case wire.OpExtendedRequest:
			buf = wire.AppendExtendedResponse(buf, id, r, op.name, op.value, op.controls)
		default:
			buf = wire.AppendResult(buf, id, op.m.Op.Response(), r, op.controls)
		}
		_ = op.end(buf) // a failed write ends the connection at its next flush
	}
	took := time.Since(op.received)
	op.c.s.m.count(op.m.Op, r.Code, took, op.entries)
	op.log(ctx, r, took)
}

// log writes the one line of an operation. Binds are security decisions, the rest is detail.
func (op *operation) log(ctx context.Context, r wire.Result, took time.Duration) {
	level := slog.LevelDebug
	if op.m.Op == wire.OpBindRequest && len(op.m.Bind.Name) > 0 {
		level = slog.LevelInfo
	}
	if op.err != nil {
		level = slog.LevelWarn
	}
	log := op.c.s.c.Logger
	if !log.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 10)
	attrs = append(attrs, slog.String("operation", op.m.Op.String()), slog.String("peer", op.c.peer.String()))
	if r.Code != noAnswer {
		attrs = append(attrs, slog.String("result", r.Code.String()))
	}
	attrs = append(attrs, slog.Duration("took", took))
	if op.who != nil {
		attrs = append(attrs, slog.String("as", op.who.dn))
	}
	switch op.m.Op {
	case wire.OpBindRequest:
		attrs = append(attrs, slog.String("name", clip(op.m.Bind.Name)), slog.String("reason", op.reason))
	case wire.OpSearchRequest:
		s := &op.m.Search
		attrs = append(attrs, slog.String("base", clip(s.Base)), slog.Int("scope", int(s.Scope)),
			slog.String("filter", clip([]byte(s.Filter.String()))), slog.Int("entries", op.entries))
	case wire.OpCompareRequest:
		attrs = append(attrs, slog.String("name", clip(op.m.Compare.Name)))
	case wire.OpModifyRequest:
		attrs = append(attrs, slog.String("name", clip(op.m.Modify.Name)))
	case wire.OpAddRequest:
		attrs = append(attrs, slog.String("name", clip(op.m.Add.Name)))
	case wire.OpDeleteRequest:
		attrs = append(attrs, slog.String("name", clip(op.m.Delete)))
	case wire.OpModifyDNRequest:
		attrs = append(attrs, slog.String("name", clip(op.m.ModifyDN.Name)), slog.String("new_rdn", clip(op.m.ModifyDN.NewRDN)))
	case wire.OpExtendedRequest:
		attrs = append(attrs, slog.String("name", clip(op.m.Extended.Name)))
	}
	if r.Message != "" {
		attrs = append(attrs, slog.String("message", r.Message))
	}
	if op.err != nil {
		attrs = append(attrs, slog.Any("err", op.err))
	}
	log.LogAttrs(ctx, level, "ldap operation", attrs...)
}

// clip bounds what a client can put into a log line.
func clip(b []byte) string {
	const most = 256
	if len(b) > most {
		return string(b[:most]) + "…"
	}
	return string(b)
}
