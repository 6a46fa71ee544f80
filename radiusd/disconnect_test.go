package radiusd

import (
	"bytes"
	"encoding/json"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc3576"

	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/radiusd/wire"
)

// das is the dynamic authorization server of a NAS, made of the other library. What
// it was sent is kept; what is not authentic is not answered, else answer makes what
// it sends back, nil is silence.
type das struct {
	t      testing.TB
	conn   *net.UDPConn
	answer func(n int, request *radius.Packet, from netip.AddrPort) []byte

	mu   sync.Mutex
	got  []*radius.Packet
	raw  [][]byte
	from []netip.AddrPort
}

func newDAS(t testing.TB, answer func(int, *radius.Packet, netip.AddrPort) []byte) *das {
	t.Helper()
	d := &das{t: t, conn: listenUDP(t, "127.0.0.1:0"), answer: answer}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, wire.MaxLength)
		for {
			n, from, err := d.conn.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			d.receive(bytes.Clone(b[:n]), from)
		}
	}()
	t.Cleanup(func() {
		_ = d.conn.Close()
		<-done
	})
	return d
}

func (d *das) receive(raw []byte, from netip.AddrPort) {
	p, err := radius.Parse(raw, []byte(testSecret))
	if err != nil {
		d.t.Error(err)
		return
	}
	d.mu.Lock()
	d.got, d.raw, d.from = append(d.got, p), append(d.raw, raw), append(d.from, from)
	n := len(d.got)
	d.mu.Unlock()
	if !radius.IsAuthenticRequest(raw, []byte(testSecret)) {
		return
	}
	if b := d.answer(n, p, from); b != nil {
		_, _ = d.conn.WriteToUDPAddrPort(b, from)
	}
}

func (d *das) requests() []*radius.Packet {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.got)
}

func (d *das) coa() schema.CoA { return schema.CoA{Address: d.conn.LocalAddr().String()} }

// response makes an answer to a request, with an Error-Cause unless that is 0.
func response(t testing.TB, p *radius.Packet, code radius.Code, cause int) []byte {
	t.Helper()
	r := p.Response(code)
	if cause != 0 {
		_ = rfc3576.ErrorCause_Set(r, rfc3576.ErrorCause(cause))
	}
	b, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func always(t testing.TB, code radius.Code, cause int) func(int, *radius.Packet, netip.AddrPort) []byte {
	return func(_ int, p *radius.Packet, _ netip.AddrPort) []byte { return response(t, p, code, cause) }
}

// quick is a timetable for tests: what is sent often is answered soon.
func quick() timetable {
	return timetable{send: []time.Duration{0, 20 * time.Millisecond, 40 * time.Millisecond}, giveUp: 60 * time.Millisecond}
}

// lockdown ends alice.
func (w *world) lockdown() directory.LockdownReport {
	w.t.Helper()
	var r directory.LockdownReport
	w.write(func(tx *directory.Writer) (err error) {
		r, err = tx.Lockdown(w.alice.ID, "stolen")
		return err
	})
	return r
}

// outcome waits for what became of alice's only session.
func (w *world) outcome() directory.RADIUSSession {
	w.t.Helper()
	var row directory.RADIUSSession
	waitFor(w.t, func() bool {
		rows := w.sessions(directory.RADIUSSessionQuery{User: w.alice.ID})
		row = rows[len(rows)-1]
		return row.Disconnect != ""
	})
	return row
}

// audited returns the outcomes and causes of Disconnects in the audit.
func (w *world) audited() (out []string) {
	w.t.Helper()
	err := w.directory.Read(w.t.Context(), directory.System("test"), func(r *directory.Reader) error {
		out = nil
		for e, err := range r.Events(directory.EventQuery{Verb: "sessions.disconnect", User: w.alice.ID}) {
			if err != nil {
				return err
			}
			var detail map[string]string
			if err := json.Unmarshal(e.Detail, &detail); err != nil {
				return err
			}
			out = append(out, e.Outcome+" "+detail["why"]+" "+detail["cause"])
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// TestLockdownDisconnects: the NAS is told which session of whom to end, in a
// packet that another implementation believes.
func TestLockdownDisconnects(t *testing.T) {
	nas := newDAS(t, always(t, radius.CodeDisconnectACK, 0))
	w := newWorld(t, schema.RADIUSClient{CoA: nas.coa()})
	p := accessRequest(t, "alice", alicePassword)
	_ = rfc2865.CallingStationID_SetString(p, "001a.2b3c.4d5e")
	_ = rfc2865.NASIdentifier_SetString(p, "hall")
	_ = rfc2865.NASIPAddress_Set(p, net.IPv4(10, 0, 0, 1))
	class := rfc2865.Class_Get(w.ask(p))
	w.account(report{status: wire.AcctStart, id: "a1", class: class})
	before := time.Now().Add(-time.Second)
	if r := w.lockdown(); len(r.Told) != 1 || len(r.Waiting) != 0 {
		t.Errorf("%v ended, %v waiting", r.Told, r.Waiting)
	}
	if row := w.outcome(); row.Disconnect != directory.DisconnectAcknowledged || row.State != directory.RADIUSPresumedEnded {
		t.Errorf("session is %s, %s", row.State, row.Disconnect)
	}
	got := nas.requests()
	if len(got) != 1 {
		t.Fatalf("the NAS got %d requests", len(got))
	}
	r := got[0]
	if r.Code != radius.CodeDisconnectRequest {
		t.Errorf("the NAS got a %v", r.Code)
	}
	own, err := wire.Decode(nas.raw[0])
	if err != nil || !own.VerifyRequest(wire.NewKey([]byte(testSecret))) {
		t.Errorf("the Message-Authenticator is wrong (%v)", err)
	}
	at := rfc2869.EventTimestamp_Get(r)
	have := []string{
		rfc2865.UserName_GetString(r), rfc2866.AcctSessionID_GetString(r), rfc2865.CallingStationID_GetString(r),
		rfc2865.NASIdentifier_GetString(r), rfc2865.NASIPAddress_Get(r).String(),
	}
	if diff := cmp.Diff([]string{"alice", "a1", "001a.2b3c.4d5e", "hall", "10.0.0.1"}, have); diff != "" || at.Before(before) {
		t.Errorf("named (-want +got), at %v:\n%s", at, diff)
	}
	if diff := cmp.Diff([]string{"acknowledged users.lockdown "}, w.audited()); diff != "" {
		t.Error(diff)
	}
	if _, known := w.server.recent.find(placeOf(&w.sessions(directory.RADIUSSessionQuery{User: w.alice.ID})[0]), time.Now()); known {
		t.Error("the next Access-Accept on this port would get the ended session")
	}
	w.account(report{status: wire.AcctStop, id: "a1", class: class})
	if row := w.outcome(); row.Disconnect != directory.DisconnectAcknowledged || row.State != directory.RADIUSEnded {
		t.Errorf("after the Stop the session is %s, %q", row.State, row.Disconnect)
	}
}

// TestRetransmission: RFC 5176 §2.3: same octets, same source port.
func TestRetransmission(t *testing.T) {
	nas := newDAS(t, func(n int, p *radius.Packet, _ netip.AddrPort) []byte {
		if n < 3 {
			return nil
		}
		return response(t, p, radius.CodeDisconnectACK, 0)
	})
	w := newWorld(t, schema.RADIUSClient{CoA: nas.coa()})
	w.server.disconnector.table = timetable{send: []time.Duration{0, 10 * time.Millisecond, 20 * time.Millisecond, 30 * time.Millisecond}, giveUp: 20 * time.Second}
	w.login(stationA)
	w.lockdown()
	w.outcome()
	nas.mu.Lock()
	defer nas.mu.Unlock()
	for i := range nas.raw {
		if !bytes.Equal(nas.raw[i], nas.raw[0]) || nas.from[i] != nas.from[0] {
			t.Errorf("packet %d from %v differs from the first from %v", i, nas.from[i], nas.from[0])
		}
	}
}

// TestAnswers: what is no answer to the request is as if nothing had come.
func TestAnswers(t *testing.T) {
	elsewhere := listenUDP(t, "127.0.0.1:0")
	for name, forge := range map[string]func(p *radius.Packet, from netip.AddrPort) []byte{
		"wrong secret": func(p *radius.Packet, _ netip.AddrPort) []byte {
			q := *p
			q.Secret = []byte("another secret, long enough")
			return response(t, &q, radius.CodeDisconnectACK, 0)
		},
		"another address": func(p *radius.Packet, from netip.AddrPort) []byte {
			_, _ = elsewhere.WriteToUDPAddrPort(response(t, p, radius.CodeDisconnectACK, 0), from)
			return nil
		},
		"another identifier": func(p *radius.Packet, _ netip.AddrPort) []byte {
			q := *p
			q.Identifier++
			return response(t, &q, radius.CodeDisconnectACK, 0)
		},
		"the answer to another request": func(p *radius.Packet, _ netip.AddrPort) []byte { return response(t, p, radius.CodeCoAACK, 0) },
		"a wrong Message-Authenticator": func(p *radius.Packet, _ netip.AddrPort) []byte {
			r := p.Response(radius.CodeDisconnectACK)
			_ = rfc2869.MessageAuthenticator_Set(r, make([]byte, 16))
			b, err := r.Encode()
			if err != nil {
				t.Error(err)
			}
			return b
		},
		"garbage": func(*radius.Packet, netip.AddrPort) []byte { return []byte("garbage") },
	} {
		t.Run(name, func(t *testing.T) {
			nas := newDAS(t, func(n int, p *radius.Packet, from netip.AddrPort) []byte {
				if n == 1 {
					return forge(p, from)
				}
				return response(t, p, radius.CodeDisconnectNAK, 501)
			})
			key := wire.NewKey([]byte(testSecret))
			ignored := 0
			x := exchange{
				local: mustAddr(t, "127.0.0.1"), remote: nas.conn.LocalAddr().(*net.UDPAddr).AddrPort(), keys: []*wire.Key{key},
				build:   func(begin beginning) *wire.Encoder { return begin(wire.DisconnectRequest) },
				table:   timetable{send: []time.Duration{0, 50 * time.Millisecond, 100 * time.Millisecond}, giveUp: 20 * time.Second},
				ignored: func() { ignored++ },
			}
			answer, err := x.run(t.Context())
			if err != nil || answer.Code() != wire.DisconnectNAK || errorCause(answer) != 501 || ignored != 1 {
				t.Errorf("answer %v, ignored %d", err, ignored)
			}
		})
	}
}

// TestDisconnectAnswers: what a NAS refuses, does not know or does not answer is in
// the session and in the audit.
func TestDisconnectAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		answer  func(n int, p *radius.Packet, _ netip.AddrPort) []byte
		outcome directory.DisconnectOutcome
		state   directory.RADIUSSessionState
		audit   string
		packets int
	}{
		"unknown session": {
			always(t, radius.CodeDisconnectNAK, 503), directory.DisconnectNotFound, directory.RADIUSPresumedEnded,
			"not_found users.lockdown 503 Session Context Not Found", 2,
		},
		"refused": {
			always(t, radius.CodeDisconnectNAK, 501), directory.DisconnectRefused, directory.RADIUSAccepted,
			"refused users.lockdown 501 Administratively Prohibited", 1,
		},
		"no cause": {always(t, radius.CodeDisconnectNAK, 0), directory.DisconnectRefused, directory.RADIUSAccepted, "refused users.lockdown 0", 1},
		"strict about attributes": {
			func(_ int, p *radius.Packet, _ netip.AddrPort) []byte {
				if _, err := rfc2865.UserName_LookupString(p); err == nil {
					return response(t, p, radius.CodeDisconnectNAK, 401)
				}
				return response(t, p, radius.CodeDisconnectACK, 0)
			},
			directory.DisconnectAcknowledged, directory.RADIUSPresumedEnded, "acknowledged users.lockdown ", 2,
		},
		"silence": {
			func(int, *radius.Packet, netip.AddrPort) []byte { return nil }, directory.DisconnectSilent, directory.RADIUSAccepted,
			"silent users.lockdown ", 3,
		},
	} {
		t.Run(name, func(t *testing.T) {
			nas := newDAS(t, tt.answer)
			w := newWorld(t, schema.RADIUSClient{CoA: nas.coa()})
			w.server.disconnector.table = timetable{send: quick().send, giveUp: 20 * time.Second}
			if tt.outcome == directory.DisconnectSilent {
				w.server.disconnector.table = quick()
			}
			w.login(stationA)
			w.lockdown()
			if row := w.outcome(); row.Disconnect != tt.outcome || row.State != tt.state {
				t.Errorf("session is %s, %s", row.State, row.Disconnect)
			}
			if diff := cmp.Diff([]string{tt.audit}, w.audited()); diff != "" {
				t.Error(diff)
			}
			if n := len(nas.requests()); n < tt.packets {
				t.Errorf("%d packets, want %d", n, tt.packets)
			}
		})
	}
}

// TestNoAddress: a NAS that takes no requests is named, with the time at which it
// asks again.
func TestNoAddress(t *testing.T) {
	w := newWorld(t, schema.RADIUSClient{SessionTimeout: 600})
	w.login(stationA)
	r := w.lockdown()
	if len(r.Waiting) != 1 || r.Waiting[0].Client != "ap-hall" || r.Waiting[0].Device != stationA ||
		time.Until(r.Waiting[0].Until) > 10*time.Minute+recentFor || time.Until(r.Waiting[0].Until) < 9*time.Minute {
		t.Errorf("waiting %+v", r.Waiting)
	}
	if row := w.outcome(); row.Disconnect != directory.DisconnectNoAddress || row.State != directory.RADIUSAccepted {
		t.Errorf("session is %s, %s", row.State, row.Disconnect)
	}
}

// TestSecondSecret: during a rotation the NAS may have either secret.
func TestSecondSecret(t *testing.T) {
	nas := newDAS(t, always(t, radius.CodeDisconnectACK, 0))
	x := exchange{
		remote: nas.conn.LocalAddr().(*net.UDPAddr).AddrPort(), keys: []*wire.Key{wire.NewKey([]byte("the old one, not yet")), wire.NewKey([]byte(testSecret))},
		build: func(begin beginning) *wire.Encoder { return begin(wire.DisconnectRequest) },
		table: timetable{send: quick().send, giveUp: 20 * time.Second}, ignored: func() {},
	}
	answer, err := x.run(t.Context())
	if err != nil || answer.Code() != wire.DisconnectACK {
		t.Errorf("answer %v", err)
	}
}

// TestProfiles: what a make of NAS is told beyond the standard.
func TestProfiles(t *testing.T) {
	row := &directory.RADIUSSession{Username: "alice", AcctSessionID: "a1", FramedIP: "10.9.0.1", NASIP: "2001:db8::1", Peer: "2001:db8::1"}
	for _, tt := range []struct {
		coa  schema.CoA
		code wire.Code
		want []string
	}{
		{schema.CoA{}, wire.DisconnectRequest, nil},
		{schema.CoA{Verb: "coa"}, wire.CoARequest, []string{"27 0000000"}},
		{schema.CoA{Verb: "coa", Profile: "cisco"}, wire.CoARequest, []string{"subscriber:command=reauthenticate", "subscriber:reauthenticate-type=rerun"}},
		{schema.CoA{Profile: "fortinet"}, wire.DisconnectRequest, []string{"10.9.0.1"}},
		{schema.CoA{Verb: "coa", Profile: "fortinet"}, wire.CoARequest, []string{"10.9.0.1", "action=reauth-port"}},
	} {
		b, err := dynamicRequest(row, "", tt.coa, inFull, func(c wire.Code) *wire.Encoder { return wire.NewRequest(c, 1) }, time.Unix(1_800_000_000, 0)).Finish(wire.NewKey([]byte(testSecret)))
		if err != nil {
			t.Fatal(err)
		}
		p, err := wire.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		if n, ok := p.Uint32(wire.SessionTimeout); ok && n == 1 {
			got = append(got, "27 0000000")
		}
		if a := address(p, wire.FramedIPAddress); a != "" {
			got = append(got, a)
		}
		for _, vendor := range []wire.Vendor{wire.VendorCisco, wire.VendorFortinet} {
			for _, v := range p.VendorAttributes(vendor) {
				got = append(got, string(v))
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || p.Code() != tt.code || address(p, wire.NASIPv6Address) != "2001:db8::1" {
			t.Errorf("%+v: %v (-want +got)\n%s", tt.coa, p.Code(), diff)
		}
	}
}

// TestASilentNASLeavesRoom: requests to one NAS get their turns, others are not held up.
func TestASilentNASLeavesRoom(t *testing.T) {
	w := newWorld(t, schema.RADIUSClient{})
	d := newDisconnector(w.server)
	silent, other := netip.MustParseAddrPort("192.0.2.1:3799"), netip.MustParseAddrPort("192.0.2.2:3799")
	for i := range disconnectsPerNAS {
		if wait := d.enter(silent); wait != 0 {
			t.Fatalf("request %d waits %v", i, wait)
		}
	}
	last := time.Duration(0)
	for range 2000 {
		wait := d.enter(silent)
		if wait <= 0 || wait > crowdedMost+time.Second {
			t.Fatalf("a turn after %v", wait)
		}
		last = max(last, wait)
	}
	if last < crowdedMost/2 {
		t.Errorf("2000 jobs are tried again within %v", last)
	}
	if wait := d.enter(other); wait != 0 {
		t.Errorf("another NAS waits %v", wait)
	}
	for range disconnectsPerNAS {
		d.leave(silent)
	}
	d.leave(other)
	if len(d.lanes) != 0 {
		t.Errorf("%d lanes are kept", len(d.lanes))
	}
}
