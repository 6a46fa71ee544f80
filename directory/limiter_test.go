package directory_test

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
)

// processes opens as many more cores on the fixture's store, as daemons would.
func (f *fixture) processes(n int) []*fixture {
	f.t.Helper()
	all := []*fixture{f}
	for len(all) < n {
		other := &fixture{t: f.t, clock: f.clock, store: f.store}
		other.Directory = directorytest.Join(f.t, f.store, f.Keys(), func(c *directory.Config) { c.Now = f.clock.Now })
		all = append(all, other)
	}
	return all
}

// quick creates a user whose password costs nothing to check. It is "imported".
func (f *fixture) quick(name string) directory.User {
	f.t.Helper()
	hash, err := directory.ImportedHash("{SSHA}C1newsfFmlD02QTcqAUBSUg9SAZzYWx0")
	if err != nil {
		f.t.Fatal(err)
	}
	u := directory.User{Username: name}
	f.write(func(w *directory.Writer) (err error) {
		if u, err = w.CreateUser(u); err != nil {
			return err
		}
		return w.SetPassword(u.ID, hash)
	})
	return u
}

func peer(ip string) func(*directory.Attempt) {
	return func(a *directory.Attempt) { a.Peer = netip.MustParseAddr(ip) }
}

func relayed(p directory.Protocol, device string) func(*directory.Attempt) {
	return func(a *directory.Attempt) { a.Protocol, a.Relay, a.Device = p, true, device }
}

// web is a browser, which names the device that it is by a cookie.
func web(ip, device string) func(*directory.Attempt) {
	return func(a *directory.Attempt) {
		a.Protocol, a.Peer, a.Client, a.Device = directory.ProtocolWeb, netip.MustParseAddr(ip), netip.MustParseAddr(ip), device
	}
}

func (f *fixture) failures(id directory.UserID, b directory.Bucket) []directory.Failures {
	f.t.Helper()
	var rows []directory.Failures
	err := f.store.View(f.t.Context(), func(tx *directory.Tx) error {
		rows = nil
		for r, err := range tx.Failures.Find(directory.FailuresQuery{User: id}) {
			if err != nil {
				return err
			}
			if r.Bucket == b {
				rows = append(rows, r)
			}
		}
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return rows
}

// exhaust makes the account one that was guessed at all day from everywhere.
func (f *fixture) exhaust(id directory.UserID) {
	f.t.Helper()
	f.eventually("the failures are stored", func() bool { return len(f.failures(id, directory.BucketAccount)) == 1 })
	row := f.failures(id, directory.BucketAccount)[0]
	row.Count = 1000
	if err := f.store.Record(f.t.Context(), func(tx *directory.Tx) error { return tx.Failures.Update(row) }); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) eventually(what string, ok func() bool) {
	f.t.Helper()
	for limit := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(limit) {
			f.t.Fatalf("not within a minute: %s", what)
		}
	}
}

// TestParallelGuessesOverFourProcesses: 64 guesses at once share one count.
func TestParallelGuessesOverFourProcesses(t *testing.T) {
	f := open(t)
	f.quick("alice")
	var mu sync.Mutex
	count := map[directory.Reason]int{}
	var wg sync.WaitGroup
	all := f.processes(4)
	for _, p := range all {
		p.attempt("alice", "", peer("198.51.100.1")) // who she is has been read
	}
	for i, p := range all {
		for n := range 16 {
			wg.Go(func() {
				d, err := p.Authenticate(t.Context(), directory.Attempt{
					Name: "alice", Proof: directory.PasswordProof{Password: directory.Secret(fmt.Sprintf("guess %d %d", i, n))},
					Protocol: directory.ProtocolLDAP, Peer: netip.MustParseAddr("192.0.2.1"), Unhurried: true,
				})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				count[d.Reason]++
			})
		}
	}
	wg.Wait()
	if n := count[directory.ReasonWrongPassword]; n == 0 || n > 8 || n+count[directory.ReasonThrottled] != 64 {
		t.Errorf("decided %v, want at most 8 of 64 evaluated and the rest throttled", count)
	}
}

// TestManyRightPasswordsAtOnce: an app that opens many connections when it
// starts is not a guesser.
func TestManyRightPasswordsAtOnce(t *testing.T) {
	f := open(t)
	f.user("alice", "correct horse")
	var wg sync.WaitGroup
	all := f.processes(3)
	for _, p := range all {
		p.attempt("alice", "", peer("198.51.100.1")) // who she is has been read
	}
	for _, p := range all {
		for range 8 {
			wg.Go(func() {
				d, err := p.Authenticate(t.Context(), directory.Attempt{
					Name: "alice", Proof: directory.PasswordProof{Password: "correct horse"},
					Protocol: directory.ProtocolLDAP, Peer: netip.MustParseAddr("192.0.2.1"), Unhurried: true,
				})
				if err != nil || !d.Allowed() {
					t.Errorf("%s, %v; want allowed", d.Reason, err)
				}
			})
		}
	}
	wg.Wait()
}

// TestAnAttackerLocksNobodyOut: however long somebody guesses at one door, its
// owner enters the others, and this one from elsewhere.
func TestAnAttackerLocksNobodyOut(t *testing.T) {
	f := open(t)
	f.user("alice", "correct horse")
	for i := range 40 {
		f.attempt("alice", fmt.Sprintf("guess %d", i), peer("203.0.113.66"))
		f.clock.Advance(20 * time.Second)
	}
	f.want(f.attempt("alice", "correct horse", peer("203.0.113.66")), directory.ReasonThrottled)
	for name, edit := range map[string]func(*directory.Attempt){
		"LDAP from elsewhere":             peer("192.0.2.7"),
		"the web":                         web("192.0.2.7", ""),
		"Wi-Fi":                           relayed(directory.ProtocolRADIUS, "02-00-00-00-00-01"),
		"an app that binds for everybody": relayed(directory.ProtocolLDAP, ""),
	} {
		if d := f.attempt("alice", "correct horse", edit); !d.Allowed() {
			t.Errorf("%s: %s; checks %+v", name, d.Reason, d.Trace)
		}
	}
	// Who guesses through one relay holds up that one.
	through := func(app string) func(*directory.Attempt) {
		return func(a *directory.Attempt) { a.Relay, a.App = true, app }
	}
	f.app("cloud")
	f.app("mail")
	for i := range 7 {
		f.attempt("alice", fmt.Sprintf("guess %d", i), through("cloud"))
	}
	f.want(f.attempt("alice", "correct horse", through("cloud")), directory.ReasonThrottled)
	f.want(f.attempt("alice", "correct horse", through("mail")), directory.ReasonOK)
}

// TestNamesOfOneAccountShareTheirFailures: a username, an address and an id are
// not three accounts.
func TestNamesOfOneAccountShareTheirFailures(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	for i, name := range []string{"alice", "alice@example.com", "ALICE", "alice", " alice@EXAMPLE.com"} {
		f.want(f.attempt(name, fmt.Sprintf("guess %d", i)), directory.ReasonWrongPassword)
	}
	byID := func(a *directory.Attempt) { a.User = alice.ID }
	f.want(f.attempt("", "the sixth", byID), directory.ReasonWrongPassword)
	f.want(f.attempt("", "the seventh", byID), directory.ReasonThrottled)
	f.want(f.attempt("alice", "correct horse"), directory.ReasonThrottled)
}

// TestTheOldPhoneAfterAChange goes on sending what used to be right.
func TestTheOldPhoneAfterAChange(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "first password")
	f.want(f.attempt("alice", "first password"), directory.ReasonOK)
	hash, err := f.HashPassword(t.Context(), "second password")
	if err != nil {
		t.Fatal(err)
	}
	f.write(func(w *directory.Writer) error { return w.SetPassword(alice.ID, hash) })
	f.want(f.attempt("alice", "second password"), directory.ReasonOK)
	for range 4 {
		f.want(f.attempt("alice", "first password"), directory.ReasonWrongPassword)
		f.clock.Advance(2 * time.Hour) // longer than a wrong password is remembered
	}
	f.eventually("the attempts are stored", func() bool { return len(f.failures(alice.ID, directory.BucketPair)) == 1 })
	if rows := f.failures(alice.ID, directory.BucketAccount); len(rows) != 0 {
		t.Errorf("counted %+v, want nothing", rows)
	}
	f.want(f.attempt("alice", "another one"), directory.ReasonWrongPassword)
	f.eventually("a guess is counted", func() bool { return len(f.failures(alice.ID, directory.BucketAccount)) == 1 })
}

// TestAnotherProcessKnowsTheDelay, and so does the same one after a restart.
func TestAnotherProcessKnowsTheDelay(t *testing.T) {
	f := open(t)
	f.quick("alice")
	for i := range 9 {
		f.attempt("alice", fmt.Sprintf("guess %d", i))
		f.clock.Advance(5 * time.Second)
	}
	f.clock.Advance(-5 * time.Second)
	f.want(f.attempt("alice", "any"), directory.ReasonThrottled)
	f.Close() // writes what it knows
	f.want(f.processes(2)[1].attempt("alice", "any"), directory.ReasonThrottled)
}

// TestTheWaitTellsNothing: what a person is told to wait is the same for a name
// that nobody has, also where other processes have counted.
func TestTheWaitTellsNothing(t *testing.T) {
	f := open(t)
	f.quick("alice")
	all := f.processes(2)
	told := map[string][]time.Duration{}
	for _, name := range []string{"alice", "nobody"} {
		for i := range 7 {
			all[0].attempt(name, fmt.Sprintf("guess %d", i), web("192.0.2.1", ""))
		}
		for _, p := range all {
			told[name] = append(told[name], p.attempt(name, "again", web("192.0.2.1", "")).RetryAfter)
		}
	}
	if a, n := told["alice"], told["nobody"]; a[0] != n[0] || a[1] != n[1] || a[0] == 0 {
		t.Errorf("told to wait %v, and %v for a name that nobody has", a, n)
	}
}

// TestKnownDevices: where somebody was let in before, a flood of failures from
// elsewhere asks for nothing more. A browser cannot invent that.
func TestKnownDevices(t *testing.T) {
	f := open(t)
	f.user("alice", "correct horse")
	f.want(f.attempt("alice", "correct horse", web("192.0.2.9", "cookie")), directory.ReasonOK)
	for i := range 7 { // from the same address, with and without an invented device
		f.attempt("alice", fmt.Sprintf("guess %d", i), web("192.0.2.9", fmt.Sprintf("invented %d", i)))
	}
	f.want(f.attempt("alice", "correct horse", web("192.0.2.9", "invented")), directory.ReasonThrottled)
	f.want(f.attempt("alice", "correct horse", web("192.0.2.9", "cookie")), directory.ReasonOK)
}

// TestAnAccountGuessedAtFromEverywhere is still entered on the web and from where
// its owner was let in before, by a password alone; elsewhere no longer.
func TestAnAccountGuessedAtFromEverywhere(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	f.want(f.attempt("alice", "correct horse", peer("192.0.2.9")), directory.ReasonOK)
	f.want(f.attempt("alice", "correct horse", relayed(directory.ProtocolRADIUS, "02-00-00-00-00-01")), directory.ReasonOK)
	f.attempt("alice", "guess", peer("203.0.113.1"))
	f.exhaust(alice.ID)
	p := f.processes(2)[1]
	p.want(p.attempt("alice", "correct horse", peer("203.0.113.2")), directory.ReasonFactorRequired)
	p.want(p.attempt("alice", "correct horse", relayed(directory.ProtocolLDAP, "")), directory.ReasonFactorRequired)
	p.want(p.attempt("alice", "correct horse", web("203.0.113.2", "")), directory.ReasonOK)
	p.want(p.attempt("alice", "correct horse", peer("192.0.2.9")), directory.ReasonOK)
	p.want(p.attempt("alice", "correct horse", relayed(directory.ProtocolRADIUS, "02-00-00-00-00-01")), directory.ReasonOK)
	f.clock.Advance(25 * time.Hour)
	p.want(p.attempt("alice", "correct horse", peer("203.0.113.3")), directory.ReasonOK)
}

// TestStrangersAreNeverStored.
func TestStrangersAreNeverStored(t *testing.T) {
	f := open(t)
	for i := range 3 {
		f.want(f.attempt("nobody", fmt.Sprintf("guess %d", i)), directory.ReasonUnknownUser)
	}
	f.Close()
	err := f.store.View(t.Context(), func(tx *directory.Tx) error {
		n, err := tx.Failures.Count(directory.FailuresQuery{})
		if n != 0 {
			t.Errorf("%d rows of a name that nobody has", n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPasswordChangesHoldNothingUp: each sign-in ends the reservation that it made,
// also when the password is changed right after it.
func TestPasswordChangesHoldNothingUp(t *testing.T) {
	f := open(t)
	u := f.user("alice", "pw 0")
	for i := range 15 {
		password := fmt.Sprintf("pw %d", i)
		f.want(f.attempt("alice", password), directory.ReasonOK)
		hash, err := f.HashPassword(t.Context(), directory.Secret(fmt.Sprintf("pw %d", i+1)))
		if err != nil {
			t.Fatal(err)
		}
		f.write(func(w *directory.Writer) error { return w.SetPassword(u.ID, hash) })
	}
}
