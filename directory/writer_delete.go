package directory

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// deletedFor is how long a user who was deleted can be restored.
const deletedFor = 30 * 24 * time.Hour

// DeletedUser is what belonged to a user who was deleted, until they are
// restored or purged.
type DeletedUser struct {
	User    UserID
	Rows    []byte // JSON
	Deleted time.Time
}

// DeletedUserQuery selects what is kept of users, the longest deleted first.
type DeletedUserQuery struct {
	Users  []UserID
	Before time.Time // deleted
	Limit  int
}

// keptRows is DeletedUser.Rows.
type keptRows struct {
	Status      Status       `json:"status"`
	Emails      []EmailRow   `json:"emails,omitempty"`
	Credentials []Credential `json:"credentials,omitempty"`
	Grants      []Grant      `json:"grants,omitempty"`
	Members     []Membership `json:"members,omitempty"`
}

// DeleteUser takes the user out of every listing. Names, addresses and external
// ids are free at once; the uid and the Unix number are never given again. For
// 30 days UndeleteUser brings the user back.
func (w *Writer) DeleteUser(id UserID) error {
	if err := w.require(VerbDeleteUser, id); err != nil {
		return err
	}
	u, err := w.User(id)
	if err != nil {
		return err
	}
	if err := w.inScope(u); err != nil {
		return err
	}
	r := LockdownReport{}
	if err := w.endArtefacts(id, string(VerbDeleteUser), &r); err != nil {
		return err
	}
	if err := w.keepRows(&u); err != nil {
		return err
	}
	if err := w.unlinkUser(&u); err != nil {
		return err
	}
	u.Status, u.DeletedAt = Deleted, w.now
	u.Epoch++
	return w.saveUser(&u, UserDeleted, VerbDeleteUser, map[string]any{
		"sessions": r.Sessions, "tokens": r.Tokens, "network_sessions": len(r.Told),
	})
}

// keepRows keeps what unlinkUser removes.
func (w *Writer) keepRows(u *User) (err error) {
	k, ids := keptRows{Status: u.Status}, []UserID{u.ID}
	if k.Emails, err = all(w.tx.Emails.Find(EmailQuery{Users: ids})); err != nil {
		return err
	}
	if k.Credentials, err = all(w.tx.Credentials.Find(CredentialQuery{Users: ids})); err != nil {
		return err
	}
	if k.Grants, err = all(w.tx.Grants.Find(GrantQuery{Users: ids})); err != nil {
		return err
	}
	if k.Members, err = all(w.tx.Members.Find(MembershipQuery{Users: ids})); err != nil {
		return err
	}
	rows, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("keep what belonged to user %d: %w", u.ID, err)
	}
	return w.tx.DeletedUsers.Insert(DeletedUser{User: u.ID, Rows: rows, Deleted: w.now})
}

// unlinkUser removes what other rows say of the user.
func (w *Writer) unlinkUser(u *User) error {
	if err := w.tellGroups(u.ID); err != nil {
		return err
	}
	for _, del := range []func() (int, error){
		func() (int, error) { return w.tx.LoginNames.Delete(LoginNameQuery{User: u.ID}) },
		func() (int, error) { return w.tx.Emails.Delete(EmailQuery{Users: []UserID{u.ID}}) },
		func() (int, error) { return w.tx.Credentials.Delete(CredentialQuery{Users: []UserID{u.ID}}) },
		func() (int, error) { return w.tx.Grants.Delete(GrantQuery{Users: []UserID{u.ID}}) },
		func() (int, error) { return w.tx.Members.Delete(MembershipQuery{Users: []UserID{u.ID}}) },
		func() (int, error) {
			return w.tx.ExternalIDs.Delete(ExternalIDQuery{Kind: "user", Refs: []int64{int64(u.ID)}})
		},
	} {
		if _, err := del(); err != nil {
			return err
		}
	}
	if err := w.releasePosixID(u.UID, w.now); err != nil {
		return err
	}
	return w.orphanBindings(BindUser, int64(u.ID))
}

// tellGroups appends the change of every group that the user has a row in.
func (w *Writer) tellGroups(id UserID) error {
	memberships, err := all(w.tx.Members.Find(MembershipQuery{Users: []UserID{id}}))
	if err != nil {
		return err
	}
	told := map[GroupID]bool{}
	for _, m := range memberships {
		if told[m.Group] {
			continue
		}
		told[m.Group] = true
		if err := w.tx.Feed.Append(Change{Kind: GroupMembersChanged, Ref: int64(m.Group), Users: []UserID{id}}); err != nil {
			return err
		}
	}
	return nil
}

// releasePosixID records since when the owner is gone; zero: they are not. The
// number stays taken.
func (w *Writer) releasePosixID(uid string, since time.Time) error {
	p, found, err := one(w.tx.PosixIDs.Find(PosixIDQuery{Owners: []string{uid}}))
	if err != nil || !found {
		return err
	}
	p.Released = since
	return w.tx.PosixIDs.Update(p)
}

// UndeleteUser brings a deleted user back as they were: uid, Unix number, status,
// addresses, credentials, roles and those groups that still exist. Sessions and
// tokens stay dead, a source's external id stays free, and a binding of the user
// stays missing. NotFound: nobody was deleted by this id in the last 30 days.
// Exists: a name or address belongs to somebody else by now.
func (w *Writer) UndeleteUser(id UserID) (User, error) {
	if !allowed(w.by, VerbUndeleteUser, target{}) {
		return User{}, denied(w.by, VerbUndeleteUser)
	}
	u, k, err := w.keptOf(id)
	if err != nil {
		return User{}, err
	}
	was := principal{grants: k.Grants}
	if !allowed(w.by, VerbUndeleteUser, target{user: id, rights: was.rights(w.now)}) {
		return User{}, denied(w.by, VerbUndeleteUser)
	}
	u.Status, u.DeletedAt = k.Status, time.Time{}
	for _, e := range k.Emails {
		u.Emails = append(u.Emails, e.Email)
	}
	if err := w.writeLogins(&u); err != nil {
		return User{}, err
	}
	if err := w.restoreRows(&u, k); err != nil {
		return User{}, err
	}
	if err := w.saveUser(&u, UserCreated, VerbUndeleteUser, nil); err != nil {
		return User{}, err
	}
	return w.User(id)
}

// keptOf reads a deleted user and what was kept.
func (w *Writer) keptOf(id UserID) (u User, k keptRows, err error) {
	u, found, err := one(w.tx.Users.Find(UserQuery{Kind: AnyKind, IDs: []UserID{id}, Statuses: []Status{Deleted}}))
	if err != nil || !found {
		return u, k, orNotFound(err, id)
	}
	kept, found, err := one(w.tx.DeletedUsers.Find(DeletedUserQuery{Users: []UserID{id}}))
	if err != nil || !found || w.now.Sub(kept.Deleted) > deletedFor {
		return u, k, orNotFound(err, id)
	}
	if err := json.Unmarshal(kept.Rows, &k); err != nil {
		return u, k, fmt.Errorf("read what belonged to user %d: %w", id, err)
	}
	_, err = w.tx.DeletedUsers.Delete(DeletedUserQuery{Users: []UserID{id}})
	return u, k, err
}

func orNotFound(err error, id UserID) error {
	if err != nil {
		return err
	}
	return notFound("deleted user", rowName(int64(id)))
}

func (w *Writer) restoreRows(u *User, k keptRows) error {
	if err := w.tx.Emails.Insert(k.Emails...); err != nil {
		return err
	}
	if err := w.tx.Credentials.Insert(k.Credentials...); err != nil {
		return err
	}
	if err := w.tx.Grants.Insert(k.Grants...); err != nil {
		return err
	}
	for _, m := range k.Members {
		_, still, err := one(w.tx.Groups.Find(GroupQuery{IDs: []GroupID{m.Group}}))
		if err != nil {
			return err
		}
		if !still {
			continue
		}
		if err := w.tx.Members.Insert(m); err != nil {
			return err
		}
	}
	if err := w.tellGroups(u.ID); err != nil {
		return err
	}
	return w.releasePosixID(u.UID, time.Time{})
}

const purgeAtOnce = 200

// purge removes users who were deleted more than 30 days ago. Their uids and
// Unix numbers stay taken.
func (d *Directory) purge(ctx context.Context) error {
	for more := true; more; {
		err := d.store.Record(ctx, func(tx *Tx) error {
			now := d.now()
			due, err := all(tx.DeletedUsers.Take(DeletedUserQuery{Before: now.Add(-deletedFor), Limit: purgeAtOnce}))
			if err != nil {
				return err
			}
			more = len(due) == purgeAtOnce
			for _, k := range due {
				if err := purgeUser(tx, k.User, now, d.config.Daemon); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func purgeUser(tx *Tx, id UserID, now time.Time, daemon string) error {
	gone := UserQuery{Kind: AnyKind, IDs: []UserID{id}, Statuses: []Status{Deleted}}
	u, found, err := one(tx.Users.Find(gone))
	if err != nil {
		return err
	}
	for _, del := range []func() (int, error){
		func() (int, error) { return tx.DeletedUsers.Delete(DeletedUserQuery{Users: []UserID{id}}) },
		func() (int, error) { return tx.Activity.Delete(ActivityQuery{Users: []UserID{id}}) },
		func() (int, error) { return tx.Failures.Delete(FailuresQuery{User: id}) },
		func() (int, error) { return tx.Users.Delete(gone) },
	} {
		if _, err := del(); err != nil {
			return err
		}
	}
	if !found {
		return nil
	}
	by := System(daemon)
	return tx.Events.Insert(Event{
		At: now, Actor: by.auditName(), Via: by.Via, Verb: string(VerbPurgeUser), Entity: entityOf(u.Kind), Ref: int64(id),
		Name: u.Username, Outcome: "ok", Count: 1,
	})
}
