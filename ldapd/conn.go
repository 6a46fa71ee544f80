package ldapd

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"gatehouse/directory/schema"
	"gatehouse/internal/proxyheader"
	"gatehouse/ldapd/wire"
)

// conn is one client connection. Its goroutine reads requests and runs the quick ones in order; slow ones run beside
// it (background).
type conn struct {
	s       *Server
	kind    ListenerKind
	profile schema.LDAPProfile // of the listener
	peer    netip.Addr
	raw     net.Conn // the socket
	nc      net.Conn // raw, or TLS over it
	secure  bool
	tls     *tls.ConnectionState // nil in clear
	uid     uint32               // of the process behind a unix socket, with hasUID
	hasUID  bool
	reader  *wire.Reader
	out     output

	who   *identity // nil is anonymous; written by the connection's goroutine while nothing runs beside it
	relay bool      // was bound as a service account once: it speaks for others
	op    operation // of the request that runs in order

	order   atomic.Pointer[closing] // set when the connection is ended from outside
	cancel  context.CancelFunc      // of everything this connection does
	running inflight

	readUntil time.Time // the read deadline in force
	partial   bool      // the deadline is for the rest of the request that is being read
}

// closing is an order to end a connection, with what the client is told.
type closing struct {
	why  ending
	code wire.ResultCode
	msg  string
}

func newConn(s *Server, nc net.Conn, l *Listener) *conn {
	c := &conn{s: s, kind: l.Kind, profile: l.Profile, raw: nc, nc: nc}
	if a, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		c.peer = a.AddrPort().Addr().Unmap().WithZone("")
	}
	if u, ok := nc.(*net.UnixConn); ok {
		c.uid, c.hasUID = peerUID(u)
	}
	// A worker that cannot write wakes the goroutine, which reads and would not notice.
	failed := func(err error) { c.wake(&closing{why: writeFailed(err)}) }
	c.out = output{nc: nc, timeout: s.c.Limits.Write, buffers: s.buffers, failed: failed}
	c.reader = wire.NewReader(c)
	return c
}

// serve runs the connection to its end.
func (c *conn) serve(ctx context.Context) {
	ctx, c.cancel = context.WithCancel(ctx)
	defer c.cancel()
	why := c.introduced()
	switch {
	case why != "":
	case c.kind == TLS && c.handshake(ctx) != nil:
		why = endHandshake
	default:
		why = c.loop(ctx)
	}
	order := c.order.Load()
	if order != nil {
		why = order.why
	}
	if why != endStopping {
		c.cancel()
	}
	c.running.wait()
	if order != nil {
		c.last(order.code, order.msg)
	}
	c.s.bound.remove(c)
	if c.out.flush() != nil {
		// A goodbye inside TLS would wait for a client that does not read.
		_ = c.raw.Close()
	}
	_ = c.nc.Close()
	c.s.release(c)
	c.s.m.ended[why].Inc()
	c.s.c.Logger.LogAttrs(ctx, slog.LevelDebug, "ldap connection ended", slog.String("peer", c.peer.String()),
		slog.String("reason", string(why)))
}

// introduced lets a load balancer say whose connection this is, before anything else and before TLS. An ending other
// than "" ends the connection. What comes from nobody's load balancer has no such header; if it sends one, that is no
// LDAP.
func (c *conn) introduced() ending {
	if !c.s.isProxy(c.peer) {
		return ""
	}
	_ = c.raw.SetReadDeadline(time.Now().Add(c.s.c.Limits.Handshake))
	client, err := proxyheader.Read(c.raw)
	if err != nil {
		c.s.c.Logger.Warn("a load balancer in ldap.proxies does not speak the PROXY protocol, version 2", "peer", c.peer.String(), "err", err)
		return endProxy
	}
	_ = c.raw.SetReadDeadline(time.Time{})
	if !client.IsValid() {
		return "" // it speaks for itself, to see whether anybody is there
	}
	return c.s.readmit(c, client.Addr().Unmap().WithZone(""))
}

// handshake turns the connection into TLS.
func (c *conn) handshake(ctx context.Context) error {
	t := tls.Server(c.raw, c.s.c.TLS)
	limited, cancel := context.WithTimeout(ctx, c.s.c.Limits.Handshake)
	defer cancel()
	// The handshake must not inherit a deadline that is about to pass.
	_ = c.raw.SetDeadline(time.Now().Add(c.s.c.Limits.Handshake))
	if err := t.HandshakeContext(limited); err != nil {
		return err
	}
	c.out.mu.Lock()
	c.nc, c.out.nc = t, t
	c.out.mu.Unlock()
	state := t.ConnectionState()
	c.secure, c.tls, c.readUntil = true, &state, time.Time{}
	return nil
}

// peerUID asks the kernel which user opened a unix socket.
func peerUID(u *net.UnixConn) (uid uint32, ok bool) {
	raw, err := u.SyscallConn()
	if err != nil {
		return 0, false
	}
	err = raw.Control(func(fd uintptr) {
		cred, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
		if ok = err == nil; ok {
			uid = cred.Uid
		}
	})
	return uid, ok && err == nil
}

// loop answers requests until the connection ends and says why it did. A panic that no operation caught, for one while
// a request is decoded, ends this connection only.
func (c *conn) loop(ctx context.Context) (why ending) {
	var m *wire.Message
	defer func() {
		if p := recover(); p != nil {
			c.op.panicked(ctx, p)
			why = endBug
		}
		if m != nil {
			c.s.msgs.Put(m)
		}
	}()
	for {
		limit := c.limit()
		if !c.reader.Ready(limit) {
			if err := c.out.flushSoon(); err != nil {
				return writeFailed(err)
			}
			// An idle connection holds neither an output buffer nor a message.
			if m != nil {
				c.s.msgs.Put(m)
				m = nil
			}
		}
		pdu, err := c.reader.Next(limit)
		if err != nil {
			return c.readFailed(err)
		}
		c.partial = false
		if m == nil {
			m = c.s.msgs.Get().(*wire.Message)
		}
		if end := c.request(ctx, m, pdu); end != "" {
			return end
		}
		if c.ending() {
			return endClient
		}
	}
}

// limit is how large a request may be now.
func (c *conn) limit() int {
	if c.who == nil {
		return c.s.c.Limits.PDUUnbound
	}
	return c.s.c.Limits.PDU
}

// readFailed answers what can be answered and names the end.
func (c *conn) readFailed(err error) ending {
	var e *wire.Error
	switch {
	case errors.As(err, &e):
		// RFC 4511 §4.1.1: Notice of Disconnection with protocolError, then terminate.
		c.last(e.Code, e.Msg)
		if errors.Is(err, wire.ErrTooLarge) {
			return endTooLarge
		}
		return endMalformed
	case errors.Is(err, os.ErrDeadlineExceeded) && !c.ending():
		c.last(wire.Unavailable, "the connection was idle for too long")
		return endIdle
	default:
		return endClient
	}
}

// writeFailed names the end of a connection that could not be written to.
func writeFailed(err error) ending {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return endSlow
	}
	return endClient
}

// Read implements io.Reader for the wire.Reader: it waits for as long as a client may take.
func (c *conn) Read(b []byte) (int, error) {
	now := time.Now()
	partial := c.reader.Buffered() > 0
	wait := c.patience(partial)
	// A request that has begun keeps its deadline, so octets that trickle in do not extend it. Otherwise a deadline that
	// is nearly right is left alone: setting it costs as much as a small request.
	stale := !partial && (now.Add(wait-wait/16).After(c.readUntil) || c.readUntil.After(now.Add(wait)))
	if stale || partial != c.partial || c.readUntil.IsZero() {
		c.readUntil, c.partial = now.Add(wait), partial
		_ = c.nc.SetReadDeadline(c.readUntil)
		if c.ending() {
			return 0, net.ErrClosed // the deadline that wakes this goroutine was just replaced
		}
	}
	return c.nc.Read(b)
}

// patience is how long to wait for the next octet: of a request that has begun, or of the next request.
func (c *conn) patience(partial bool) time.Duration {
	l := &c.s.c.Limits
	switch {
	case partial && c.who == nil:
		return l.RequestUnbound
	case partial:
		return l.Request
	case c.who == nil:
		return l.IdleUnbound
	default:
		return l.Idle
	}
}

// last sends a Notice of Disconnection from the connection's own goroutine.
func (c *conn) last(code wire.ResultCode, msg string) {
	c.out.farewell(c.raw, wire.AppendNotice(nil, code, msg), 2*time.Second)
}

func (c *conn) ending() bool { return c.order.Load() != nil }

// wake makes the connection's goroutine stop reading, finish what it does and end. It does not wait. Only the first
// order counts.
func (c *conn) wake(order *closing) bool {
	if !c.order.CompareAndSwap(nil, order) {
		return false
	}
	_ = c.raw.SetReadDeadline(time.Unix(1, 0))
	return true
}

// drop ends the connection at once, whatever it is doing. It does not wait.
func (c *conn) drop(order *closing) {
	if !c.wake(order) {
		return
	}
	c.s.conns.Go(func() {
		c.running.cancelAll()
		c.out.farewell(c.raw, wire.AppendNotice(nil, order.code, order.msg), time.Second)
		// The goroutine may be busy for a while yet; the client sees the end now.
		if half, ok := c.raw.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
	})
}
