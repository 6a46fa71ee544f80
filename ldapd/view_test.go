package ldapd

import (
	"slices"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"gatehouse/directory"
	"gatehouse/directory/schema"
)

const wikiDN = "app=wiki,ou=apps," + baseDN

// newView makes an app with a view.
func newView(tx *directory.Writer, slug string, facet schema.LDAP, bindings ...directory.Binding) error {
	app, err := tx.CreateApp(directory.App{Slug: slug})
	if err != nil {
		return err
	}
	if err := tx.SetFacet(directory.NewFacet{App: app.ID, Protocol: directory.ProtocolLDAP, Config: facet}); err != nil {
		return err
	}
	return tx.SetBindings(app.ID, bindings, true)
}

// wikiWorld has the app wiki for staff, which is Alice, the app open for everybody, and accounts that read one of them.
func wikiWorld(t *testing.T) *world {
	w := newWorld(t, nil)
	hash, err := w.dir.HashPassword(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	head := w.write(func(tx *directory.Writer) error {
		if err := newView(tx, "wiki", schema.LDAP{}, directory.Binding{Kind: directory.BindGroup, Ref: int64(w.staff.ID), RefName: "staff"}); err != nil {
			return err
		}
		if err := newView(tx, "open", schema.LDAP{}); err != nil {
			return err
		}
		for name, right := range map[string]directory.Right{"wikireader": directory.ReadApp("wiki"), "openreader": directory.ReadApp("open")} {
			u, err := tx.CreateUser(directory.User{Username: name, Kind: directory.ServiceAccount})
			if err != nil {
				return err
			}
			if err := tx.SetPassword(u.ID, hash); err != nil {
				return err
			}
			if err := tx.Grant(u.ID, right, time.Time{}); err != nil {
				return err
			}
		}
		return tx.Grant(w.bob.ID, directory.RoleAuditor, time.Time{})
	})
	if err := w.index.Wait(t.Context(), head.Seq); err != nil {
		t.Fatal(err)
	}
	return w
}

// TestWhoSeesWhichTree: each identity at each base. "none" is noSuchObject.
func TestWhoSeesWhichTree(t *testing.T) {
	w := wikiWorld(t)
	inWiki := "uid=alice,ou=users," + wikiDN
	staffInWiki := "cn=staff,ou=groups," + wikiDN
	wiki := []string{wikiDN, "ou=users," + wikiDN, "ou=groups," + wikiDN}
	units := []string{baseDN, "ou=users," + baseDN, "ou=groups," + baseDN, "ou=services," + baseDN, "ou=apps," + baseDN}
	all := append(slices.Clone(units), aliceDN, bobDN, readerDN, plainDN, "cn=wikireader,ou=services,"+baseDN,
		"cn=openreader,ou=services,"+baseDN, "cn=staff,ou=groups,"+baseDN, "cn=alice,ou=groups,"+baseDN, "cn=bob,ou=groups,"+baseDN, wikiDN, "app=open,ou=apps,"+baseDN)
	wholeWiki := append(slices.Clone(wiki), inWiki, staffInWiki, "cn=alice,ou=groups,"+wikiDN)
	none := []string{"none"}
	tests := []struct {
		as, base string
		want     []string
	}{
		{readerDN, baseDN, all},
		{readerDN, wikiDN, wholeWiki},
		{bobDN, baseDN, all}, // who has a role reads about others
		{bobDN, wikiDN, wholeWiki},
		{aliceDN, baseDN, append(slices.Clone(units), aliceDN)},
		{aliceDN, wikiDN, none},
		{aliceDN, inWiki, none},
		{plainDN, wikiDN, none},
		{"cn=wikireader,ou=services," + baseDN, wikiDN, wholeWiki},
		{"cn=wikireader,ou=services," + baseDN, aliceDN, none},
		{"cn=wikireader,ou=services," + baseDN, inWiki, []string{inWiki}},
		{"cn=wikireader,ou=services," + baseDN, "app=open,ou=apps," + baseDN, none},
		{"cn=openreader,ou=services," + baseDN, wikiDN, none},
		{inWiki, wikiDN, append(slices.Clone(wiki), inWiki)},
		{inWiki, staffInWiki, none},
		{inWiki, baseDN, none},
		{inWiki, "ou=apps," + baseDN, none},
		{inWiki, aliceDN, none},
		{inWiki, "app=open,ou=apps," + baseDN, none},
		{inWiki, "uid=alice,ou=users,app=open,ou=apps," + baseDN, none},
	}
	for _, tt := range tests {
		t.Run(tt.as+" at "+tt.base, func(t *testing.T) {
			res, err := w.bound(tt.as).Search(search(tt.base, ldap.ScopeWholeSubtree, "(objectClass=*)"))
			got := dns(res)
			if code(err) == ldap.LDAPResultNoSuchObject {
				got = none
			} else if err != nil {
				t.Fatal(err)
			}
			slices.Sort(got)
			want := slices.Sorted(slices.Values(tt.want))
			if !slices.Equal(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

// TestNamesInAView: a name of the tree means nothing in a view, nor one of another view, whatever asks with it.
func TestNamesInAView(t *testing.T) {
	w := wikiWorld(t)
	c := w.bound("cn=wikireader,ou=services," + baseDN)
	alice, staff := "uid=alice,ou=users,"+wikiDN, "cn=staff,ou=groups,"+wikiDN
	for filter, want := range map[string]int{
		"(member=" + alice + ")":                                                1,
		"(member=" + aliceDN + ")":                                              0,
		"(member=uid=alice,ou=users,app=open,ou=apps," + baseDN + ")":           0,
		"(memberOf=" + staff + ")":                                              1,
		"(memberOf=cn=staff,ou=groups," + baseDN + ")":                          0,
		"(memberOf:1.2.840.113556.1.4.1941:=" + staff + ")":                     1,
		"(memberOf:1.2.840.113556.1.4.1941:=cn=staff,ou=groups," + baseDN + ")": 0,
		"(entryDN=" + alice + ")":                                               1,
		"(entryDN=" + aliceDN + ")":                                             0,
		"(uid=bob)":                                                             0,
		"(creatorsName=*)":                                                      0, // not in the list of a view
		"(|(employeeNumber=*)(uid=alice))":                                      1,
		"(&(objectClass=gatehouseApp)(app=wiki))":                               1,
		"(&(objectClass=organizationalUnit)(ou:dn:=users))":                     1,
		"(&(objectClass=inetOrgPerson)(uid:dn:=alice))":                         1,
		"(&(memberUid=alice)(gidNumber=*))":                                     1, // the primary group; staff is reserved on Unix
		"(memberUid=bob)":                                                       0,
	} {
		res, err := c.Search(search(wikiDN, ldap.ScopeWholeSubtree, filter))
		if err != nil || len(res.Entries) != want {
			t.Errorf("%s: %v %v, want %d", filter, dns(res), err, want)
		}
	}
	compare := func(dn, attr, value string) int { _, err := c.Compare(dn, attr, value); return code(err) }
	if ok, err := c.Compare(staff, "member", alice); !ok || err != nil {
		t.Errorf("compare the name of the view: %t, %v", ok, err)
	}
	if ok, err := c.Compare(staff, "member", aliceDN); ok || err != nil {
		t.Errorf("compare the name of the tree: %t, %v", ok, err)
	}
	if got := compare("cn=staff,ou=groups,"+baseDN, "member", aliceDN); got != ldap.LDAPResultNoSuchObject {
		t.Errorf("compare outside the view: %d", got)
	}
}

// TestViewFollowsTheDirectory: what a search in a view finds changes with bindings, memberships and people.
func TestViewFollowsTheDirectory(t *testing.T) {
	w := wikiWorld(t)
	c := w.bound(readerDN)
	in := func(view, name string) bool {
		res, err := c.Search(search("ou=users,app="+view+",ou=apps,"+baseDN, ldap.ScopeSingleLevel, "(uid="+name+")"))
		if err != nil {
			t.Fatal(err)
		}
		return len(res.Entries) == 1
	}
	change := func(fn func(*directory.Writer) error) {
		t.Helper()
		if err := w.index.Wait(t.Context(), w.write(fn).Seq); err != nil {
			t.Fatal(err)
		}
	}
	check := func(what string, alice, bob bool) {
		t.Helper()
		if in("wiki", "alice") != alice || in("wiki", "bob") != bob {
			t.Errorf("%s: alice %t, bob %t", what, in("wiki", "alice"), in("wiki", "bob"))
		}
	}
	check("at first", true, false)
	change(func(tx *directory.Writer) error {
		return tx.AddMembers(w.staff.ID, directory.Membership{User: w.bob.ID})
	})
	check("bob is in staff", true, true)
	change(func(tx *directory.Writer) error { _, err := tx.DisableUser(w.alice.ID, "test"); return err })
	check("alice is disabled", false, true)
	if in("open", "alice") || !in("open", "bob") {
		t.Error("a disabled person is listed in an open view, or nobody is")
	}
	change(func(tx *directory.Writer) error { _, err := tx.EnableUser(w.alice.ID, false); return err })
	check("alice is enabled", true, true)
	change(func(tx *directory.Writer) error { return tx.DeleteGroup(w.staff.ID, true) })
	check("the group is deleted, the binding stays", false, false)
}
