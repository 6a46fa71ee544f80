package radiusd

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/radiusd/wire"
)

const (
	// workers is how many Access-Requests are worked on at once. Most of them
	// wait, for a commit or a password hash.
	workers = 128
	// accountingBatch is how many records one transaction stores at most.
	accountingBatch = 256
	// drainTime is how long requests may take after the server was stopped.
	drainTime = 3 * time.Second
)

// transport moves packets: from sockets and connections, through the checks that
// need no directory, to the handlers, and back.
type transport struct {
	log      *slog.Logger
	strange  limitedLog // about sockets and connections
	troubles troubles   // about packets that anybody can send
	now      func() time.Time
	metrics  *metrics
	clients  atomic.Pointer[table] // nil: not known yet
	ready    atomic.Bool           // whether decisions can be made; Status-Server tells
	sockets  []*socket
	streams  streams
	access   *queue
	account  *queue
	open     sync.WaitGroup // requests without an end yet

	// handle decides one Access-Request and ends it by answer or drop.
	handle func(context.Context, *request)
	// commit stores Accounting-Requests and ends each by answer or drop.
	commit func(context.Context, []*request)
	// seen is told once when a client in automatic mode becomes protected.
	seen func(*client)
}

// request is a packet that waits for its answer. The first call of answer or
// drop ends it; later ones do nothing.
type request struct {
	packet   wire.Packet // refers to memory of its own
	client   *client
	key      *wire.Key // the one of the client's that verified
	origin   origin
	local    netip.Addr // the address that was asked
	id       replayKey
	received time.Time
	ended    atomic.Bool
}

// origin is where requests come from and answers go: a UDP socket or a
// connection.
type origin interface {
	// id tells a retransmission of p from a new request.
	id(p wire.Packet) replayKey
	// local is the address that was asked.
	local() netip.Addr
	// answer puts an answer in line for the writer, and may wait for it.
	answer(b []byte)
	// unable is told that p, which was authentic, gets no answer.
	unable(p wire.Packet, why discard)
}

func newTransport(log *slog.Logger, now func() time.Time) *transport {
	t := &transport{
		log: log, now: now, strange: limitedLog{log: log, now: now}, troubles: newTroubles(log, now),
		access: newQueue(workers / 2), account: newQueue(accountingBatch), streams: newStreams(),
	}
	return t
}

// run serves the sockets and listeners until ctx ends, then finishes what was
// accepted and closes them.
func (t *transport) run(ctx context.Context) {
	// Requests accepted before the end may finish after it.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var readers, handlers, writers sync.WaitGroup
	failed := func(err error) {
		t.metrics.sockets.Inc()
		t.strange.warn(ctx, "socket failed", slog.Any("err", err))
	}
	for _, s := range t.sockets {
		writers.Go(func() { s.write(failed) })
		readers.Go(func() {
			s.read(func(b, oob []byte, from *net.UDPAddr) { t.receive(ctx, s, b, oob, from) }, failed)
		})
	}
	readers.Go(func() { t.streams.run(ctx, t) })
	for range workers {
		handlers.Go(func() { t.work(work, t.access, 1, func(rs []*request) { t.handle(work, rs[0]) }) })
	}
	handlers.Go(func() { t.work(work, t.account, accountingBatch, func(rs []*request) { t.commit(work, rs) }) })

	<-ctx.Done()
	for _, s := range t.sockets {
		// A deadline in the past wakes the reader; the socket still writes.
		_ = s.conn.SetReadDeadline(time.Unix(1, 0))
	}
	readers.Wait()
	t.access.close()
	t.account.close()
	stop := time.AfterFunc(drainTime, cancel)
	defer stop.Stop()
	handlers.Wait()
	t.open.Wait()
	for _, s := range t.sockets {
		close(s.out)
	}
	t.streams.finish()
	writers.Wait()
	for _, s := range t.sockets {
		_ = s.conn.Close()
	}
}

// work runs fn on what the queue hands out, until it is closed and empty.
func (t *transport) work(ctx context.Context, q *queue, max int, fn func([]*request)) {
	batch := make([]*request, 0, max)
	lanes := make([]*lane, 0, max)
	for {
		batch = q.pop(batch, max)
		if len(batch) == 0 {
			return
		}
		lanes = lanes[:0]
		for _, r := range batch {
			lanes = append(lanes, r.lane())
		}
		t.guarded(ctx, batch, fn)
		for _, l := range lanes {
			q.done(l)
		}
	}
}

// guarded runs fn; a panic in it ends nothing but its requests.
func (t *transport) guarded(ctx context.Context, batch []*request, fn func([]*request)) {
	defer func() {
		if v := recover(); v != nil {
			t.log.LogAttrs(ctx, slog.LevelError, "request handler panicked",
				slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
			for _, r := range batch {
				t.drop(r, panicked)
			}
		}
	}()
	fn(batch)
}

func (r *request) lane() *lane {
	if r.packet.Code() == wire.AccountingRequest {
		return &r.client.account
	}
	return &r.client.access
}

// answer ends a request with the octets of its answer, which it keeps for
// repetitions: they must not change afterwards.
func (t *transport) answer(r *request, b []byte) {
	if r.ended.Swap(true) {
		return
	}
	now := t.now()
	t.metrics.answers[wire.Code(b[0])].Inc()
	t.metrics.seconds.Observe(now.Sub(r.received).Seconds())
	if r.packet.Clear() {
		// RFC 9765 §4.2.2: nothing is repeated over TLS, and a Token may come again.
		r.client.replays.forget(r.id)
	} else {
		r.client.replays.finish(r.id, b, now)
	}
	r.origin.answer(b)
	t.open.Done()
}

// drop ends a request without an answer; a repetition is handled anew.
func (t *transport) drop(r *request, why discard) {
	if r.ended.Swap(true) {
		return
	}
	t.metrics.discarded[why].Inc()
	r.client.replays.forget(r.id)
	r.origin.unable(r.packet, why)
	t.open.Done()
}
