package main

import (
	"context"
	"fmt"
	"strconv"
)

// The values of Acct-Status-Type (RFC 2866 §5.1) of one session, one after the
// other: Start, Interim-Update twice, Stop.
func statuses() []uint32 { return []uint32{1, 3, 3, 2} }

const (
	// callsTogether is how many sessions of a socket are open at once.
	callsTogether = 50
	// calls is how many sessions a socket has for a second.
	calls = 400
)

// call is one session as an access point tells of it.
type call struct {
	id, name, station, class string
}

// record is what is told with a status; step says how far the session has come.
func (c *call) record(identifier byte, status uint32, step int, secret string) packet {
	p := newPacket(accountingRequest).addNumber(acctStatusType, status).addText(acctSessionID, c.id).addText(userName, c.name)
	p = p.add(nasIPAddress, []byte{127, 0, 0, 1}).addNumber(nasPort, 1).addNumber(nasPortType, wireless)
	p = p.addText(callingStationID, c.station).addText(calledStationID, "02-00-00-00-00-FF:bench").addText(class, c.class)
	p = p.addNumber(acctSessionTime, uint32(600*step)).addNumber(acctInputOctets, uint32(1_000_000*step)).addNumber(acctOutputOctets, uint32(9_000_000*step))
	if status == 2 {
		p = p.addNumber(acctTerminateCause, 1)
	}
	return p.digest(identifier, secret)
}

// records are those of many sessions, callsTogether of them at a time.
func records(all []call, secret string) (requests []packet) {
	for len(all) > 0 {
		together := all[:min(callsTogether, len(all))]
		all = all[len(together):]
		for step, status := range statuses() {
			for i := range together {
				requests = append(requests, together[i].record(byte(len(requests)), status, step, secret))
			}
		}
	}
	return requests
}

// calls lets devices in over one socket and returns their sessions, with the
// Class of each.
func (n *network) calls(addr string, socket int) (all []call, err error) {
	p := n.people
	conn, err := dialNAS("", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	for i := range calls * int(n.length.Seconds()+2) {
		c := call{id: strconv.Itoa(socket) + "-" + strconv.Itoa(i), name: p.name(i % signers), station: anyStation()}
		answer, err := conn.exchange(papRequest(byte(i), p.radius, c.name, p.password(i), c.station))
		if err != nil {
			return nil, err
		}
		if answer[0] != accessAccept {
			return nil, fmt.Errorf("session %d: answered with code %d", i, answer[0])
		}
		c.class = string(answer.value(class))
		all = append(all, c)
	}
	return all, nil
}

// accounting measures the records of sessions that were let in before.
func (n *network) accounting(ctx context.Context) error {
	p := n.people
	sheets := make([][]packet, connections)
	var lines []line
	asked := func(name, target string) func(server) error {
		return func(s server) error {
			got, err := n.ask(ctx, s, func(i int) (client, error) {
				conn, err := dialNAS("", s.acct)
				return &asker{nas: conn, requests: sheets[i], want: accountingResponse}, err
			})
			lines = append(lines, line{server: name, target: target, result: got})
			return err
		}
	}
	err := n.radiusd(ctx, func(s server) error {
		if err := n.signInEachOnce(s.addr); err != nil {
			return err
		}
		if err := inParallel(len(sheets), func(i int) error {
			all, err := n.calls(s.addr, i)
			sheets[i] = records(all, p.radius)
			return err
		}); err != nil {
			return err
		}
		return asked("Gatehouse radiusd", "no target")(s)
	})
	if err != nil {
		return err
	}
	for _, backend := range []string{"detail", "sql"} {
		first := call{id: "first", name: p.name(0), station: anyStation(), class: "none"}
		if err := n.against(ctx, rivalAccounting(backend, first.record(0, 1, 0, p.radius)), asked("FreeRADIUS, "+backend, "")); err != nil {
			return err
		}
	}
	n.table.add(section{
		title: "RADIUS: accounting", lines: lines,
		note: fmt.Sprintf("Start, two Interim-Updates and Stop of sessions, %d of each socket's open at once. Gatehouse: acknowledged after the commit (synced to the disk) of the record as it came and of the session that its Class proves. FreeRADIUS: written to a detail file, not synced; and by Debian's queries into SQLite with a write-ahead log, a commit for each.", callsTogether),
	})
	return nil
}
