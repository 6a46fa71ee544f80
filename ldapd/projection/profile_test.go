package projection

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/ldapd/wire"
)

// TestProfiles: the classes and the distinguishing attributes of a person and a group in each profile.
func TestProfiles(t *testing.T) {
	w := newWorld(t)
	alice := w.user(directory.User{Username: "alice", Profile: directory.Attributes{"familyName": {"Liddell"}}})
	w.group("crew", alice.ID)
	w.start()
	w.write(func(tx *directory.Writer) error { _, err := tx.DisableUser(alice.ID, "test"); return err })
	person := "top person organizationalPerson inetOrgPerson"
	tests := []struct {
		profile              schema.LDAPProfile
		person, group        string
		structural           string
		personHas, personNot string
		groupHas, groupNot   string
	}{
		{
			"", person + " posixAccount shadowAccount", "top groupOfNames groupOfUniqueNames posixGroup", "groupOfNames",
			"uidNumber homeDirectory memberOf entryUUID nsUniqueId shadowExpire", "sAMAccountName objectGUID",
			"member uniqueMember memberUid gidNumber", "sAMAccountName",
		},
		{
			schema.RFC2307, person + " posixAccount shadowAccount", "top groupOfNames posixGroup", "groupOfNames",
			"uidNumber memberOf", "userAccountControl", "memberUid gidNumber", "member uniqueMember",
		},
		{
			schema.VCenter, person, "top groupOfUniqueNames", "groupOfUniqueNames",
			"entryUUID memberOf", "uidNumber homeDirectory shadowExpire", "uniqueMember", "member memberUid gidNumber",
		},
		{
			schema.ADLite, person + " posixAccount shadowAccount user", "top groupOfNames groupOfUniqueNames group posixGroup", "groupOfNames",
			"sAMAccountName userPrincipalName objectGUID userAccountControl objectCategory distinguishedName whenCreated", "entryDN createTimestamp",
			"sAMAccountName objectGUID member", "userAccountControl",
		},
	}
	for _, tt := range tests {
		t.Run(string(tt.profile), func(t *testing.T) {
			v := everybody()
			v.Profile = tt.profile
			got := entry(t, w.x, userDN("alice"), v, "*", "+")
			group := entry(t, w.x, groupDN("crew"), v, "*", "+")
			if classes := strings.Join(got["objectClass"], " "); classes != tt.person {
				t.Errorf("classes of a person: %s", classes)
			}
			if classes := strings.Join(group["objectClass"], " "); classes != tt.group || group["structuralObjectClass"][0] != tt.structural {
				t.Errorf("classes of a group: %s, %s", classes, group["structuralObjectClass"])
			}
			for _, c := range []struct {
				attrs map[string][]string
				names string
				want  bool
			}{{got, tt.personHas, true}, {got, tt.personNot, false}, {group, tt.groupHas, true}, {group, tt.groupNot, false}} {
				for name := range strings.FieldsSeq(c.names) {
					if (len(c.attrs[name]) > 0) != c.want {
						t.Errorf("%s: %q, want %t", name, c.attrs[name], c.want)
					}
					// What an entry does not have in the profile, a filter does not find in it either.
					found := search(t, w.x, ask{scope: wire.ScopeSubtree, filter: "(&(" + name + "=*)(|(uid=alice)(cn=crew)))", viewer: v})
					if c.want && len(found) == 0 {
						t.Errorf("(%s=*) finds nothing", name)
					}
				}
			}
			for class := range strings.FieldsSeq("posixAccount posixGroup groupOfNames groupOfUniqueNames user group") {
				want := 0
				if strings.Contains(" "+tt.person+" "+tt.group+" ", " "+class+" ") {
					want = 1
				}
				if class == "posixGroup" {
					want *= 2 // and the primary group of alice
				}
				if n := len(search(t, w.x, ask{scope: wire.ScopeSubtree, filter: "(objectClass=" + class + ")", viewer: v})); n != want {
					t.Errorf("(objectClass=%s) finds %d, want %d", class, n, want)
				}
			}
		})
	}
}

// TestActiveDirectoryFilters: what clients of Active Directory ask.
func TestActiveDirectoryFilters(t *testing.T) {
	w := newWorld(t)
	alice := w.user(directory.User{Username: "alice"})
	bob := w.user(directory.User{Username: "bob"})
	w.group("crew", alice.ID)
	w.start()
	w.write(func(tx *directory.Writer) error { _, err := tx.DisableUser(bob.ID, "test"); return err })
	v := everybody()
	v.Profile = schema.ADLite
	id, _ := parseUUID(alice.UID)
	guid := entry(t, w.x, userDN("alice"), v, "objectGUID")["objectGUID"][0]
	if want := string(appendGUID(nil, id[:])); guid != want || len(guid) != 16 || guid[0] != id[3] || guid[15] != id[15] {
		t.Errorf("objectGUID %x of %x", guid, id)
	}
	escaped := strings.Builder{}
	for _, o := range []byte(guid) {
		escaped.WriteString("\\" + string("0123456789abcdef"[o>>4]) + string("0123456789abcdef"[o&15]))
	}
	for filter, want := range map[string]string{
		"(&(objectClass=user)(sAMAccountName=ALICE))": "alice",
		"(sAMAccountName=crew)":                       "crew",
		"(userPrincipalName=alice@Example.com)":       "alice",
		"(userPrincipalName=alice@example.org)":       "",
		"(objectGUID=" + escaped.String() + ")":       "alice",
		"(&(objectCategory=person)(objectClass=user)(!(userAccountControl:1.2.840.113556.1.4.803:=2)))": "alice",
		"(&(objectCategory=person)(userAccountControl:1.2.840.113556.1.4.804:=2))":                      "bob",
		"(&(objectCategory=group)(member:1.2.840.113556.1.4.1941:=" + userDN("alice") + "))":            "crew",
		"(distinguishedName=" + userDN("alice") + ")":                                                   "alice",
		"(&(sAMAccountName=b*)(whenCreated>=20200101000000.0Z))":                                        "bob",
		"(entryDN=" + userDN("alice") + ")":                                                             "", // has another name here
	} {
		got := strings.Join(sorted(names(search(t, w.x, ask{scope: wire.ScopeSubtree, filter: filter, viewer: v}))), " ")
		if got != want {
			t.Errorf("%s finds %q, want %q", filter, got, want)
		}
	}
}

// TestNamesOfAView: attributes and people go by the names that the facet gives them, in answers and in questions.
func TestNamesOfAView(t *testing.T) {
	w := newWorld(t)
	mail := func(a string) []directory.Email { return []directory.Email{{Address: a, Primary: true}} }
	alice := w.user(directory.User{Username: "alice", Emails: mail("Alice+x@example.com")})
	w.user(directory.User{Username: "twin", Emails: mail("shared@example.com")})
	w.user(directory.User{Username: "bare", Profile: directory.Attributes{"manager": {alice.UID}}})
	w.group("crew", alice.ID)
	w.start()
	w.write(func(tx *directory.Writer) error {
		app, err := tx.CreateApp(directory.App{Slug: "shop"})
		if err != nil {
			return err
		}
		facet := schema.LDAP{RDN: "mail", Attributes: map[string]string{"login": "uid", "account": "uid", "boss": "manager", "sn": "cn", "groups": "memberOf"}}
		return tx.SetFacet(directory.NewFacet{App: app.ID, Protocol: directory.ProtocolLDAP, Config: facet})
	})
	v := Viewer{Audience: schema.AppView, View: "shop"}
	top := baseOf(v)
	aliceDN := `mail=Alice\+x@example.com,ou=users,` + top
	got := entry(t, w.x, aliceDN, v, "*", "groups", "entryDN")
	want := map[string][]string{
		"objectClass": {"top", "person", "organizationalPerson", "inetOrgPerson", "posixAccount", "shadowAccount"},
		"login":       {"alice"}, "account": {"alice"}, "sn": {"alice"}, "mail": {"Alice+x@example.com"}, "groups": {"cn=crew,ou=groups," + top},
		"uidNumber": {got["uidNumber"][0]}, "gidNumber": {got["uidNumber"][0]}, "homeDirectory": {"/home/alice"}, "loginShell": {"/bin/sh"},
		"entryDN": {aliceDN},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("alice (-want +got):\n%s", diff)
	}
	// Who has no address is named by the username, under the name it has here.
	if boss := entry(t, w.x, "account=bare,ou=users,"+top, v)["boss"]; len(boss) != 1 || boss[0] != aliceDN {
		t.Errorf("boss: %q", boss)
	}
	for filter, n := range map[string]int{
		"(login=alice)": 1, "(ACCOUNT=alice)": 1, "(uid=alice)": 0, "(sn=twin)": 1, "(cn=twin)": 0, "(boss=" + strings.ReplaceAll(aliceDN, `\`, `\5c`) + ")": 1,
		"(manager=*)": 0, "(groups=cn=crew,ou=groups," + top + ")": 1, "(memberOf=*)": 0, "(mail=shared@example.com)": 1,
	} {
		if got := search(t, w.x, ask{base: "ou=users," + top, scope: 1, filter: filter, viewer: v}); len(got) != n {
			t.Errorf("%s finds %v, want %d", filter, got, n)
		}
	}
	for _, dn := range []string{aliceDN, "login=alice,ou=users," + top, "account=twin,ou=users," + top} {
		e, err := w.x.Lookup(nameOf(t, dn))
		if err != nil || e.View != "shop" || !strings.HasSuffix(e.DN, ",ou=users,"+top) {
			t.Errorf("look up %s: %+v, %v", dn, e, err)
		}
	}
	for _, dn := range []string{"mail=nobody@example.com,ou=users," + top, "uid=alice,ou=users," + top, "uid=alice,ou=services," + top} {
		if e, err := w.x.Lookup(nameOf(t, dn)); err == nil {
			t.Errorf("look up %s: %+v", dn, e)
		}
	}
}
