package projection

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	"gatehouse/ldapd/wire"
)

// flaky is a real store whose database can be taken away, or whose feed can be cut off.
type flaky struct {
	directory.Store
	down    atomic.Bool
	trimmed atomic.Bool
	before  atomic.Pointer[func()] // runs before each View
}

var errDown = &directory.Error{Kind: directory.Unavailable, Msg: "the database is gone"}

func (f *flaky) View(ctx context.Context, fn func(*directory.Tx) error) error {
	if f.down.Load() {
		return errDown
	}
	if before := f.before.Load(); before != nil {
		(*before)()
	}
	return f.Store.View(ctx, fn)
}

func (f *flaky) Head(ctx context.Context) (directory.Head, error) {
	if f.down.Load() {
		return directory.Head{}, errDown
	}
	return f.Store.Head(ctx)
}

func (f *flaky) Changes(ctx context.Context, after directory.Seq, most int) ([]directory.Change, error) {
	if f.down.Load() {
		return nil, errDown
	}
	if f.trimmed.Load() {
		return nil, directory.ErrSeqTrimmed
	}
	return f.Store.Changes(ctx, after, most)
}

// flakyWorld is a world on a store that can fail.
func flakyWorld(t *testing.T) (*world, *flaky) {
	t.Helper()
	f := &flaky{Store: directorytest.OpenSQLite(t)}
	w := &world{t: t, store: f, clock: directorytest.NewClock()}
	w.dir = directorytest.Core(t, f, func(c *directory.Config) { c.Now = w.clock.Now })
	return w, f
}

func (w *world) index(reg prometheus.Registerer) *Index {
	w.t.Helper()
	x, err := New(Config{Directory: w.dir, Domain: directorytest.Domain, Logger: slog.New(slog.DiscardHandler), Registerer: reg})
	if err != nil {
		w.t.Fatal(err)
	}
	return x
}

func TestNotReadyBeforeTheFirstLoad(t *testing.T) {
	w, store := flakyWorld(t)
	w.user(directory.User{Username: "alice"})
	store.down.Store(true)
	x := w.index(nil)
	run(t, x)
	w.soon("the loss is noticed", func() bool { return !x.Stats().StaleSince.IsZero() })
	var c Cursor
	if err := c.Open(x, Query{Base: nameOf(t, baseDN), Filter: parsed(t, "(objectClass=*)"), Viewer: everybody()}); !errors.Is(err, ErrNotReady) {
		t.Errorf("Open: %v", err)
	}
	if _, err := x.Compare(nameOf(t, userDN("alice")), []byte("cn"), []byte("x"), everybody(), nil); !errors.Is(err, ErrNotReady) {
		t.Errorf("Compare: %v", err)
	}
	if _, err := x.Lookup(nameOf(t, userDN("alice"))); !errors.Is(err, ErrNotReady) {
		t.Errorf("Lookup: %v", err)
	}
	if st := x.Stats(); x.Ready() || st.Ready || x.Seq() != 0 {
		t.Errorf("ready without a load: %+v", st)
	}
	store.down.Store(false)
	w.soon("the first load", x.Ready)
	if len(search(t, x, ask{base: userDN("alice"), filter: "(objectClass=*)"})) != 1 {
		t.Error("alice is not there")
	}
}

func TestServesTheLastStateWithoutTheStore(t *testing.T) {
	w, store := flakyWorld(t)
	u := w.user(directory.User{Username: "alice"})
	w.start()
	store.down.Store(true)
	w.soon("the loss is noticed", func() bool { return !w.x.Stats().StaleSince.IsZero() })
	if got := w.find("(uid=alice)"); got != "alice" {
		t.Errorf("without the store %q is found", got)
	}
	// Somebody else changes the directory meanwhile.
	other := directorytest.Join(t, store.Store, directorytest.Keys(t), nil)
	head, err := other.Write(t.Context(), directorytest.Operator(), func(tx *directory.Writer) error {
		_, err := tx.UpdateUser(u.ID, func(u *directory.User) error { u.Profile.Set("title", "new"); return nil })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.find("(title=new)"); got != "" {
		t.Errorf("a change came without the store: %q", got)
	}
	store.down.Store(false)
	w.wait(head.Seq)
	if got := w.find("(title=new)"); got != "alice" {
		t.Errorf("afterwards %q is found", got)
	}
	w.soon("it is fresh again", func() bool { return w.x.Stats().StaleSince.IsZero() })
}

func TestLoadsAgainWhenTheFeedWasCut(t *testing.T) {
	w, store := flakyWorld(t)
	reg := prometheus.NewRegistry()
	w.user(directory.User{Username: "alice"})
	w.x = w.index(reg)
	run(t, w.x)
	w.soon("the first load", w.x.Ready)
	before := w.x.state.Load()
	store.trimmed.Store(true)
	head, err := w.dir.Write(t.Context(), directorytest.Operator(), func(tx *directory.Writer) error {
		_, err := tx.CreateUser(directory.User{Username: "bob"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.wait(head.Seq)
	store.trimmed.Store(false)
	if w.x.state.Load() == before {
		t.Error("the state was not replaced")
	}
	if got := w.find("(objectClass=person)"); got != "alice bob" {
		t.Errorf("after the second load %q is found", got)
	}
	loads := 0.0
	families, err := reg.Gather()
	for _, f := range families {
		if f.GetName() == "gatehouse_ldapd_projection_loads_total" {
			loads = f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	if err != nil || loads < 2 {
		t.Errorf("metrics: %v, %v loads", err, loads)
	}
	w.user(directory.User{Username: "carol"})
	if got := w.find("(objectClass=person)"); got != "alice bob carol" {
		t.Errorf("and then %q", got)
	}
}

// TestLoadSeesOnePosition loads while every transaction that reads finds another position: entries and memberships must
// still be of one.
func TestLoadSeesOnePosition(t *testing.T) {
	w, store := flakyWorld(t)
	other := directorytest.Join(t, store.Store, directorytest.Keys(t), nil)
	var users []directory.UserID
	for i := range 40 {
		users = append(users, w.user(directory.User{Username: fmt.Sprintf("user%d", i)}).ID)
	}
	g := w.group("crew")
	var mu sync.Mutex
	n := 0
	before := func() {
		mu.Lock()
		defer mu.Unlock()
		// The entry of the group says how many members it has.
		_, err := other.Write(context.WithoutCancel(t.Context()), directorytest.Operator(), func(tx *directory.Writer) error {
			_, err := tx.UpdateGroup(g.ID, func(g *directory.Group) error {
				g.Attrs = directory.Attributes{"description": {fmt.Sprint(n + 1)}}
				return nil
			})
			return errors.Join(err, tx.AddMembers(g.ID, directory.Membership{User: users[n]}))
		})
		if n++; err != nil {
			t.Error(err)
		}
	}
	x := w.index(nil)
	for range 10 {
		store.before.Store(&before)
		s, head, err := x.load(t.Context())
		store.before.Store(nil)
		if err != nil {
			t.Fatal(err)
		}
		v, _ := nextValue(s.record(firstGroup).find(attrDescription))
		if string(v) != fmt.Sprint(s.members) {
			t.Errorf("%s members by the entry, %d memberships at %+v", v, s.members, head)
		}
	}
}

func TestLoadsAgainAfterARestore(t *testing.T) {
	w := newWorld(t)
	w.user(directory.User{Username: "alice"})
	w.start()
	before := w.x.state.Load()
	if _, err := w.store.Update(t.Context(), func(tx *directory.Tx) error { return tx.Feed.Restart() }); err != nil {
		t.Fatal(err)
	}
	w.soon("another load", func() bool { return w.x.state.Load() != before })
	w.user(directory.User{Username: "bob"})
	if got := w.find("(objectClass=person)"); got != "alice bob" {
		t.Errorf("%q is found", got)
	}
}

func TestAnUnknownChangeMayHaveChangedAnything(t *testing.T) {
	w := newWorld(t)
	w.user(directory.User{Username: "alice"})
	w.start()
	before := w.x.state.Load()
	head, err := w.store.Update(t.Context(), func(tx *directory.Tx) error {
		return tx.Feed.Append(directory.Change{Kind: "something_new", Ref: 1})
	})
	if err != nil {
		t.Fatal(err)
	}
	w.wait(head.Seq)
	if w.x.state.Load() == before {
		t.Error("the state was not loaded again")
	}
}

// TestATransactionIsSeenAsAWhole waits for transactions with many changes; Wait must not return in the middle of one.
func TestATransactionIsSeenAsAWhole(t *testing.T) {
	w := newWorld(t)
	w.start()
	for i := range 30 {
		w.write(func(tx *directory.Writer) error {
			for j := range 40 {
				if _, err := tx.CreateUser(directory.User{Username: fmt.Sprintf("user%d-%d", i, j)}); err != nil {
					return err
				}
			}
			return nil
		})
		if n := w.x.Stats().Users; n != 40*(i+1) {
			t.Fatalf("%d users are seen after %d transactions of 40", n, i+1)
		}
	}
}

func TestTimedMemberships(t *testing.T) {
	w := newWorld(t)
	u := w.user(directory.User{Username: "temp"})
	outer := w.group("outer")
	inner := w.group("inner")
	now := w.clock.Now()
	member := func(starts, ends time.Duration) {
		w.write(func(tx *directory.Writer) error {
			return tx.AddMembers(inner.ID, directory.Membership{User: u.ID, Starts: now.Add(starts), Ends: now.Add(ends)})
		})
	}
	w.write(func(tx *directory.Writer) error {
		return tx.AddNesting(directory.Nesting{Parent: outer.ID, Child: inner.ID, Ends: now.Add(3 * time.Hour)})
	})
	member(time.Hour, 2*time.Hour)
	w.start()
	groups := func() string { return w.find("(|(member=uid=temp,ou=users," + baseDN + ")(memberUid=temp))") }
	is := func(when, want string) {
		t.Helper()
		if got := groups(); got != want {
			t.Errorf("%s: member of %q, want %q", when, got, want)
		}
	}
	is("before it begins", "")
	w.clock.Advance(time.Hour - time.Microsecond)
	is("just before it begins", "")
	w.clock.Advance(time.Microsecond)
	is("when it begins", "inner outer")
	w.clock.Advance(time.Hour - time.Microsecond)
	is("just before it ends", "inner outer")
	w.clock.Advance(time.Microsecond)
	is("when it ends", "")
	member(2*time.Hour, 4*time.Hour) // prolonged
	is("prolonged", "inner outer")
	w.clock.Advance(time.Hour)
	is("after the nesting ended", "inner")
	w.clock.Advance(time.Hour)
	is("at the end", "")
	s := w.x.state.Load()
	if len(s.timed.rows) != 0 || len(s.timed.queue) != 0 || s.next.Load() != never {
		t.Errorf("left over: %v %v", s.timed.rows, s.timed.queue)
	}
}

// TestSearchesDuringChanges reads everything over and over while 500 changes a second arrive; the race detector
// watches, and each answer must be consistent in itself.
func TestSearchesDuringChanges(t *testing.T) {
	w := newWorld(t)
	c := []directory.UserID{}
	for i := range 50 {
		c = append(c, w.user(directory.User{Username: fmt.Sprintf("user%02d", i), Profile: directory.Attributes{"title": {"0"}, "displayName": {"0"}}}).ID)
	}
	g := w.group("crew", c...)
	w.start()
	s := w.x.state.Load()
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for i := range 4 {
		readers.Go(func() {
			for ctx.Err() == nil {
				for _, a := range search(t, w.x, ask{scope: wire.ScopeSubtree, filter: "(objectClass=*)", attrs: []string{"*", "+"}, batch: 7 + i}) {
					if title := a.attrs["title"]; title != nil && title[0] != a.attrs["displayName"][0] {
						t.Errorf("%s is half changed: %q", a.dn, a.attrs)
					}
				}
				search(t, w.x, ask{scope: wire.ScopeSubtree, filter: "(&(memberOf=" + groupDN("crew") + ")(cn=*user*))", attrs: []string{"memberOf"}})
			}
		})
	}
	b := newBuilder(w.x.attrs)
	end := time.Now().Add(3 * time.Second)
	n := 0
	for ; time.Now().Before(end); n++ {
		id := c[n%len(c)]
		if n%10 == 0 {
			// Through the whole core now and then …
			head, err := w.dir.Write(t.Context(), directorytest.Operator(), func(tx *directory.Writer) error {
				if n%20 == 0 {
					_, err := tx.RemoveMembers(g.ID, id)
					return err
				}
				return tx.AddMembers(g.ID, directory.Membership{User: c[(n-10)%len(c)]})
			})
			if err != nil {
				t.Fatal(err)
			}
			w.wait(head.Seq)
			continue
		}
		// … and else as the follower does it, which is faster than commits are.
		text := strings.Repeat("x", n%300) + fmt.Sprint(n)
		u := directory.User{
			ID: id, UID: uidOf(w, id), Username: fmt.Sprintf("user%02d", n%len(c)), Status: directory.Active,
			Profile: directory.Attributes{"title": {text}, "displayName": {text}},
		}
		change := newWork(s, w.x.c.Now)
		change.users, change.rowUsers[id] = []directory.UserID{id}, u
		change.apply(b)
	}
	cancel()
	readers.Wait()
	if n < 300 {
		t.Logf("only %d changes on this machine", n)
	}
}
