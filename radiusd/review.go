package radiusd

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"gatehouse/directory"
)

const (
	// reviewEvery is how often the clock is looked at: a membership that ends, ends
	// the sessions that stood on it.
	reviewEvery = time.Second
	// reviewAtOnce is how many sessions are read at once.
	reviewAtOnce = 200
	// maxReviewUsers is how many people are kept apart; beyond, everybody is looked
	// at, which is never wrong.
	maxReviewUsers = 1000
)

// reviewer decides open sessions again when something has changed that may matter
// to them: no list of events says what ends a session, the decision does. Whoever
// would not be let in any more, or would be told something else by the reply rows,
// gets a Disconnect.
type reviewer struct {
	server *Server
	wake   chan struct{}

	mu        sync.Mutex
	users     map[directory.UserID]bool
	everybody bool
}

func newReviewer(s *Server) *reviewer {
	return &reviewer{server: s, wake: make(chan struct{}, 1), users: map[directory.UserID]bool{}}
}

// mark has the sessions of these people looked at; nil: everybody's.
func (v *reviewer) mark(users ...directory.UserID) {
	v.mu.Lock()
	for _, id := range users {
		v.users[id] = true
	}
	if users == nil || len(v.users) > maxReviewUsers {
		v.everybody = true
	}
	if v.everybody {
		clear(v.users)
	}
	v.mu.Unlock()
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

// take returns what was marked, and forgets it.
func (v *reviewer) take() (users []directory.UserID, everybody bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for id := range v.users {
		users = append(users, id)
	}
	everybody = v.everybody
	clear(v.users)
	v.everybody = false
	return users, everybody
}

// follow marks whom a change may concern, until ctx ends. What happened before it
// began is covered by a look at everybody.
func (v *reviewer) follow(ctx context.Context) {
	for ctx.Err() == nil {
		head, err := v.server.directory.Barrier(ctx)
		if err != nil {
			pause(ctx, reloadAgain)
			continue
		}
		v.mark()
		for change, err := range v.server.directory.Follow(ctx, head) {
			if err != nil {
				pause(ctx, reloadAgain)
				break
			}
			// The transaction may have queued jobs as well.
			v.server.disconnector.ring()
			v.note(&change)
		}
	}
}

// note marks whom one change may concern. A kind that this version does not know
// may concern everybody.
func (v *reviewer) note(c *directory.Change) {
	switch c.Kind {
	case directory.UserUpdated, directory.UserStatusChanged, directory.UserDeleted, directory.CredentialsChanged, directory.GrantsChanged:
		v.mark(directory.UserID(c.Ref))
	case directory.GroupMembersChanged:
		v.mark(c.Users...)
	case directory.UserCreated, directory.GroupCreated, directory.SCIMSourceChanged, directory.KeysChanged:
	case directory.RADIUSClientChanged: // install marks, once the change is in force
	case directory.GroupUpdated, directory.GroupNestingChanged, directory.GroupDeleted, directory.AppChanged, directory.AppDeleted,
		directory.PolicyChanged, directory.SettingsChanged:
		v.mark()
	default:
		v.mark()
	}
}

// run looks at what was marked and at what the clock has changed, until ctx ends.
func (v *reviewer) run(ctx context.Context) {
	tick := time.NewTicker(reviewEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-v.wake:
		case <-ctx.Done():
			return
		}
		if !v.server.clients.loaded() {
			continue
		}
		users, everybody := v.take()
		if err := v.pass(ctx, users, everybody); err != nil && ctx.Err() == nil {
			v.server.undecided.warn(ctx, "open sessions could not be looked at; trying again", slog.Any("err", err))
			if everybody {
				v.mark()
			} else if len(users) > 0 {
				v.mark(users...)
			}
			pause(ctx, reloadAgain)
		}
	}
}

// pass looks at the sessions of some people, or of all, and at those that are due.
func (v *reviewer) pass(ctx context.Context, users []directory.UserID, everybody bool) error {
	now := v.server.now()
	live := directory.LiveNetworkSessions(now)
	due := live
	due.UntilBefore = now
	queries := []directory.RADIUSSessionQuery{due}
	if everybody {
		queries = []directory.RADIUSSessionQuery{live}
	}
	for _, id := range users {
		q := live
		q.User = id
		queries = append(queries, q)
	}
	var ids []int64
	err := v.server.directory.ReadArtefacts(ctx, func(a *directory.Artefacts) error {
		ids = ids[:0]
		for _, q := range queries {
			for row, err := range a.Network.Find(q) {
				if err != nil {
					return err
				}
				ids = append(ids, row.ID)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for some := range slices.Chunk(ids, reviewAtOnce) {
		if err := v.review(ctx, some); err != nil {
			return err
		}
	}
	for _, id := range users {
		if err := v.limit(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// review decides some sessions again.
func (v *reviewer) review(ctx context.Context, ids []int64) error {
	var rows []directory.RADIUSSession
	err := v.server.directory.ReadArtefacts(ctx, func(a *directory.Artefacts) error {
		rows = rows[:0]
		for row, err := range a.Network.Find(directory.RADIUSSessionQuery{IDs: ids}) {
			if err != nil {
				return err
			}
			rows = append(rows, row)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var ends []directory.NetworkSessionEnd
	var stay []directory.RADIUSSession
	for i := range rows {
		row := &rows[i]
		why, changed, err := v.decide(ctx, row)
		switch {
		case err != nil:
			return err
		case why != "":
			ends = append(ends, directory.NetworkSessionEnd{Session: row.ID, Why: why})
		case changed:
			stay = append(stay, *row)
		}
	}
	if len(ends) > 0 {
		if err := v.server.directory.EndNetworkSessions(ctx, ends); err != nil {
			return err
		}
		v.server.disconnector.ring()
	}
	if len(stay) == 0 {
		return nil
	}
	return v.keep(ctx, stay)
}

// decide says why a session must end; empty: it may go on, and its row is brought
// up to date when that changed it.
func (v *reviewer) decide(ctx context.Context, row *directory.RADIUSSession) (why string, changed bool, err error) {
	c := v.server.clients.get(row.Client)
	if c == nil {
		return "", false, nil // of a client that gets no answer any more: silence ends it
	}
	a, err := reviewOf(row, c)
	if err != nil {
		// What cannot be decided again does not go on, and holds nobody else up.
		return "unreadable", false, nil //nolint:nilerr // it is the reason
	}
	dec, err := v.server.directory.Review(ctx, a)
	switch {
	case err != nil:
		return "", false, err
	case !dec.Allowed():
		return string(dec.Reason), false, nil
	}
	terms := c.terms(&dec, row.CallingStationID)
	if row.State != directory.RADIUSPresumedEnded && c.sameRevision(row.Terms) && row.Terms != terms {
		return "reply", false, nil
	}
	before := *row
	row.Terms, row.Until = terms, dec.Until
	if row.State != directory.RADIUSPresumedEnded {
		row.Disconnect = "" // what once was to end it, does not count any more
	}
	return "", row.Terms != before.Terms || !row.Until.Equal(before.Until) || row.Disconnect != before.Disconnect, nil
}

// keep stores what a decision has changed of sessions that go on.
func (v *reviewer) keep(ctx context.Context, stay []directory.RADIUSSession) error {
	news := make(map[int64]*directory.RADIUSSession, len(stay))
	ids := make([]int64, 0, len(stay))
	for i := range stay {
		news[stay[i].ID] = &stay[i]
		ids = append(ids, stay[i].ID)
	}
	slices.Sort(ids)
	return v.server.directory.RecordArtefacts(ctx, func(a *directory.Artefacts) error {
		b := batch{tables: a, sessions: make(map[int64]*tracked)}
		rows, err := b.take(directory.RADIUSSessionQuery{IDs: ids})
		if err != nil {
			return err
		}
		for _, t := range rows {
			n := news[t.ID]
			t.Terms, t.Until, t.changed = n.Terms, n.Until, true
			if open(t) {
				t.Disconnect = ""
			}
		}
		return b.write()
	})
}
