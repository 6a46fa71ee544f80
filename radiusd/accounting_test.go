package radiusd

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"

	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/radiusd/wire"
)

const stationA, stationB = "00-1A-2B-3C-4D-5E", "00-1A-2B-3C-4D-5F"

// login gets an Access-Accept for alice on a device, each time on another
// port, and returns its Class.
func (w *world) login(station string) []byte {
	w.t.Helper()
	p := accessRequest(w.t, "alice", alicePassword)
	_ = rfc2865.CallingStationID_SetString(p, station)
	w.ports++
	_ = rfc2865.NASPort_Set(p, rfc2865.NASPort(w.ports))
	reply := w.ask(p)
	if reply.Code != radius.CodeAccessAccept {
		w.t.Fatalf("login: %v", reply.Code)
	}
	return rfc2865.Class_Get(reply)
}

// report is one accounting record in short.
type report struct {
	status  int
	id      string
	class   []byte
	octets  uint32
	nas     string // NAS-IP-Address, 10.0.0.1 when empty
	delay   uint32
	station string
}

func (w *world) account(r report) {
	w.t.Helper()
	a := dial(w.t, w.acct)
	p := radius.New(radius.CodeAccountingRequest, []byte(testSecret))
	_ = rfc2866.AcctStatusType_Set(p, rfc2866.AcctStatusType(r.status))
	_ = rfc2865.UserName_SetString(p, "alice")
	if r.id != "" {
		_ = rfc2866.AcctSessionID_SetString(p, r.id)
	}
	if r.class != nil {
		_ = rfc2865.Class_Add(p, []byte("another server's class"))
		_ = rfc2865.Class_Add(p, r.class)
	}
	if r.octets != 0 {
		_ = rfc2866.AcctInputOctets_Set(p, rfc2866.AcctInputOctets(r.octets))
		_ = rfc2869.AcctInputGigawords_Set(p, 1)
	}
	if r.nas == "" {
		r.nas = "10.0.0.1"
	}
	p.Add(4, radius.Attribute(parseIP(w.t, r.nas)))
	if r.delay != 0 {
		_ = rfc2866.AcctDelayTime_Set(p, rfc2866.AcctDelayTime(r.delay))
	}
	if r.station != "" {
		_ = rfc2865.CallingStationID_SetString(p, r.station)
	}
	if r.status == wire.AcctStop {
		_ = rfc2866.AcctTerminateCause_Set(p, rfc2866.AcctTerminateCause_Value_UserRequest)
	}
	raw := encoded(w.t, p)
	a.send(raw)
	if reply := parse(w.t, raw, a.receive()); reply.Code != radius.CodeAccountingResponse {
		w.t.Fatalf("accounting: %v", reply.Code)
	}
}

func (w *world) records() []directory.RADIUSAccounting {
	w.t.Helper()
	var out []directory.RADIUSAccounting
	err := w.directory.ReadArtefacts(w.t.Context(), func(a *directory.Artefacts) error {
		out = nil
		for row, err := range a.Accounting.Find(directory.RADIUSAccountingQuery{Client: w.client.ID}) {
			if err != nil {
				return err
			}
			out = append(out, row)
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// states returns the sessions in the order of their Accepts, as
// "Acct-Session-Id state cause".
func (w *world) states() []string {
	w.t.Helper()
	rows := w.sessions(directory.RADIUSSessionQuery{Client: w.client.ID})
	slices.SortFunc(rows, func(a, b directory.RADIUSSession) int { return int(a.ID - b.ID) })
	var out []string
	for _, r := range rows {
		s := r.AcctSessionID + " " + string(r.State)
		if r.TerminateCause != "" {
			s += " " + r.TerminateCause
		}
		out = append(out, s)
	}
	return out
}

func TestAccountingStates(t *testing.T) {
	const start, stop, interim, on, off = wire.AcctStart, wire.AcctStop, wire.AcctInterimUpdate, wire.AcctOn, wire.AcctOff
	w := newWorld(t, schema.RADIUSClient{})
	tests := []struct {
		name string
		run  func(w *world)
		want []string
	}{
		{"start, interim, stop", func(w *world) {
			c := w.login(stationA)
			w.account(report{status: start, id: "1", class: c})
			w.account(report{status: interim, id: "1", class: c, octets: 7})
			w.account(report{status: stop, id: "1", class: c, octets: 9})
		}, []string{"1 ended User-Request"}},
		{"stop alone", func(w *world) {
			w.account(report{status: stop, id: "1", class: w.login(stationA)})
		}, []string{"1 ended User-Request"}},
		{"a late start does not reopen", func(w *world) {
			c := w.login(stationA)
			w.account(report{status: stop, id: "1", class: c})
			w.account(report{status: start, id: "1", class: c})
		}, []string{"1 ended User-Request"}},
		{"no class", func(w *world) {
			w.login(stationA)
			w.account(report{status: start, id: "1"})
			w.account(report{status: stop, id: "1"})
		}, []string{" accepted"}},
		{"no Acct-Session-Id", func(w *world) {
			w.account(report{status: start, class: w.login(stationA)})
		}, []string{" accepted"}},
		{"re-authentication keeps the call", func(w *world) {
			w.account(report{status: start, id: "1", class: w.login(stationA)})
			w.account(report{status: interim, id: "1", class: w.login(stationA)})
		}, []string{"1 ended Reauthenticated", "1 started"}},
		{"one class for two calls", func(w *world) {
			c := w.login(stationA)
			w.account(report{status: start, id: "1", class: c})
			w.account(report{status: stop, id: "1", class: c})
			w.account(report{status: start, id: "2", class: c})
			w.account(report{status: interim, id: "2", class: c})
		}, []string{"1 ended User-Request", "2 started"}},
		{"the same device elsewhere", func(w *world) {
			w.account(report{status: start, id: "1", class: w.login(stationA)})
			w.account(report{status: start, id: "2", class: w.login(stationA)})
		}, []string{"1 presumed-ended Replaced", "2 started"}},
		{"a presumed end is taken back by life", func(w *world) {
			c := w.login(stationA)
			w.account(report{status: start, id: "1", class: c})
			w.account(report{status: start, id: "2", class: w.login(stationA)})
			w.account(report{status: interim, id: "1", class: c})
		}, []string{"1 started", "2 started"}},
		{"two devices", func(w *world) {
			w.account(report{status: start, id: "1", class: w.login(stationA)})
			w.account(report{status: start, id: "2", class: w.login(stationB)})
		}, []string{"1 started", "2 started"}},
		{"accounting cannot name another device", func(w *world) {
			w.account(report{status: start, id: "1", class: w.login(stationA)})
			w.account(report{status: start, id: "2", class: w.login(stationB), station: stationA})
		}, []string{"1 started", "2 started"}},
		{"restart of the NAS", func(w *world) {
			w.account(report{status: start, id: "1", class: w.loginAt("10.0.0.1")})
			w.account(report{status: start, id: "2", class: w.loginAt("10.0.0.2")})
			w.account(report{status: on, nas: "10.0.0.1"})
		}, []string{"1 presumed-ended Accounting-On", "2 started"}},
		{"a restart reported late spares what began since", func(w *world) {
			w.account(report{status: start, id: "1", class: w.loginAt("10.0.0.1")})
			w.account(report{status: off, nas: "10.0.0.1", delay: 3600})
		}, []string{"1 started"}},
		{"an unknown status is stored", func(w *world) {
			w.account(report{status: 15, id: "1", class: w.login(stationA)})
		}, []string{" accepted"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w.t = t
			w.forget()
			tt.run(w)
			if diff := cmp.Diff(tt.want, w.states()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// loginAt gets an Access-Accept through a NAS that names itself.
func (w *world) loginAt(nas string) []byte {
	w.t.Helper()
	p := accessRequest(w.t, "alice", alicePassword)
	p.Add(4, radius.Attribute(parseIP(w.t, nas)))
	return rfc2865.Class_Get(w.ask(p))
}

// forget deletes all sessions.
func (w *world) forget() {
	w.t.Helper()
	for _, row := range w.sessions(directory.RADIUSSessionQuery{Client: w.client.ID}) {
		w.server.recent.forget(row.ID)
	}
	err := w.directory.RecordArtefacts(w.t.Context(), func(a *directory.Artefacts) error {
		_, err := a.Network.Delete(directory.RADIUSSessionQuery{Client: w.client.ID})
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// A device that signs in again on the same port keeps its session, until that
// ended or the user's epoch moved on.
func TestSessionIsKept(t *testing.T) {
	w := newWorld(t, schema.RADIUSClient{})
	again := func() []byte {
		t.Helper()
		w.ports = 6
		return w.login(stationA)
	}
	first := again()
	if !slices.Equal(first, again()) {
		t.Error("a second session for the same place")
	}
	if slices.Equal(first, w.login(stationB)) {
		t.Error("two devices share a session")
	}
	w.account(report{status: wire.AcctStop, id: "1", class: first})
	second := again()
	if slices.Equal(first, second) {
		t.Error("an ended session was used again")
	}
	w.write(func(tx *directory.Writer) error {
		if _, err := tx.DisableUser(w.alice.ID, "test"); err != nil {
			return err
		}
		_, err := tx.EnableUser(w.alice.ID, false)
		return err
	})
	if slices.Equal(second, again()) {
		t.Error("a session from before a disable was used again")
	}
}

func TestRecentForgetsInTime(t *testing.T) {
	r, now := newRecent(), time.Unix(1_800_000_000, 0)
	row := func(i int64) *directory.RADIUSSession {
		return &directory.RADIUSSession{ID: i, User: directory.UserID(i), Accepted: now}
	}
	r.add(row(1), "class")
	if s, ok := r.find(placeOf(row(1)), now.Add(recentFor-1)); !ok || s.id != 1 || s.class != "class" {
		t.Errorf("%v %v before the end", s, ok)
	}
	if _, ok := r.find(placeOf(row(1)), now.Add(recentFor)); ok {
		t.Error("found after the end")
	}
	for i := range int64(3 * recentMax) {
		r.add(row(i), "")
	}
	if n := len(r.young) + len(r.old); n > 2*recentMax || len(r.places) != n {
		t.Errorf("%d remembered, %d places", n, len(r.places))
	}
}

func TestAccountingIsStored(t *testing.T) {
	w := newWorld(t, schema.RADIUSClient{})
	c := w.login(stationA)
	w.account(report{status: wire.AcctStart, id: "a\x00\xff", class: c, octets: 5})
	rows := w.sessions(directory.RADIUSSessionQuery{Client: w.client.ID})
	if len(rows) != 1 || rows[0].InputOctets != 1<<32+5 || rows[0].AcctSessionID != "a\uFFFD" {
		t.Errorf("session %+v", rows)
	}
	records := w.records()
	if len(records) != 1 || records[0].Status != "Start" || records[0].Session != rows[0].ID || records[0].Username != "alice" ||
		records[0].Day != time.Now().Unix()/86_400 || len(records[0].Packet) == 0 {
		t.Errorf("records %+v", records)
	}
}

// A NAS that knows the secret must not be able to end or move the sessions of
// others by making up a Class.
func TestForgedClassChangesNothing(t *testing.T) {
	w := newWorld(t, schema.RADIUSClient{})
	genuine := w.login(stationA)
	w.account(report{status: wire.AcctStart, id: "1", class: genuine})
	flip := func(i int) []byte {
		b := slices.Clone(genuine)
		if b[i]++; b[i] > 'z' {
			b[i] = 'a'
		}
		return b
	}
	foreign := &directory.RADIUSSession{ID: 7, Client: w.client.ID + 1, User: w.alice.ID}
	for name, class := range map[string][]byte{
		"session": flip(8), "MAC": flip(len(genuine) - 5), "short": genuine[:20], "prefix only": []byte(classPrefix), "nothing": {},
		"another client's": []byte(w.server.classes.of(foreign)),
	} {
		w.account(report{status: wire.AcctStop, id: "1", class: class})
		if got := w.states(); !slices.Equal(got, []string{"1 started"}) {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, r := range w.records()[1:] {
		if r.Session != 0 {
			t.Errorf("a record with a forged Class counts for session %d", r.Session)
		}
	}
}

// The Class of one client's session is worth nothing at another client.
func TestClassOfAnotherClient(t *testing.T) {
	w := newWorld(t, schema.RADIUSClient{})
	c := w.login(stationA)
	w.write(func(tx *directory.Writer) error {
		if err := tx.DeleteRADIUSClient(w.client.ID); err != nil {
			return err
		}
		_, err := tx.SaveRADIUSClient(directory.NewRADIUSClient{Name: "second", Networks: []string{"127.0.0.1/32"}, Secret: testSecret})
		return err
	})
	waitFor(t, func() bool {
		found := w.server.transport.clients.Load().lookup(mustAddr(t, "127.0.0.1"))
		return found != nil && found.name == "second"
	})
	w.account(report{status: wire.AcctStop, id: "1", class: c})
	if got := w.states(); !slices.Equal(got, []string{" accepted"}) {
		t.Errorf("%v", got)
	}
}

func TestAccountingIsNotAcknowledgedUnstored(t *testing.T) {
	w := newWorld(t, schema.RADIUSClient{})
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	p := radius.New(radius.CodeAccountingRequest, []byte(testSecret))
	_ = rfc2866.AcctStatusType_Set(p, rfc2866.AcctStatusType_Value_Start)
	a := dial(t, w.acct)
	a.send(encoded(t, p))
	waitFor(t, func() bool { return w.counted(undecided) == 1 })
	_ = a.conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if _, err := a.conn.Read(make([]byte, 100)); err == nil {
		t.Error("an unstored record was acknowledged")
	}
}

func TestRepeatedAccountingIsStoredOnce(t *testing.T) {
	w := newWorld(t, schema.RADIUSClient{})
	p := radius.New(radius.CodeAccountingRequest, []byte(testSecret))
	_ = rfc2866.AcctStatusType_Set(p, rfc2866.AcctStatusType_Value_Start)
	a := dial(t, w.acct)
	raw := encoded(t, p)
	for range 3 {
		a.send(raw)
		a.receive()
	}
	if n := len(w.records()); n != 1 {
		t.Errorf("stored %d times", n)
	}
}

func TestKeeper(t *testing.T) {
	w := newWorld(t, schema.RADIUSClient{Reply: []schema.Reply{{Attributes: map[string][]string{"Acct-Interim-Interval": {"600"}}}}})
	now := time.Now()
	row := func(id int64, state directory.RADIUSSessionState, age time.Duration) directory.RADIUSSession {
		at := now.Add(-age)
		s := directory.RADIUSSession{ID: id, Client: w.client.ID, User: w.alice.ID, State: state, Accepted: at, Updated: at}
		if state == directory.RADIUSEnded {
			s.Ended = at
		}
		return s
	}
	old := now.Add(-keepRecords - 48*time.Hour)
	err := w.directory.RecordArtefacts(t.Context(), func(a *directory.Artefacts) error {
		err := a.Network.Insert(
			row(1, directory.RADIUSStarted, 29*time.Minute), row(2, directory.RADIUSStarted, 31*time.Minute),
			row(3, directory.RADIUSEnded, keepSessions-time.Hour), row(4, directory.RADIUSEnded, keepSessions+time.Hour))
		if err != nil {
			return err
		}
		return a.Accounting.Insert(
			directory.RADIUSAccounting{ID: 1, Client: w.client.ID, Day: old.Unix() / 86_400, At: old},
			directory.RADIUSAccounting{ID: 2, Client: w.client.ID, Day: now.Unix() / 86_400, At: now})
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.server.keepOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{" started", " presumed-ended Silent", " ended"}, w.states()); diff != "" {
		t.Error(diff)
	}
	if records := w.records(); len(records) != 1 || records[0].ID != 2 {
		t.Errorf("records %+v", records)
	}
}
