package directory

import (
	"cmp"
	"context"
	"iter"
	"time"

	"gatehouse/directory/name"
)

func compareGroups(a, b Group) int { return cmp.Compare(a.NameKey, b.NameKey) }

// Reader reads inside one transaction, from one consistent snapshot.
type Reader struct {
	tx    *Tx
	now   time.Time
	by    Actor
	rules *ruleBook
}

// Read runs fn on a consistent snapshot that begins after the call. by must be
// allowed to read people; configuration, credentials and the audit take rights of
// their own, without which their methods fail with Denied.
func (d *Directory) Read(ctx context.Context, by Actor, fn func(*Reader) error) error {
	if !allowed(by, VerbReadUsers, target{}) {
		return denied(by, VerbReadUsers)
	}
	return d.readAs(ctx, by, fn)
}

func (d *Directory) read(ctx context.Context, fn func(*Reader) error) error {
	return d.readAs(ctx, System(d.config.Daemon), fn)
}

func (d *Directory) readAs(ctx context.Context, by Actor, fn func(*Reader) error) error {
	return d.store.View(ctx, func(tx *Tx) error { return fn(&Reader{tx: tx, now: d.now(), by: by, rules: d.rules}) })
}

// may fails with Denied unless the actor may read v.
func (r *Reader) may(v Verb) error {
	if !allowed(r.by, v, target{}) {
		return denied(r.by, v)
	}
	return nil
}

// only yields rows to an actor who may read v.
func only[R any](r *Reader, v Verb, rows iter.Seq2[R, error]) iter.Seq2[R, error] {
	err := r.may(v)
	if err == nil {
		return rows
	}
	return func(yield func(R, error) bool) {
		var none R
		yield(none, err)
	}
}

// one returns the only row of seq, or the zero row and false.
func one[R any](seq iter.Seq2[R, error]) (row R, found bool, err error) {
	for r, err := range seq {
		return r, err == nil, err
	}
	return row, false, nil
}

// all collects seq.
func all[R any](seq iter.Seq2[R, error]) ([]R, error) {
	var out []R
	for r, err := range seq {
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// Now returns the time at which the transaction began.
func (r *Reader) Now() time.Time { return r.now }

// Head returns the feed position of the snapshot.
func (r *Reader) Head() (Head, error) { return r.tx.Feed.Head() }

// pageSize is how many users or groups are completed at once.
const pageSize = 500

// Users yields the users that q selects, complete with addresses and numbers.
// Other reads may be made during the iteration.
func (r *Reader) Users(q UserQuery) iter.Seq2[User, error] {
	// By id everything is read page by page; an order without a keyset at once.
	paged := q.Sort == SortID && !q.Desc && q.Offset == 0 && q.Limit == 0
	if paged {
		q.Limit = pageSize
	}
	return func(yield func(User, error) bool) {
		for {
			page, err := all(r.tx.Users.Find(q))
			if err == nil {
				err = r.complete(page)
			}
			if err != nil {
				yield(User{}, err)
				return
			}
			for _, u := range page {
				if !yield(u, nil) {
					return
				}
			}
			if !paged || len(page) < pageSize {
				return
			}
			q.After = page[len(page)-1].ID
		}
	}
}

// complete adds the addresses and posix numbers to users.
func (r *Reader) complete(users []User) error {
	if len(users) == 0 {
		return nil
	}
	ids := make([]UserID, len(users))
	uids := make([]string, len(users))
	index := make(map[UserID]*User, len(users))
	byUID := make(map[string]*User, len(users))
	for i := range users {
		u := &users[i]
		ids[i], uids[i], index[u.ID], byUID[u.UID] = u.ID, u.UID, u, u
	}
	for e, err := range r.tx.Emails.Find(EmailQuery{Users: ids}) {
		if err != nil {
			return err
		}
		u := index[e.User]
		u.Emails = append(u.Emails, e.Email)
	}
	for p, err := range r.tx.PosixIDs.Find(PosixIDQuery{Owners: uids}) {
		if err != nil {
			return err
		}
		byUID[p.OwnerUID].UIDNumber = p.Number
	}
	return nil
}

// CountUsers counts what q selects, without its paging.
func (r *Reader) CountUsers(q UserQuery) (int, error) { return r.tx.Users.Count(q) }

// User returns one user. The error is NotFound when there is none or it was
// deleted.
func (r *Reader) User(id UserID) (User, error) {
	return r.oneUser(UserQuery{IDs: []UserID{id}}, "id")
}

// UserByUID returns the user with a uid, of either kind.
func (r *Reader) UserByUID(uid string) (User, error) {
	return r.oneUser(UserQuery{UIDs: []string{uid}}, uid)
}

func (r *Reader) oneUser(q UserQuery, shown string) (User, error) {
	q.Kind = AnyKind
	for u, err := range r.Users(q) {
		return u, err
	}
	return User{}, notFound("user", shown)
}

// UserByName returns the user of a kind who signs in by what was typed.
func (r *Reader) UserByName(kind UserKind, typed string) (User, error) {
	if key := loginKey(typed); key != "" {
		for u, err := range r.Users(UserQuery{Kind: kind, Logins: []string{key}}) {
			return u, err
		}
	}
	return User{}, notFound(entityOf(kind), typed)
}

// entityOf names a kind of user as operators do.
func entityOf(kind UserKind) string {
	if kind == ServiceAccount {
		return "service account"
	}
	return "user"
}

// Groups yields the groups that q selects, complete with numbers. Other reads
// may be made during the iteration.
func (r *Reader) Groups(q GroupQuery) iter.Seq2[Group, error] {
	paged := !q.ByName && !q.Desc && q.Offset == 0 && q.Limit == 0
	if paged {
		q.Limit = pageSize
	}
	return func(yield func(Group, error) bool) {
		for {
			page, err := all(r.tx.Groups.Find(q))
			if err == nil {
				err = r.numberGroups(page)
			}
			if err != nil {
				yield(Group{}, err)
				return
			}
			for _, g := range page {
				if !yield(g, nil) {
					return
				}
			}
			if !paged || len(page) < pageSize {
				return
			}
			q.After = page[len(page)-1].ID
		}
	}
}

// numberGroups adds the posix numbers to groups.
func (r *Reader) numberGroups(groups []Group) error {
	uids := make([]string, len(groups))
	byUID := make(map[string]*Group, len(groups))
	for i := range groups {
		uids[i], byUID[groups[i].UID] = groups[i].UID, &groups[i]
	}
	for p, err := range r.tx.PosixIDs.Find(PosixIDQuery{Owners: uids}) {
		if err != nil {
			return err
		}
		byUID[p.OwnerUID].GIDNumber = p.Number
	}
	return nil
}

// CountGroups counts what q selects, without its paging.
func (r *Reader) CountGroups(q GroupQuery) (int, error) { return r.tx.Groups.Count(q) }

// Group returns one group; NotFound when there is none.
func (r *Reader) Group(id GroupID) (Group, error) {
	return r.oneGroup(GroupQuery{IDs: []GroupID{id}}, "id")
}

// GroupByUID returns the group with a uid.
func (r *Reader) GroupByUID(uid string) (Group, error) {
	return r.oneGroup(GroupQuery{UIDs: []string{uid}}, uid)
}

// GroupByName returns the group of that name, whatever the case.
func (r *Reader) GroupByName(typed string) (Group, error) {
	key, err := name.Group(typed)
	if err != nil {
		return Group{}, notFound("group", typed)
	}
	return r.oneGroup(GroupQuery{NameKeys: []string{key}}, typed)
}

func (r *Reader) oneGroup(q GroupQuery, shown string) (Group, error) {
	for g, err := range r.Groups(q) {
		return g, err
	}
	return Group{}, notFound("group", shown)
}

// Memberships yields membership rows, in force or not.
func (r *Reader) Memberships(q MembershipQuery) iter.Seq2[Membership, error] {
	return r.tx.Members.Find(q)
}

// Nestings yields nesting rows, in force or not.
func (r *Reader) Nestings(q NestingQuery) iter.Seq2[Nesting, error] { return r.tx.Nestings.Find(q) }

// Snapshot reads the whole directory at once, for a projection.
func (r *Reader) Snapshot() Snapshot { return r.tx.Snapshot }

// BareUsers yields users without addresses and numbers, for loading many.
func (r *Reader) BareUsers(q UserQuery) iter.Seq2[User, error] { return r.tx.Users.Find(q) }

// BareGroups yields groups without numbers, for loading many.
func (r *Reader) BareGroups(q GroupQuery) iter.Seq2[Group, error] { return r.tx.Groups.Find(q) }

// GroupsOf returns every group that the user is in now, nested ones included,
// by name.
func (r *Reader) GroupsOf(id UserID) ([]Group, error) {
	p := principal{}
	if err := r.loadGroups(id, &p); err != nil {
		return nil, err
	}
	return p.groupsAt(r.now), nil
}

func (r *Reader) loadGroups(id UserID, p *principal) error {
	var err error
	if p.memberships, p.nestings, err = r.tx.Graph.Above(id); err != nil {
		return err
	}
	ids := []GroupID{}
	for _, m := range p.memberships {
		ids = append(ids, m.Group)
	}
	for _, n := range p.nestings {
		ids = append(ids, n.Parent)
	}
	p.groups = make(map[GroupID]Group, len(ids))
	for g, err := range r.tx.Groups.Find(GroupQuery{IDs: ids}) {
		if err != nil {
			return err
		}
		p.groups[g.ID] = g
	}
	return nil
}

// ExternalIDs yields the names by which sources call users and groups.
func (r *Reader) ExternalIDs(q ExternalIDQuery) iter.Seq2[ExternalID, error] {
	return r.tx.ExternalIDs.Find(q)
}

// Grants yields roles and grants.
func (r *Reader) Grants(q GrantQuery) iter.Seq2[Grant, error] {
	return only(r, VerbReadCredentials, r.tx.Grants.Find(q))
}

// Credentials yields credentials without what would let anyone sign in:
// Verifier, Sealed and Lookup are empty.
func (r *Reader) Credentials(q CredentialQuery) iter.Seq2[Credential, error] {
	return func(yield func(Credential, error) bool) {
		for c, err := range only(r, VerbReadCredentials, r.tx.Credentials.Find(q)) {
			c.Verifier, c.Sealed, c.Lookup = "", nil, nil
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}

// LastLogin returns when the user was last let in, exact to five minutes; zero:
// never.
func (r *Reader) LastLogin(id UserID) (time.Time, error) {
	if err := r.may(VerbReadCredentials); err != nil {
		return time.Time{}, err
	}
	a, _, err := one(r.tx.Activity.Find(ActivityQuery{Users: []UserID{id}}))
	return a.LastLogin, err
}
