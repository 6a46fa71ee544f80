package directory_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	"gatehouse/directory/schema"
)

// network is two RADIUS clients, one of which can be told to end sessions, and
// alice's sessions there: two open ones, two of which nobody knows, one that ended.
type network struct {
	*fixture
	alice             directory.User
	tells, tellsNot   directory.RADIUSClient
	open, elsewhere   int64
	presumed, long, x int64
}

func openNetwork(t *testing.T) *network {
	t.Helper()
	f := open(t)
	n := &network{fixture: f, alice: f.user("alice", "correct horse"), open: 11, elsewhere: 12, presumed: 13, long: 14, x: 15}
	f.write(func(w *directory.Writer) (err error) {
		n.tells, err = w.SaveRADIUSClient(directory.NewRADIUSClient{
			Name: "ap", Networks: []string{"192.0.2.1/32"}, Secret: "sixteen characters",
			Config: schema.RADIUSClient{CoA: schema.CoA{Address: "192.0.2.1:3799"}},
		})
		if err != nil {
			return err
		}
		n.tellsNot, err = w.SaveRADIUSClient(directory.NewRADIUSClient{Name: "old-ap", Networks: []string{"192.0.2.2/32"}, Secret: "sixteen characters"})
		return err
	})
	now := f.clock.Now()
	row := func(id int64, state directory.RADIUSSessionState, ended time.Duration) directory.RADIUSSession {
		s := directory.RADIUSSession{
			ID: id, Client: n.tells.ID, User: n.alice.ID, Username: "alice", State: state, CallingStationID: fmt.Sprint("device ", id),
			Instance: "other", Accepted: now, Updated: now, Expires: now.Add(time.Hour),
		}
		if ended != 0 {
			s.Ended = now.Add(-ended)
		}
		return s
	}
	rows := []directory.RADIUSSession{
		row(n.open, directory.RADIUSStarted, 0), row(n.elsewhere, directory.RADIUSAccepted, 0),
		row(n.presumed, directory.RADIUSPresumedEnded, 23*time.Hour), row(n.long, directory.RADIUSPresumedEnded, 25*time.Hour),
		row(n.x, directory.RADIUSEnded, time.Minute),
	}
	rows[1].Client = n.tellsNot.ID
	err := f.RecordArtefacts(t.Context(), func(a *directory.Artefacts) error { return a.Network.Insert(rows...) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// claim takes what is due and returns the sessions that are to be ended.
func (n *network) claim() (jobs []directory.Job, sessions []int64) {
	n.t.Helper()
	jobs, err := n.ClaimJobs(n.t.Context(), []string{directory.JobDisconnect}, 100)
	if err != nil {
		n.t.Fatal(err)
	}
	for _, j := range jobs {
		var d directory.Disconnect
		if err := json.Unmarshal(j.Payload, &d); err != nil {
			n.t.Fatal(err)
		}
		sessions = append(sessions, d.Session)
	}
	slices.Sort(sessions)
	return jobs, sessions
}

func (n *network) session(id int64) directory.RADIUSSession {
	n.t.Helper()
	var row directory.RADIUSSession
	err := n.ReadArtefacts(n.t.Context(), func(a *directory.Artefacts) error {
		for s, err := range a.Network.Find(directory.RADIUSSessionQuery{IDs: []int64{id}}) {
			row = s
			return err
		}
		return nil
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return row
}

// TestWhateverEndsAUserEndsTheirNetworkSessions: the open ones and those that are
// only presumed to have ended lately, by the transaction itself.
func TestWhateverEndsAUserEndsTheirNetworkSessions(t *testing.T) {
	for name, end := range map[string]func(*network, *directory.Writer) error{
		"lockdown": func(n *network, w *directory.Writer) error { _, err := w.Lockdown(n.alice.ID, "stolen"); return err },
		"disable":  func(n *network, w *directory.Writer) error { _, err := w.DisableUser(n.alice.ID, "leave"); return err },
		"delete":   func(n *network, w *directory.Writer) error { return w.DeleteUser(n.alice.ID) },
	} {
		t.Run(name, func(t *testing.T) {
			n := openNetwork(t)
			n.write(func(w *directory.Writer) error { return end(n, w) })
			if _, got := n.claim(); got != nil {
				t.Errorf("claimed %v while they belong to the instance that answered", got)
			}
			n.clock.Advance(time.Second)
			jobs, got := n.claim()
			if want := []int64{n.open, n.elsewhere, n.presumed}; !slices.Equal(got, want) {
				t.Fatalf("to be ended: %v, want %v", got, want)
			}
			for _, j := range jobs {
				if err := n.Disconnected(t.Context(), j, directory.DisconnectResult{Outcome: directory.DisconnectAcknowledged}); err != nil {
					t.Fatal(err)
				}
			}
			n.clock.Advance(time.Hour)
			if _, got := n.claim(); got != nil {
				t.Errorf("claimed %v, which were ended", got)
			}
		})
	}
	t.Run("password reset", func(t *testing.T) {
		n := openNetwork(t)
		hash, err := n.HashPassword(t.Context(), "another password")
		if err != nil {
			t.Fatal(err)
		}
		n.write(func(w *directory.Writer) error { return w.SetPassword(n.alice.ID, hash) })
		n.clock.Advance(time.Second)
		if _, got := n.claim(); len(got) != 3 {
			t.Errorf("to be ended: %v", got)
		}
	})
}

func TestLockdownSaysWhatItCannotEnd(t *testing.T) {
	n := openNetwork(t)
	var r directory.LockdownReport
	n.write(func(w *directory.Writer) (err error) {
		r, err = w.Lockdown(n.alice.ID, "")
		return err
	})
	want := []directory.WaitingSession{{Client: "old-ap", Device: "device 12", Until: n.clock.Now().Add(time.Hour)}}
	if diff := cmp.Diff(want, r.Waiting); diff != "" || len(r.Told) != 2 {
		t.Errorf("%v are ended, want two; waiting (-want +got):\n%s", r.Told, diff)
	}
}

// TestDisconnectOutcomes: what a NAS answers is in the session and, once, in the
// audit; a lockdown does not wait for the next try.
func TestDisconnectOutcomes(t *testing.T) {
	n := openNetwork(t)
	end := func() directory.Job {
		t.Helper()
		n.write(func(w *directory.Writer) error {
			_, err := w.EndNetworkSession(n.alice.ID, n.open, "left")
			return err
		})
		n.clock.Advance(time.Second)
		jobs, _ := n.claim()
		if len(jobs) != 1 {
			t.Fatalf("claimed %d jobs, want 1", len(jobs))
		}
		return jobs[0]
	}
	record := func(j directory.Job, r directory.DisconnectResult, state directory.RADIUSSessionState) {
		t.Helper()
		if err := n.Disconnected(t.Context(), j, r); err != nil {
			t.Fatal(err)
		}
		if s := n.session(n.open); s.Disconnect != r.Outcome || s.State != state {
			t.Errorf("session is %s, %q; want %s, %q", s.State, s.Disconnect, state, r.Outcome)
		}
	}
	silent := directory.DisconnectResult{Outcome: directory.DisconnectSilent, Again: time.Hour}
	record(end(), silent, directory.RADIUSStarted)
	record(end(), silent, directory.RADIUSStarted) // asked for again before the hour was over
	again := end()
	record(again, directory.DisconnectResult{Outcome: directory.DisconnectAcknowledged}, directory.RADIUSPresumedEnded)
	if err := n.Disconnected(t.Context(), again, silent); !directory.Is(err, directory.Stale) {
		t.Errorf("a job that is done: %v", err)
	}
	var got []string
	err := n.Read(t.Context(), directory.System("test"), func(r *directory.Reader) error {
		for e, err := range r.Events(directory.EventQuery{Verb: "sessions.disconnect", User: n.alice.ID}) {
			if err != nil {
				return err
			}
			got = append(got, e.Outcome)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"silent", "acknowledged"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestEndNetworkSessions: what stands no longer is ended once, and a session of
// somebody else is not ended in a user's name.
func TestEndNetworkSessions(t *testing.T) {
	n := openNetwork(t)
	bob := n.user("bob", "battery staple")
	err := n.tryWrite(directorytest.Operator(), func(w *directory.Writer) error {
		_, err := w.EndNetworkSession(bob.ID, n.open, "")
		return err
	})
	if !directory.Is(err, directory.NotFound) {
		t.Errorf("end alice's session as bob's: %v", err)
	}
	ends := []directory.NetworkSessionEnd{{Session: n.open, Why: "not_bound"}, {Session: n.x, Why: "not_bound"}}
	for range 2 {
		if err := n.EndNetworkSessions(t.Context(), ends); err != nil {
			t.Fatal(err)
		}
	}
	n.clock.Advance(time.Second)
	jobs, got := n.claim()
	if !slices.Equal(got, []int64{n.open}) {
		t.Fatalf("to be ended: %v", got)
	}
	if err := n.Disconnected(t.Context(), jobs[0], directory.DisconnectResult{Outcome: directory.DisconnectRefused}); err != nil {
		t.Fatal(err)
	}
	if err := n.EndNetworkSessions(t.Context(), ends); err != nil {
		t.Fatal(err)
	}
	n.clock.Advance(time.Second)
	if _, got := n.claim(); got != nil {
		t.Errorf("asked again after a refusal: %v", got)
	}
}
