package eap

import (
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

// maxBuffered bounds what one side may leave to the other at once.
const maxBuffered = 64 << 10

// pipe is the connection between the rounds of a conversation and the goroutine
// that runs its method, as if that talked to the peer over a network. One of the
// two works at a time: exchange hands over what has come from the peer and waits
// until the method needs more, or has ended.
type pipe struct {
	mu     sync.Mutex
	turn   sync.Cond
	in     []byte // from the peer, unread
	out    []byte // for the peer
	first  []byte // of what was written, a bounded part
	parked bool   // the method waits for the peer
	ended  bool   // the method has returned
	closed bool
	eager  bool // Read fails instead of waiting
}

func newPipe() *pipe {
	p := &pipe{parked: true}
	p.turn.L = &p.mu
	return p
}

// begin returns when it is the method's turn: at the first exchange. A method that
// ran earlier would take that for the answer to what it says first.
func (p *pipe) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.parked && !p.closed {
		p.turn.Wait()
	}
}

// exchange gives b to the method, which keeps it, and returns what it has to say,
// when it waits for the peer again or has ended.
func (p *pipe) exchange(b []byte) (out []byte, ended bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.in) == 0 {
		p.in = b
	} else {
		p.in = append(p.in, b...)
	}
	p.parked = false
	p.turn.Broadcast()
	for !p.parked && !p.ended {
		p.turn.Wait()
	}
	out, p.out = p.out, nil
	return out, p.ended
}

// Close ends the method at its next read.
func (p *pipe) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.turn.Broadcast()
	return nil
}

// LocalAddr and the methods below make a net.Conn of the pipe; they mean nothing.
func (*pipe) LocalAddr() net.Addr { return nil }

// RemoteAddr returns nil.
func (*pipe) RemoteAddr() net.Addr { return nil }

// SetDeadline does nothing: the table ends what lasts too long.
func (*pipe) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (*pipe) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (*pipe) SetWriteDeadline(time.Time) error { return nil }

// end says that the method has returned.
func (p *pipe) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended, p.closed = true, true
	p.turn.Broadcast()
}

// park waits for the next exchange; p.mu is held.
func (p *pipe) park() {
	p.parked = true
	p.turn.Broadcast()
	for p.parked && !p.closed {
		p.turn.Wait()
	}
}

// drained is the error of a Read that may not wait. It is temporary, so that
// crypto/tls goes on after it.
type drained struct{}

func (drained) Error() string   { return "nothing more has come" }
func (drained) Timeout() bool   { return true }
func (drained) Temporary() bool { return true }

// Read waits for the peer unless the pipe is eager.
func (p *pipe) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.in) == 0 {
		switch {
		case p.closed:
			return 0, io.EOF
		case p.eager:
			return 0, drained{}
		}
		p.park()
	}
	n := copy(b, p.in)
	p.in = p.in[n:]
	return n, nil
}

// Write keeps b for the end of this exchange.
func (p *pipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.out)+len(b) > maxBuffered {
		return 0, io.ErrClosedPipe
	}
	if p.first == nil {
		p.first = slices.Clone(b[:min(len(b), maxOpening)])
	}
	p.out = append(p.out, b...)
	return len(b), nil
}

// maxOpening is more than a ServerHello has.
const maxOpening = 512

// opening returns, once, the beginning of what the method wrote first.
func (p *pipe) opening() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.first
	p.first = []byte{}
	return b
}

// setEager makes Read fail when nothing is there, or wait again.
func (p *pipe) setEager(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.eager = on
}

// unsent reports whether something was written in this exchange.
func (p *pipe) unsent() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.out) > 0
}

// discard takes back what was written in this exchange.
func (p *pipe) discard() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out = nil
}

// next ends this exchange and returns what the peer sends in the following one,
// nothing included.
func (p *pipe) next() ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.park()
	if p.closed {
		return nil, io.EOF
	}
	b := p.in
	p.in = nil
	return b, nil
}
