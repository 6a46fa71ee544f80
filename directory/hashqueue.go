package directory

import (
	"context"
	"slices"
	"sync"
)

const (
	hashRunningPerSource = 1
	hashWaitingPerSource = 4
)

// hashQueue hands out the slots in which slow password hashes run: as many as
// there are cores, one of them kept for the web. Lanes have their turns one
// after the other, and in a lane the sources, so that each kind of door has its
// share and a flood from one address delays nobody else by more than a hash. A
// source has one hash running and four waiting; more are refused.
type hashQueue struct {
	mu      sync.Mutex
	slots   int
	keep    bool // the last slot for the web
	web     int  // running for the web
	other   int  // running for everybody else
	waiting int
	sources map[hashPlace]*hashSource
	rings   [lanes][]*hashSource // with somebody waiting, in turn
	next    lane                 // whose turn it is
}

// lane is a kind of door. Who has been let in from the same place before has a
// lane of their own: a flood from a thousand addresses leaves it free.
type lane int

const (
	laneWeb lane = iota
	laneKnownWeb
	laneRADIUS
	laneKnownRADIUS
	laneOther
	laneKnownOther
	lanes
)

// laneOf returns the lane of an attempt at a door.
func laneOf(p Protocol, known bool) lane {
	l := laneOther
	switch p {
	case ProtocolWeb:
		l = laneWeb
	case ProtocolRADIUS:
		l = laneRADIUS
	default:
	}
	if known {
		l++
	}
	return l
}

func (l lane) web() bool { return l == laneWeb || l == laneKnownWeb }

// hashPlace is where a password waits.
type hashPlace struct {
	lane   lane
	source string
}

type hashSource struct {
	hashPlace
	running int
	waiting []chan struct{}
}

func newHashQueue(slots int, keep bool) *hashQueue {
	return &hashQueue{slots: max(slots, 1), keep: keep, sources: map[hashPlace]*hashSource{}}
}

// acquire waits for a slot. ok is false when the source has too many already.
// release must be called once when ok.
func (q *hashQueue) acquire(ctx context.Context, p hashPlace) (release func(), ok bool, err error) {
	q.mu.Lock()
	s := q.sources[p]
	if s == nil {
		s = &hashSource{hashPlace: p}
		q.sources[p] = s
	}
	if len(s.waiting) >= hashWaitingPerSource {
		q.mu.Unlock()
		return nil, false, nil
	}
	turn := make(chan struct{})
	if len(s.waiting) == 0 {
		q.rings[p.lane] = append(q.rings[p.lane], s)
	}
	s.waiting = append(s.waiting, turn)
	q.waiting++
	q.dispatch()
	q.mu.Unlock()
	select {
	case <-turn:
		return func() { q.release(s) }, true, nil
	case <-ctx.Done():
		q.abandon(s, turn)
		return nil, false, unavailable("the caller went away while its password waited to be checked", ctx.Err())
	}
}

// load returns how many hashes run and wait.
func (q *hashQueue) load() (running, waiting int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.web + q.other, q.waiting
}

// dispatch starts whoever's turn it is, lane after lane. q.mu is held.
func (q *hashQueue) dispatch() {
	for idle := lane(0); idle < lanes; idle++ {
		l := q.next
		q.next = (q.next + 1) % lanes
		if q.start(l) {
			idle = -1 // once more around
		}
	}
}

// start gives a free slot to the first source of a lane that may have it. q.mu
// is held.
func (q *hashQueue) start(l lane) bool {
	if !q.free(l.web()) {
		return false
	}
	ring := q.rings[l]
	i := slices.IndexFunc(ring, func(s *hashSource) bool { return s.running < hashRunningPerSource })
	if i < 0 {
		return false
	}
	s := ring[i]
	close(s.waiting[0])
	s.waiting = s.waiting[1:]
	q.waiting--
	s.running++
	if l.web() {
		q.web++
	} else {
		q.other++
	}
	ring = slices.Delete(ring, i, i+1)
	if len(s.waiting) > 0 {
		ring = append(ring, s)
	}
	q.rings[l] = ring
	return true
}

// free reports whether a slot is free; of several, the last may be the web's.
func (q *hashQueue) free(web bool) bool {
	if web || !q.keep || q.slots == 1 {
		return q.web+q.other < q.slots
	}
	return q.web+q.other < q.slots && q.other < q.slots-1
}

func (q *hashQueue) release(s *hashSource) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s.running--
	if s.lane.web() {
		q.web--
	} else {
		q.other--
	}
	ring := q.rings[s.lane]
	if i := slices.Index(ring, s); i >= 0 { // it has had its turn
		q.rings[s.lane] = append(slices.Delete(ring, i, i+1), s)
	}
	q.forget(s)
	q.dispatch()
}

// abandon takes a waiter out again; one that got its turn meanwhile gives it back.
func (q *hashQueue) abandon(s *hashSource, turn chan struct{}) {
	q.mu.Lock()
	i := slices.Index(s.waiting, turn)
	if i < 0 {
		q.mu.Unlock()
		q.release(s)
		return
	}
	defer q.mu.Unlock()
	s.waiting = slices.Delete(s.waiting, i, i+1)
	q.waiting--
	if len(s.waiting) == 0 {
		q.rings[s.lane] = slices.DeleteFunc(q.rings[s.lane], func(r *hashSource) bool { return r == s })
	}
	q.forget(s)
}

// forget drops a source that has nothing running or waiting. q.mu is held.
func (q *hashQueue) forget(s *hashSource) {
	if s.running == 0 && len(s.waiting) == 0 {
		delete(q.sources, s.hashPlace)
	}
}
