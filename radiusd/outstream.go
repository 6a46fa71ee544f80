package radiusd

import "sync"

const (
	// maxUnread is how many octets of answers may wait for a peer that does not
	// read. All 256 identifiers with an EAP fragment each are less.
	maxUnread = 512 << 10
	// keepBuffer is the largest buffer that a connection keeps.
	keepBuffer = 32 << 10
)

// outstream is the answers that wait to be written to a connection. They are
// written together, so that a burst of them is one TLS record.
type outstream struct {
	mu      sync.Mutex
	ready   sync.Cond
	waiting []byte
	ended   bool // take what waits, and no more
}

func newOutstream() *outstream {
	o := new(outstream)
	o.ready.L = &o.mu
	return o
}

// put adds a packet; false: too much waits.
func (o *outstream) put(b []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return true // nobody is there to miss it
	}
	if len(o.waiting)+len(b) > maxUnread {
		return false
	}
	o.waiting = append(o.waiting, b...)
	o.ready.Signal()
	return true
}

// take waits for packets and returns all of them; false: there will be no more.
// It takes back the buffer that it has returned before.
func (o *outstream) take(used []byte) ([]byte, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.waiting) == 0 {
		if o.ended {
			return nil, false
		}
		o.ready.Wait()
	}
	b := o.waiting
	if cap(used) > keepBuffer {
		used = nil
	}
	o.waiting = used[:0]
	return b, true
}

// finish lets what waits be the last.
func (o *outstream) finish() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	o.ready.Signal()
}

// abort drops what waits.
func (o *outstream) abort() {
	o.mu.Lock()
	o.waiting = nil
	o.mu.Unlock()
	o.finish()
}
