package site

import (
	"slices"
	"strings"
	"time"

	"gatehouse/directory"
)

func (a *applier) users() error {
	for i := range a.site.Users {
		u := &a.site.Users[i]
		if err := a.progress("users", i, len(a.site.Users)); err != nil {
			return err
		}
		if err := a.user(u); err != nil {
			return a.at(err, "$.users[%d]", i)
		}
	}
	return nil
}

func (a *applier) user(u *User) error {
	have, err := a.w.UserByName(directory.Person, u.Username)
	found, err := ifFound(err)
	if err != nil {
		return err
	}
	set := func(to *directory.User) error { u.fill(to); return nil }
	before := have.Rev
	if found {
		have, err = a.w.UpdateUser(have.ID, set)
	} else {
		fresh := directory.User{Username: u.Username, Profile: directory.Attributes{}, Attrs: directory.Attributes{}}
		u.fill(&fresh)
		have, err = a.w.CreateUser(fresh)
	}
	if err != nil {
		return err
	}
	a.saved("user", u.Username, before, have.Rev)
	a.people[u.Username] = have.ID
	if err := a.userPassword(u, have.ID, found); err != nil {
		return err
	}
	return a.role(u, have.ID)
}

// fill writes what the file says of a user into to.
func (u *User) fill(to *directory.User) {
	to.Username = u.Username
	for key, v := range map[string]*string{"givenName": u.GivenName, "familyName": u.FamilyName} {
		if v != nil {
			to.Profile.Set(key, *v)
		}
	}
	for key, values := range u.Attributes {
		if len(values) == 0 {
			delete(to.Profile, key)
			delete(to.Attrs, key)
			continue
		}
		to.Profile.Set(key, values...)
	}
	if u.Expires != nil {
		to.Expires = *u.Expires
	}
	if u.Emails != nil {
		to.Emails = u.emails(to.Emails)
	}
}

// emails makes the site's addresses exactly those of the file; those of other
// sources stay behind them.
func (u *User) emails(have []directory.Email) []directory.Email {
	var out []directory.Email
	for i, address := range u.Emails {
		out = append(out, directory.Email{Address: address, Primary: i == 0, Verified: true})
	}
	for _, e := range have {
		listed := slices.ContainsFunc(u.Emails, func(s string) bool { return strings.EqualFold(s, e.Address) })
		if e.Source != label && !listed {
			e.Primary = e.Primary && len(u.Emails) == 0
			out = append(out, e)
		}
	}
	return out
}

func (a *applier) userPassword(u *User, id directory.UserID, existed bool) error {
	if existed && !u.ResetPassword {
		return nil
	}
	hash, ok := a.hashes[personKey(u.Username)]
	switch {
	case ok:
	case u.PasswordHash != nil:
		var err error
		if hash, err = directory.ImportedHash(directory.Secret(*u.PasswordHash)); err != nil {
			return err
		}
	default:
		return nil
	}
	if existed {
		a.did(setPassword, "user", u.Username)
	}
	return a.w.SetPassword(id, hash)
}

// role makes the user's role the one in the file.
func (a *applier) role(u *User, id directory.UserID) error {
	if u.Role == nil {
		return nil
	}
	var want []string
	if *u.Role != "" {
		want = []string{"role:" + *u.Role}
	}
	changed, err := a.grants(id, want)
	if changed {
		a.updated("user", u.Username)
	}
	return err
}

// grants makes the rights of a user exactly these.
func (a *applier) grants(id directory.UserID, want []string) (changed bool, err error) {
	have := map[directory.Right]bool{}
	for g, err := range a.w.Grants(directory.GrantQuery{Users: []directory.UserID{id}}) {
		if err != nil {
			return false, err
		}
		have[g.Right] = true
	}
	for _, s := range want {
		r := directory.Right(s)
		if have[r] {
			delete(have, r)
			continue
		}
		changed = true
		if err := a.w.Grant(id, r, time.Time{}); err != nil {
			return changed, err
		}
	}
	for r := range have {
		changed = true
		if err := a.w.Revoke(id, r); err != nil {
			return changed, err
		}
	}
	return changed, nil
}

func (a *applier) serviceAccounts() error {
	for i := range a.site.ServiceAccounts {
		if err := a.serviceAccount(&a.site.ServiceAccounts[i]); err != nil {
			return a.at(err, "$.service_accounts[%d]", i)
		}
	}
	return nil
}

func (a *applier) serviceAccount(sa *ServiceAccount) error {
	have, err := a.w.UserByName(directory.ServiceAccount, sa.Name)
	found, err := ifFound(err)
	if err != nil {
		return err
	}
	before := have.Rev
	if found {
		have, err = a.w.UpdateUser(have.ID, func(u *directory.User) error {
			sa.fill(u)
			return nil
		})
	} else {
		fresh := directory.User{Kind: directory.ServiceAccount, Username: sa.Name, Attrs: directory.Attributes{}}
		sa.fill(&fresh)
		have, err = a.w.CreateUser(fresh)
	}
	if err != nil {
		return err
	}
	a.saved("service account", sa.Name, before, have.Rev)
	if hash, ok := a.hashes[serviceKey(sa.Name)]; ok {
		if found {
			a.did(setPassword, "service account", sa.Name)
		}
		if err := a.w.SetPassword(have.ID, hash); err != nil {
			return err
		}
	}
	if sa.Grants == nil {
		return nil
	}
	changed, err := a.grants(have.ID, sa.Grants)
	if changed {
		a.updated("service account", sa.Name)
	}
	return err
}

// fill writes what the file says of an account into to.
func (sa *ServiceAccount) fill(to *directory.User) {
	if sa.Networks != nil {
		to.Networks = sa.Networks
	}
	if sa.LDAPProfile != nil {
		to.Attrs.Set(directory.AttrLDAPProfile, *sa.LDAPProfile)
	}
}

func (a *applier) surplusPeople() ([]deletion, error) {
	of := func(u directory.User) (string, string, func() error) {
		return u.Source, u.Username, func() error { return a.w.DeleteUser(u.ID) }
	}
	people, err := surplusOf("user", listed(a.site.Users, func(u User) string { return u.Username }),
		a.w.Users(directory.UserQuery{Source: label}), of)
	if err != nil {
		return nil, err
	}
	services, err := surplusOf("service account", listed(a.site.ServiceAccounts, func(s ServiceAccount) string { return s.Name }),
		a.w.Users(directory.UserQuery{Kind: directory.ServiceAccount, Source: label}), of)
	return append(people, services...), err
}
