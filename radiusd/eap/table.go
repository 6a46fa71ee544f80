package eap

import (
	"container/list"
	"slices"
	"time"

	"gatehouse/directory"
)

const (
	// maxConversations bounds the conversations under way; each of the clients may
	// have a quarter of them, each device a few.
	maxConversations = 4000
	maxPerClient     = maxConversations / 4
	maxPerStation    = 4
	maxRounds        = 50
	maxOctets        = 64 << 10
	maxLife          = 30 * time.Second
)

// stateSize is the size of the State attribute: 128 random bits.
const stateSize = 16

// rank says how far a conversation has come; those that have not come far are
// given up first.
type rank int

const (
	proposed rank = iota // the method was proposed
	greeted              // the peer has taken it up: one message of it came
	underWay             // and more
	rankCount
)

// origin is where a conversation must go on: the same client and device.
type origin struct {
	client  directory.RADIUSClientID
	station string
}

// table holds the conversations that wait for their next round. It is not safe
// for concurrent use.
type table struct {
	byState  map[[stateSize]byte]*conversation
	all      ranks
	clients  map[directory.RADIUSClientID]*ranks
	stations map[origin][]*conversation
}

// ranks are conversations by rank, oldest first.
type ranks struct {
	lists [rankCount]list.List
	count int
}

func newTable() *table {
	return &table{
		byState: map[[stateSize]byte]*conversation{}, clients: map[directory.RADIUSClientID]*ranks{},
		stations: map[origin][]*conversation{},
	}
}

func (r *ranks) add(c *conversation) *list.Element {
	r.count++
	return r.lists[c.rank].PushBack(c)
}

func (r *ranks) remove(c *conversation, e *list.Element) {
	r.count--
	r.lists[c.rank].Remove(e)
}

// first returns the conversation to give up first, or nil.
func (r *ranks) first() *conversation {
	for i := range r.lists {
		if e := r.lists[i].Front(); e != nil {
			c, _ := e.Value.(*conversation) // nothing else is in the lists
			return c
		}
	}
	return nil
}

// add enters a conversation and returns those that have to go for it.
func (t *table) add(c *conversation) (evicted []*conversation) {
	evict := func(c *conversation) {
		t.remove(c)
		evicted = append(evicted, c)
	}
	if same := t.stations[c.origin]; c.origin.station != "" && len(same) >= maxPerStation {
		evict(same[0])
	}
	if own := t.clients[c.origin.client]; own != nil && own.count >= maxPerClient {
		evict(own.first())
	}
	if t.all.count >= maxConversations {
		evict(t.all.first())
	}
	own := t.clients[c.origin.client]
	if own == nil {
		own = &ranks{}
		t.clients[c.origin.client] = own
	}
	c.inAll, c.inOwn = t.all.add(c), own.add(c)
	if c.origin.station != "" {
		t.stations[c.origin] = append(t.stations[c.origin], c)
	}
	t.byState[c.state] = c
	return evicted
}

// remove takes a conversation out. It must be in.
func (t *table) remove(c *conversation) {
	own := t.clients[c.origin.client]
	t.all.remove(c, c.inAll)
	own.remove(c, c.inOwn)
	if own.count == 0 {
		delete(t.clients, c.origin.client)
	}
	delete(t.byState, c.state)
	if c.origin.station == "" {
		return
	}
	same := slices.DeleteFunc(t.stations[c.origin], func(other *conversation) bool { return other == c })
	if t.stations[c.origin] = same; len(same) == 0 {
		delete(t.stations, c.origin)
	}
}

// expired returns the conversations that have lasted too long.
func (t *table) expired(now time.Time) (old []*conversation) {
	for i := range t.all.lists {
		for e := t.all.lists[i].Front(); e != nil; e = e.Next() {
			if c, _ := e.Value.(*conversation); !now.Before(c.until) {
				old = append(old, c)
			}
		}
	}
	return old
}
