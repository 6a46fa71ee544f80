package directorytest

import (
	"context"
	"errors"
	"testing"
	"time"

	"gatehouse/directory"
)

// conformFeed checks positions, paging, trimming, epochs and the doorbell.
func conformFeed(t *testing.T, open func(testing.TB) directory.Store) {
	t.Run("changes", func(t *testing.T) { feedChanges(t, open(t)) })
	t.Run("trim", func(t *testing.T) { feedTrim(t, open(t)) })
	t.Run("restart", func(t *testing.T) { feedRestart(t, open(t)) })
	t.Run("wait", func(t *testing.T) { feedWait(t, open(t)) })
}

func appendChanges(t testing.TB, s directory.Store, changes ...directory.Change) directory.Head {
	t.Helper()
	return mustUpdate(t, s, func(tx *directory.Tx) error {
		for _, ch := range changes {
			if err := tx.Feed.Append(ch); err != nil {
				return err
			}
		}
		return nil
	})
}

func feedChanges(t *testing.T, s directory.Store) {
	first := head(t, s)
	same(t, "seq of an empty store", first.Seq, directory.Seq(0))
	got, err := s.Changes(t.Context(), 0, 10)
	if err != nil || len(got) > 0 {
		t.Fatalf("changes of an empty store = %v, %v", got, err)
	}
	named := directory.Change{Kind: directory.GroupMembersChanged, Ref: 1, Rev: 2, Users: []directory.UserID{1, 2}}
	nobody := directory.Change{Kind: directory.GroupMembersChanged, Ref: 2, Users: []directory.UserID{}}
	unknown := directory.Change{Kind: "from_the_future", Ref: 3}
	same(t, "head of the first", appendChanges(t, s, named, nobody).Seq, directory.Seq(1))
	mustUpdate(t, s, func(tx *directory.Tx) error { return tx.Settings.Insert(setting("silent")) })
	same(t, "head of the second", appendChanges(t, s, unknown).Seq, directory.Seq(2))

	got, err = s.Changes(t.Context(), 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if got[i].At.IsZero() {
			t.Errorf("change %d has no time", i)
		}
		got[i].At = time.Time{}
	}
	named.Seq, named.N, nobody.Seq, nobody.N, unknown.Seq, unknown.N = 1, 1, 1, 2, 2, 1
	same(t, "changes", got, []directory.Change{named, nobody, unknown})
	if got[1].Users == nil || got[2].Users != nil {
		t.Error("nobody and unknown are mixed up")
	}
	got, err = s.Changes(t.Context(), 0, 1)
	same(t, "one transaction", len(got), 2)
	if err != nil {
		t.Error(err)
	}
	got, err = s.Changes(t.Context(), 1, 10)
	same(t, "after the first", len(got), 1)
	if err != nil {
		t.Error(err)
	}
}

func feedTrim(t *testing.T, s directory.Store) {
	trimmer, ok := s.(interface {
		Trim(context.Context, time.Time) (int, error)
	})
	if !ok {
		t.Fatalf("%T cannot trim", s)
	}
	for range 3 {
		appendChanges(t, s, directory.Change{Kind: directory.SettingsChanged})
	}
	if n, err := trimmer.Trim(t.Context(), time.Unix(0, 0)); n != 0 || err != nil {
		t.Errorf("trim of nothing = %d, %v", n, err)
	}
	if n, err := trimmer.Trim(t.Context(), time.Now().Add(time.Hour)); n != 3 || err != nil {
		t.Errorf("trim = %d, %v", n, err)
	}
	if _, err := s.Changes(t.Context(), 0, 10); !errors.Is(err, directory.ErrSeqTrimmed) {
		t.Errorf("changes that are gone: %v", err)
	}
	if got, err := s.Changes(t.Context(), 3, 10); err != nil || len(got) > 0 {
		t.Errorf("changes after the last = %v, %v", got, err)
	}
	appendChanges(t, s, directory.Change{Kind: directory.SettingsChanged})
	if got, err := s.Changes(t.Context(), 3, 10); err != nil || len(got) != 1 {
		t.Errorf("changes after the last = %v, %v", got, err)
	}
	if _, err := s.Changes(t.Context(), 2, 10); !errors.Is(err, directory.ErrSeqTrimmed) {
		t.Errorf("changes of which some are gone: %v", err)
	}
}

func feedRestart(t *testing.T, s directory.Store) {
	before := head(t, s)
	after := mustUpdate(t, s, func(tx *directory.Tx) error { return tx.Feed.Restart() })
	same(t, "head", after, directory.Head{Seq: before.Seq, Epoch: before.Epoch + 1})
	same(t, "head that is read", head(t, s), after)
}

func feedWait(t *testing.T, s directory.Store) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	rung := make(chan struct{})
	go func() {
		s.Wait(ctx)
		close(rung)
	}()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for waiting := true; waiting; {
		select {
		case <-rung:
			waiting = false
		case <-tick.C: // again, since the first may have come before the wait
			appendChanges(t, s, directory.Change{Kind: directory.SettingsChanged})
		}
	}
	if ctx.Err() != nil {
		t.Error("the doorbell did not ring")
	}
}

// conformAudit checks that events form one chain in the order of commits.
func conformAudit(t *testing.T, s directory.Store) {
	given := []directory.Event{
		{At: at(1), Actor: "person:alice", Via: "idp", IP: "::1", Verb: "update", Entity: "user", Ref: 7, Name: "bob", Outcome: "ok", Count: 3},
		{At: at(2), Verb: "authenticate", Entity: "user", Ref: 7, Outcome: "deny", Reason: directory.ReasonWrongPassword, App: "wiki", Detail: []byte(`{}`)},
	}
	err := s.Record(t.Context(), func(tx *directory.Tx) error { return tx.Events.Insert(given...) })
	if err != nil {
		t.Fatal(err)
	}
	if given[0].ID == 0 || given[1].ID <= given[0].ID {
		t.Errorf("ids = %d, %d", given[0].ID, given[1].ID)
	}
	mustUpdate(t, s, func(tx *directory.Tx) error {
		return tx.Events.Insert(directory.Event{At: at(3), Verb: "create", Entity: "group", Ref: 7},
			directory.Event{At: at(4), Verb: "authenticate", Entity: "user", Name: "carol", Outcome: "deny", Reason: directory.ReasonThrottled})
	})
	mustView(t, s, func(tx *directory.Tx) error {
		events, err := all(tx.Events, directory.EventQuery{})
		if err != nil || len(events) != 4 {
			t.Fatalf("events = %v, %v", events, err)
		}
		var previous []byte
		for i, e := range events {
			if e.N != int64(i+1) || e.Chain != events[0].Chain || string(e.Previous) != string(previous) {
				t.Errorf("event %d is not linked to the one before: %+v", i, e)
			}
			previous = e.Link
		}
		got := events[0]
		got.Chain, got.N, got.Previous, got.Link = "", 0, nil, nil
		same(t, "event", got, given[0])
		for _, c := range []queryCase[directory.EventQuery]{
			{name: "ids", q: directory.EventQuery{IDs: []int64{events[1].ID}}, want: []int{1}},
			{name: "chain", q: directory.EventQuery{Chain: events[0].Chain}, want: []int{0, 1, 2, 3}},
			{name: "user", q: directory.EventQuery{User: 7}, want: []int{0, 1}},
			{name: "done by", q: directory.EventQuery{Username: "alice"}, want: []int{0}},
			{name: "about or named", q: directory.EventQuery{User: 7, Username: "carol"}, want: []int{0, 1, 3}},
			{name: "verb", q: directory.EventQuery{Verb: "create"}, want: []int{2}},
			{name: "app", q: directory.EventQuery{App: "wiki"}, want: []int{1}},
			{name: "outcome", q: directory.EventQuery{Outcome: "deny"}, want: []int{1, 3}},
			{name: "reason", q: directory.EventQuery{Reason: directory.ReasonThrottled}, want: []int{3}},
			{name: "position", q: directory.EventQuery{Chain: events[0].Chain, N: 2}, want: []int{1}},
			{name: "beginning", q: directory.EventQuery{Chain: events[0].Chain, Through: 2, ByChain: true}, want: []int{0, 1}},
			{name: "segments", q: directory.EventQuery{Chain: events[0].Chain, Before: 1, ByChain: true, Limit: 3}, want: []int{0, 1, 2}},
			{name: "other chain", q: directory.EventQuery{Chain: "other@host"}},
			{name: "span", q: directory.EventQuery{Since: at(2), Until: at(3)}, want: []int{1}},
			{name: "after", q: directory.EventQuery{After: events[0].ID}, want: []int{1, 2, 3}},
			{name: "newest", q: directory.EventQuery{Newest: true, Limit: 2}, want: []int{3, 2}},
			{name: "newest, next page", q: directory.EventQuery{Newest: true, After: events[1].ID}, want: []int{0}},
		} {
			got, err := all(tx.Events, c.q)
			var want []directory.Event
			for _, i := range c.want {
				want = append(want, events[i])
			}
			same(t, c.name, got, want)
			if err != nil {
				return err
			}
		}
		return nil
	})
}
