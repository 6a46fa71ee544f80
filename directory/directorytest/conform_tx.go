package directorytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"gatehouse/directory"
)

func conformTransactions(t *testing.T, open func(testing.TB) directory.Store) {
	s := open(t)
	seed(t, s)
	for name, check := range map[string]func(*testing.T, directory.Store){
		"a failure leaves nothing":            txRollback,
		"a panic leaves nothing":              txPanic,
		"a taken value":                       txExists,
		"nothing runs after a failure":        txPoisoned,
		"a View cannot write":                 txReadOnly,
		"a View is a snapshot":                txSnapshot,
		"an Update inside a View":             txNested,
		"a query inside a loop":               txQueryInLoop,
		"a loop that is left":                 txLeftLoop,
		"bulk":                                txBulk,
		"one fails, the others do not":        txOthers,
		"a caller that gives up":              txCancelled,
		"a transaction that is used too late": txTooLate,
		"text that PostgreSQL cannot hold":    txText,
	} {
		t.Run(name, func(t *testing.T) { check(t, s) })
	}
}

func setting(name string) directory.Setting { return directory.Setting{Name: name, Value: "v", Rev: 1} }

func hasSetting(t *testing.T, s directory.Store, name string) bool {
	t.Helper()
	found := false
	mustView(t, s, func(tx *directory.Tx) error {
		n, err := tx.Settings.Count(directory.SettingQuery{Names: []string{name}})
		found = n > 0
		return err
	})
	return found
}

func head(t *testing.T, s directory.Store) directory.Head {
	t.Helper()
	h, err := s.Head(t.Context())
	if err != nil {
		t.Fatalf("head: %v", err)
	}
	return h
}

func txRollback(t *testing.T, s directory.Store) {
	before := head(t, s)
	_, err := s.Update(t.Context(), func(tx *directory.Tx) error {
		return errors.Join(
			tx.Settings.Insert(setting("rolled back")),
			tx.Feed.Append(directory.Change{Kind: directory.SettingsChanged}),
			tx.Events.Insert(directory.Event{At: at(1), Verb: "rolled back"}),
			errStop,
		)
	})
	if !errors.Is(err, errStop) {
		t.Fatalf("error = %v", err)
	}
	same(t, "head", head(t, s), before)
	if hasSetting(t, s, "rolled back") {
		t.Error("a row was kept")
	}
	mustView(t, s, func(tx *directory.Tx) error {
		n, err := tx.Events.Count(directory.EventQuery{Verb: "rolled back"})
		same(t, "events", n, 0)
		return err
	})
}

func txPanic(t *testing.T, s directory.Store) {
	_, err := s.Update(t.Context(), func(tx *directory.Tx) error {
		if err := tx.Settings.Insert(setting("panic")); err != nil {
			return err
		}
		panic("oh")
	})
	if !directory.Is(err, directory.Internal) || hasSetting(t, s, "panic") {
		t.Errorf("error = %v", err)
	}
	mustUpdate(t, s, func(*directory.Tx) error { return nil })
}

func txExists(t *testing.T, s directory.Store) {
	for _, c := range []struct {
		name, entity, field string
		fn                  func(*directory.Tx) error
	}{
		{"username", "user", "username", func(tx *directory.Tx) error {
			u := person(50)
			u.NameKey = "user01"
			return tx.Users.Insert(u)
		}},
		{"uid", "user", "uid", func(tx *directory.Tx) error {
			u := person(50)
			u.UID = uid(1, 1)
			return tx.Users.Insert(u)
		}},
		{"group name", "group", "name", func(tx *directory.Tx) error {
			g := group(50)
			g.NameKey = "group01"
			return tx.Groups.Insert(g)
		}},
		{"slug", "app", "slug", func(tx *directory.Tx) error {
			a := app(50)
			a.Slug = "app-01"
			return tx.Apps.Insert(a)
		}},
		{"facet key", "app", "key", func(tx *directory.Tx) error {
			f := directory.Facet{ID: 50, App: 1, Protocol: directory.ProtocolOIDC, Key: "taken"}
			g := f
			g.ID, g.App = 51, 2
			return tx.Facets.Insert(f, g)
		}},
		{"job", "job", "key", func(tx *directory.Tx) error {
			return tx.Jobs.Insert(directory.Job{ID: 50, Kind: "k", Key: "one"}, directory.Job{ID: 51, Kind: "k", Key: "one"})
		}},
	} {
		_, err := s.Update(t.Context(), c.fn)
		var e *directory.Error
		if !errors.As(err, &e) || e.Kind != directory.Exists || e.Entity != c.entity || e.Field != c.field {
			t.Errorf("%s: error = %v, want %s %s exists", c.name, err, c.entity, c.field)
		}
	}
	mustUpdate(t, s, func(tx *directory.Tx) error { // the names of the deleted are free, and no key is no key
		dead := person(50)
		dead.Status, dead.NameKey = directory.Deleted, "user01"
		if err := tx.Users.Insert(dead); err != nil {
			return err
		}
		if err := tx.Jobs.Insert(directory.Job{ID: 50, Kind: "k"}, directory.Job{ID: 51, Kind: "k"}); err != nil {
			return err
		}
		return tx.Facets.Insert(directory.Facet{ID: 50, App: 1, Protocol: directory.ProtocolSAML},
			directory.Facet{ID: 51, App: 2, Protocol: directory.ProtocolSAML})
	})
}

func txPoisoned(t *testing.T, s directory.Store) {
	_, err := s.Update(t.Context(), func(tx *directory.Tx) error {
		first := tx.Users.Insert(person(1))
		if err := tx.Settings.Insert(setting("after a failure")); !errors.Is(err, first) {
			t.Errorf("second error = %v, want the first, %v", err, first)
		}
		return nil // does not help
	})
	if !directory.Is(err, directory.Exists) || hasSetting(t, s, "after a failure") {
		t.Errorf("error = %v", err)
	}
}

func txReadOnly(t *testing.T, s directory.Store) {
	for name, fn := range map[string]func(*directory.Tx) error{
		"insert": func(tx *directory.Tx) error { return tx.Settings.Insert(setting("view")) },
		"update": func(tx *directory.Tx) error { return tx.Users.Update(person(1)) },
		"delete": func(tx *directory.Tx) error {
			_, err := tx.Settings.Delete(directory.SettingQuery{Names: []string{"a"}})
			return err
		},
		"event":  func(tx *directory.Tx) error { return tx.Events.Insert(directory.Event{At: at(1)}) },
		"change": func(tx *directory.Tx) error { return tx.Feed.Append(directory.Change{}) },
	} {
		if err := s.View(t.Context(), fn); err == nil {
			t.Errorf("%s in a View did not fail", name)
		}
	}
	err := s.Record(t.Context(), func(tx *directory.Tx) error {
		return tx.Feed.Append(directory.Change{Kind: directory.SettingsChanged})
	})
	if err == nil {
		t.Error("a change in a Record did not fail")
	}
}

func txSnapshot(t *testing.T, s directory.Store) {
	mustView(t, s, func(tx *directory.Tx) error {
		before, err := tx.Feed.Head()
		if err != nil {
			return err
		}
		h := mustUpdate(t, s, func(tx *directory.Tx) error {
			return errors.Join(tx.Settings.Insert(setting("snapshot")), tx.Feed.Append(directory.Change{Kind: directory.SettingsChanged}))
		})
		if h.Seq != before.Seq+1 {
			t.Errorf("head of the update = %v, before it %v", h, before)
		}
		n, err := tx.Settings.Count(directory.SettingQuery{Names: []string{"snapshot"}})
		same(t, "rows that a snapshot does not have", n, 0)
		after, err2 := tx.Feed.Head()
		same(t, "head of the snapshot", after, before)
		return errors.Join(err, err2)
	})
	if !hasSetting(t, s, "snapshot") {
		t.Error("the row is not there afterwards")
	}
}

func txNested(t *testing.T, s directory.Store) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			err := s.View(ctx, func(tx *directory.Tx) error {
				if _, err := all(tx.Users, directory.UserQuery{}); err != nil {
					return err
				}
				_, err := s.Update(ctx, func(tx *directory.Tx) error { return tx.Settings.Insert(setting(fmt.Sprint("nested", i))) })
				if err != nil {
					return err
				}
				return s.View(ctx, func(*directory.Tx) error { return nil })
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func txQueryInLoop(t *testing.T, s directory.Store) {
	mustUpdate(t, s, func(tx *directory.Tx) error {
		var ids []directory.UserID
		for u, err := range tx.Users.Find(directory.UserQuery{}) {
			if err != nil {
				return err
			}
			ids = append(ids, u.ID)
			again, err := all(tx.Users, directory.UserQuery{})
			if err != nil || len(again) < 3 {
				t.Errorf("inner query = %v, %v", again, err)
			}
			if err := tx.Settings.Insert(setting(fmt.Sprint("loop", u.ID))); err != nil {
				return err
			}
		}
		if len(ids) < 3 || !slices.IsSorted(ids) {
			t.Errorf("ids = %v", ids)
		}
		return nil
	})
}

func txLeftLoop(t *testing.T, s directory.Store) {
	mustView(t, s, func(tx *directory.Tx) error {
		for range 3 {
			for u, err := range tx.Users.Find(directory.UserQuery{}) {
				if err != nil {
					return err
				}
				same(t, "first", u.ID, directory.UserID(1))
				break
			}
		}
		return nil
	})
}

func txBulk(t *testing.T, s directory.Store) {
	const n = 1003
	var users []directory.User
	ids := []directory.UserID{}
	for i := range n {
		users = append(users, person(1000+i))
		ids = append(ids, directory.UserID(1000+i))
	}
	mustUpdate(t, s, func(tx *directory.Tx) error { return tx.Users.Insert(users...) })
	mustView(t, s, func(tx *directory.Tx) error {
		got, err := all(tx.Users, directory.UserQuery{IDs: ids})
		same(t, "users", got, users)
		return err
	})
	mustUpdate(t, s, func(tx *directory.Tx) error {
		n, err := tx.Users.Delete(directory.UserQuery{IDs: ids})
		same(t, "deleted", n, len(ids))
		return err
	})
}

// txOthers lets many goroutines write at once; every third fails. Nothing of
// those is kept, and the others each have a position of their own.
func txOthers(t *testing.T, s directory.Store) {
	const n = 150
	before := head(t, s)
	heads := make([]directory.Head, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			h, err := s.Update(t.Context(), func(tx *directory.Tx) error {
				err := errors.Join(tx.Settings.Insert(setting(fmt.Sprintf("others%03d", i))),
					tx.Feed.Append(directory.Change{Kind: directory.SettingsChanged, Ref: int64(i)}))
				if i%3 == 0 {
					return errStop
				}
				return err
			})
			if (i%3 == 0) != errors.Is(err, errStop) || (i%3 != 0) != (err == nil) {
				t.Errorf("%d: %v", i, err)
			}
			heads[i] = h
		})
	}
	wg.Wait()
	changes, err := s.Changes(t.Context(), before.Seq, 2*n)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "number of changes", len(changes), n*2/3)
	for i, ch := range changes {
		if ch.Seq != before.Seq+directory.Seq(i)+1 || heads[ch.Ref].Seq != ch.Seq || ch.Ref%3 == 0 {
			t.Errorf("change %d is %+v, its update returned %v", i, ch, heads[ch.Ref])
		}
	}
}

func txCancelled(t *testing.T, s directory.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	entered, leave, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := s.Update(t.Context(), func(tx *directory.Tx) error {
			close(entered)
			<-leave
			return tx.Settings.Insert(setting("not cancelled"))
		})
		ended <- err
	}()
	<-entered
	waiting := make(chan error, 1)
	go func() {
		_, err := s.Update(ctx, func(tx *directory.Tx) error { return tx.Settings.Insert(setting("cancelled")) })
		waiting <- err
	}()
	cancel()
	if err := <-waiting; !directory.Is(err, directory.Unavailable) {
		t.Errorf("the cancelled one: %v", err)
	}
	close(leave)
	if err := <-ended; err != nil {
		t.Errorf("the other: %v", err)
	}
	if hasSetting(t, s, "cancelled") || !hasSetting(t, s, "not cancelled") {
		t.Error("the wrong one was kept")
	}
	if err := s.View(ctx, func(*directory.Tx) error { return nil }); !directory.Is(err, directory.Unavailable) {
		t.Errorf("a View under a cancelled context: %v", err)
	}
}

func txTooLate(t *testing.T, s directory.Store) {
	var kept *directory.Tx
	mustView(t, s, func(tx *directory.Tx) error {
		kept = tx
		return nil
	})
	if _, err := all(kept.Users, directory.UserQuery{}); err == nil {
		t.Error("a transaction works after its end")
	}
}

func txText(t *testing.T, s directory.Store) {
	e := directory.Event{At: at(1), Verb: "text", Name: "a\x00b\xff", Detail: []byte("{\"x\":\"\xff\"}")}
	err := s.Record(t.Context(), func(tx *directory.Tx) error {
		return errors.Join(tx.Events.Insert(e), tx.Accounting.Insert(directory.RADIUSAccounting{ID: 99, Username: "\xc3", Packet: []byte{0xff, 0}}))
	})
	if err != nil {
		t.Fatal(err)
	}
	mustView(t, s, func(tx *directory.Tx) error {
		got, err := all(tx.Events, directory.EventQuery{Verb: "text"})
		if err != nil || len(got) != 1 {
			t.Fatalf("events = %v, %v", got, err)
		}
		same(t, "name", got[0].Name, "a\uFFFDb\uFFFD")
		return nil
	})
}
