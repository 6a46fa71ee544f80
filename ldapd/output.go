package ldapd

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// outputSize is what one write to a client holds at most, but for a single answer that is larger.
const outputSize = 64 << 10

// output collects the answers of one connection and writes many of them at once. All methods may be called by the
// connection and its workers at the same time.
type output struct {
	mu      sync.Mutex
	nc      net.Conn
	box     *[]byte     // from buffers, nil when nothing waits
	buf     []byte      // in box, or grown out of it
	err     error       // of the first failed write; everything after it is dropped
	wanted  atomic.Bool // somebody could not wait for mu: the one who holds it writes what waits
	timeout time.Duration
	buffers *sync.Pool
	failed  func(error) // called once, when a write fails
}

func newBuffers() *sync.Pool {
	return &sync.Pool{New: func() any {
		b := make([]byte, 0, outputSize+outputSize/4)
		return &b
	}}
}

// begin locks the output and returns the buffer to append to; end gives it back.
func (o *output) begin() []byte {
	o.mu.Lock()
	if o.box == nil {
		o.box = o.buffers.Get().(*[]byte)
		o.buf = (*o.box)[:0]
	}
	return o.buf
}

// end takes over what was appended. It writes when there is enough for that, and fails when the client is gone.
func (o *output) end(buf []byte) error {
	defer o.release()
	o.buf = buf
	if len(buf) < outputSize {
		return o.err
	}
	return o.write()
}

// release unlocks the output and does what flushSoon left to the one who held it.
func (o *output) release() {
	o.mu.Unlock()
	if o.wanted.Load() {
		_ = o.flushSoon() // the error stays for the next one
	}
}

// flushSoon writes what waits, or leaves that to a worker that is at the output now: the pipe may be full, and a client
// that reads nothing can still abandon.
func (o *output) flushSoon() error {
	if !o.mu.TryLock() {
		o.wanted.Store(true)
		if !o.mu.TryLock() {
			return nil
		}
	}
	defer o.mu.Unlock()
	o.wanted.Store(false)
	if o.box == nil {
		return o.err
	}
	return o.write()
}

// flush writes what waits.
func (o *output) flush() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.box == nil {
		return o.err
	}
	return o.write()
}

func (o *output) write() error {
	if o.err == nil && len(o.buf) > 0 {
		_ = o.nc.SetWriteDeadline(time.Now().Add(o.timeout))
		if _, o.err = o.nc.Write(o.buf); o.err != nil {
			o.failed(o.err)
		}
	}
	if o.box != nil {
		if cap(o.buf) <= 4*outputSize {
			*o.box = o.buf
		}
		o.buffers.Put(o.box)
	}
	o.box, o.buf = nil, nil
	return o.err
}

// abort unlocks the output and forgets what was appended since begin.
func (o *output) abort() { o.release() }

// farewell writes a last message within the time given, whatever another goroutine is writing, and refuses all that
// comes later. It is safe to call it more than once.
func (o *output) farewell(raw net.Conn, msg []byte, within time.Duration) {
	// A write that is stuck at a slow reader holds the lock; this ends it.
	_ = raw.SetWriteDeadline(time.Now().Add(within / 2))
	buf := o.begin()
	defer o.mu.Unlock()
	o.buf = buf
	if o.err == nil {
		o.buf = append(o.buf, msg...)
		o.timeout = within / 2
	}
	_ = o.write()
	if o.err == nil {
		o.err = net.ErrClosed
	}
}
