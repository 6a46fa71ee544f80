package ldapd

import (
	"context"
	"sync"
)

// inflight are the operations that run beside a connection.
type inflight struct {
	mu    sync.Mutex
	ops   map[int32]*flight // those whose last answer is not on its way yet
	count int               // all
	wg    sync.WaitGroup
}

// flight is one of them.
type flight struct {
	cancel   context.CancelFunc
	canceled bool          // by a Cancel; guarded by the inflight
	answered bool          // with canceled
	done     chan struct{} // closed when its last answer is on its way
}

// add counts an operation in, unless there are max already or its id is in use.
func (f *inflight) add(id int32, cancel context.CancelFunc, most int) (added *flight, duplicate bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, duplicate = f.ops[id]; duplicate || f.count >= most {
		return nil, duplicate
	}
	if f.ops == nil {
		f.ops = make(map[int32]*flight, most)
	}
	added = &flight{cancel: cancel, done: make(chan struct{})}
	f.ops[id] = added
	f.count++
	f.wg.Add(1)
	return added, false
}

// land makes the id of an operation free again. It reports whether a Cancel made the operation give up; its answer says
// so then. Later calls do nothing.
func (f *inflight) land(id int32, op *flight, gaveUp bool) (canceled bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ops[id] != op {
		return false
	}
	delete(f.ops, id)
	op.answered = op.canceled && gaveUp
	return op.answered
}

// done counts an operation out.
func (f *inflight) done() {
	f.mu.Lock()
	f.count--
	f.mu.Unlock()
	f.wg.Done()
}

// abandon gives one operation up.
func (f *inflight) abandon(id int32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if op := f.ops[id]; op != nil {
		op.cancel()
	}
}

// cancel gives one operation up that is to be answered with canceled; nil: there is none.
func (f *inflight) cancel(id int32) *flight {
	f.mu.Lock()
	defer f.mu.Unlock()
	op := f.ops[id]
	if op != nil {
		op.canceled = true
		op.cancel()
	}
	return op
}

func (f *inflight) cancelAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, op := range f.ops {
		op.cancel()
	}
}

func (f *inflight) none() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.ops) == 0
}

func (f *inflight) wait() { f.wg.Wait() }
