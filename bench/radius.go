package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"gatehouse/test/stage"
)

const (
	// radiusTime is the longest that a line of RADIUS is measured: there are many.
	radiusTime = 3 * time.Second
	// radiusRequests is how many different packets each socket has for a second: it
	// must not repeat one, or the server answers from memory.
	radiusRequests = 4_000
)

// network is an installation and the people and devices that enter by it.
type network struct {
	*runner
	*stage.Gatehouse

	people  people
	devices []owner
	length  time.Duration
}

// radius measures radiusd beside FreeRADIUS, by all that an access point asks.
func (r *runner) radius(ctx context.Context) error {
	n, err := r.network(ctx, "radius")
	if err != nil {
		return err
	}
	for _, measure := range []func(context.Context) error{n.pap, n.mschapv2, n.accounting, n.eap} {
		if err := measure(ctx); err != nil {
			return err
		}
	}
	return nil
}

// eap measures what of that is EAP.
func (r *runner) eap(ctx context.Context) error {
	n, err := r.network(ctx, "eap")
	if err != nil {
		return err
	}
	return n.eap(ctx)
}

func (r *runner) network(ctx context.Context, name string) (*network, error) {
	n := &network{runner: r, people: newPeople(r.people), length: min(r.length, radiusTime)}
	var err error
	if n.Gatehouse, err = r.gatehouse(ctx, name, n.people); err != nil {
		return nil, err
	}
	n.devices, err = equip(ctx, n.Gatehouse, n.people)
	return n, err
}

// server is one that is measured.
type server struct {
	process *stage.Process
	addr    string // where authentication is asked for
	acct    string // where accounting goes
	rival   bool
}

// radiusd runs fn with our server.
func (n *network) radiusd(ctx context.Context, fn func(server) error) error {
	if err := n.Start(ctx, "radiusd"); err != nil {
		return err
	}
	s := server{n.Process("radiusd"), n.Auth, n.Acct, false}
	return errors.Join(fn(s), n.Stop("radiusd"))
}

// against runs fn with a FreeRADIUS.
func (n *network) against(ctx context.Context, v rival, fn func(server) error) error {
	process, addr, err := n.freeradius(ctx, v, n.people)
	if err != nil {
		return err
	}
	return errors.Join(fn(server{process, addr, addr, true}), process.Signal(syscall.SIGTERM))
}

// ask measures what is asked of a server, as soon as it has nothing else to do.
func (n *network) ask(ctx context.Context, s server, open func(i int) (client, error)) (result, error) {
	if err := quiet(ctx, s.process); err != nil {
		return result{}, err
	}
	got, err := measure(ctx, s.process, n.length, connections, open)
	if err != nil {
		return result{}, fmt.Errorf("%w\n%s", err, s.process.Tail())
	}
	return got, nil
}

// sheets are the requests of all sockets.
func (n *network) sheets(one func(identifier byte, i int) packet) [][]packet {
	sheets := make([][]packet, connections)
	for i := range sheets {
		for k := range radiusRequests * int(n.length.Seconds()+2) {
			sheets[i] = append(sheets[i], one(byte(k), k))
		}
	}
	return sheets
}

// anyStation is the address of a device that nobody has seen before.
func anyStation() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("%02X-%02X-%02X-%02X-%02X-%02X", b[0]&^1|2, b[1], b[2], b[3], b[4], b[5])
}

func (n *network) pap(ctx context.Context) error {
	p := n.people
	signer := func(i int) (string, string) { return p.name(i % signers), p.password(i) }
	known := n.sheets(func(id byte, i int) packet {
		name, password := signer(i)
		return papRequest(id, p.radius, name, password, "")
	})
	strange := n.sheets(func(id byte, i int) packet {
		name, password := signer(i)
		return papRequest(id, p.radius, name, password, anyStation())
	})
	var lines []line
	asked := func(name, target string, sheets [][]packet) func(server) error {
		return func(s server) error {
			if err := n.signInEachOnce(s.addr); err != nil {
				return err
			}
			got, err := n.ask(ctx, s, func(i int) (client, error) {
				conn, err := dialNAS("", s.addr)
				return &asker{nas: conn, requests: sheets[i], want: accessAccept}, err
			})
			lines = append(lines, line{server: name, target: target, result: got})
			return err
		}
	}
	if err := n.radiusd(ctx, asked("Gatehouse radiusd", "≤ 25 µs", known)); err != nil {
		return err
	}
	for _, backend := range []string{"files", "sql"} {
		if err := n.against(ctx, rivalPAP(backend, p), asked("FreeRADIUS, "+backend, "", known)); err != nil {
			return err
		}
	}
	if err := n.radiusd(ctx, asked("Gatehouse radiusd, every time another device", "no target", strange)); err != nil {
		return err
	}
	n.table.add(section{
		title: "RADIUS: PAP", lines: lines,
		note: fmt.Sprintf("Access-Request with PAP and Message-Authenticator from 100 of %d people who have signed in before. Gatehouse: freshness barrier, limiter, verified-password cache (behind argon2id), policy and audit event; a device that is new at its place also gets a row among the sessions, stored before its Accept leaves. FreeRADIUS: clear-text passwords in its users file, and in SQLite (its `authorize` only); it records nothing.", p.count),
	})
	return nil
}

// signInEachOnce lets everybody with a password in, which costs our server a slow
// hash each.
func (n *network) signInEachOnce(addr string) error {
	conn, err := dialNAS("", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	for i := range signers {
		answer, err := conn.exchange(papRequest(byte(i), n.people.radius, n.people.name(i), n.people.password(i), ""))
		if err != nil {
			return fmt.Errorf("first sign-in of %s: %w", n.people.name(i), err)
		}
		if answer[0] != accessAccept {
			return fmt.Errorf("first sign-in of %s: answered with code %d", n.people.name(i), answer[0])
		}
	}
	return nil
}

func (n *network) mschapv2(ctx context.Context) error {
	secret := n.people.radius
	challenge := make([]byte, 16)
	_, _ = rand.Read(challenge) // never fails
	answers := make([]chap, len(n.devices))
	for i, o := range n.devices {
		var err error
		if answers[i], err = newCHAP(challenge, o.name, o.networkPassword); err != nil {
			return err
		}
	}
	sheets := n.sheets(func(id byte, i int) packet { return answers[i%len(answers)].request(id, secret) })
	var lines []line
	asked := func(name, target string) func(server) error {
		return func(s server) error {
			got, err := n.ask(ctx, s, func(i int) (client, error) {
				conn, err := dialNAS("", s.addr)
				requests := sheets[i]
				return &asker{nas: conn, requests: requests, want: accessAccept, check: func(k int, answer packet) error {
					return answers[k%len(answers)].accepted(requests[k], answer, secret)
				}}, err
			})
			lines = append(lines, line{server: name, target: target, result: got})
			return err
		}
	}
	if err := n.radiusd(ctx, asked("Gatehouse radiusd", "no target")); err != nil {
		return err
	}
	if err := n.against(ctx, rivalMSCHAPv2(slices.Clone(sheets[0][0]), n.devices), asked("FreeRADIUS, files", "")); err != nil {
		return err
	}
	n.table.add(section{
		title: "RADIUS: MS-CHAPv2", lines: lines,
		note: fmt.Sprintf("Access-Request with MS-CHAPv2 from %d people by their network passwords; the client checks the server's proof and both MPPE keys. Gatehouse: as with PAP; the NT hash is unsealed the first time, and kept in memory for 15 minutes after a success. FreeRADIUS: NT-Password in its users file.", len(n.devices)),
	})
	return nil
}
