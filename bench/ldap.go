package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"gatehouse/test/stage"
)

// directoryServer is an LDAP server that holds the people.
type directoryServer struct {
	name    string
	addr    string
	process *stage.Process
	stop    func() error
	can     ability // questions that need something else are not put to it
	ours    bool
}

// ability is something that not every server can do.
type ability uint

const (
	plain ability = 1 << iota
	nesting
	argon2id
)

// ldap measures ldapd, slapd and 389-ds with the same people.
func (r *runner) ldap(ctx context.Context) error {
	p, err := newPeople(r.people).withGroups(r.people / 10)
	if err != nil {
		return err
	}
	questions := ldapQuestions(r.match)
	lines := make([][]line, len(questions))
	servers := []func(context.Context, people) (directoryServer, error){r.ldapd, r.slapd, r.nestingSlapd, r.dirsrv}
	if r.alone {
		servers = servers[:1]
	}
	for _, start := range servers {
		s, err := start(ctx, p)
		if err != nil {
			return err
		}
		got, err := r.askDirectory(ctx, s, p, questions)
		if err = errors.Join(err, s.stop()); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		for i, l := range got {
			if l.result.things > 0 {
				lines[i] = append(lines[i], l)
			}
		}
	}
	for i, q := range questions {
		r.table.add(section{title: q.title, note: q.noteFor(p), lines: lines[i]})
	}
	return nil
}

// askDirectory puts the questions to a server; the line of one that it cannot
// answer is empty.
func (r *runner) askDirectory(ctx context.Context, s directoryServer, p people, questions []question) ([]line, error) {
	if s.can&plain != 0 {
		if err := errors.Join(bindEachOnce(s.addr, p), quiet(ctx, s.process)); err != nil {
			return nil, err
		}
	}
	lines := make([]line, len(questions))
	for i, q := range questions {
		if s.can&q.needs == 0 {
			continue
		}
		got, err := r.askQuestion(ctx, s, p, q)
		if err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", q.title, err, s.process.Tail())
		}
		lines[i] = line{server: s.name, result: got}
		if s.ours {
			lines[i].target = q.target
		}
	}
	return lines, nil
}

func (r *runner) askQuestion(ctx context.Context, s directoryServer, p people, q question) (result, error) {
	m := meter{s.process, r.length, r.length / 5, q.clients}
	if q.once {
		m.warmUp = 0
	}
	open := func(i int) (client, error) { return q.open(s, p, i) }
	fmt.Fprintf(os.Stderr, "  %s: %s\n", s.name, q.title)
	if q.once {
		got, err := m.read(ctx, open)
		return got, errors.Join(err, quiet(ctx, s.process))
	}
	if !q.changing {
		return m.read(ctx, open)
	}
	arriving, err := startChanges(ctx, s, p)
	if err != nil {
		return result{}, err
	}
	got, err := m.read(ctx, open)
	var failed error
	got.changes, failed = arriving.stop()
	return got, errors.Join(err, failed)
}

// bindEachOnce fills caches: the first bind of a person costs a slow hash.
func bindEachOnce(addr string, p people) error {
	conn, err := dialLDAP(addr, "", "")
	if err != nil {
		return err
	}
	defer conn.Close()
	for i := range signers {
		if _, _, err := conn.roundTrip(bindRequest(p.dn(i), p.password(i))); err != nil {
			return fmt.Errorf("first bind of %s: %w", p.name(i), err)
		}
	}
	return nil
}

// ldapd starts ours on SQLite.
func (r *runner) ldapd(ctx context.Context, p people) (directoryServer, error) {
	g, err := r.gatehouse(ctx, "ldap", p)
	if err != nil {
		return directoryServer{}, err
	}
	return serveLDAP(ctx, g)
}

func serveLDAP(ctx context.Context, g *stage.Gatehouse) (directoryServer, error) {
	if err := g.StartWithin(ctx, 10*time.Minute, "ldapd"); err != nil {
		return directoryServer{}, err
	}
	return directoryServer{
		name: "Gatehouse ldapd", addr: g.LDAP, process: g.Process("ldapd"), can: plain | nesting | argon2id, ours: true,
		stop: func() error { return g.Stop("ldapd") },
	}, nil
}

// gatehouse makes an installation on SQLite that holds the people.
func (r *runner) gatehouse(ctx context.Context, name string, p people) (*stage.Gatehouse, error) {
	dir, err := r.scratch(name)
	if err != nil {
		return nil, err
	}
	g, err := stage.New(dir, r.binaries, "")
	if err != nil {
		return nil, err
	}
	return g, r.found(ctx, g, p.sites(), p.secret)
}

// answers waits until a peer that was just started lets the reader in.
func answers(ctx context.Context, s directoryServer, p people) error {
	return stage.Poll(ctx, 20*time.Second, func() error {
		if !s.process.Running() {
			return fmt.Errorf("%s has ended: %s", s.name, s.process.Tail())
		}
		conn, err := dialLDAP(s.addr, readerDN, p.reader)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// addressOfOwn is where a peer may listen.
func addressOfOwn() (addr string, port int, err error) {
	port, err = stage.FreePort()
	return stage.Loopback(port), port, err
}
