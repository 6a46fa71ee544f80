package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	changesPerSecond = 500
	changers         = 16 // connections that make them, one at a time each
)

// changing is a stream of changes that arrives at a server.
type changing struct {
	began  time.Time
	end    context.CancelFunc
	done   sync.WaitGroup
	made   atomic.Int64
	failed atomic.Pointer[error]
}

// startChanges lets changes arrive until stop. A server that cannot keep up gets
// fewer of them.
func startChanges(ctx context.Context, s directoryServer, p people) (*changing, error) {
	conns := make([]*ldapConn, changers)
	for i := range conns {
		conn, err := dialLDAP(s.addr, writerDN, p.writer)
		if err != nil {
			for _, c := range conns[:i] {
				err = errors.Join(err, c.Close())
			}
			return nil, err
		}
		conns[i] = conn
	}
	ctx, end := context.WithCancel(ctx)
	c := &changing{began: time.Now(), end: end}
	for i, conn := range conns {
		c.done.Go(func() {
			if err := errors.Join(c.send(ctx, conn, p, i), conn.Close()); err != nil {
				c.failed.Store(&err)
			}
		})
	}
	return c, nil
}

// stop returns how many changes arrived in a second.
func (c *changing) stop() (rate float64, err error) {
	rate = float64(c.made.Load()) / time.Since(c.began).Seconds()
	c.end()
	c.done.Wait()
	if failed := c.failed.Load(); failed != nil {
		err = *failed
	}
	return rate, err
}

// send makes the changes of one of the connections.
func (c *changing) send(ctx context.Context, conn *ldapConn, p people, changer int) error {
	tick := time.NewTicker(changers * time.Second / changesPerSecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return tidy(conn, p, changer, n)
		case <-tick.C:
		}
		if _, _, err := conn.roundTrip(change(p, changer, n)); err != nil {
			return fmt.Errorf("change %d: %w", n, err)
		}
		c.made.Add(1)
	}
}

// membership is how many changes lie between a member who comes and one who
// goes.
const membership = 5

// change is the n-th change of a connection: a title, or with every fifth a
// member who comes or, the next time, goes.
func change(p people, changer, n int) []byte {
	if n%membership != 0 {
		i := (n*changers + changer) * 7919 % p.count
		return modifyRequest(p.dn(i), replacing, "title", fmt.Sprintf("Title %d-%d", changer, n))
	}
	turn := n / membership
	kind, pair := byte(adding), turn/2
	if turn%2 == 1 {
		kind = deleting
	}
	i := (pair*changers + changer) * 104729 % p.count
	// One group on from the person's first: not one of the person's own.
	return modifyRequest(groupDN((p.team(i, 0)+1)%p.groups), kind, "member", p.dn(i))
}

// tidy lets a member go who came before the n-th change, so that the next stream
// of changes can begin as this one did.
func tidy(conn *ldapConn, p people, changer, n int) error {
	at := n % (2 * membership)
	if at == 0 || at > membership {
		return nil
	}
	if _, _, err := conn.roundTrip(change(p, changer, n-at+membership)); err != nil {
		return fmt.Errorf("the last change: %w", err)
	}
	return nil
}
