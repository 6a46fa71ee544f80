package projection

import (
	"container/heap"
	"math"
	"time"
)

// never is the time at which nothing happens.
const never = math.MaxInt64

// edge is one direct membership.
type edge struct{ group, member uint32 }

// span is when a row counts, in microseconds: from starts, until before ends.
type span struct{ starts, ends int64 }

func spanOf(starts, ends time.Time) span {
	sp := span{math.MinInt64, never}
	if !starts.IsZero() {
		sp.starts = starts.UnixMicro()
	}
	if !ends.IsZero() {
		sp.ends = ends.UnixMicro()
	}
	return sp
}

func (sp span) always() bool { return sp.starts == math.MinInt64 && sp.ends == never }

// spans are the rows of one membership.
type spans []span

// at reports whether a row counts at a time, and when that may change next.
func (l spans) at(now int64) (in bool, next int64) {
	next = never
	for _, sp := range l {
		in = in || sp.starts <= now && now < sp.ends
		for _, edge := range []int64{sp.starts, sp.ends} {
			if edge > now {
				next = min(next, edge)
			}
		}
	}
	return in, next
}

// always reports whether some row counts at any time.
func (l spans) always() bool {
	for _, sp := range l {
		if sp.always() {
			return true
		}
	}
	return false
}

// timed knows the memberships that begin or end, and when the next one does.
type timed struct {
	rows  map[edge]spans
	queue moments
}

type due struct {
	at int64
	edge
}

// moments is a heap by time. An element may be out of date: what counts is in rows.
type moments []due

func (m moments) Len() int           { return len(m) }
func (m moments) Less(i, j int) bool { return m[i].at < m[j].at }
func (m moments) Swap(i, j int)      { m[i], m[j] = m[j], m[i] }
func (m *moments) Push(v any)        { *m = append(*m, v.(due)) }
func (m *moments) Pop() any {
	last := len(*m) - 1
	v := (*m)[last]
	*m = (*m)[:last]
	return v
}

func newTimed() timed { return timed{rows: map[edge]spans{}} }

// forget drops the rows of an entry.
func (t *timed) forget(slot uint32) {
	for e := range t.rows {
		if e.group == slot || e.member == slot {
			delete(t.rows, e)
		}
	}
}

// push queues a moment. When most of the queue is out of date it is made anew.
func (t *timed) push(d due, now int64) {
	heap.Push(&t.queue, d)
	if len(t.queue) < 4*len(t.rows)+64 {
		return
	}
	t.queue = t.queue[:0]
	for e, rows := range t.rows {
		if _, next := rows.at(now); next != never {
			t.queue = append(t.queue, due{next, e})
		}
	}
	heap.Init(&t.queue)
}

// setEdge makes rows the only ones of a membership, and the membership what they say at now; mu is held.
func (s *state) setEdge(e edge, rows spans, now int64) {
	in, next := rows.at(now)
	delete(s.timed.rows, e)
	if !rows.always() && next != never {
		s.timed.rows[e] = rows
		s.timed.push(due{next, e}, now)
		s.next.Store(s.timed.queue[0].at)
	}
	s.link(e.group, e.member, in)
}

// advance brings timed memberships to now. It is called before each search and costs one load when nothing is due.
func (s *state) advance(now time.Time) {
	at := now.UnixMicro()
	if s.next.Load() > at {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &s.timed
	for len(t.queue) > 0 && t.queue[0].at <= at {
		d := heap.Pop(&t.queue).(due)
		rows, ok := t.rows[d.edge]
		if !ok {
			continue
		}
		in, next := rows.at(at)
		if next == never {
			delete(t.rows, d.edge)
		} else {
			heap.Push(&t.queue, due{next, d.edge})
		}
		s.link(d.group, d.member, in)
	}
	s.next.Store(never)
	if len(t.queue) > 0 {
		s.next.Store(t.queue[0].at)
	}
}
