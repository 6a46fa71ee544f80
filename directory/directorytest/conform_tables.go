package directorytest

import (
	"testing"

	"gatehouse/directory"
	"gatehouse/directory/policy"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func equal(a, b any) bool { return cmp.Equal(a, b, cmpopts.EquateEmpty()) }

func conformTables(t *testing.T, open func(testing.TB) directory.Store) {
	s := open(t)
	seed(t, s)
	t.Run("emails", func(t *testing.T) { emailCase().run(t, s) })
	t.Run("login names", func(t *testing.T) { loginNameCase().run(t, s) })
	t.Run("members", func(t *testing.T) { memberCase().run(t, s) })
	t.Run("nestings", func(t *testing.T) { nestingCase().run(t, s) })
	t.Run("posix ids", func(t *testing.T) { posixCase().run(t, s) })
	t.Run("credentials", func(t *testing.T) { credentialCase().run(t, s) })
	t.Run("grants", func(t *testing.T) { grantCase().run(t, s) })
	t.Run("facets", func(t *testing.T) { facetCase().run(t, s) })
	t.Run("policies", func(t *testing.T) { policyCase().run(t, s) })
	t.Run("bindings", func(t *testing.T) { bindingCase().run(t, s) })
	t.Run("external ids", func(t *testing.T) { externalIDCase().run(t, s) })
	t.Run("scim sources", func(t *testing.T) { scimSourceCase().run(t, s) })
	t.Run("radius clients", func(t *testing.T) { radiusClientCase().run(t, s) })
	t.Run("signing keys", func(t *testing.T) { signingKeyCase().run(t, s) })
	t.Run("certificates", func(t *testing.T) { certificateCase().run(t, s) })
	t.Run("settings", func(t *testing.T) { settingCase().run(t, s) })
	t.Run("audit chains", func(t *testing.T) { chainCase().run(t, s) })
	t.Run("audit roots", func(t *testing.T) { chainRootCase().run(t, s) })
	t.Run("sessions", func(t *testing.T) { sessionCase().run(t, s) })
	t.Run("session apps", func(t *testing.T) { sessionAppCase().run(t, s) })
	t.Run("tokens", func(t *testing.T) { tokenCase().run(t, s) })
	t.Run("consents", func(t *testing.T) { consentCase().run(t, s) })
	t.Run("deleted users", func(t *testing.T) { deletedUserCase().run(t, s) })
	t.Run("activity", func(t *testing.T) { activityCase().run(t, s) })
	t.Run("network sessions", func(t *testing.T) { radiusSessionCase().run(t, s) })
	t.Run("accounting", func(t *testing.T) { accountingCase().run(t, s) })
	t.Run("failures", func(t *testing.T) { failuresCase().run(t, s) })
	t.Run("jobs", func(t *testing.T) { jobCase().run(t, s) })
	t.Run("apps", func(t *testing.T) { conformApps(t, s) })
}

func emailCase() tableCase[directory.EmailRow, directory.EmailQuery] {
	type Q = directory.EmailQuery
	row := func(u directory.UserID, order int, address string, primary bool) directory.EmailRow {
		return directory.EmailRow{User: u, AddressKey: address, Order: order, Email: directory.Email{
			Address: address, Type: "work", Verified: primary, Primary: primary, Source: "scim:hr",
		}}
	}
	rows := []directory.EmailRow{row(1, 0, "z@example.com", true), row(1, 1, "a@example.com", false), row(2, 0, "a@example.com", false)}
	return tableCase[directory.EmailRow, Q]{
		table:  func(tx *directory.Tx) directory.Table[directory.EmailRow, Q] { return tx.Emails },
		rows:   rows,
		edit:   func(r *directory.EmailRow) { r.Address, r.Order, r.Verified, r.Type = "Z@example.com", 0, false, "" },
		gone:   func(r *directory.EmailRow) { r.AddressKey = "gone" },
		remove: Q{Users: []directory.UserID{1}},
		left:   rows[2:],
		queries: []queryCase[Q]{
			{name: "users", q: Q{Users: []directory.UserID{1}}, want: []int{0, 1}},
			{name: "keys", q: Q{Keys: []string{"a@example.com"}}, want: []int{1, 2}},
			{name: "several keys", q: Q{Keys: []string{"a@example.com", "z@example.com", "x"}}, want: []int{0, 1, 2}},
			{name: "both", q: Q{Users: []directory.UserID{2, 3}, Keys: []string{"a@example.com"}}, want: []int{2}},
			{name: "empty list", q: Q{Users: []directory.UserID{}}},
		},
	}
}

func loginNameCase() tableCase[directory.LoginName, directory.LoginNameQuery] {
	type Q = directory.LoginNameQuery
	rows := []directory.LoginName{
		{Key: "a@example.com", User: 1, Kind: directory.LoginEmail},
		{Key: "old", Kind: directory.LoginHeld, HeldTill: at(9), HeldFor: uid(1, 1)},
		{Key: "user01", User: 1, Kind: directory.LoginUsername},
	}
	return tableCase[directory.LoginName, Q]{
		table: func(tx *directory.Tx) directory.Table[directory.LoginName, Q] { return tx.LoginNames },
		rows:  rows,
		edit: func(r *directory.LoginName) {
			*r = directory.LoginName{Key: r.Key, Kind: directory.LoginHeld, HeldTill: at(1)}
		},
		gone:   func(r *directory.LoginName) { r.Key = "gone" },
		remove: Q{Keys: []string{"old", "user01", "a@example.com"}},
		queries: []queryCase[Q]{
			{name: "user", q: Q{User: 1}, want: []int{0, 2}},
			{name: "key", q: Q{Keys: []string{"old"}}, want: []int{1}},
			{name: "a key that PostgreSQL cannot hold", q: Q{Keys: []string{"o\x00ld\xff"}}},
			{name: "empty list", q: Q{Keys: []string{}}},
		},
	}
}

func memberCase() tableCase[directory.Membership, directory.MembershipQuery] {
	type Q = directory.MembershipQuery
	rows := []directory.Membership{
		{Group: 1, User: 1, Source: "local"},
		{Group: 1, User: 1, Source: "site", Starts: at(1), Ends: at(2)},
		{Group: 1, User: 2, Source: "scim:hr", Ends: at(3)},
		{Group: 2, User: 1, Source: "local"},
	}
	return tableCase[directory.Membership, Q]{
		table:  func(tx *directory.Tx) directory.Table[directory.Membership, Q] { return tx.Members },
		rows:   rows,
		edit:   func(r *directory.Membership) { r.Starts, r.Ends = at(5), at(6) },
		gone:   func(r *directory.Membership) { r.Source = "gone" },
		remove: Q{Groups: []directory.GroupID{1}, Source: "local"},
		left:   rows[1:],
		queries: []queryCase[Q]{
			{name: "groups", q: Q{Groups: []directory.GroupID{1}}, want: []int{0, 1, 2}},
			{name: "users", q: Q{Users: []directory.UserID{1}}, want: []int{0, 1, 3}},
			{name: "source", q: Q{Source: "local"}, want: []int{0, 3}},
			{name: "all of it", q: Q{Groups: []directory.GroupID{1, 2}, Users: []directory.UserID{1, 2}, Source: "local"}, want: []int{0, 3}},
			{name: "after", q: Q{After: rows[0]}, want: []int{1, 2, 3}, count: 4},
			{name: "page", q: Q{After: rows[0], Limit: 2}, want: []int{1, 2}, count: 4},
		},
	}
}

func nestingCase() tableCase[directory.Nesting, directory.NestingQuery] {
	type Q = directory.NestingQuery
	rows := []directory.Nesting{
		{Parent: 1, Child: 2, Source: "local"},
		{Parent: 1, Child: 3, Source: "site", Starts: at(1), Ends: at(2)},
		{Parent: 2, Child: 3, Source: "local"},
	}
	return tableCase[directory.Nesting, Q]{
		table:  func(tx *directory.Tx) directory.Table[directory.Nesting, Q] { return tx.Nestings },
		rows:   rows,
		edit:   func(r *directory.Nesting) { r.Ends = at(6) },
		gone:   func(r *directory.Nesting) { r.Source = "gone" },
		remove: Q{Children: []directory.GroupID{3}},
		left:   rows[:1],
		queries: []queryCase[Q]{
			{name: "parents", q: Q{Parents: []directory.GroupID{1}}, want: []int{0, 1}},
			{name: "children", q: Q{Children: []directory.GroupID{3}}, want: []int{1, 2}},
			{name: "source", q: Q{Source: "site"}, want: []int{1}},
		},
	}
}

func posixCase() tableCase[directory.PosixID, directory.PosixIDQuery] {
	type Q = directory.PosixIDQuery
	rows := []directory.PosixID{
		{Number: 1000, OwnerUID: uid(1, 1)},
		{Number: 1001, OwnerUID: uid(2, 1), Released: at(1)},
		{Number: 1002, OwnerUID: uid(1, 2)},
	}
	return tableCase[directory.PosixID, Q]{
		table:  func(tx *directory.Tx) directory.Table[directory.PosixID, Q] { return tx.PosixIDs },
		rows:   rows,
		edit:   func(r *directory.PosixID) { r.Released = at(3) },
		gone:   func(r *directory.PosixID) { r.Number = 5 },
		remove: Q{Numbers: []int64{1002}},
		left:   rows[:2],
		queries: []queryCase[Q]{
			{name: "owners", q: Q{Owners: []string{uid(1, 1), uid(1, 2)}}, want: []int{0, 2}},
			{name: "numbers", q: Q{Numbers: []int64{1001}}, want: []int{1}},
			{name: "highest", q: Q{Highest: true}, want: []int{2}, count: 3},
		},
	}
}

func credentialCase() tableCase[directory.Credential, directory.CredentialQuery] {
	type Q = directory.CredentialQuery
	rows := []directory.Credential{
		{ID: 1, User: 1, Kind: directory.CredentialPassword, Version: -7, Verifier: "$argon2id$…", Params: []byte(`{"a":1}`), Created: at(1)},
		{
			ID: 3, User: 1, Kind: directory.CredentialNetworkPassword, Label: "phone", Version: 1 << 62, Sealed: []byte{0, 1, 255},
			Lookup: []byte{9, 0}, App: 1, Protocol: directory.ProtocolRADIUS, Created: at(1), LastUsed: at(2), Expires: at(3),
		},
		{ID: 2, User: 2, Kind: directory.CredentialPassword, Created: at(1)},
	}
	return tableCase[directory.Credential, Q]{
		table:  func(tx *directory.Tx) directory.Table[directory.Credential, Q] { return tx.Credentials },
		rows:   rows,
		edit:   func(r *directory.Credential) { r.Version, r.Verifier, r.Sealed, r.LastUsed = 8, "", []byte{4}, at(9) },
		gone:   func(r *directory.Credential) { r.ID = 99 },
		remove: Q{Users: []directory.UserID{1}, Kinds: []directory.CredentialKind{directory.CredentialPassword}},
		left:   rows[1:],
		queries: []queryCase[Q]{
			{name: "ids", q: Q{IDs: []directory.CredentialID{2, 3}}, want: []int{1, 2}},
			{name: "users", q: Q{Users: []directory.UserID{1}}, want: []int{0, 1}},
			{name: "kinds", q: Q{Kinds: []directory.CredentialKind{directory.CredentialPassword}}, want: []int{0, 2}},
			{name: "lookup", q: Q{Lookup: []byte{9, 0}}, want: []int{1}},
			{name: "no such lookup", q: Q{Lookup: []byte{9}}},
			{name: "sealed", q: Q{Sealed: true}, want: []int{1}},
		},
	}
}

func grantCase() tableCase[directory.Grant, directory.GrantQuery] {
	type Q = directory.GrantQuery
	rows := []directory.Grant{
		{User: 1, Right: directory.ReadDirectory}, {User: 1, Right: directory.RoleOwner, Expires: at(1)}, {User: 2, Right: directory.RoleOwner},
	}
	return tableCase[directory.Grant, Q]{
		table:  func(tx *directory.Tx) directory.Table[directory.Grant, Q] { return tx.Grants },
		rows:   rows,
		edit:   func(r *directory.Grant) { r.Expires = at(4) },
		gone:   func(r *directory.Grant) { r.Right = "gone" },
		remove: Q{Right: directory.RoleOwner},
		left:   rows[:1],
		queries: []queryCase[Q]{
			{name: "users", q: Q{Users: []directory.UserID{1}}, want: []int{0, 1}},
			{name: "right", q: Q{Right: directory.RoleOwner}, want: []int{1, 2}},
		},
	}
}

func facetCase() tableCase[directory.Facet, directory.FacetQuery] {
	type Q = directory.FacetQuery
	rows := []directory.Facet{
		{ID: 1, App: 1, Protocol: directory.ProtocolLDAP, Config: []byte(`{}`), Rev: 1},
		{ID: 2, App: 1, Protocol: directory.ProtocolOIDC, Key: "wiki", Config: []byte(`{"x":["ü"]}`), Secret: []byte{1}, Rev: 2},
		{ID: 3, App: 2, Protocol: directory.ProtocolLDAP, Rev: 1},
	}
	return tableCase[directory.Facet, Q]{
		table:  func(tx *directory.Tx) directory.Table[directory.Facet, Q] { return tx.Facets },
		rows:   rows,
		edit:   func(r *directory.Facet) { r.Key, r.Config, r.Secret, r.Rev = "k", nil, []byte{2}, 2 },
		gone:   func(r *directory.Facet) { r.ID = 9 },
		remove: Q{Apps: []directory.AppID{1}},
		left:   rows[2:],
		queries: []queryCase[Q]{
			{name: "apps", q: Q{Apps: []directory.AppID{1}}, want: []int{0, 1}},
			{name: "protocol", q: Q{Protocol: directory.ProtocolLDAP}, want: []int{0, 2}},
			{name: "key", q: Q{Protocol: directory.ProtocolOIDC, Key: "wiki"}, want: []int{1}},
		},
	}
}

func policyCase() tableCase[directory.Policy, directory.PolicyQuery] {
	type Q = directory.PolicyQuery
	rows := []directory.Policy{
		{ID: 2, UID: uid(4, 2), Name: "a", Rule: "true", Message: "no", Source: "site", Rev: 1, Created: at(1), Updated: at(1)},
		{ID: 1, UID: uid(4, 1), Name: "b", Rule: "false", Ready: &policy.Ready{Groups: []string{"staff"}}, Source: "site", Rev: 1, Created: at(1), Updated: at(1)},
	}
	return tableCase[directory.Policy, Q]{
		table: func(tx *directory.Tx) directory.Table[directory.Policy, Q] { return tx.Policies },
		rows:  rows,
		edit: func(r *directory.Policy) {
			r.Rule, r.Ready, r.Rev, r.Updated = "1 == 1", &policy.Ready{Countries: []string{"CH"}}, 2, at(2)
		},
		gone:   func(r *directory.Policy) { r.ID = 9 },
		remove: Q{IDs: []directory.PolicyID{1}},
		left:   rows[:1],
		queries: []queryCase[Q]{
			{name: "ids", q: Q{IDs: []directory.PolicyID{1, 2}}, want: []int{0, 1}},
			{name: "names", q: Q{Names: []string{"b"}}, want: []int{1}},
		},
	}
}

func bindingCase() tableCase[directory.Binding, directory.BindingQuery] {
	type Q = directory.BindingQuery
	rows := []directory.Binding{
		{ID: 2, App: 1, Kind: directory.BindGroup, Ref: 1, RefName: "group01", Order: 0},
		{ID: 1, App: 1, Kind: directory.BindUser, Ref: 1, RefName: "user01", Order: 1, Negate: true},
		{ID: 3, App: 2, Kind: directory.BindGroup, RefName: "was here", Disabled: true},
	}
	return tableCase[directory.Binding, Q]{
		table:  func(tx *directory.Tx) directory.Table[directory.Binding, Q] { return tx.Bindings },
		rows:   rows,
		edit:   func(r *directory.Binding) { r.Ref, r.Disabled, r.Negate = 0, true, true },
		gone:   func(r *directory.Binding) { r.ID = 9 },
		remove: Q{Apps: []directory.AppID{1}},
		left:   rows[2:],
		queries: []queryCase[Q]{
			{name: "ids", q: Q{IDs: []directory.BindingID{3}}, want: []int{2}},
			{name: "apps", q: Q{Apps: []directory.AppID{1}}, want: []int{0, 1}},
			{name: "kind and ref", q: Q{Kind: directory.BindGroup, Ref: 1}, want: []int{0}},
		},
	}
}

func externalIDCase() tableCase[directory.ExternalID, directory.ExternalIDQuery] {
	type Q = directory.ExternalIDQuery
	rows := []directory.ExternalID{
		{Source: "scim:hr", ExternalID: "1", Kind: "group", Ref: 1},
		{Source: "scim:ad", ExternalID: "1", Kind: "user", Ref: 1},
		{Source: "scim:hr", ExternalID: "1", Kind: "user", Ref: 1},
		{Source: "scim:hr", ExternalID: "2", Kind: "user", Ref: 2},
	}
	return tableCase[directory.ExternalID, Q]{
		table:  func(tx *directory.Tx) directory.Table[directory.ExternalID, Q] { return tx.ExternalIDs },
		rows:   rows,
		edit:   func(r *directory.ExternalID) { r.Ref = 3 },
		gone:   func(r *directory.ExternalID) { r.ExternalID = "gone" },
		remove: Q{Source: "scim:hr", Kind: "user"},
		left:   rows[:2],
		queries: []queryCase[Q]{
			{name: "source", q: Q{Source: "scim:hr"}, want: []int{0, 2, 3}},
			{name: "ids", q: Q{Source: "scim:hr", Kind: "user", ExternalIDs: []string{"1", "2"}}, want: []int{2, 3}},
			{name: "refs", q: Q{Kind: "user", Refs: []int64{1}}, want: []int{1, 2}},
		},
	}
}

func scimSourceCase() tableCase[directory.SCIMSource, directory.SCIMSourceQuery] {
	type Q = directory.SCIMSourceQuery
	rows := []directory.SCIMSource{
		{ID: 2, UID: uid(5, 2), Name: "ad", Config: []byte(`{}`), Source: "site", Rev: 1, Created: at(1), Updated: at(1)},
		{
			ID: 1, UID: uid(5, 1), Name: "hr", Tokens: [2][]byte{{1}, {2, 2}}, Config: []byte(`{"a":"b"}`), Source: "site",
			Rev: 1, Created: at(1), Updated: at(1),
		},
	}
	return tableCase[directory.SCIMSource, Q]{
		table:  func(tx *directory.Tx) directory.Table[directory.SCIMSource, Q] { return tx.SCIMSources },
		rows:   rows,
		edit:   func(r *directory.SCIMSource) { r.Tokens[1], r.Config = []byte{7}, nil },
		gone:   func(r *directory.SCIMSource) { r.ID = 9 },
		remove: Q{Names: []string{"hr"}},
		left:   rows[:1],
		queries: []queryCase[Q]{
			{name: "ids", q: Q{IDs: []directory.SCIMSourceID{1}}, want: []int{1}},
			{name: "token", q: Q{Token: []byte{1}}, want: []int{1}},
			{name: "previous token", q: Q{Token: []byte{2, 2}}, want: []int{1}},
			{name: "no such token", q: Q{Token: []byte{2}}},
		},
	}
}

func radiusClientCase() tableCase[directory.RADIUSClient, directory.RADIUSClientQuery] {
	type Q = directory.RADIUSClientQuery
	rows := []directory.RADIUSClient{
		{
			ID: 2, UID: uid(6, 2), Name: "ap", Networks: []string{"10.0.0.0/8", "::1/128"}, Secrets: [2][]byte{{1}, nil}, App: 1,
			Config: []byte(`{}`), Source: "site", Rev: 1, Created: at(1), Updated: at(1),
		},
		{ID: 1, UID: uid(6, 1), Name: "vpn", Source: "site", Rev: 1, Created: at(1), Updated: at(1)},
	}
	return tableCase[directory.RADIUSClient, Q]{
		table:  func(tx *directory.Tx) directory.Table[directory.RADIUSClient, Q] { return tx.Clients },
		rows:   rows,
		edit:   func(r *directory.RADIUSClient) { r.Secrets, r.Networks, r.App = [2][]byte{{3}, {1}}, nil, 0 },
		gone:   func(r *directory.RADIUSClient) { r.ID = 9 },
		remove: Q{App: 1},
		left:   rows[1:],
		queries: []queryCase[Q]{
			{name: "ids", q: Q{IDs: []directory.RADIUSClientID{1, 2}}, want: []int{0, 1}},
			{name: "names", q: Q{Names: []string{"vpn"}}, want: []int{1}},
			{name: "app", q: Q{App: 1}, want: []int{0}},
		},
	}
}

func signingKeyCase() tableCase[directory.SigningKey, directory.SigningKeyQuery] {
	type Q = directory.SigningKeyQuery
	rows := []directory.SigningKey{
		{KID: "a", Use: "oidc", Alg: "ES256", State: directory.KeyNext, Sealed: []byte{1}, Public: []byte{2}, NotBefore: at(9), NotAfter: at(99)},
		{KID: "c", Use: "saml", Alg: "RS256", State: directory.KeyActive, NotBefore: at(5)},
		{KID: "b", Use: "oidc", Alg: "ES256", State: directory.KeyActive, NotBefore: at(1)},
	}
	return tableCase[directory.SigningKey, Q]{
		table:  func(tx *directory.Tx) directory.Table[directory.SigningKey, Q] { return tx.SigningKeys },
		rows:   rows,
		edit:   func(r *directory.SigningKey) { r.State, r.Sealed = directory.KeyRetired, nil },
		gone:   func(r *directory.SigningKey) { r.KID = "gone" },
		remove: Q{KIDs: []string{"a", "c"}},
		left:   rows[2:],
		queries: []queryCase[Q]{
			{name: "use", q: Q{Use: "oidc"}, want: []int{0, 2}},
			{name: "state", q: Q{Use: "oidc", State: directory.KeyActive}, want: []int{2}},
		},
	}
}

func certificateCase() tableCase[directory.Certificate, directory.CertificateQuery] {
	type Q = directory.CertificateQuery
	rows := []directory.Certificate{
		{Serial: "c", Kind: "nas", Subject: "urn:c", Created: at(3), Expires: at(9), Revoked: at(4)},
		{Serial: "a", Kind: directory.CertificateDevice, Subject: "urn:a", Label: "laptop", User: 1, Created: at(2), Expires: at(9)},
		{Serial: "b", Kind: directory.CertificateDevice, Subject: "urn:b", User: 2, Created: at(2)},
	}
	return tableCase[directory.Certificate, Q]{
		table:  func(tx *directory.Tx) directory.Table[directory.Certificate, Q] { return tx.Certificates },
		rows:   rows,
		edit:   func(r *directory.Certificate) { r.Label, r.Revoked = "phone", at(5) },
		gone:   func(r *directory.Certificate) { r.Serial = "gone" },
		remove: Q{Serials: []string{"a", "c"}},
		left:   rows[2:],
		queries: []queryCase[Q]{
			{name: "serials", q: Q{Serials: []string{"a", "b"}}, want: []int{1, 2}},
			{name: "kind", q: Q{Kind: directory.CertificateDevice}, want: []int{1, 2}},
			{name: "user", q: Q{User: 2}, want: []int{2}},
			{name: "empty list", q: Q{Serials: []string{}}},
		},
	}
}

func settingCase() tableCase[directory.Setting, directory.SettingQuery] {
	type Q = directory.SettingQuery
	rows := []directory.Setting{{Name: "a", Value: "1", Rev: 1}, {Name: "b", Rev: 2}}
	return tableCase[directory.Setting, Q]{
		table:   func(tx *directory.Tx) directory.Table[directory.Setting, Q] { return tx.Settings },
		rows:    rows,
		edit:    func(r *directory.Setting) { r.Value, r.Rev = "2", 2 },
		gone:    func(r *directory.Setting) { r.Name = "gone" },
		remove:  Q{Names: []string{"a", "b", "c"}},
		queries: []queryCase[Q]{{name: "names", q: Q{Names: []string{"b", "c"}}, want: []int{1}}},
	}
}

func chainCase() tableCase[directory.Chain, directory.ChainQuery] {
	type Q = directory.ChainQuery
	rows := []directory.Chain{
		{
			Name: "a@host", N: 7, Link: []byte{1}, Segment: 3, Since: at(1), State: []byte{2}, MAC: []byte{3},
			Stub: directory.Stub{N: 4, Link: []byte{4}, Segment: 2, Cut: at(2), MAC: []byte{5}},
		},
		{Name: "b@host", N: 1},
	}
	return tableCase[directory.Chain, Q]{
		table:   func(tx *directory.Tx) directory.Table[directory.Chain, Q] { return tx.Chains },
		rows:    rows,
		edit:    func(r *directory.Chain) { *r = directory.Chain{Name: r.Name, N: 8, Stub: directory.Stub{N: 5}} },
		gone:    func(r *directory.Chain) { r.Name = "gone" },
		remove:  Q{Names: []string{"a@host", "b@host"}},
		queries: []queryCase[Q]{{name: "names", q: Q{Names: []string{"b@host", "c@host"}}, want: []int{1}}},
	}
}

func chainRootCase() tableCase[directory.ChainRoot, directory.ChainRootQuery] {
	type Q = directory.ChainRootQuery
	rows := []directory.ChainRoot{
		{Chain: "a@host", Segment: 1, Sealed: []byte{1}}, {Chain: "a@host", Segment: 9, Sealed: []byte{2}}, {Chain: "b@host", Segment: 1, Sealed: []byte{3}},
	}
	return tableCase[directory.ChainRoot, Q]{
		table:   func(tx *directory.Tx) directory.Table[directory.ChainRoot, Q] { return tx.ChainRoots },
		rows:    rows,
		edit:    func(r *directory.ChainRoot) { r.Sealed = []byte{9} },
		gone:    func(r *directory.ChainRoot) { r.Chain = "gone" },
		remove:  Q{Chains: []string{"a@host", "b@host"}},
		queries: []queryCase[Q]{{name: "chains", q: Q{Chains: []string{"a@host"}}, want: []int{0, 1}}},
	}
}
