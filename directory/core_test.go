package directory_test

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
)

// fixture is a core on SQLite with a clock that stands still.
type fixture struct {
	*directory.Directory
	t     *testing.T
	clock *directorytest.Clock
	store directory.Store
}

func open(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, clock: directorytest.NewClock(), store: directorytest.OpenSQLite(t)}
	f.Directory = directorytest.Core(t, f.store, func(c *directory.Config) { c.Now = f.clock.Now })
	return f
}

func (f *fixture) write(fn func(*directory.Writer) error) {
	f.t.Helper()
	if err := f.tryWrite(directorytest.Operator(), fn); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) tryWrite(by directory.Actor, fn func(*directory.Writer) error) error {
	_, err := f.Write(f.t.Context(), by, fn)
	return err
}

// user creates a user with a password.
func (f *fixture) user(name, password string) directory.User {
	f.t.Helper()
	return f.create(directory.User{Username: name, Emails: []directory.Email{{Address: name + "@example.com", Primary: true}}}, password)
}

func (f *fixture) create(u directory.User, password string) directory.User {
	f.t.Helper()
	hash, err := f.HashPassword(f.t.Context(), directory.Secret(password))
	if err != nil {
		f.t.Fatal(err)
	}
	f.write(func(w *directory.Writer) (err error) {
		if u, err = w.CreateUser(u); err != nil {
			return err
		}
		return w.SetPassword(u.ID, hash)
	})
	return u
}

func (f *fixture) group(name string, members ...directory.UserID) directory.Group {
	f.t.Helper()
	var g directory.Group
	f.write(func(w *directory.Writer) (err error) {
		if g, err = w.CreateGroup(directory.Group{Name: name}); err != nil {
			return err
		}
		rows := []directory.Membership{}
		for _, m := range members {
			rows = append(rows, directory.Membership{User: m})
		}
		return w.AddMembers(g.ID, rows...)
	})
	return g
}

func (f *fixture) app(slug string, bindings ...directory.Binding) directory.App {
	f.t.Helper()
	var a directory.App
	f.write(func(w *directory.Writer) (err error) {
		if a, err = w.CreateApp(directory.App{Slug: slug}); err != nil {
			return err
		}
		return w.SetBindings(a.ID, bindings, true)
	})
	return a
}

// attempt tries a password at LDAP from one address, without waiting for the
// tick.
func (f *fixture) attempt(name, password string, edit ...func(*directory.Attempt)) directory.Decision {
	f.t.Helper()
	a := directory.Attempt{
		Name: name, Proof: directory.PasswordProof{Password: directory.Secret(password)},
		Protocol: directory.ProtocolLDAP, Peer: netip.MustParseAddr("192.0.2.1"), Unhurried: true,
	}
	for _, e := range edit {
		e(&a)
	}
	d, err := f.Authenticate(f.t.Context(), a)
	if err != nil {
		f.t.Fatalf("authenticate %q: %v", name, err)
	}
	return d
}

func at(app string) func(*directory.Attempt) {
	return func(a *directory.Attempt) { a.App = app }
}

func (f *fixture) want(d directory.Decision, reason directory.Reason) {
	f.t.Helper()
	outcome := directory.Deny
	if reason == directory.ReasonOK {
		outcome = directory.Allow
	}
	if d.Outcome != outcome || d.Reason != reason {
		f.t.Fatalf("decision %s/%s, want %s/%s; checks %+v", d.Outcome, d.Reason, outcome, reason, d.Trace)
	}
}

func TestAuthenticate(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	d := f.attempt("alice", "correct horse")
	f.want(d, directory.ReasonOK)
	if d.User.UID != alice.UID || d.Actor("ldap").User != alice.ID {
		t.Errorf("decided about %q, want alice", d.User.Username)
	}
	f.want(f.attempt(" ALICE@Example.com", "correct horse"), directory.ReasonOK)
	f.want(f.attempt("alice", "wrong"), directory.ReasonWrongPassword)
	f.want(f.attempt("alice", ""), directory.ReasonWrongPassword)
	f.want(f.attempt("nobody", "correct horse"), directory.ReasonUnknownUser)
	f.want(f.attempt("", "correct horse"), directory.ReasonUnknownUser)
}

func TestAuthenticateWrongDoorForAServiceAccount(t *testing.T) {
	f := open(t)
	f.create(directory.User{Kind: directory.ServiceAccount, Username: "reader", Networks: []string{"192.0.2.0/24"}}, "secret secret")
	service := func(a *directory.Attempt) { a.Kind = directory.ServiceAccount }
	f.want(f.attempt("reader", "secret secret", service), directory.ReasonOK)
	f.want(f.attempt("reader", "secret secret"), directory.ReasonUnknownUser)
	f.want(f.attempt("reader", "secret secret", service, func(a *directory.Attempt) {
		a.Peer = netip.MustParseAddr("198.51.100.1")
	}), directory.ReasonCredentialScope)
}

func TestDisableAndEnable(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	f.want(f.attempt("alice", "correct horse"), directory.ReasonOK) // now cached
	f.write(func(w *directory.Writer) error { _, err := w.DisableUser(alice.ID, "left"); return err })
	f.want(f.attempt("alice", "correct horse"), directory.ReasonDisabled)
	f.want(f.attempt("alice", "wrong"), directory.ReasonWrongPassword)
	dec, err := f.Authorize(t.Context(), directory.Admission{User: alice.ID, Epoch: alice.Epoch})
	if err != nil || dec.Reason != directory.ReasonDisabled {
		t.Fatalf("authorize while disabled: %v, %v", dec.Reason, err)
	}
	f.write(func(w *directory.Writer) error { _, err := w.EnableUser(alice.ID, false); return err })
	f.want(f.attempt("alice", "correct horse"), directory.ReasonOK)
	if dec, err = f.Authorize(t.Context(), directory.Admission{User: alice.ID, Epoch: alice.Epoch}); err != nil || dec.Allowed() {
		t.Fatalf("an artefact from before the disable was revived: %+v, %v", dec, err)
	}
}

func TestPasswordChangeKillsTheCachedOne(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	f.want(f.attempt("alice", "correct horse"), directory.ReasonOK)
	hash, err := f.HashPassword(t.Context(), "battery staple")
	if err != nil {
		t.Fatal(err)
	}
	f.write(func(w *directory.Writer) error { return w.SetPassword(alice.ID, hash) })
	f.want(f.attempt("alice", "correct horse"), directory.ReasonWrongPassword)
	f.want(f.attempt("alice", "battery staple"), directory.ReasonOK)
}

func TestAnotherProcessIsHeardAtOnce(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	f.want(f.attempt("alice", "correct horse"), directory.ReasonOK)
	other := directorytest.Join(t, f.store, f.Keys(), nil)
	for i := range 50 {
		_, err := other.Write(t.Context(), directorytest.Operator(), func(w *directory.Writer) error {
			if i%2 == 0 {
				_, err := w.DisableUser(alice.ID, "test")
				return err
			}
			_, err := w.EnableUser(alice.ID, false)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		want := directory.ReasonDisabled
		if i%2 == 1 {
			want = directory.ReasonOK
		}
		f.want(f.attempt("alice", "correct horse"), want)
	}
}

func TestBindings(t *testing.T) {
	f := open(t)
	alice, bob := f.user("alice", "correct horse"), f.user("bob", "correct horse")
	staff, contractors := f.group("staff", alice.ID, bob.ID), f.group("contractors", bob.ID)
	f.app("open")
	f.app("wiki", directory.Binding{Kind: directory.BindGroup, Ref: int64(staff.ID), RefName: "staff"},
		directory.Binding{Kind: directory.BindGroup, Ref: int64(contractors.ID), RefName: "contractors", Negate: true})
	f.app("bob-only", directory.Binding{Kind: directory.BindUser, Ref: int64(bob.ID), RefName: "bob"})
	f.app("no-contractors", directory.Binding{Kind: directory.BindGroup, Ref: int64(contractors.ID), RefName: "contractors", Negate: true})
	f.app("off", directory.Binding{Kind: directory.BindGroup, Ref: int64(staff.ID), RefName: "staff", Disabled: true})
	for _, tt := range []struct {
		user, app string
		want      directory.Reason
	}{
		{"alice", "open", directory.ReasonOK},
		{"alice", "wiki", directory.ReasonOK},
		{"bob", "wiki", directory.ReasonExcluded},
		{"alice", "bob-only", directory.ReasonNotBound},
		{"bob", "bob-only", directory.ReasonOK},
		{"alice", "no-contractors", directory.ReasonOK},
		{"bob", "no-contractors", directory.ReasonExcluded},
		{"alice", "off", directory.ReasonNotBound},
		{"alice", "missing", directory.ReasonNotBound},
	} {
		f.want(f.attempt(tt.user, "correct horse", at(tt.app)), tt.want)
	}
	f.write(func(w *directory.Writer) error { return w.DeleteGroup(staff.ID, true) })
	f.want(f.attempt("alice", "correct horse", at("wiki")), directory.ReasonNotBound) // closed, not open
}

func TestBoundPolicyDenies(t *testing.T) {
	f := open(t)
	f.user("alice", "correct horse")
	a := f.app("wiki")
	f.write(func(w *directory.Writer) error {
		p, err := w.SavePolicy(directory.Policy{Name: "office", Rule: "true", Message: "Only from the office."})
		if err != nil {
			return err
		}
		return w.SetBindings(a.ID, []directory.Binding{{Kind: directory.BindPolicy, Ref: int64(p.ID), RefName: p.Name, Negate: true}}, false)
	})
	f.want(f.attempt("alice", "correct horse", at("wiki")), directory.ReasonPolicy)
}

func TestNestedAndTimedGroups(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	team, dept, all := f.group("team"), f.group("dept"), f.group("all")
	f.app("wiki", directory.Binding{Kind: directory.BindGroup, Ref: int64(all.ID), RefName: "all"})
	ends := f.clock.Now().Add(time.Hour)
	f.write(func(w *directory.Writer) error {
		if err := w.AddNesting(directory.Nesting{Parent: dept.ID, Child: team.ID}); err != nil {
			return err
		}
		if err := w.AddNesting(directory.Nesting{Parent: all.ID, Child: dept.ID}); err != nil {
			return err
		}
		return w.AddMembers(team.ID, directory.Membership{User: alice.ID, Ends: ends})
	})
	err := f.tryWrite(directorytest.Operator(), func(w *directory.Writer) error {
		return w.AddNesting(directory.Nesting{Parent: team.ID, Child: all.ID})
	})
	if !directory.Is(err, directory.Invalid) {
		t.Fatalf("a cycle of groups: %v, want invalid", err)
	}
	d := f.attempt("alice", "correct horse", at("wiki"))
	f.want(d, directory.ReasonOK)
	if len(d.Groups) != 3 || !d.Until.Equal(ends) {
		t.Errorf("in %d groups until %v, want 3 until %v", len(d.Groups), d.Until, ends)
	}
	f.clock.Advance(time.Hour - time.Second)
	f.want(f.attempt("alice", "correct horse", at("wiki")), directory.ReasonOK)
	f.clock.Advance(time.Second) // no change, no job: only the clock
	f.want(f.attempt("alice", "correct horse", at("wiki")), directory.ReasonNotBound)
}

func TestLimiter(t *testing.T) {
	f := open(t)
	f.user("alice", "correct horse")
	elsewhere := func(a *directory.Attempt) { a.Peer = netip.MustParseAddr("198.51.100.7") }
	for i := range 6 {
		f.want(f.attempt("alice", "wrong"+string(rune('0'+i))), directory.ReasonWrongPassword)
	}
	f.want(f.attempt("alice", "correct horse"), directory.ReasonThrottled)
	f.want(f.attempt("alice", "correct horse", elsewhere), directory.ReasonOK) // only this source waits
	f.clock.Advance(1100 * time.Millisecond)
	f.want(f.attempt("alice", "correct horse"), directory.ReasonOK)
	f.want(f.attempt("alice", "wrong"), directory.ReasonWrongPassword) // forgotten
}

func TestAStrangerWritesLittleIntoTheAudit(t *testing.T) {
	f := &fixture{t: t, clock: directorytest.NewClock(), store: directorytest.OpenSQLite(t)}
	f.Directory = directorytest.Core(t, f.store, func(c *directory.Config) { c.AuditStrict = true })
	f.attempt(strings.Repeat("x", 60_000), "wrong")
	err := f.Read(t.Context(), directorytest.Operator(), func(r *directory.Reader) error {
		for e, err := range r.Events(directory.EventQuery{Verb: "authenticate"}) {
			if err != nil {
				return err
			}
			if len(e.Name) > 400 {
				t.Errorf("%d bytes of a name are kept", len(e.Name))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAStopLosesNoAuditEvent(t *testing.T) {
	f := open(t)
	f.attempt("nobody", "wrong")
	f.Close()
	found := 0
	err := f.store.View(t.Context(), func(tx *directory.Tx) error {
		for _, err := range tx.Events.Find(directory.EventQuery{Verb: "authenticate"}) {
			if err != nil {
				return err
			}
			found++
		}
		return nil
	})
	if err != nil || found != 1 {
		t.Errorf("%d events after the stop, %v; want 1", found, err)
	}
}

func TestUnlockByAnotherProcess(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	for i := range 8 {
		f.attempt("alice", "wrong"+string(rune('0'+i)))
	}
	f.want(f.attempt("alice", "correct horse"), directory.ReasonThrottled)
	other := directorytest.Join(t, f.store, f.Keys(), nil)
	if err := other.Unlock(t.Context(), directorytest.Operator(), alice.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Barrier(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.want(f.attempt("alice", "correct horse"), directory.ReasonOK)
}

func TestTheSameWrongPasswordCountsOnce(t *testing.T) {
	f := open(t)
	f.user("alice", "correct horse")
	for range 12 { // a phone that keeps the old password
		f.want(f.attempt("alice", "old password"), directory.ReasonWrongPassword)
	}
	f.want(f.attempt("alice", "correct horse"), directory.ReasonOK)
}

func TestDenialsLeaveAtATick(t *testing.T) {
	f := open(t)
	f.user("alice", "correct horse")
	for _, tt := range []struct {
		protocol directory.Protocol
		tick     time.Duration
	}{{directory.ProtocolLDAP, 250 * time.Millisecond}, {directory.ProtocolRADIUS, time.Second}} {
		for _, name := range []string{"alice", "nobody"} {
			received := f.clock.Now()
			d := f.attempt(name, "wrong", func(a *directory.Attempt) { a.Received, a.Protocol = received, tt.protocol })
			if got := d.LeaveAt.Sub(received); got != tt.tick {
				t.Errorf("%s at %s leaves after %v, want %v", name, tt.protocol, got, tt.tick)
			}
		}
	}
	begun := time.Now()
	f.attempt("alice", "wrong", func(a *directory.Attempt) { a.Unhurried = false })
	if spent := time.Since(begun); spent < 200*time.Millisecond {
		t.Errorf("a denial came back after %v", spent)
	}
}

// TestDisableWhileHashing disables 64 users while their first, slow attempts wait
// for the hash or are inside it: none may succeed once the disable is committed.
func TestDisableWhileHashing(t *testing.T) {
	f := open(t)
	hash, err := f.HashPassword(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	users := make([]directory.User, 64)
	f.write(func(w *directory.Writer) (err error) {
		for i := range users {
			if users[i], err = w.CreateUser(directory.User{Username: fmt.Sprintf("user%d", i)}); err != nil {
				return err
			}
			if err := w.SetPassword(users[i].ID, hash); err != nil {
				return err
			}
		}
		return nil
	})
	decisions := make([]directory.Decision, len(users))
	var committed atomic.Bool
	var late atomic.Int64 // allowed after the disable was committed
	var attempts sync.WaitGroup
	for i := range users {
		attempts.Go(func() {
			var err error
			decisions[i], err = f.Authenticate(t.Context(), directory.Attempt{
				Name: users[i].Username, Unhurried: true, Peer: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}),
				Proof: directory.PasswordProof{Password: "correct horse"}, Protocol: directory.ProtocolLDAP,
			})
			// On a busy machine some may not be decided in time: that lets nobody in.
			if err != nil && !directory.Is(err, directory.Unavailable) {
				t.Error(err)
			}
			if decisions[i].Allowed() && committed.Load() {
				late.Add(1)
			}
		})
	}
	for f.SlowHashes() == 0 {
		time.Sleep(time.Millisecond)
	}
	head, err := f.Write(t.Context(), directorytest.Operator(), func(w *directory.Writer) error {
		for _, u := range users {
			if _, err := w.DisableUser(u.ID, "test"); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	committed.Store(true)
	attempts.Wait()
	// A few may have passed the second barrier before the commit and return only now.
	if n := late.Load(); n > 16 {
		t.Errorf("%d of 64 were allowed after the disable", n)
	}
	refused := 0
	for i, d := range decisions {
		switch {
		case !d.Allowed():
			refused++
		case d.Seq >= head.Seq:
			t.Errorf("%s was allowed at %d although disabled at %d", users[i].Username, d.Seq, head.Seq)
		}
	}
	if refused == 0 {
		t.Error("the disable came after every attempt")
	}
	f.want(f.attempt(users[0].Username, "correct horse"), directory.ReasonDisabled)
}

// TestAddMembersTwice: of several rows of one user the last counts, whether there was one before or not.
func TestAddMembersTwice(t *testing.T) {
	f := open(t)
	alice, bob := f.user("alice", "pw pw pw"), f.user("bob", "pw pw pw")
	g := f.group("crew", bob.ID)
	ends := f.clock.Now().Add(time.Hour)
	f.write(func(w *directory.Writer) error {
		return w.AddMembers(g.ID, directory.Membership{User: alice.ID}, directory.Membership{User: bob.ID}, directory.Membership{User: alice.ID, Ends: ends},
			directory.Membership{User: bob.ID, Ends: ends})
	})
	err := f.Read(t.Context(), directorytest.Operator(), func(r *directory.Reader) error {
		n := 0
		for m, err := range r.Memberships(directory.MembershipQuery{Groups: []directory.GroupID{g.ID}}) {
			if err != nil {
				return err
			}
			if n++; !m.Ends.Equal(ends) {
				t.Errorf("row %+v", m)
			}
		}
		if n != 2 {
			t.Errorf("%d rows, want 2", n)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
