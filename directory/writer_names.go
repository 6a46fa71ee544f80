package directory

import (
	"slices"

	"gatehouse/directory/name"
)

// writeLogins brings the login names of u in line with u. Exists: a name belongs
// to somebody else.
func (w *Writer) writeLogins(u *User) error {
	want := loginNames(u)
	have, err := all(w.tx.LoginNames.Find(LoginNameQuery{User: u.ID}))
	if err != nil {
		return err
	}
	for _, h := range have {
		i := slices.IndexFunc(want, func(n LoginName) bool { return n.Key == h.Key })
		switch {
		case i < 0:
			err = w.releaseName(h, u.UID)
		case want[i].Kind != h.Kind:
			err = w.tx.LoginNames.Update(want[i])
		}
		if err != nil {
			return err
		}
		if i >= 0 {
			want = slices.Delete(want, i, i+1)
		}
	}
	for _, n := range want {
		if err := w.takeName(n, u.UID); err != nil {
			return err
		}
	}
	return nil
}

// writeEmails replaces the address rows of u.
func (w *Writer) writeEmails(u *User) error {
	if _, err := w.tx.Emails.Delete(EmailQuery{Users: []UserID{u.ID}}); err != nil {
		return err
	}
	return w.insertEmails(u)
}

func (w *Writer) insertEmails(u *User) error {
	rows := make([]EmailRow, len(u.Emails))
	for i, e := range u.Emails {
		rows[i] = EmailRow{User: u.ID, AddressKey: emailKey(e.Address), Order: i, Email: e}
	}
	return w.tx.Emails.Insert(rows...)
}

// loginNames lists what u signs in by: the username and the verified primary
// address. A deleted user signs in by nothing.
func loginNames(u *User) []LoginName {
	if u.Status == Deleted {
		return nil
	}
	out := []LoginName{{Key: u.NameKey, User: u.ID, Kind: LoginUsername}}
	if e := u.Email(); e.Primary && e.Verified {
		if key := emailKey(e.Address); key != u.NameKey {
			out = append(out, LoginName{Key: key, User: u.ID, Kind: LoginEmail})
		}
	}
	return out
}

// emailKey is the key of an address that was already checked.
func emailKey(address string) string {
	_, key, err := name.Email(address)
	if err != nil {
		return ""
	}
	return key
}

// takeName gives n to its user, unless somebody else has it or had it lately.
func (w *Writer) takeName(n LoginName, uid string) error {
	old, taken, err := one(w.tx.LoginNames.Find(LoginNameQuery{Keys: []string{n.Key}}))
	switch {
	case err != nil:
		return err
	case !taken:
		return w.tx.LoginNames.Insert(n)
	case old.Kind != LoginHeld:
		return w.nameTaken(n, old)
	case w.now.Before(old.HeldTill) && old.HeldFor != uid:
		return &Error{
			Kind: Exists, Entity: "user", Field: fieldOf(n.Kind), Ref: old.HeldFor,
			Msg: n.Key + " belonged to another user and is held until " + old.HeldTill.Format("2006-01-02"),
		}
	default:
		return w.tx.LoginNames.Update(n)
	}
}

func fieldOf(kind LoginKind) string {
	if kind == LoginEmail {
		return "emails"
	}
	return "username"
}

// nameTaken says whose name it is.
func (w *Writer) nameTaken(n, old LoginName) error {
	e := &Error{Kind: Exists, Entity: "user", Field: fieldOf(n.Kind), Msg: n.Key + " is already in use"}
	if owner, found, err := one(w.tx.Users.Find(UserQuery{Kind: AnyKind, IDs: []UserID{old.User}})); err == nil && found {
		e.Ref, e.Msg = owner.UID, n.Key+" is already used by "+entityOf(owner.Kind)+" "+owner.Username
	}
	return e
}

// releaseName frees an address at once, and holds a username for its former
// owner.
func (w *Writer) releaseName(n LoginName, uid string) error {
	if n.Kind != LoginUsername {
		_, err := w.tx.LoginNames.Delete(LoginNameQuery{Keys: []string{n.Key}})
		return err
	}
	n.User, n.Kind, n.HeldFor, n.HeldTill = 0, LoginHeld, uid, w.now.Add(nameHeldFor)
	return w.tx.LoginNames.Update(n)
}

// allocatePosixID gives the next Unix number to uid. Numbers are never freed.
func (w *Writer) allocatePosixID(uid string) (int64, error) {
	if w.nextPosix == 0 {
		top, found, err := one(w.tx.PosixIDs.Find(PosixIDQuery{Highest: true}))
		if err != nil {
			return 0, err
		}
		w.nextPosix = w.d.config.PosixFirst
		if found {
			w.nextPosix = max(w.nextPosix, top.Number+1)
		}
	}
	n := w.nextPosix
	w.nextPosix++
	if n > w.d.config.PosixLast {
		return 0, invalid("posix", "posix.last", "all Unix numbers up to %d are given; raise posix.last", w.d.config.PosixLast)
	}
	return n, w.tx.PosixIDs.Insert(PosixID{Number: n, OwnerUID: uid})
}

// loginKey is the key of what somebody typed to sign in; "" is nobody's.
func loginKey(typed string) string { return name.Login(typed) }
