package radiusd

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/radiusd/wire"
)

// ending says why a connection ended. The set is closed: it is a label.
type ending string

const (
	endClosed    ending = "closed"     // by the peer, or by the network
	endHandshake ending = "handshake"  // no TLS, no certificate, or nobody's
	endLimit     ending = "limit"      // too many connections of strangers, or in all
	endPerClient ending = "per_client" // too many of this NAS
	endIdle      ending = "idle"       // no packet for long
	endSlow      ending = "slow"       // half a packet for long, or answers that are not read
	endMalformed ending = "malformed"  // not a packet, so the next one cannot be found
	endForged    ending = "forged"     // a wrong authenticator
	endToken     ending = "token"      // a Token for two requests at once
	endRevoked   ending = "revoked"    // the client or its certificate does not count any more
	endExpired   ending = "expired"    // the certificate
	endStopping  ending = "stopping"   // the server
)

func endings() []ending {
	return []ending{
		endClosed, endHandshake, endLimit, endPerClient, endIdle, endSlow, endMalformed, endForged, endToken, endRevoked,
		endExpired, endStopping,
	}
}

// firstStream keeps the numbers of connections apart from those of sockets.
const firstStream = 1 << 32

// radsec is the shared secret inside TLS.
//
// RFC 6614 §2.3 (1): it is "radsec" for everybody, because TLS does its work.
const radsec = "radsec"

// stream is a connection of a NAS over TLS.
type stream struct {
	t       *transport
	nc      net.Conn
	tls     *tls.Conn
	link    uint64
	peer    netip.AddrPort
	here    netip.Addr
	clear   bool // RADIUS/1.1
	chain   []*x509.Certificate
	holder  atomic.Pointer[client]
	outbox  *outstream
	written chan struct{} // closed when nothing more is written
	asked   inquiries

	mu    sync.Mutex
	why   ending          // "": open
	names map[string]bool // of network access servers that have asked here
}

// newStream describes a connection; false: it is none of TCP.
func newStream(t *transport, nc net.Conn, link uint64) (*stream, bool) {
	peer, ok1 := nc.RemoteAddr().(*net.TCPAddr)
	here, ok2 := nc.LocalAddr().(*net.TCPAddr)
	if !ok1 || !ok2 {
		return nil, false
	}
	from := peer.AddrPort()
	return &stream{
		t: t, nc: nc, link: link, peer: netip.AddrPortFrom(from.Addr().Unmap(), from.Port()),
		here: here.AddrPort().Addr().Unmap(), outbox: newOutstream(), written: make(chan struct{}), names: map[string]bool{},
	}, true
}

// client is whose connection it is, as last loaded.
func (c *stream) client() *client { return c.holder.Load() }

// about tells an operator who is at the other end.
func (c *stream) about() []slog.Attr {
	attrs := []slog.Attr{slog.String("peer", c.peer.String())}
	if len(c.chain) > 0 {
		attrs = append(attrs, slog.String("certificate", describe(c.chain[0])))
	}
	return attrs
}

// end ends the connection, for the first reason that is given.
func (c *stream) end(why ending) {
	c.mu.Lock()
	if c.why == "" {
		c.why = why
	}
	c.mu.Unlock()
	// A deadline in the past wakes the reader.
	_ = c.tls.SetReadDeadline(time.Unix(1, 0))
}

func (c *stream) ending() ending {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.why
}

// read takes packets until the connection ends.
func (c *stream) read(ctx context.Context) {
	r := bufio.NewReaderSize(c.tls, wire.MaxLength)
	c.t.log.LogAttrs(ctx, slog.LevelDebug, "RADIUS over TLS: connection of a client", append(c.about(),
		slog.String("client", c.client().name), slog.Bool("radius11", c.clear))...)
	for c.ending() == "" {
		raw, why := c.next(r)
		if why != "" {
			c.end(why)
			return
		}
		if !c.t.now().Before(c.chain[0].NotAfter) {
			c.end(endExpired)
			return
		}
		c.receive(ctx, raw)
		_, _ = r.Discard(len(raw)) // what was peeked at is there
	}
}

// next waits for a packet and returns its octets, which are valid until the
// next read from r. Why it could not is an ending.
//
// RFC 6614 §3.4: the Length field is where the next packet begins.
func (c *stream) next(r *bufio.Reader) ([]byte, ending) {
	if r.Buffered() == 0 {
		c.wait(c.t.streams.limits.idle)
		if _, err := r.Peek(1); err != nil {
			return nil, because(err, endIdle)
		}
	}
	c.wait(c.t.streams.limits.packet)
	raw, err := packetOf(r)
	if errors.Is(err, wire.ErrLength) {
		return nil, endMalformed
	}
	return raw, because(err, endSlow)
}

// packetOf returns the next packet of a stream without taking it off r, which
// has room for the longest one.
func packetOf(r *bufio.Reader) ([]byte, error) {
	head, err := r.Peek(wire.LengthEnd)
	if err != nil {
		return nil, err
	}
	length, err := wire.Length(head)
	if err != nil {
		return nil, err
	}
	return r.Peek(length)
}

// wait sets how long the next read may take, unless the connection is to end.
func (c *stream) wait(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.why == "" {
		_ = c.tls.SetReadDeadline(time.Now().Add(d))
	}
}

// because is the ending of a failed read; late is what it is called when the
// deadline has passed.
func because(err error, late ending) ending {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, os.ErrDeadlineExceeded):
		return late
	default:
		return endClosed
	}
}

// write sends what is put into the outbox until that ends.
func (c *stream) write() {
	defer close(c.written)
	var b []byte
	for {
		var more bool
		if b, more = c.outbox.take(b); !more {
			break
		}
		_ = c.tls.SetWriteDeadline(time.Now().Add(c.t.streams.limits.write))
		if _, err := c.tls.Write(b); err != nil {
			c.end(because(err, endSlow))
			break
		}
	}
	_ = c.tls.Close()
}

// close ends the writer and the connection; what waits is dropped.
func (c *stream) close() {
	c.outbox.abort()
	if why := c.ending(); why == endClosed || why == endSlow {
		_ = c.nc.Close() // nobody reads a farewell
	}
	_ = c.tls.SetWriteDeadline(time.Now().Add(time.Second))
	<-c.written
}
