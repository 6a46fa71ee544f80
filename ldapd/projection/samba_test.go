package projection

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/ldapd/wire"
)

const domainDN = "sambaDomainName=EXAMPLE," + baseDN

// sambaViewer sees what a service account of a Samba server sees, in its profile.
func sambaViewer() Viewer {
	return Viewer{Audience: schema.FullTree | schema.Samba, Profile: schema.SambaServer}
}

func (w *world) sambaPassword(id directory.UserID, expires time.Time) (c directory.Credential) {
	w.t.Helper()
	w.write(func(tx *directory.Writer) (err error) {
		_, c, err = tx.AddNetworkPassword(directory.NewNetworkPassword{User: id, Kind: directory.CredentialSambaPassword, Expires: expires})
		return err
	})
	return c
}

// sambaWorld is alice, who has a Samba password, and bob, who has none, a group, and the account of a server.
func sambaWorld(t *testing.T) (w *world, alice, bob directory.User, crew directory.Group, sid string) {
	t.Helper()
	w = newWorld(t)
	alice, bob = w.user(directory.User{Username: "alice", Profile: directory.Attributes{"familyName": {"Liddell"}}}), w.user(directory.User{Username: "bob"})
	crew = w.group("crew", alice.ID)
	w.user(directory.User{Username: "nas1", Kind: directory.ServiceAccount, Attrs: directory.Attributes{directory.AttrLDAPProfile: {string(schema.SambaServer)}}})
	w.user(directory.User{Username: "other", Kind: directory.ServiceAccount})
	w.sambaPassword(alice.ID, time.Time{})
	w.write(func(tx *directory.Writer) (err error) {
		sid, _, err = tx.Setting(directory.SettingSambaSID)
		return err
	})
	return w.start(), alice, bob, crew, sid
}

// TestSambaEntries: who has a Samba password is a sambaSamAccount, a Unix group is a sambaGroupMapping, and there is a
// domain with an identifier that theirs begin with.
func TestSambaEntries(t *testing.T) {
	w, alice, _, crew, sid := sambaWorld(t)
	v := sambaViewer()
	set := fmt.Sprint(w.clock.Now().Unix())
	of := func(dn string) map[string][]string {
		all := entry(t, w.x, dn, v, "*")
		for name := range all {
			if !strings.HasPrefix(name, "samba") && name != "objectClass" {
				delete(all, name)
			}
		}
		return all
	}
	var policies []string
	for _, p := range sambaPolicies() {
		policies = append(policies, p[0])
	}
	domain := of(domainDN)
	for _, p := range policies {
		if len(domain[p]) != 1 {
			t.Errorf("the domain has no %s", p)
		}
		delete(domain, p)
	}
	if diff := cmp.Diff(map[string][]string{
		"objectClass": {"top", "sambaDomain"}, "sambaDomainName": {"EXAMPLE", "NAS1"}, "sambaSID": {sid},
	}, domain); diff != "" {
		t.Error("the domain (-want +got)", diff)
	}
	if diff := cmp.Diff(map[string][]string{
		"objectClass": {"top", "person", "organizationalPerson", "inetOrgPerson", "posixAccount", "shadowAccount", "sambaSamAccount"},
		"sambaSID":    {fmt.Sprintf("%s-%d", sid, 2*alice.UIDNumber+1000)}, "sambaPrimaryGroupSID": {sid + "-513"},
		"sambaAcctFlags": {"[U          ]"}, "sambaPwdLastSet": {set},
	}, of(userDN("alice"))); diff != "" {
		t.Error("alice (-want +got)", diff)
	}
	if diff := cmp.Diff(map[string][]string{
		"objectClass": {"top", "groupOfNames", "groupOfUniqueNames", "posixGroup", "sambaGroupMapping"},
		"sambaSID":    {fmt.Sprintf("%s-%d", sid, 2*crew.GIDNumber+1001)}, "sambaGroupType": {"2"},
	}, of(groupDN("crew"))); diff != "" {
		t.Error("crew (-want +got)", diff)
	}
	for _, dn := range []string{userDN("bob"), "cn=nas1,ou=services," + baseDN} {
		for name := range of(dn) {
			if name != "objectClass" {
				t.Errorf("%s has %s", dn, name)
			}
		}
	}
	v.Profile = ""
	if _, err := trySearch(t, w.x, ask{base: domainDN, filter: "(objectClass=*)", viewer: v}); err == nil {
		t.Error("the domain is there outside of its profile")
	}
	for _, a := range search(t, w.x, ask{scope: wire.ScopeSubtree, filter: "(|(objectClass=sambaDomain)(sambaSID=*)(sambaDomainName=*))", viewer: v}) {
		t.Errorf("%s is found by an attribute of another profile", a.dn)
	}
}

// TestSambaSearches: what a Samba server asks for.
func TestSambaSearches(t *testing.T) {
	w, alice, bob, crew, sid := sambaWorld(t)
	rid := func(n int64) string { return fmt.Sprintf("%s-%d", sid, n) }
	for filter, want := range map[string]string{
		"(&(objectClass=sambaDomain)(sambaDomainName=nas1))":                                          "EXAMPLE",
		"(sambaDomainName=EXAMPLE)":                                                                   "EXAMPLE",
		"(sambaDomainName=other)":                                                                     "",
		"(&(uid=alice)(objectclass=sambaSamAccount))":                                                 "alice",
		"(&(uid=bob)(objectclass=sambaSamAccount))":                                                   "",
		"(&(sambaSID=" + rid(2*alice.UIDNumber+1000) + ")(objectclass=sambaSamAccount))":              "alice",
		"(sambaSID=" + strings.ToLower(rid(2*alice.UIDNumber+1000)) + ")":                             "alice",
		"(sambaSID=" + rid(2*alice.UIDNumber+1001) + ")":                                              "",
		"(sambaSID=" + rid(2*bob.UIDNumber+1000) + ")":                                                "",
		"(sambaSID=" + sid + ")":                                                                      "EXAMPLE",
		"(sambaSID=S-1-5-32-544)":                                                                     "",
		"(&(objectClass=sambaGroupMapping)(sambaSID=" + rid(2*crew.GIDNumber+1001) + "))":             "crew",
		"(&(objectClass=sambaGroupMapping)(gidNumber=" + fmt.Sprint(crew.GIDNumber) + "))":            "crew",
		"(&(objectClass=sambaGroupMapping)(|(displayName=crew)(cn=crew)))":                            "crew",
		"(&(objectClass=sambaGroupMapping)(sambaGroupType=4)(sambaSIDList=S-1-5-32-544))":             "",
		"(&(sambaAcctFlags=[U          ])(sambaPwdLastSet=" + fmt.Sprint(w.clock.Now().Unix()) + "))": "alice",
		"(sambaSID=" + sid + "-*)":                                                                    "alice crew",
	} {
		found := names(search(t, w.x, ask{scope: wire.ScopeSubtree, filter: filter, viewer: sambaViewer()}))
		if got := strings.Join(sorted(found), " "); got != want {
			t.Errorf("%s finds %q, want %q", filter, got, want)
		}
	}
	count := entry(t, w.x, baseDN, sambaViewer(), "numSubordinates")["numSubordinates"][0]
	if below := len(search(t, w.x, ask{scope: wire.ScopeOneLevel, filter: "(&)", viewer: sambaViewer()})); fmt.Sprint(below) != count {
		t.Errorf("%d entries below the base, numSubordinates %s", below, count)
	}
}

// TestSambaHashIsMasked: the hash exists for a Samba server only, comes from nowhere but what it was given, and no
// filter tells anything about its value.
func TestSambaHashIsMasked(t *testing.T) {
	w, alice, _, _, _ := sambaWorld(t)
	const hash = "0123456789ABCDEF0123456789ABCDEF"
	v := sambaViewer()
	without := v
	without.Audience = schema.FullTree | schema.Admin | schema.Self | schema.AppView
	for name, v := range map[string]Viewer{"server": v, "others": without} {
		var c Cursor
		if err := c.Open(w.x, Query{Base: nameOf(t, baseDN), Scope: wire.ScopeSubtree, Filter: parsed(t, "(uid=*)"), Viewer: v}); err != nil {
			t.Fatal(err)
		}
		want := c.Select([][]byte{[]byte("*"), []byte("sambaNTPassword")}, false)
		n, err := c.Next(t.Context(), batchMost)
		if err != nil {
			t.Fatal(err)
		}
		wanted := c.HashesWanted(&want, n)
		if name == "server" && (len(wanted) != 1 || wanted[0] != alice.ID) || name == "others" && len(wanted) != 0 {
			t.Errorf("%s: hashes of %v wanted", name, wanted)
		}
		shown := 0
		for _, given := range []map[directory.UserID]directory.Secret{nil, {alice.ID: hash}} {
			want.SetHashes(given)
			for i := range n {
				shown += len(decode(t, c.Append(nil, i, 1, &want)).attrs["sambaNTPassword"])
			}
		}
		if (shown == 1) != (name == "server") {
			t.Errorf("%s: %d hashes are shown", name, shown)
		}
		c.Close()
	}
	for filter, want := range map[string][2]string{ // for the server, and for others
		"(sambaNTPassword=*)":                            {"alice", ""},
		"(!(sambaNTPassword=*))":                         {"bob crew", ""},
		"(sambaNTPassword=" + hash + ")":                 {"", ""},
		"(!(sambaNTPassword=" + hash + "))":              {"", ""},
		"(sambaNTPassword>=0)":                           {"", ""},
		"(sambaNTPassword=0*)":                           {"", ""},
		"(sambaNTPassword:caseExactMatch:=" + hash + ")": {"", ""},
	} {
		for i, v := range []Viewer{v, without} {
			all := search(t, w.x, ask{scope: wire.ScopeSubtree, filter: "(&(|(uid=alice)(uid=bob)(cn=crew))" + filter + ")", viewer: v})
			if got := strings.Join(sorted(names(all)), " "); got != want[i] {
				t.Errorf("%s finds %q, want %q", filter, got, want[i])
			}
		}
	}
	for _, v := range []Viewer{v, without} {
		if got, err := w.x.Compare(nameOf(t, userDN("alice")), []byte("sambaNTPassword"), []byte(hash), v, nil); got != CompareUndefined || err != nil {
			t.Errorf("compare: %v, %v", got, err)
		}
	}
}

// TestSambaAccountFollows: passwords and accounts that come, go, end and change.
func TestSambaAccountFollows(t *testing.T) {
	w, alice, bob, _, _ := sambaWorld(t)
	accounts := func() string {
		var got []string
		for _, a := range search(t, w.x, ask{scope: wire.ScopeSubtree, filter: "(objectClass=sambaSamAccount)", viewer: sambaViewer()}) {
			got = append(got, names([]answer{a})[0]+strings.TrimSpace(strings.Trim(a.attrs["sambaAcctFlags"][0], "[]"))+strings.Join(a.attrs["sambaKickoffTime"], ""))
		}
		return strings.Join(sorted(got), " ")
	}
	expect := func(what, want string) {
		t.Helper()
		if got := accounts(); got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	expect("at first", "aliceU")
	w.sambaPassword(bob.ID, time.Unix(3e9, 0))
	expect("bob has one that ends", "aliceU bobU3000000000")
	w.write(func(tx *directory.Writer) error {
		_, err := tx.UpdateUser(bob.ID, func(u *directory.User) error { u.Expires = time.Unix(2e9, 0); return nil })
		return err
	})
	expect("the account ends sooner", "aliceU bobU2000000000")
	w.write(func(tx *directory.Writer) error { _, err := tx.DisableUser(alice.ID, ""); return err })
	expect("alice is disabled", "aliceUD bobU2000000000")
	if n := len(search(t, w.x, ask{scope: wire.ScopeSubtree, filter: "(&(uid=alice)(sambaNTPassword=*))", viewer: sambaViewer()})); n != 0 {
		t.Error("somebody who is disabled has a hash")
	}
	w.write(func(tx *directory.Writer) error { _, err := tx.Lockdown(alice.ID, ""); return err })
	expect("alice is locked down", "bobU2000000000")
	w.write(func(tx *directory.Writer) error {
		_, err := tx.CreateUser(directory.User{Username: "a-server-of-a-long-name", Kind: directory.ServiceAccount, Attrs: directory.Attributes{directory.AttrLDAPProfile: {"samba"}}})
		return err
	})
	if got := entry(t, w.x, domainDN, sambaViewer(), "sambaDomainName")["sambaDomainName"]; strings.Join(got, " ") != "EXAMPLE NAS1 A-SERVER-OF-A-L" {
		t.Errorf("names of the domain: %q", got)
	}
	// Loaded anew it is the same.
	again, err := New(Config{Directory: w.dir, Domain: "example.com", Logger: w.x.c.Logger})
	if err != nil {
		t.Fatal(err)
	}
	run(t, again)
	w.soon("the second load", again.Ready)
	w.x = again
	expect("loaded again", "bobU2000000000")
}
