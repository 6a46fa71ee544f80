package directorytest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"testing"

	"gatehouse/directory"
)

// conformUsers checks what the directory asks about people: every restriction,
// and every order with every kind of page.
func conformUsers(t *testing.T, s directory.Store) {
	users := usersFixture()
	mustUpdate(t, s, func(tx *directory.Tx) error {
		if err := tx.Users.Insert(users...); err != nil {
			return err
		}
		if err := tx.Emails.Insert(directory.EmailRow{User: 3, AddressKey: "c@example.com"}); err != nil {
			return err
		}
		if err := tx.LoginNames.Insert(directory.LoginName{Key: "carol", User: 3}, directory.LoginName{Key: "dead", User: 5}); err != nil {
			return err
		}
		if err := tx.Groups.Insert(group(1)); err != nil {
			return err
		}
		if err := tx.Members.Insert(directory.Membership{Group: 1, User: 2}, directory.Membership{Group: 1, User: 2, Source: "b"}); err != nil {
			return err
		}
		return tx.ExternalIDs.Insert(directory.ExternalID{Source: "scim:hr", Kind: "user", ExternalID: "x", Ref: 4})
	})
	type Q = directory.UserQuery
	for _, c := range []queryCase[Q]{
		{name: "zero", want: []int{1, 2, 3, 4}},
		{name: "services", q: Q{Kind: directory.ServiceAccount}, want: []int{6}},
		{name: "any kind", q: Q{Kind: directory.AnyKind}, want: []int{1, 2, 3, 4, 6}},
		{name: "ids", q: Q{IDs: []directory.UserID{4, 2, 6}}, want: []int{2, 4}},
		{name: "no ids", q: Q{IDs: []directory.UserID{}}},
		{name: "uids", q: Q{UIDs: []string{uid(1, 3)}}, want: []int{3}},
		{name: "name keys", q: Q{NameKeys: []string{"bob", "nobody"}}, want: []int{2}},
		{name: "several name keys", q: Q{NameKeys: []string{"bob", "alice"}}, want: []int{1, 2}},
		{name: "logins", q: Q{Logins: []string{"carol", "dead"}}, want: []int{3}},
		{name: "e-mail", q: Q{EmailKeys: []string{"c@example.com"}}, want: []int{3}},
		{name: "prefix", q: Q{NamePrefix: "al"}, want: []int{1, 4}},
		{name: "prefix is not a pattern", q: Q{NamePrefix: "a%"}},
		{name: "external id", q: Q{ExternalID: directory.ExternalRef{Source: "scim:hr", ID: "x"}}, want: []int{4}},
		{name: "external id of another source", q: Q{ExternalID: directory.ExternalRef{Source: "scim:ad", ID: "x"}}},
		{name: "source", q: Q{Source: "site"}, want: []int{2}},
		{name: "statuses", q: Q{Statuses: []directory.Status{directory.Disabled, directory.Deleted}}, want: []int{3, 5}},
		{name: "member of", q: Q{MemberOf: 1}, want: []int{2}},
		{name: "since", q: Q{Since: at(3)}, want: []int{3, 4}},
		{name: "and", q: Q{NamePrefix: "al", IDs: []directory.UserID{4}}, want: []int{4}},
		{name: "after", q: Q{After: 2}, want: []int{3, 4}, count: 4},
		{name: "after, descending", q: Q{After: 3, Desc: true, Limit: 1}, want: []int{2}, count: 4},
	} {
		mustView(t, s, func(tx *directory.Tx) error {
			got, err := all(tx.Users, c.q)
			if err != nil {
				return err
			}
			var want []directory.User
			for _, id := range c.want {
				want = append(want, users[slices.IndexFunc(users, func(u directory.User) bool { return u.ID == directory.UserID(id) })])
			}
			same(t, c.name, got, want)
			n, err := tx.Users.Count(c.q)
			same(t, "count of "+c.name, n, max(c.count, len(c.want)))
			return err
		})
	}
	conformUserPages(t, s, users)
}

func usersFixture() []directory.User {
	var users []directory.User
	for i, name := range []string{"alice", "bob", "carol", "al-é", "dead", "svc"} {
		u := person(i + 1)
		u.Username, u.NameKey = name, name
		users = append(users, u)
	}
	users[1].Source, users[1].Profile = "site", directory.Attributes{"title": {`a "quoted" \ one`, "<b>"}}
	users[2].Status, users[2].Networks, users[2].Expires = directory.Disabled, []string{"10.0.0.0/8"}, at(99)
	users[4].Status, users[4].DeletedAt = directory.Deleted, at(5)
	users[5].Kind = directory.ServiceAccount
	users[0].Created, users[0].Updated = at(7), at(1) // ties and another order than the ids'
	users[1].Created = at(3)
	return users
}

func conformUserPages(t *testing.T, s directory.Store, users []directory.User) {
	people := users[:4]
	orders := map[directory.UserSort]func(a, b directory.User) int{
		directory.SortID:       func(a, b directory.User) int { return 0 },
		directory.SortUsername: func(a, b directory.User) int { return cmp.Compare(a.NameKey, b.NameKey) },
		directory.SortCreated:  func(a, b directory.User) int { return a.Created.Compare(b.Created) },
		directory.SortUpdated:  func(a, b directory.User) int { return a.Updated.Compare(b.Updated) },
	}
	for sort, order := range orders {
		for _, desc := range []bool{false, true} {
			sorted := slices.SortedFunc(slices.Values(people), func(a, b directory.User) int {
				return cmp.Or(order(a, b), cmp.Compare(a.ID, b.ID))
			})
			if desc {
				slices.Reverse(sorted)
			}
			for offset := range 6 {
				for limit := range 6 {
					q := directory.UserQuery{Sort: sort, Desc: desc, Offset: offset, Limit: limit}
					want := sorted[min(offset, len(sorted)):]
					if limit > 0 {
						want = want[:min(limit, len(want))]
					}
					mustView(t, s, func(tx *directory.Tx) error {
						got, err := all(tx.Users, q)
						same(t, fmt.Sprintf("%+v", q), got, want)
						return err
					})
				}
			}
		}
	}
}

// conformGroups checks the queries for groups.
func conformGroups(t *testing.T, s directory.Store) {
	groups := []directory.Group{group(1), group(2), group(3)}
	groups[0].Name, groups[0].NameKey, groups[0].Source = "Zürich", "zürich", "scim:hr"
	mustUpdate(t, s, func(tx *directory.Tx) error {
		if err := tx.Groups.Insert(groups...); err != nil {
			return err
		}
		if err := tx.Users.Insert(person(1)); err != nil {
			return err
		}
		if err := tx.Members.Insert(directory.Membership{Group: 3, User: 1}); err != nil {
			return err
		}
		return tx.ExternalIDs.Insert(directory.ExternalID{Source: "scim:hr", Kind: "group", ExternalID: "x", Ref: 1},
			directory.ExternalID{Source: "scim:hr", Kind: "user", ExternalID: "x", Ref: 2})
	})
	type Q = directory.GroupQuery
	for _, c := range []queryCase[Q]{
		{name: "zero", want: []int{0, 1, 2}},
		{name: "ids", q: Q{IDs: []directory.GroupID{3, 1}}, want: []int{0, 2}},
		{name: "uids", q: Q{UIDs: []string{uid(2, 2)}}, want: []int{1}},
		{name: "name keys", q: Q{NameKeys: []string{"zürich", "group03"}}, want: []int{0, 2}},
		{name: "prefix", q: Q{NamePrefix: "zü"}, want: []int{0}},
		{name: "external id", q: Q{ExternalID: directory.ExternalRef{Source: "scim:hr", ID: "x"}}, want: []int{0}},
		{name: "source", q: Q{Source: "scim:hr"}, want: []int{0}},
		{name: "has user", q: Q{HasUser: 1}, want: []int{2}},
		{name: "since", q: Q{Since: at(2)}, want: []int{1, 2}},
		{name: "after", q: Q{After: 1, Limit: 1}, want: []int{1}, count: 3},
		{name: "by name", q: Q{ByName: true}, want: []int{1, 2, 0}},
		{name: "by name, descending", q: Q{ByName: true, Desc: true, Offset: 1, Limit: 1}, want: []int{2}, count: 3},
	} {
		mustView(t, s, func(tx *directory.Tx) error {
			got, err := all(tx.Groups, c.q)
			if err != nil {
				return err
			}
			var want []directory.Group
			for _, i := range c.want {
				want = append(want, groups[i])
			}
			same(t, c.name, got, want)
			n, err := tx.Groups.Count(c.q)
			same(t, "count of "+c.name, n, max(c.count, len(c.want)))
			return err
		})
	}
}

// conformGraph checks the climb through nested groups, cycles included.
func conformGraph(t *testing.T, s directory.Store) {
	nestings := []directory.Nesting{
		{Parent: 2, Child: 1, Source: "local"},
		{Parent: 2, Child: 1, Source: "site", Ends: at(1)},
		{Parent: 3, Child: 2, Source: "local"},
		{Parent: 5, Child: 4, Source: "local"},
		{Parent: 6, Child: 6, Source: "local"},
		{Parent: 7, Child: 6, Source: "local"},
		{Parent: 6, Child: 7, Source: "local"},
	}
	mustUpdate(t, s, func(tx *directory.Tx) error {
		for i := 1; i <= 7; i++ {
			if err := tx.Groups.Insert(group(i)); err != nil {
				return err
			}
		}
		if err := tx.Users.Insert(person(1), person(2)); err != nil {
			return err
		}
		if err := tx.Nestings.Insert(nestings...); err != nil {
			return err
		}
		return tx.Members.Insert(directory.Membership{Group: 1, User: 1, Source: "local"}, directory.Membership{Group: 6, User: 1, Source: "local"})
	})
	mustView(t, s, func(tx *directory.Tx) error {
		members, above, err := tx.Graph.Above(1)
		if err != nil {
			return err
		}
		same(t, "members", members, []directory.Membership{{Group: 1, User: 1, Source: "local"}, {Group: 6, User: 1, Source: "local"}})
		same(t, "nestings", above, []directory.Nesting{nestings[0], nestings[1], nestings[2], nestings[4], nestings[6], nestings[5]})
		if _, above, err = tx.Graph.Above(2); err != nil || len(above) > 0 {
			t.Errorf("above nobody: %v, %v", above, err)
		}
		for id, want := range map[directory.GroupID][]directory.GroupID{1: {2, 3}, 3: nil, 6: {6, 7}} {
			got, err := tx.Graph.Ancestors(id)
			if err != nil {
				return err
			}
			same(t, fmt.Sprintf("ancestors of %d", id), got, want)
		}
		return nil
	})
}

// conformSnapshot checks that nothing of the directory is missing in a snapshot,
// and nothing in it that has gone.
func conformSnapshot(t *testing.T, s directory.Store) {
	gone := person(3)
	gone.Status, gone.DeletedAt = directory.Deleted, at(9)
	attrs := directory.Attributes{directory.AttrLDAPProfile: {"samba"}}
	one, service := person(1), person(2)
	one.Attrs, service.Attrs, service.Kind = attrs, attrs, directory.ServiceAccount
	mustUpdate(t, s, func(tx *directory.Tx) error {
		return errors.Join(
			tx.Users.Insert(service, one, gone),
			tx.Groups.Insert(group(1), group(2), group(3)),
			tx.Emails.Insert(
				directory.EmailRow{User: 1, AddressKey: "a@example.com", Email: directory.Email{Address: "A@example.com"}, Order: 2},
				directory.EmailRow{User: 1, AddressKey: "b@example.com", Email: directory.Email{Address: "b@example.com", Primary: true}, Order: 1}),
			tx.PosixIDs.Insert(
				directory.PosixID{Number: 7, OwnerUID: uid(1, 2)}, directory.PosixID{Number: 5, OwnerUID: uid(1, 1)},
				directory.PosixID{Number: 6, OwnerUID: uid(1, 3), Released: at(9)}),
			tx.Credentials.Insert(
				directory.Credential{ID: 1, User: 2, Kind: directory.CredentialPassword, Verifier: "x", Created: at(3), Params: []byte(`{"must_change":true}`)},
				directory.Credential{ID: 2, User: 2, Kind: directory.CredentialTOTP, Created: at(5)},
				directory.Credential{ID: 3, User: 1, Kind: directory.CredentialServicePassword, Verifier: "x", Created: at(4)}),
			tx.Members.Insert(
				directory.Membership{Group: 1, User: 1, Source: "local"}, directory.Membership{Group: 1, User: 1, Source: "hr"},
				directory.Membership{Group: 1, User: 2, Source: "local", Ends: at(5)},
				directory.Membership{Group: 3, User: 2, Source: "local", Starts: at(5)}))
	})
	mustView(t, s, func(tx *directory.Tx) error {
		users, err := collect(tx.Snapshot.Users())
		if err != nil {
			return err
		}
		want := []directory.User{one, service}
		for i := range want {
			u := &want[i]
			u.NameKey, u.Source, u.Rev, u.Epoch = "", "", 0, 0
		}
		want[0].Attrs = nil
		same(t, "users", users, want)
		emails, err := collect(tx.Snapshot.Emails())
		if err != nil {
			return err
		}
		same(t, "emails", emails, []directory.EmailRow{
			{User: 1, Email: directory.Email{Address: "b@example.com", Primary: true}},
			{User: 1, Email: directory.Email{Address: "A@example.com"}},
		})
		numbers, err := collect(tx.Snapshot.PosixIDs())
		if err != nil {
			return err
		}
		same(t, "numbers", numbers, []directory.PosixID{{Number: 5, OwnerUID: uid(1, 1)}, {Number: 7, OwnerUID: uid(1, 2)}})
		passwords, err := collect(tx.Snapshot.Passwords())
		if err != nil {
			return err
		}
		same(t, "passwords", passwords, []directory.Credential{
			{User: 1, Kind: directory.CredentialServicePassword, Created: at(4)},
			{User: 2, Kind: directory.CredentialPassword, Created: at(3), Params: []byte(`{"must_change":true}`)},
		})
		members, err := collect(tx.Snapshot.Members())
		same(t, "members", members, []directory.GroupMembers{
			{Group: 1, Users: []directory.UserID{1, 1}, Timed: 1}, {Group: 3, Timed: 1},
		})
		return err
	})
}
