package directory

import (
	"errors"
	"maps"
	"slices"
	"time"

	"gatehouse/directory/name"
	"gatehouse/directory/schema"
)

// nameHeldFor is how long a released username opens nothing for anybody else.
const nameHeldFor = 180 * 24 * time.Hour

// CreateUser adds a user. Of u are used Kind, Username, Expires, Profile, Attrs,
// Emails, Networks and Status Disabled. The user returned has its ids. Exists:
// the username or an address belongs to somebody else.
func (w *Writer) CreateUser(u User) (User, error) {
	if err := w.require(VerbCreateUser, 0); err != nil {
		return User{}, err
	}
	u = u.clone()
	id, uid, err := w.newRow()
	if err != nil {
		return User{}, err
	}
	if u.Kind == "" {
		u.Kind = Person
	}
	if u.Kind == ServiceAccount && w.by.Kind == ActorSource {
		return User{}, denied(w.by, VerbCreateUser)
	}
	if u.Status != Disabled {
		u.Status = Active
	}
	u.ID, u.UID, u.Source, u.Rev, u.Epoch = UserID(id), uid, w.by.Label(), 1, 1
	u.Created, u.Updated = w.now, w.now
	if err := w.prepareUser(&u, nil); err != nil {
		return User{}, err
	}
	if err := w.mayWrite(diffUsers(&User{}, &u)); err != nil {
		return User{}, err
	}
	for _, n := range loginNames(&u) {
		if err := w.takeName(n, u.UID); err != nil {
			return User{}, err
		}
	}
	if err := w.tx.Users.Insert(u); err != nil {
		return User{}, err
	}
	if err := w.insertEmails(&u); err != nil {
		return User{}, err
	}
	if u.Kind == Person && !name.ReservedOnUnix(u.NameKey) {
		if u.UIDNumber, err = w.allocatePosixID(u.UID); err != nil {
			return User{}, err
		}
	}
	if err := w.changed(UserCreated, id, u.Rev); err != nil {
		return User{}, err
	}
	return u, w.audit(VerbCreateUser, u.touched(), nil)
}

func (u *User) touched() touched {
	return touched{entity: entityOf(u.Kind), ref: int64(u.ID), name: u.Username}
}

// UpdateUser changes a user. change gets a copy and may edit Username, Expires,
// Profile, Attrs, Emails and Networks; what else it edits is ignored. When
// nothing differs afterwards nothing is written, and Rev stays. A new Username
// needs the right to rename as well.
func (w *Writer) UpdateUser(id UserID, change func(*User) error) (User, error) {
	if err := w.require(VerbUpdateUser, id); err != nil {
		return User{}, err
	}
	return w.updateUser(id, change)
}

// RenameUser gives a user another username; the old one is held.
func (w *Writer) RenameUser(id UserID, username string) (User, error) {
	if err := w.require(VerbRenameUser, id); err != nil {
		return User{}, err
	}
	return w.updateUser(id, func(u *User) error {
		u.Username = username
		return nil
	})
}

func (w *Writer) updateUser(id UserID, change func(*User) error) (User, error) {
	before, err := w.User(id)
	if err != nil {
		return User{}, err
	}
	if err := w.inScope(before); err != nil {
		return User{}, err
	}
	u := before.clone()
	if err := change(&u); err != nil {
		return User{}, err
	}
	fixed := before.clone()
	fixed.Username, fixed.Expires, fixed.Profile, fixed.Attrs, fixed.Emails, fixed.Networks =
		u.Username, u.Expires, u.Profile, u.Attrs, u.Emails, u.Networks
	u = fixed
	if err := w.prepareUser(&u, &before); err != nil {
		return User{}, err
	}
	diffs := diffUsers(&before, &u)
	if len(diffs) == 0 {
		return before, nil
	}
	if err := w.mayChange(&before, diffs); err != nil {
		return User{}, err
	}
	if _, renamed := diffs["username"]; renamed {
		if err := w.require(VerbRenameUser, id); err != nil {
			return User{}, err
		}
	}
	if err := w.mayWrite(diffs); err != nil {
		return User{}, err
	}
	if err := w.writeLogins(&u); err != nil {
		return User{}, err
	}
	if !slices.Equal(before.Emails, u.Emails) {
		if err := w.writeEmails(&u); err != nil {
			return User{}, err
		}
	}
	return u, w.saveUser(&u, UserUpdated, VerbUpdateUser, diffs)
}

// saveUser writes the row with the next Rev, its change and its audit event.
func (w *Writer) saveUser(u *User, kind ChangeKind, v Verb, detail any) error {
	u.Rev++
	u.Updated = w.now
	if err := w.tx.Users.Update(*u); err != nil {
		return err
	}
	if err := w.changed(kind, int64(u.ID), u.Rev); err != nil {
		return err
	}
	return w.audit(v, u.touched(), detail)
}

// mayWrite holds a SCIM source to its writable scope.
func (w *Writer) mayWrite(diffs map[string]diff) error {
	for key := range diffs {
		if err := w.writable(key); err != nil {
			return err
		}
	}
	return nil
}

func diffUsers(before, after *User) map[string]diff {
	out := map[string]diff{}
	if before.Username != after.Username {
		out["username"] = diff{before.Username, after.Username}
	}
	if !before.Expires.Equal(after.Expires) {
		out["expires"] = diff{before.Expires, after.Expires}
	}
	if !slices.Equal(before.Emails, after.Emails) {
		out["emails"] = diff{before.Emails, after.Emails}
	}
	if !slices.Equal(before.Networks, after.Networks) {
		out["networks"] = diff{before.Networks, after.Networks}
	}
	diffAttributes(out, before.Profile, after.Profile)
	diffAttributes(out, before.Attrs, after.Attrs)
	return out
}

// prepareUser brings u into the form that is stored, or says what is wrong.
// before is nil for a new user.
func (w *Writer) prepareUser(u, before *User) error {
	key, err := name.Username(u.Username, w.d.config.WideUsernames)
	if err != nil {
		return nameError(entityOf(u.Kind), "username", err)
	}
	u.NameKey = key
	if err := schema.CheckNetworks(u.Networks); err != nil {
		return invalid(entityOf(u.Kind), "networks", "%s", err.Error())
	}
	if err := w.d.splitAttributes(u); err != nil {
		return err
	}
	if err := schema.LDAPProfile(u.Attrs.First(AttrLDAPProfile)).Check(); err != nil {
		return invalid(entityOf(u.Kind), AttrLDAPProfile, "%s", err.Error())
	}
	return w.prepareEmails(u, before)
}

// splitAttributes moves what the schema knows into Profile and the operator's
// own keys into Attrs, and bounds both.
func (d *Directory) splitAttributes(u *User) error {
	merged := maps.Clone(u.Attrs)
	if merged == nil {
		merged = Attributes{}
	}
	maps.Copy(merged, u.Profile)
	u.Profile, u.Attrs = Attributes{}, Attributes{}
	for key, values := range merged {
		if err := checkAttribute("user", key, values); err != nil {
			return err
		}
		switch a, known := d.schema[key]; {
		case known && a.Computed:
			return invalid("user", key, "%s is not set as an attribute", key)
		case known && a.Single && len(values) > 1:
			return invalid("user", key, "%s takes one value, not %d", key, len(values))
		case known:
			u.Profile.Set(key, values...)
		default:
			u.Attrs.Set(key, values...)
		}
	}
	return nil
}

// The bounds of what a user or group may carry.
const (
	maxAttributes = 200
	maxValues     = 500
	maxValueBytes = 64 << 10
)

func checkAttribute(entity, key string, values []string) error {
	switch {
	case key == "" || len(key) > 128:
		return invalid(entity, "attributes", "an attribute name must have 1 to 128 characters")
	case len(values) > maxValues:
		return invalid(entity, key, "%s has more than %d values", key, maxValues)
	}
	for _, v := range values {
		if len(v) > maxValueBytes {
			return invalid(entity, key, "a value of %s is larger than %d bytes", key, maxValueBytes)
		}
	}
	return nil
}

// prepareEmails normalises the addresses. Who is not trusted for addresses
// cannot verify one: a new address is then unverified, a kept one stays as it was.
func (w *Writer) prepareEmails(u, before *User) error {
	trusted := w.trustedForEmails()
	was := map[string]Email{}
	if before != nil {
		for _, e := range before.Emails {
			was[e.Address] = e
		}
	}
	seen := map[string]bool{}
	primary := false
	out := u.Emails[:0]
	for _, e := range u.Emails {
		address, key, err := name.Email(e.Address)
		if err != nil {
			return nameError("user", "emails", err)
		}
		if seen[key] {
			continue
		}
		seen[key] = true
		e.Address = address
		old, kept := was[address]
		switch {
		case kept:
			e.Source, e.Verified = old.Source, old.Verified || (trusted && e.Verified)
		default:
			e.Source, e.Verified = w.by.Label(), trusted
		}
		e.Primary = e.Primary && !primary
		primary = primary || e.Primary
		out = append(out, e)
	}
	if len(out) > 0 && !primary {
		out[0].Primary = true
	}
	if len(out) > maxAttributes {
		return invalid("user", "emails", "more than %d addresses", maxAttributes)
	}
	u.Emails = out
	return nil
}

// trustedForEmails reports whether addresses that the actor writes count as read
// by their owner.
func (w *Writer) trustedForEmails() bool {
	switch w.by.Kind {
	case ActorOperator, ActorSystem:
		return true
	case ActorSource:
		return w.scope.config.EmailsTrusted()
	case ActorPerson, ActorService:
		return w.by.Has(RoleOwner) || w.by.Has(RoleAdmin)
	default:
		return false
	}
}

// nameError makes an Invalid error of what package name found.
func nameError(entity, field string, err error) error {
	var ne *name.Error
	if errors.As(err, &ne) {
		return &Error{Kind: Invalid, Entity: entity, Field: field, Msg: ne.Error()}
	}
	return &Error{Kind: Invalid, Entity: entity, Field: field, Msg: "not a usable name", Err: err}
}
