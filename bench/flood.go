package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	floodRate  = 2_000 // wrong binds a second, all from 127.0.0.1
	floodConns = 3_000 // each waits for the answer of its last one
	floodTime  = 20 * time.Second
	signInPace = 25 * time.Millisecond // between two honest sign-ins at one door

	resultInvalidCredentials = 49 // RFC 4511 §4.1.9
)

// flood measures how long sign-ins from elsewhere take while one address guesses
// without end: half of its names exist.
func (r *runner) flood(ctx context.Context) error {
	p := newPeople(1_000)
	g, err := r.gatehouse(ctx, "flood", p)
	if err != nil {
		return err
	}
	if err := g.Start(ctx, "ldapd", "radiusd"); err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, floodTime)
	defer stop()
	attack, err := startFlood(ctx, g.LDAP, p)
	if err != nil {
		return err
	}
	var ldap, radius honest
	var doors sync.WaitGroup
	doors.Go(func() {
		ldap.run(ctx, func(i int) error { return bindElsewhere(g.LDAP, p.dn(i), p.password(i)) })
	})
	doors.Go(func() {
		radius.run(ctx, func(i int) error {
			in, err := accepted(g.Auth, p.radius, p.name(i), p.password(i))
			if err == nil && !in {
				err = errors.New("rejected")
			}
			return err
		})
	})
	doors.Wait()
	attack.conns.Wait()
	rss, err := g.Process("ldapd").RSS()
	if err != nil {
		return err
	}
	r.table.add(section{
		title: "Guessing",
		note: fmt.Sprintf("%d wrong binds a second on %d LDAP connections from one address for %s, half of them for people who exist; meanwhile %d people sign in from elsewhere, over and over. Two daemons on SQLite.",
			floodRate, floodConns, floodTime, signers),
		lines: []line{
			{server: "wrong binds asked and answered with invalidCredentials", fact: fmt.Sprintf("%.0f/s", float64(attack.refused.Load())/floodTime.Seconds())},
			{server: "wrong binds answered with anything else", fact: fmt.Sprint(attack.other.Load()), target: "0"},
			{server: "sign-ins at LDAP from elsewhere, p50 / p99", fact: ldap.String(), target: "p99 ≤ 500 ms"},
			{server: "sign-ins at RADIUS, p50 / p99", fact: radius.String(), target: "p99 ≤ 500 ms"},
			{server: "of those refused or not answered", fact: fmt.Sprintf("%d of %d", len(ldap.failed)+len(radius.failed), len(ldap.took)+len(radius.took)), target: "0"},
			{server: "ldapd, RSS", fact: mebibytes(rss)},
		},
	})
	return errors.Join(errors.Join(ldap.failed...), errors.Join(radius.failed...), g.Stop("radiusd", "ldapd"))
}

// attack counts what the one who guesses hears.
type attack struct {
	conns          sync.WaitGroup
	refused, other atomic.Int64
}

func startFlood(ctx context.Context, addr string, p people) (*attack, error) {
	a := &attack{}
	turns := make(chan int, floodConns)
	for range floodConns {
		c, err := dialLDAP(addr, "", "")
		if err != nil {
			return nil, err
		}
		a.conns.Go(func() {
			defer c.Close()
			for n := range turns {
				a.guess(ctx, c, p, n)
			}
		})
	}
	go func() {
		defer close(turns)
		begin := time.Now()
		for n := 0; ctx.Err() == nil; n++ {
			time.Sleep(time.Until(begin.Add(time.Duration(n) * time.Second / floodRate)))
			select {
			case turns <- n:
			case <-ctx.Done():
			}
		}
	}()
	return a, nil
}

func (a *attack) guess(ctx context.Context, c *ldapConn, p people, n int) {
	dn := fmt.Sprintf("uid=nobody%d,%s", n, usersDN)
	if n%2 == 0 {
		dn = p.dn(n / 2)
	}
	if ctx.Err() != nil {
		return
	}
	if code, err := c.bind(dn, fmt.Sprintf("guess %d", n)); err == nil && code == resultInvalidCredentials {
		a.refused.Add(1)
	} else {
		a.other.Add(1)
	}
}

// bindElsewhere binds once on a new connection from another address.
func bindElsewhere(addr, dn, password string) error {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}, Timeout: 5 * time.Second}
	conn, err := dialer.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	code, err := newLDAPConn(conn).bind(dn, password)
	if err == nil && code != 0 {
		err = fmt.Errorf("bind as %s: result code %d", dn, code)
	}
	return err
}

// honest is people who sign in with their own password.
type honest struct {
	took   []time.Duration
	failed []error
}

func (h *honest) run(ctx context.Context, signIn func(i int) error) {
	pace := time.NewTicker(signInPace)
	defer pace.Stop()
	for i := 0; ; i++ {
		select {
		case <-pace.C:
		case <-ctx.Done():
			return
		}
		begin := time.Now()
		if err := signIn(i % signers); err != nil {
			h.failed = append(h.failed, err)
		}
		h.took = append(h.took, time.Since(begin))
	}
}

func (h *honest) String() string {
	slices.Sort(h.took)
	n := len(h.took)
	if n == 0 {
		return "none"
	}
	return fmt.Sprintf("%s / %s of %d", micros(h.took[n/2]), micros(h.took[n*99/100]), n)
}
