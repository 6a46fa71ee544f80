package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"gatehouse/test/stage"
)

// directoryServer is an LDAP server that holds the people.
type directoryServer struct {
	name    string
	addr    string
	process *stage.Process
}

// ldap measures slapd and ldapd with the same people.
func (r *runner) ldap(ctx context.Context) error {
	p := newPeople(r.people)
	g, err := r.gatehouse(ctx, "ldap", p)
	if err != nil {
		return err
	}
	if err := g.Start(ctx, "ldapd"); err != nil {
		return err
	}
	ours := directoryServer{"Gatehouse ldapd", g.LDAP, g.Process("ldapd")}
	got, err := r.askDirectory(ctx, ours, p)
	if err = errors.Join(err, g.Stop("ldapd")); err != nil {
		return err
	}
	peer, err := r.slapd(ctx, p)
	if err != nil {
		return err
	}
	peers, err := r.askDirectory(ctx, peer, p)
	if err = errors.Join(err, peer.process.Signal(syscall.SIGTERM)); err != nil {
		return err
	}
	for i, q := range ldapQuestions() {
		r.table.add(section{title: q.title, note: fmt.Sprintf(q.note, p.count), lines: []line{
			{server: ours.name, target: q.target, result: got[i]},
			{server: peer.name, result: peers[i]},
		}})
	}
	return nil
}

// question is one workload of LDAP.
type question struct {
	title, note, target string
	connections         int
	open                func(addr string, p people, i int) (client, error)
}

func ldapQuestions() []question {
	searching := func(requests func(p people) [][]byte) func(string, people, int) (client, error) {
		return func(addr string, p people, _ int) (client, error) {
			conn, err := dialLDAP(addr, readerDN, p.reader)
			return repeater{conn, requests(p), 1}, err
		}
	}
	return []question{
		{
			"LDAP: one entry by its name", "Base search of one of %d people; uid, cn and mail are returned.", "≥ 2×, ≤ 20 µs", connections,
			searching(func(p people) [][]byte {
				return encode(p.count, func(i int) []byte { return searchRequest(p.dn(i), 0, present("objectClass")) })
			}),
		},
		{
			"LDAP: one person by uid", "Subtree search `(uid=x)` among %d people; uid, cn and mail are returned.", "≥ 2×, ≤ 20 µs", connections,
			searching(func(p people) [][]byte {
				return encode(p.count, func(i int) []byte { return searchRequest(usersDN, 2, equals("uid", p.name(i))) })
			}),
		},
		{
			"LDAP: everybody, in pages", "Paged dump of %d people, 1,000 a page, 4 connections; counted are entries, p50 and p99 are of a page.", "≤ 2 µs an entry", 4,
			func(addr string, p people, _ int) (client, error) {
				conn, err := dialLDAP(addr, readerDN, p.reader)
				return &dumper{ldapConn: conn, base: usersDN, least: p.count}, err
			},
		},
		{
			"LDAP: bind", "Simple bind of people who have signed in before (100 of %d): slapd verifies SSHA; Gatehouse its verified-password cache, behind argon2id.", "≥ 10,000/s", connections,
			func(addr string, p people, _ int) (client, error) {
				conn, err := dialLDAP(addr, "", "")
				return repeater{conn, encode(signers, func(i int) []byte { return bindRequest(p.dn(i), p.password(i)) }), 0}, err
			},
		},
	}
}

func encode(n int, one func(i int) []byte) [][]byte {
	requests := make([][]byte, n)
	for i := range requests {
		requests[i] = one(i)
	}
	return requests
}

func (r *runner) askDirectory(ctx context.Context, s directoryServer, p people) ([]result, error) {
	if err := errors.Join(bindEachOnce(s.addr, p), quiet(ctx, s.process)); err != nil {
		return nil, err
	}
	var results []result
	for _, q := range ldapQuestions() {
		got, err := measure(ctx, s.process, r.length, q.connections, func(i int) (client, error) { return q.open(s.addr, p, i) })
		if err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", q.title, err, s.process.Tail())
		}
		results = append(results, got)
	}
	return results, nil
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

const slapdConf = `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
loglevel none
sizelimit unlimited
database mdb
maxsize 1073741824
suffix "$base"
rootdn "cn=root,$base"
directory $dir/db
index objectClass,uid,mail,cn eq
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="$reader" read by * none
`

// slapd starts OpenLDAP's server on the mdb backend.
func (r *runner) slapd(ctx context.Context, p people) (directoryServer, error) {
	dir, err := r.scratch("slapd")
	if err != nil {
		return directoryServer{}, err
	}
	if _, err := r.scratch(filepath.Join("slapd", "db")); err != nil {
		return directoryServer{}, err
	}
	conf, ldif := filepath.Join(dir, "slapd.conf"), filepath.Join(dir, "people.ldif")
	text := strings.NewReplacer("$base", stage.BaseDN, "$dir", dir, "$reader", readerDN).Replace(slapdConf)
	if err := errors.Join(os.WriteFile(conf, []byte(text), 0o600), os.WriteFile(ldif, []byte(p.ldif()), 0o600)); err != nil {
		return directoryServer{}, err
	}
	added, err := stage.Run(ctx, "", nil, "/usr/sbin/slapadd", "-q", "-f", conf, "-l", ldif)
	if err != nil {
		return directoryServer{}, err
	}
	if added.Code != 0 {
		return directoryServer{}, fmt.Errorf("slapadd: %v", added)
	}
	port, err := stage.FreePort()
	if err != nil {
		return directoryServer{}, err
	}
	addr := stage.Loopback(port)
	process, err := stage.Start("slapd", exec.Command("/usr/sbin/slapd", "-d", "0", "-f", conf, "-h", "ldap://"+addr))
	if err != nil {
		return directoryServer{}, err
	}
	err = stage.Poll(ctx, 10*time.Second, func() error {
		conn, err := dialLDAP(addr, readerDN, p.reader)
		if err != nil {
			return err
		}
		return conn.Close()
	})
	return directoryServer{"OpenLDAP slapd (mdb)", addr, process}, err
}
