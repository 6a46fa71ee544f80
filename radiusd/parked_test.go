package radiusd

import (
	"runtime"
	"sync"
	"testing"
)

func TestParked(t *testing.T) {
	var (
		mu    sync.Mutex
		p     parked
		woken = make(chan int)
		begin = func(i int) {
			mu.Lock()
			defer mu.Unlock()
			p.wait(&mu)
			go func() { woken <- i }()
		}
		waiting = func(n int) {
			mu.Lock()
			defer mu.Unlock()
			for len(p.waiting) != n {
				mu.Unlock()
				runtime.Gosched()
				mu.Lock()
			}
		}
		locked = func(fn func()) {
			mu.Lock()
			defer mu.Unlock()
			fn()
		}
	)
	for range 2 { // on new channels, and on used ones
		for i := range 3 {
			go begin(i)
			waiting(i + 1)
		}
		locked(p.signal)
		if i := <-woken; i != 2 {
			t.Errorf("number %d was the first to go", i)
		}
		locked(p.broadcast)
		if a, b := <-woken, <-woken; a+b != 1 {
			t.Errorf("then %d and %d", a, b)
		}
		locked(p.signal) // nobody waits
	}
}

// Whatever is pushed is handed out, and whoever waits ends with the queue.
func TestQueueWakes(t *testing.T) {
	q := newQueue(4)
	lanes := make([]lane, 3)
	var workers, pushers sync.WaitGroup
	var taken sync.Map
	for range 16 {
		workers.Go(func() {
			for {
				batch := q.pop(nil, 1)
				if len(batch) == 0 {
					return
				}
				taken.Store(batch[0], true)
				q.done(&lanes[batch[0].id.link])
			}
		})
	}
	for i := range lanes {
		pushers.Go(func() {
			for range 500 {
				if !q.push(&lanes[i], &request{id: replayKey{link: uint64(i)}}) {
					t.Error("refused")
				}
			}
		})
	}
	pushers.Wait()
	q.close()
	workers.Wait()
	n := 0
	taken.Range(func(any, any) bool { n++; return true })
	if n != 1500 {
		t.Errorf("%d of 1500 requests were handed out", n)
	}
}
