package radiusd

import (
	"net/netip"
	"sync"
	"time"

	"gatehouse/radiusd/wire"
)

const (
	// replayFor is how long the octets of an answer are kept. RFC 5080 §2.2.2
	// asks for 5 to 30 seconds and to err on the short side.
	replayFor = 6 * time.Second
	// replayMax bounds the answers and requests remembered per client.
	replayMax = 32_768
)

// replayKey tells a retransmission from a new request, within a short time.
type replayKey struct {
	from          netip.AddrPort
	authenticator [16]byte // in RADIUS/1.1 the Token alone
	link          uint64   // socket or connection
	code          wire.Code
	identifier    byte
}

// verdict says what to do with a request.
type verdict int

const (
	fresh    verdict = iota // handle it
	inFlight                // its first copy is being handled: do nothing
	answered                // send the same octets again
	full                    // too many at once: do nothing
)

// replays remembers the requests of one client and their answers, so that a
// repeated packet never runs a handler twice. It is safe for concurrent use.
type replays struct {
	mu      sync.Mutex
	answers map[replayKey][]byte // nil while in flight
	expiry  []replayExpiry       // answered ones, oldest first, from expiry[gone:]
	gone    int
}

type replayExpiry struct {
	key replayKey
	at  time.Time
}

// begin decides about a request; with answered the octets come along. A fresh
// one must be ended by finish or forget.
func (c *replays) begin(k replayKey, now time.Time) (verdict, []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.gone < len(c.expiry) && !now.Before(c.expiry[c.gone].at) {
		c.evict()
	}
	if answer, known := c.answers[k]; known {
		if answer == nil {
			return inFlight, nil
		}
		return answered, answer
	}
	if len(c.answers) >= replayMax {
		if c.gone == len(c.expiry) {
			return full, nil
		}
		c.evict()
	}
	if c.answers == nil {
		c.answers = make(map[replayKey][]byte)
	}
	c.answers[k] = nil
	return fresh, nil
}

// finish remembers the answer of a request that begin called fresh.
func (c *replays) finish(k replayKey, answer []byte, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers[k] = answer
	c.expiry = append(c.expiry, replayExpiry{k, now.Add(replayFor)})
}

// forget lets a request that got no answer be tried again.
func (c *replays) forget(k replayKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.answers, k)
}

// evict drops the oldest answer; c.mu is held and there is one.
func (c *replays) evict() {
	delete(c.answers, c.expiry[c.gone].key)
	c.gone++
	// The queue moves down when half of it is gone, so that it stays bounded.
	if c.gone > len(c.expiry)/2 {
		n := copy(c.expiry, c.expiry[c.gone:])
		c.expiry, c.gone = c.expiry[:n], 0
	}
}
