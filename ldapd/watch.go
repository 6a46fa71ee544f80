package ldapd

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"gatehouse/directory"
	"gatehouse/ldapd/wire"
)

// boundRegistry finds the connections that are bound as a user, and remembers which users are to be looked at again.
type boundRegistry struct {
	mu    sync.Mutex
	users map[directory.UserID]map[*conn]*binding
	seq   directory.Seq // changes up to here have been seen
	again map[directory.UserID]struct{}
	wake  chan struct{} // has room for one
}

// binding is what a connection is bound as.
type binding struct {
	who     *identity
	expires time.Time // when the clock alone may shut it out, zero: never
}

func newBoundRegistry() *boundRegistry {
	return &boundRegistry{
		users: map[directory.UserID]map[*conn]*binding{}, again: map[directory.UserID]struct{}{}, wake: make(chan struct{}, 1),
	}
}

// add registers what was decided at seq. A change that was seen already and is newer may have undone the decision, so
// the user is looked at again.
func (b *boundRegistry) add(c *conn, who *identity, expires time.Time, seq directory.Seq) {
	b.mu.Lock()
	defer b.mu.Unlock()
	id := who.actor.User
	if b.users[id] == nil {
		b.users[id] = map[*conn]*binding{}
	}
	b.users[id][c] = &binding{who: who, expires: expires}
	if b.seq > seq {
		b.recheck(id)
	}
}

// rebind replaces who a connection is bound as by another view of the same account.
func (b *boundRegistry) rebind(c *conn, who *identity) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if bound := b.users[who.actor.User][c]; bound != nil {
		bound.who = who
	}
}

// remove is called when the connection binds again or ends.
func (b *boundRegistry) remove(c *conn) {
	if c.who == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	id := c.who.actor.User
	delete(b.users[id], c)
	if len(b.users[id]) == 0 {
		delete(b.users, id)
	}
}

// recheck marks a user; b.mu is held.
func (b *boundRegistry) recheck(id directory.UserID) {
	if len(b.users[id]) == 0 {
		return
	}
	b.again[id] = struct{}{}
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// seen takes note of a change and marks the users whose access it may have ended.
func (b *boundRegistry) seen(ch directory.Change) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seq = ch.Seq
	switch ch.Kind {
	case directory.UserCreated, directory.GroupCreated, directory.GroupUpdated, directory.RADIUSClientChanged,
		directory.SCIMSourceChanged, directory.KeysChanged:
	case directory.UserUpdated, directory.UserStatusChanged, directory.UserDeleted, directory.CredentialsChanged,
		directory.GrantsChanged:
		b.recheck(directory.UserID(ch.Ref))
	case directory.GroupMembersChanged:
		if ch.Users == nil {
			b.everybody()
			return
		}
		for _, id := range ch.Users {
			b.recheck(id)
		}
	case directory.GroupDeleted, directory.GroupNestingChanged, directory.AppChanged, directory.AppDeleted, directory.PolicyChanged,
		directory.SettingsChanged:
		b.everybody()
	default:
		b.everybody() // written by a newer version: anything may have changed
	}
}

func (b *boundRegistry) everybody() {
	for id := range b.users {
		b.recheck(id)
	}
}

// restart marks everybody: changes were missed.
func (b *boundRegistry) restart(at directory.Seq) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seq = at
	b.everybody()
}

// expired marks the users whose time is over.
func (b *boundRegistry) expired(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, conns := range b.users {
		for _, bound := range conns {
			if !bound.expires.IsZero() && !now.Before(bound.expires) {
				b.recheck(id)
			}
		}
	}
}

// take returns the users to look at and forgets that they were marked.
func (b *boundRegistry) take() map[directory.UserID]struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	ids := b.again
	b.again = map[directory.UserID]struct{}{}
	return ids
}

// mark marks users again after they could not be looked at.
func (b *boundRegistry) mark(id directory.UserID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.recheck(id)
}

// of returns the connections of a user and who they are bound as.
func (b *boundRegistry) of(id directory.UserID) map[*conn]*identity {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make(map[*conn]*identity, len(b.users[id]))
	for c, bound := range b.users[id] {
		out[c] = bound.who
	}
	return out
}

// keep notes until when a connection that was looked at may go on.
func (b *boundRegistry) keep(c *conn, id directory.UserID, expires time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if bound := b.users[id][c]; bound != nil {
		bound.expires = expires
	}
}

// watch follows the change feed and has the users looked at whom a change may have shut out.
func (s *Server) watch(ctx context.Context) {
	var head directory.Head
	for ctx.Err() == nil {
		if head.Seq == 0 {
			now, err := s.c.Directory.Barrier(ctx)
			if err != nil {
				pause(ctx, 100*time.Millisecond)
				continue
			}
			head = now
			s.bound.restart(head.Seq)
		}
		for ch, err := range s.c.Directory.Follow(ctx, head) {
			if err != nil {
				head = directory.Head{} // changes are gone: begin at the head
				break
			}
			head.Seq = ch.Seq
			s.bound.seen(ch)
		}
	}
}

// sweep looks at marked users until ctx ends, and every second for those whose account, role, membership or
// credential has ended.
func (s *Server) sweep(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-s.bound.wake:
		case <-tick.C:
			s.bound.expired(s.c.Directory.Now())
			continue
		case <-ctx.Done():
			return
		}
		for id := range s.bound.take() {
			if err := s.look(ctx, id); err != nil {
				s.bound.mark(id)
				pause(ctx, 100*time.Millisecond)
			}
		}
	}
}

// look drops the connections of a user that would not be let in now. Whoever cannot be judged stays until the core can.
func (s *Server) look(ctx context.Context, id directory.UserID) error {
	for c, who := range s.bound.of(id) {
		d, err := s.c.Directory.Authorize(ctx, directory.Admission{
			User: id, Epoch: who.epoch, App: who.app, Protocol: directory.ProtocolLDAP, Peer: c.peer,
			Client: who.client, Factors: who.factors, AuthTime: who.since, Resumed: who.resumed,
		})
		if err != nil {
			return err
		}
		if d.Allowed() && sameRights(d.Rights, who.actor.Rights) {
			s.bound.keep(c, id, d.Until)
			continue
		}
		s.c.Logger.LogAttrs(ctx, slog.LevelInfo, "ldap connection dropped: the account may no longer use it",
			slog.String("as", who.dn), slog.String("peer", c.peer.String()), slog.String("reason", string(d.Reason)))
		// RFC 4511 §4.4.1: strongerAuthRequired says that the security association is no longer good.
		c.drop(&closing{endRevoked, wire.StrongerAuthRequired, "the account that this connection was bound as may no longer use it"})
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
