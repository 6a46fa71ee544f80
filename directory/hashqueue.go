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
// there are cores, one of them kept for the web, fairly among sources. A source
// has one hash running and four waiting; more are refused, so that a flood from
// one address never delays the others by more than a hash.
type hashQueue struct {
	mu      sync.Mutex
	slots   int
	web     int // running for the web
	other   int // running for everybody else
	sources map[string]*hashSource
	ring    []*hashSource // with somebody waiting, in turn
}

type hashSource struct {
	key     string
	web     bool
	running int
	waiting []chan struct{}
}

func newHashQueue(slots int) *hashQueue {
	return &hashQueue{slots: max(slots, 1), sources: map[string]*hashSource{}}
}

// acquire waits for a slot. ok is false when the source has too many already.
// release must be called once when ok.
func (q *hashQueue) acquire(ctx context.Context, source string, web bool) (release func(), ok bool, err error) {
	if web {
		source = "web " + source
	}
	q.mu.Lock()
	s := q.sources[source]
	if s == nil {
		s = &hashSource{key: source, web: web}
		q.sources[source] = s
	}
	if len(s.waiting) >= hashWaitingPerSource {
		q.mu.Unlock()
		return nil, false, nil
	}
	turn := make(chan struct{})
	if len(s.waiting) == 0 {
		q.ring = append(q.ring, s)
	}
	s.waiting = append(s.waiting, turn)
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

// dispatch starts whoever's turn it is. q.mu is held.
func (q *hashQueue) dispatch() {
	for i := 0; i < len(q.ring); {
		s := q.ring[i]
		if s.running >= hashRunningPerSource || !q.free(s.web) {
			i++
			continue
		}
		close(s.waiting[0])
		s.waiting = s.waiting[1:]
		s.running++
		if s.web {
			q.web++
		} else {
			q.other++
		}
		q.ring = slices.Delete(q.ring, i, i+1)
		if len(s.waiting) > 0 {
			q.ring = append(q.ring, s)
		}
	}
}

// free reports whether a slot is free; of several, the last is the web's.
func (q *hashQueue) free(web bool) bool {
	if web || q.slots == 1 {
		return q.web+q.other < q.slots
	}
	return q.web+q.other < q.slots && q.other < q.slots-1
}

func (q *hashQueue) release(s *hashSource) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s.running--
	if s.web {
		q.web--
	} else {
		q.other--
	}
	if i := slices.Index(q.ring, s); i >= 0 { // it has had its turn
		q.ring = append(slices.Delete(q.ring, i, i+1), s)
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
	if len(s.waiting) == 0 {
		q.ring = slices.DeleteFunc(q.ring, func(r *hashSource) bool { return r == s })
	}
	q.forget(s)
}

// forget drops a source that has nothing running or waiting. q.mu is held.
func (q *hashQueue) forget(s *hashSource) {
	if s.running == 0 && len(s.waiting) == 0 {
		delete(q.sources, s.key)
	}
}
