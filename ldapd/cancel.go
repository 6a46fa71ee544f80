package ldapd

import (
	"context"

	"gatehouse/ldapd/wire"
)

// cancel handles a Cancel (RFC 3909). What runs in order is over before a Cancel can arrive, so only an operation
// beside the connection can be meant: a search.
func (op *operation) cancel(ctx context.Context) wire.Result {
	id, err := wire.DecodeCancel(op.m.Extended.Value)
	if err != nil {
		return wire.Result{Code: wire.ProtocolError, Message: "a cancel names one message id"}
	}
	f := op.c.running.cancel(id)
	if f == nil {
		return wire.Result{Code: wire.NoSuchOperation}
	}
	if op.c.out.flush() != nil {
		return wire.Result{Code: wire.Unavailable}
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		return wire.Result{Code: wire.Unavailable}
	}
	if !f.answered {
		// RFC 3909 §3: it came to its end before.
		return wire.Result{Code: wire.TooLate}
	}
	return wire.Result{}
}
