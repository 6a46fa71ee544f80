package radiusd

import "sync"

// parked are goroutines that wait under a mutex. The last to come is the first to
// be woken, unlike with sync.Cond: the same few do all the work of a server that is
// not busy, on stacks that have grown, and the others keep none. The zero value is
// ready to use.
type parked struct {
	waiting, spare []chan struct{}
}

// wait returns after signal or broadcast. mu is held before and after, and whoever
// calls looks again whether there is something to do.
func (p *parked) wait(mu *sync.Mutex) {
	var c chan struct{}
	if last := len(p.spare) - 1; last >= 0 {
		c, p.spare = p.spare[last], p.spare[:last]
	} else {
		c = make(chan struct{}, 1)
	}
	p.waiting = append(p.waiting, c)
	mu.Unlock()
	<-c
	mu.Lock()
	p.spare = append(p.spare, c)
}

// signal wakes one; the mutex is held.
func (p *parked) signal() {
	if last := len(p.waiting) - 1; last >= 0 {
		p.waiting[last] <- struct{}{} // for which there is room: it waits once
		p.waiting = p.waiting[:last]
	}
}

// broadcast wakes all; the mutex is held.
func (p *parked) broadcast() {
	for len(p.waiting) > 0 {
		p.signal()
	}
}
