package radiusd

import "sync"

// laneMax is how many requests of one client may wait.
const laneMax = 1024

// queue hands waiting requests to workers, the clients in turn, so that a busy
// or hostile client delays only itself.
type queue struct {
	mu     sync.Mutex
	ready  parked
	turns  []*lane // with something waiting and running < share, in turn
	share  int     // how many requests of one client may be worked on
	length int
	closed bool
}

// lane is the part of a queue that belongs to one client. The zero value is
// ready to use.
type lane struct {
	waiting []*request
	running int
	listed  bool
}

func newQueue(share int) *queue {
	return &queue{share: max(share, 1)}
}

// push adds a request; false: the client's lane is full or the queue closed.
func (q *queue) push(l *lane, r *request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(l.waiting) >= laneMax {
		return false
	}
	l.waiting = append(l.waiting, r)
	q.length++
	q.list(l)
	return true
}

// pop waits for work and takes up to max requests, one of each client in turn.
// An empty result means that the queue is closed and empty. Call done for each
// one taken.
func (q *queue) pop(into []*request, max int) []*request {
	into = into[:0]
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.turns) == 0 {
		if q.closed && q.length == 0 {
			return into
		}
		q.ready.wait(&q.mu)
	}
	for len(q.turns) > 0 && len(into) < max {
		l := q.turns[0]
		q.turns = q.turns[1:]
		l.listed = false
		into = append(into, l.waiting[0])
		l.waiting = append(l.waiting[:0], l.waiting[1:]...)
		q.length--
		l.running++
		q.list(l)
	}
	return into
}

// done says that a request taken from l is no longer worked on.
func (q *queue) done(l *lane) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l.running--
	q.list(l)
}

// list puts a lane in line if it has work and may have another worker; q.mu
// is held.
func (q *queue) list(l *lane) {
	if !l.listed && len(l.waiting) > 0 && l.running < q.share {
		l.listed = true
		q.turns = append(q.turns, l)
		q.ready.signal()
	}
	if q.closed && q.length == 0 {
		q.ready.broadcast()
	}
}

// close refuses further requests; those waiting are still handed out.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.ready.broadcast()
}

// len returns how many requests wait.
func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.length
}
