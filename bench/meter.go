package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"time"

	"gatehouse/test/stage"
)

// connections is how many clients ask at once, each one question at a time.
const connections = 16

// client is one connection. ask sends the n-th question and returns how many
// things the answer held: 1, or the entries of a dump.
type client interface {
	ask(n int) (things int, err error)
	Close() error
}

// errSpent is the answer of a client that has nothing left to ask: the
// measurement ends.
var errSpent = errors.New("everything has been asked")

// result is what a server did in the time of one measurement.
type result struct {
	things   int // operations, or entries of a dump
	elapsed  time.Duration
	cpu      time.Duration // of the server
	asking   time.Duration // processor time of the load generator
	p50, p99 time.Duration // of one question
	rss      int64
	changes  float64 // that arrived in a second meanwhile
}

func (r result) rate() float64 { return float64(r.things) / r.elapsed.Seconds() }

// each is the part of a processor time that one thing took.
func (r result) each(total time.Duration) time.Duration {
	if r.things == 0 {
		return 0
	}
	return total / time.Duration(r.things)
}

// measure opens n clients, lets them ask for a second to warm up and then for
// length, and reads what that cost the server.
func measure(ctx context.Context, server *stage.Process, length time.Duration, n int, open func(i int) (client, error)) (result, error) {
	return meter{server, length, time.Second, n}.read(ctx, open)
}

// meter says how a server is measured.
type meter struct {
	server  *stage.Process
	length  time.Duration
	warmUp  time.Duration
	clients int
}

func (m meter) read(ctx context.Context, open func(i int) (client, error)) (_ result, err error) {
	clients := make([]client, m.clients)
	for i := range clients {
		if clients[i], err = open(i); err != nil {
			return result{}, fmt.Errorf("connect to %s: %w", m.server.Name, err)
		}
		defer func() { err = errors.Join(err, clients[i].Close()) }()
	}
	if m.warmUp > 0 {
		if _, err := drive(ctx, clients, m.warmUp); err != nil {
			return result{}, fmt.Errorf("warm %s up: %w", m.server.Name, err)
		}
	}
	before, err := m.server.CPU()
	if err != nil {
		return result{}, err
	}
	own := processorTime()
	got, err := drive(ctx, clients, m.length)
	if err != nil {
		return result{}, fmt.Errorf("ask %s: %w", m.server.Name, err)
	}
	got.asking = processorTime() - own
	after, err := m.server.CPU()
	if err != nil {
		return result{}, err
	}
	got.cpu = after - before
	got.rss, err = m.server.RSS()
	return got, err
}

// processorTime is what this process has used so far.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// quiet waits until a server has finished what the first sign-ins left to do:
// Gatehouse replaces imported hashes afterwards.
func quiet(ctx context.Context, server *stage.Process) error {
	return stage.Poll(ctx, 30*time.Second, func() error {
		before, err := server.CPU()
		if err != nil {
			return err
		}
		time.Sleep(500 * time.Millisecond)
		after, err := server.CPU()
		if err == nil && after-before > 20*time.Millisecond {
			err = fmt.Errorf("%s is busy", server.Name)
		}
		return err
	})
}

// drive lets all clients ask until length has passed.
func drive(ctx context.Context, clients []client, length time.Duration) (result, error) {
	var (
		mu     sync.Mutex
		took   []time.Duration
		total  result
		errs   []error
		wg     sync.WaitGroup
		start  = time.Now()
		finish = start.Add(length)
	)
	for i, c := range clients {
		wg.Go(func() {
			var own []time.Duration
			things := 0
			var err error
			for n := i; err == nil && ctx.Err() == nil; n += len(clients) {
				asked := time.Now()
				if asked.After(finish) {
					break
				}
				var got int
				if got, err = c.ask(n); errors.Is(err, errSpent) {
					err = nil
					break
				}
				things += got
				own = append(own, time.Since(asked))
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, own...)
			total.things += things
			errs = append(errs, err)
		})
	}
	wg.Wait()
	total.elapsed = time.Since(start)
	if err := errors.Join(append(errs, ctx.Err())...); err != nil {
		return result{}, err
	}
	slices.Sort(took)
	if len(took) > 0 {
		total.p50, total.p99 = took[len(took)/2], took[len(took)*99/100]
	}
	return total, nil
}
