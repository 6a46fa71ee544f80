package radiusd

import (
	"slices"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/radiusd/wire"
)

// enter begins a session of alice, with a password, and forgets what was before.
func (w *world) enter(password string) []byte {
	w.t.Helper()
	w.forget()
	p := accessRequest(w.t, "alice", password)
	_ = rfc2865.CallingStationID_SetString(p, stationA)
	reply := w.ask(p)
	if reply.Code != radius.CodeAccessAccept {
		w.t.Fatalf("enter: %v", reply.Code)
	}
	return rfc2865.Class_Get(reply)
}

// ended waits until the NAS was told to end alice's session, and checks why.
func (w *world) ended(t *testing.T, why string) {
	t.Helper()
	if row := w.outcome(); row.Disconnect != directory.DisconnectAcknowledged {
		t.Errorf("session is %s, %q", row.State, row.Disconnect)
	}
	if got := w.audited(); len(got) == 0 || got[len(got)-1] != "acknowledged "+why+" " {
		t.Errorf("audited %q, want %q last", got, why)
	}
}

// stays looks at everybody's sessions and checks that alice's goes on.
func (w *world) stays(t *testing.T) {
	t.Helper()
	if _, err := w.directory.Barrier(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.server.reviewer.pass(t.Context(), nil, true); err != nil {
		t.Fatal(err)
	}
	jobs := 0
	err := w.directory.ReadArtefacts(t.Context(), func(a *directory.Artefacts) (err error) {
		jobs, err = a.Jobs.Count(directory.JobQuery{Kinds: []string{directory.JobDisconnect}})
		return err
	})
	rows := w.sessions(directory.RADIUSSessionQuery{User: w.alice.ID})
	if err != nil || jobs != 0 || len(rows) != 1 || rows[0].State != directory.RADIUSAccepted || rows[0].Disconnect != "" {
		t.Errorf("%d jobs (%v), sessions %+v", jobs, err, rows)
	}
}

// TestUnreadableSession: a session that cannot be decided again ends, and does not
// keep others from being looked at.
func TestUnreadableSession(t *testing.T) {
	nas := newDAS(t, always(t, radius.CodeDisconnectACK, 0))
	w := newWorld(t, schema.RADIUSClient{CoA: nas.coa()})
	w.enter(alicePassword)
	row := w.sessions(directory.RADIUSSessionQuery{User: w.alice.ID})[0]
	row.Admission = []byte("{")
	if err := w.directory.RecordArtefacts(t.Context(), func(a *directory.Artefacts) error { return a.Network.Update(row) }); err != nil {
		t.Fatal(err)
	}
	if err := w.server.reviewer.pass(t.Context(), nil, true); err != nil {
		t.Fatal(err)
	}
	w.ended(t, "unreadable")
}

// TestOpenSessionsAreDecidedAgain: what would not be let in any more, or not in the
// same way, is ended; nothing else is.
func TestOpenSessionsAreDecidedAgain(t *testing.T) {
	nas := newDAS(t, always(t, radius.CodeDisconnectACK, 0))
	config := schema.RADIUSClient{CoA: nas.coa(), Reply: []schema.Reply{{Group: "lab", VLAN: "30"}, {VLAN: "10"}}}
	w := newWorld(t, config)
	var lab directory.Group
	w.write(func(tx *directory.Writer) (err error) {
		lab, err = tx.CreateGroup(directory.Group{Name: "lab"})
		return err
	})
	member := func(g directory.Group, in bool, until time.Time) {
		w.write(func(tx *directory.Writer) error {
			if in {
				return tx.AddMembers(g.ID, directory.Membership{User: w.alice.ID, Ends: until})
			}
			_, err := tx.RemoveMembers(g.ID, w.alice.ID)
			return err
		})
	}
	rename := func(name string) {
		w.write(func(tx *directory.Writer) error {
			_, err := tx.UpdateUser(w.alice.ID, func(u *directory.User) error {
				u.Profile = directory.Attributes{"title": {name}}
				return nil
			})
			return err
		})
	}
	password := alicePassword
	setPassword := func(by directory.Actor) {
		password += "!"
		hash, err := w.directory.HashPassword(t.Context(), directory.Secret(password))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.directory.Write(t.Context(), by, func(tx *directory.Writer) error { return tx.SetPassword(w.alice.ID, hash) }); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name   string
		change func()
		why    string // empty: the session goes on
	}{
		{"an attribute", func() { rename("Engineer") }, ""},
		{"her own new password", func() {
			setPassword(directory.Actor{Kind: directory.ActorPerson, User: w.alice.ID, Name: "alice"})
		}, ""},
		{"a password that somebody else set", func() { setPassword(operator) }, "users.password"},
		{"into the group of another VLAN", func() { member(lab, true, time.Time{}) }, "reply"},
		{"and out of it", func() { member(lab, false, time.Time{}) }, "reply"},
		{"an edit of the reply rows", func() {
			config.Reply[1].VLAN = "11"
			w.write(func(tx *directory.Writer) error {
				_, err := tx.SaveRADIUSClient(directory.NewRADIUSClient{Name: "ap-hall", Networks: w.client.Networks, App: w.client.App, Config: config})
				return err
			})
			rev := w.server.clients.get(w.client.ID).rev
			waitFor(t, func() bool { return w.server.clients.get(w.client.ID).rev > rev })
			rename("Director")
		}, ""},
		{"out of the group that lets her in", func() { member(w.staff, false, time.Time{}) }, "not_bound"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.t = t
			w.enter(password)
			tt.change()
			if tt.why != "" {
				w.ended(t, tt.why)
			} else {
				w.stays(t)
			}
		})
	}
	t.Run("a membership that ends", func(t *testing.T) {
		w.t = t
		member(w.staff, true, time.Now().Add(3*time.Second))
		w.enter(password)
		w.ended(t, "not_bound")
	})
}

// TestWhatCannotBeEndedIsNotDueForEver: a session that a NAS keeps open is not
// decided again each second after its membership has ended.
func TestWhatCannotBeEndedIsNotDueForEver(t *testing.T) {
	w := newWorld(t, schema.RADIUSClient{})
	w.write(func(tx *directory.Writer) error {
		return tx.AddMembers(w.staff.ID, directory.Membership{User: w.alice.ID, Ends: time.Now().Add(2 * time.Second)})
	})
	w.enter(alicePassword)
	if row := w.outcome(); row.Disconnect != directory.DisconnectNoAddress {
		t.Fatalf("%+v", row)
	}
	due := directory.LiveNetworkSessions(w.server.now())
	due.UntilBefore = w.server.now()
	waitFor(t, func() bool { return len(w.sessions(due)) == 0 })
}

// TestARevokedNetworkPasswordEndsItsSession, and no other.
func TestARevokedNetworkPasswordEndsItsSession(t *testing.T) {
	nas := newDAS(t, always(t, radius.CodeDisconnectACK, 0))
	w := newWorld(t, schema.RADIUSClient{CoA: nas.coa()})
	phone, laptop := w.networkPassword(w.alice), w.networkPassword(w.alice)
	w.enter(laptop)
	revoke := func(which int) {
		w.write(func(tx *directory.Writer) error {
			var ids []directory.CredentialID
			for c, err := range tx.Credentials(directory.CredentialQuery{Users: []directory.UserID{w.alice.ID}}) {
				if err != nil {
					return err
				}
				if c.Kind == directory.CredentialNetworkPassword {
					ids = append(ids, c.ID)
				}
			}
			slices.Sort(ids)
			return tx.RemoveCredential(w.alice.ID, ids[which])
		})
	}
	revoke(0)
	w.stays(t)
	w.forget()
	if reply := w.ask(accessRequest(t, "alice", phone)); reply.Code != radius.CodeAccessReject {
		t.Errorf("the revoked one: %v", reply.Code)
	}
	w.enter(laptop)
	revoke(0)
	w.ended(t, "credential_expired")
}

// TestASessionThatLivesOnIsEndedAgain: a NAS that has acknowledged, and reports the
// session all the same, is asked again.
func TestASessionThatLivesOnIsEndedAgain(t *testing.T) {
	nas := newDAS(t, always(t, radius.CodeDisconnectACK, 0))
	w := newWorld(t, schema.RADIUSClient{CoA: nas.coa()})
	class := w.enter(alicePassword)
	w.account(report{status: wire.AcctStart, id: "a1", class: class})
	w.lockdown()
	w.outcome()
	before := len(nas.requests())
	w.account(report{status: wire.AcctInterimUpdate, id: "a1", class: class})
	waitFor(t, func() bool { return len(nas.requests()) > before })
	w.ended(t, "locked_down")
}

// TestWhoIsLookedAt: a change marks those whom it may concern.
func TestWhoIsLookedAt(t *testing.T) {
	v := newReviewer(nil)
	for _, tt := range []struct {
		change    directory.Change
		users     []directory.UserID
		everybody bool
	}{
		{directory.Change{Kind: directory.UserStatusChanged, Ref: 7}, []directory.UserID{7}, false},
		{directory.Change{Kind: directory.GroupMembersChanged, Ref: 1, Users: []directory.UserID{8, 9}}, []directory.UserID{8, 9}, false},
		{directory.Change{Kind: directory.GroupMembersChanged, Ref: 1}, nil, true},
		{directory.Change{Kind: directory.GroupNestingChanged, Ref: 1}, nil, true},
		{directory.Change{Kind: directory.PolicyChanged, Ref: 1}, nil, true},
		{directory.Change{Kind: directory.UserCreated, Ref: 1}, nil, false},
		{directory.Change{Kind: "of a later version", Ref: 1}, nil, true},
	} {
		v.note(&tt.change)
		users, everybody := v.take()
		slices.Sort(users)
		if !slices.Equal(users, tt.users) || everybody != tt.everybody {
			t.Errorf("%s: %v, everybody %v", tt.change.Kind, users, everybody)
		}
	}
	for i := range maxReviewUsers + 1 {
		v.mark(directory.UserID(i))
	}
	if users, everybody := v.take(); len(users) != 0 || !everybody {
		t.Errorf("%d people are kept apart", len(users))
	}
}

// TestMaxDevices: one device more than allowed is let in, and the oldest goes; a
// device that signs in again is no other one.
func TestMaxDevices(t *testing.T) {
	nas := newDAS(t, always(t, radius.CodeDisconnectACK, 0))
	w := newWorld(t, schema.RADIUSClient{CoA: nas.coa(), MaxDevices: 2})
	gone := func() (devices []string) {
		for _, row := range w.sessions(directory.RADIUSSessionQuery{User: w.alice.ID}) {
			if row.Disconnect == directory.DisconnectAcknowledged {
				devices = append(devices, row.CallingStationID)
			}
		}
		return devices
	}
	const stationC = "00-1A-2B-3C-4D-60"
	for _, station := range []string{stationA, stationB, stationB, stationA} {
		w.login(station)
	}
	if err := w.server.reviewer.pass(t.Context(), []directory.UserID{w.alice.ID}, false); err != nil {
		t.Fatal(err)
	}
	if n := len(nas.requests()); n != 0 {
		t.Fatalf("%d requests for two devices", n)
	}
	w.login(stationC)
	waitFor(t, func() bool { return len(gone()) == 2 })
	if got := gone(); !slices.Equal(got, []string{stationB, stationB}) {
		t.Errorf("gone: %v", got)
	}
	w.login(stationB)
	waitFor(t, func() bool { return len(gone()) == 4 })
	if got := gone(); !slices.Contains(got, stationA) || slices.Contains(got, stationC) {
		t.Errorf("gone: %v", got)
	}
}
