package main

import (
	"fmt"
	"slices"
	"strings"

	"gatehouse/directory/credential"
)

// question is one workload of LDAP.
type question struct {
	title    string
	note     string // %d is the number of people
	target   string
	clients  int
	needs    ability
	changing bool // changes arrive meanwhile
	once     bool // each request is sent once
	open     func(s directoryServer, p people, i int) (client, error)
}

func (q question) noteFor(p people) string {
	note := fmt.Sprintf(q.note, p.count)
	if q.changing {
		note += fmt.Sprintf(" Meanwhile %d connections of a service account modify entries, up to %d a second together: titles of people and, every fifth, the members of a group; CPU each includes that work.", changers, changesPerSecond)
	}
	return note
}

// distinct bounds how many different requests are encoded for a question.
const distinct = 20_000

// ldapQuestions are those with match in their title, in the order in which they
// are asked.
func ldapQuestions(match string) []question {
	questions := append(searches(), dump(), sshaBind(), argon2Bind(), cachedBind())
	for _, q := range searches() {
		if q.underChanges() {
			q.title += ", while changes arrive"
			q.changing = true
			questions = append(questions, q)
		}
	}
	return slices.DeleteFunc(questions, func(q question) bool { return !strings.Contains(q.title, match) })
}

// underChanges says which searches are measured a second time while changes
// arrive.
func (q question) underChanges() bool { return q.target != "" && q.needs == plain }

func searches() []question {
	const target = "≥ 2×, ≤ 20 µs"
	return []question{
		{
			title: "LDAP: one entry by its name", target: target, clients: connections, needs: plain,
			note: "Base search of one of %d people; uid, cn and mail are returned.",
			open: searching(1, 1, func(_ directoryServer, p people, i int) []byte {
				return searchRequest(p.dn(i), itself, present("objectClass"))
			}),
		},
		{
			title: "LDAP: one person by uid", target: target, clients: connections, needs: plain,
			note: "Subtree search `(uid=x)` among %d people; uid, cn and mail are returned.",
			open: searching(1, 1, func(_ directoryServer, p people, i int) []byte {
				return searchRequest(usersDN, subtree, equals("uid", p.name(i)))
			}),
		},
		{
			title: "LDAP: one person by mail", clients: connections, needs: plain,
			note: "Subtree search `(mail=x)` among %d people; uid, cn and mail are returned.",
			open: searching(1, 1, func(_ directoryServer, p people, i int) []byte {
				return searchRequest(usersDN, subtree, equals("mail", p.mail(i)))
			}),
		},
		{
			title: "LDAP: the groups of a person", target: target, clients: connections, needs: plain,
			note: "Subtree search `(member=x)` for one of %d people, who is in five groups; their cn is returned.",
			open: searching(teams, teams+1, func(_ directoryServer, p people, i int) []byte {
				return searchFor(groupsDN, subtree, equals("member", p.dn(i)), []string{"cn"})
			}),
		},
		{
			title: "LDAP: one person by a part of the address", clients: connections, needs: plain,
			note: "Subtree search `(mail=*x*)` among %d people, of whom one matches; uid, cn and mail are returned.",
			open: searching(1, 1, func(_ directoryServer, p people, i int) []byte {
				return searchRequest(usersDN, subtree, contains("mail", p.mail(i)[len("user"):len(p.name(i))+4]))
			}),
		},
		{
			title: "LDAP: whether a person is in a group, by nesting", clients: connections, needs: nesting,
			note: "Search `(&(uid=x)(memberOf=y))` among %d people, where x is in a group that is in y. Gatehouse: by the rule 1.2.840.113556.1.4.1941 (in-chain). The peers do not know that rule and have memberOf with nested groups instead: 389-ds stored in the entries by its plugin, slapd computed by its overlay dynlist.",
			open: searching(1, 1, func(s directoryServer, p people, i int) []byte {
				return searchRequest(usersDN, subtree, tlv(tagAnd, equals("uid", p.name(i)), s.inGroup(p, i)))
			}),
		},
		{
			title: "LDAP: all groups of a person, by nesting", clients: connections, needs: nesting,
			note: "Gatehouse: `(member:1.2.840.113556.1.4.1941:=x)` for one of %d people; the cn of each group is returned. The peers do not know that rule: memberOf of the person's entry, kept or computed as above, is returned.",
			open: searching(1, 3*teams, func(s directoryServer, p people, i int) []byte {
				if s.ours {
					return searchFor(groupsDN, subtree, inChain("member", p.dn(i)), []string{"cn"})
				}
				return searchFor(p.dn(i), itself, present("objectClass"), []string{"memberOf"})
			}),
		},
	}
}

// inGroup matches who is in a group that holds a group of the i-th person.
func (s directoryServer) inGroup(p people, i int) []byte {
	group := p.team(i, 0)
	if parent, ok := above(group); ok {
		group = parent
	}
	if s.ours {
		return inChain("memberOf", groupDN(group))
	}
	return equals("memberOf", groupDN(group))
}

// searching opens a connection of the reader that asks about everybody in turn.
// Each answer holds at least and at most so many entries.
func searching(least, most int, request func(s directoryServer, p people, i int) []byte) func(directoryServer, people, int) (client, error) {
	return func(s directoryServer, p people, i int) (client, error) {
		conn, err := dialLDAP(s.addr, readerDN, p.reader)
		// Of a large directory each connection asks about others.
		part := min(p.count, distinct)
		requests := encode(part, func(n int) []byte { return request(s, p, (n*(p.count/part)+i)%p.count) })
		return repeater{conn, requests, least, most}, err
	}
}

func dump() question {
	return question{
		title: "LDAP: everybody, in pages", target: "≤ 2 µs an entry", clients: 4, needs: plain,
		note: "Paged dump of %d people, 1,000 a page, 4 connections; counted are entries, p50 and p99 are of a page.",
		open: func(s directoryServer, p people, _ int) (client, error) {
			conn, err := dialLDAP(s.addr, readerDN, p.reader)
			return &dumper{ldapConn: conn, base: usersDN, least: p.count}, err
		},
	}
}

func cachedBind() question {
	return question{
		title: "LDAP: bind", target: "≥ 10,000/s", clients: connections, needs: plain,
		note: "Simple bind of people who have signed in before (100 of %d): slapd and 389-ds verify SSHA; Gatehouse its verified-password cache, behind argon2id.",
		open: func(s directoryServer, p people, _ int) (client, error) {
			conn, err := dialLDAP(s.addr, "", "")
			return repeater{conn, encode(signers, func(i int) []byte { return bindRequest(p.dn(i), p.password(i)) }), 0, 0}, err
		},
	}
}

func sshaBind() question {
	return question{
		title: "LDAP: bind, SSHA", clients: connections, needs: plain, once: true,
		note: "Simple bind of people with a salted SHA-1 hash (of %d), each once: the first sign-in after an import. Gatehouse replaces the hash by argon2id afterwards, one at a time beside the sign-ins, which is in CPU each; the peers keep SSHA.",
		open: func(s directoryServer, p people, _ int) (client, error) {
			from, to, _ := p.once()
			return relay(s, p, encode(to-from, func(i int) []byte { return bindRequest(p.dn(from+i), p.password(from+i)) }))
		},
	}
}

func argon2Bind() question {
	d := credential.DefaultParams()
	return question{
		title: "LDAP: bind, argon2id", target: "≥ slapd", clients: connections, needs: argon2id, once: true,
		note: "Simple bind of people with an argon2id hash (of %d), each once, so that nothing is remembered: " +
			fmt.Sprintf("%d MiB, %d passes, %d lane. slapd has its module argon2 with the same parameters; 389-ds has no argon2id.", d.Memory>>10, d.Time, d.Threads),
		open: func(s directoryServer, p people, _ int) (client, error) {
			_, from, to := p.once()
			return relay(s, p, encode(to-from, func(i int) []byte { return bindRequest(p.dn(from+i), p.secret) }))
		},
	}
}

// relay opens a connection that binds other people after the reader, as an
// application does: what is known to speak for many is not taken for one
// attacker.
func relay(s directoryServer, p people, requests [][]byte) (client, error) {
	conn, err := dialLDAP(s.addr, readerDN, p.reader)
	return spender{repeater{conn, requests, 0, 0}}, err
}

// encode makes the requests that a connection sends again and again.
func encode(n int, one func(i int) []byte) [][]byte {
	requests := make([][]byte, n)
	for i := range requests {
		requests[i] = one(i)
	}
	return requests
}
