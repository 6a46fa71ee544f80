package ldapd

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/ldapd/wire"
)

const (
	writerDN = "cn=writer,ou=services," + baseDN
	staffDN  = "cn=staff,ou=groups," + baseDN
)

// service adds a service account with grants and returns its name. Its password is that of everybody.
func (w *world) service(name string, rights ...directory.Right) string {
	w.t.Helper()
	hash, err := w.dir.HashPassword(w.t.Context(), password)
	if err != nil {
		w.t.Fatal(err)
	}
	w.write(func(tx *directory.Writer) error {
		u, err := tx.CreateUser(directory.User{Username: name, Kind: directory.ServiceAccount})
		if err != nil {
			return err
		}
		for _, r := range rights {
			if err := tx.Grant(u.ID, r, time.Time{}); err != nil {
				return err
			}
		}
		return tx.SetPassword(u.ID, hash)
	})
	return "cn=" + name + ",ou=services," + baseDN
}

// writer is a connection that may do everything.
func (w *world) writer() *ldap.Conn {
	w.t.Helper()
	return w.bound(w.service("writer", directory.ReadDirectory, directory.WriteAttributes, directory.WriteMembers,
		directory.WriteEntries, directory.WritePassword))
}

// read returns the values of an attribute of an entry, as c sees it.
func (w *world) read(c *ldap.Conn, dn, attribute string) []string {
	w.t.Helper()
	r, err := c.Search(search(dn, ldap.ScopeBaseObject, "(objectClass=*)", attribute))
	if err != nil {
		w.t.Fatalf("read %s: %v", dn, err)
	}
	if len(r.Entries) == 0 {
		return nil
	}
	return r.Entries[0].GetAttributeValues(attribute)
}

func modify(dn string, edit func(*ldap.ModifyRequest), controls ...ldap.Control) *ldap.ModifyRequest {
	r := ldap.NewModifyRequest(dn, controls)
	edit(r)
	return r
}

func TestModifyPerson(t *testing.T) {
	w := newWorld(t, nil)
	c := w.writer()
	steps := []struct {
		name      string
		edit      func(*ldap.ModifyRequest)
		want      int
		attribute string
		values    []string
	}{
		{"replace", func(r *ldap.ModifyRequest) { r.Replace("title", []string{"Boss"}) }, 0, "title", []string{"Boss"}},
		{"add", func(r *ldap.ModifyRequest) { r.Add("telephoneNumber", []string{"+41 1", "+41 2"}) }, 0, "telephoneNumber", []string{"+41 1", "+41 2"}},
		{"add again", func(r *ldap.ModifyRequest) { r.Add("telephoneNumber", []string{"+411"}) }, 20, "telephoneNumber", []string{"+41 1", "+41 2"}},
		{"delete one", func(r *ldap.ModifyRequest) { r.Delete("telephoneNumber", []string{"+411"}) }, 0, "telephoneNumber", []string{"+41 2"}},
		{"delete what is not there", func(r *ldap.ModifyRequest) { r.Delete("telephoneNumber", []string{"+413"}) }, 16, "telephoneNumber", []string{"+41 2"}},
		{"delete all", func(r *ldap.ModifyRequest) { r.Delete("telephoneNumber", nil) }, 0, "telephoneNumber", nil},
		{"delete none", func(r *ldap.ModifyRequest) { r.Delete("telephoneNumber", nil) }, 16, "telephoneNumber", nil},
		{"replace none by none", func(r *ldap.ModifyRequest) { r.Replace("pager", nil) }, 0, "pager", nil},
		{"addresses", func(r *ldap.ModifyRequest) { r.Add("mail", []string{"a.liddell@example.com"}) }, 0, "mail", []string{"alice@example.com", "a.liddell@example.com"}},
		{"the name in full", func(r *ldap.ModifyRequest) { r.Replace("cn", []string{"Alice P. Liddell"}) }, 0, "cn", []string{"Alice P. Liddell", "alice"}},
		{"a photo", func(r *ldap.ModifyRequest) { r.Replace("jpegPhoto", []string{"\xff\xd8\x00\x01"}) }, 0, "jpegPhoto", []string{"\xff\xd8\x00\x01"}},
		{"an address on lines", func(r *ldap.ModifyRequest) { r.Replace("postalAddress", []string{`1 Main St$Zug \24 5`}) }, 0, "postalAddress", []string{`1 Main St$Zug \24 5`}},
		{"a manager", func(r *ldap.ModifyRequest) { r.Replace("manager", []string{bobDN}) }, 0, "manager", []string{bobDN}},
		{"a manager who does not exist", func(r *ldap.ModifyRequest) { r.Replace("manager", []string{"uid=x,ou=users," + baseDN}) }, 19, "manager", []string{bobDN}},
		{"no name of a manager", func(r *ldap.ModifyRequest) { r.Replace("manager", []string{"bob"}) }, 21, "manager", []string{bobDN}},
		{"two of one", func(r *ldap.ModifyRequest) { r.Replace("title", []string{"a", "b"}) }, 19, "title", []string{"Boss"}},
		{"the same twice", func(r *ldap.ModifyRequest) { r.Replace("telephoneNumber", []string{"1", "1"}) }, 20, "telephoneNumber", nil},
		{"an empty value", func(r *ldap.ModifyRequest) { r.Replace("title", []string{""}) }, 21, "title", []string{"Boss"}},
		{"not UTF-8", func(r *ldap.ModifyRequest) { r.Replace("title", []string{"\xff"}) }, 21, "title", []string{"Boss"}},
		{"a country of three letters", func(r *ldap.ModifyRequest) { r.Replace("c", []string{"CHE"}) }, 21, "c", nil},
		{"an attribute that nobody knows", func(r *ldap.ModifyRequest) { r.Replace("favouriteDrink", []string{"tea"}) }, 17, "title", []string{"Boss"}},
		{"one of groups", func(r *ldap.ModifyRequest) { r.Replace("member", []string{bobDN}) }, 65, "title", []string{"Boss"}},
		{"one of the server", func(r *ldap.ModifyRequest) { r.Replace("entryUUID", []string{w.bob.UID}) }, 19, "entryUUID", []string{w.alice.UID}},
		{"memberOf", func(r *ldap.ModifyRequest) { r.Delete("memberOf", nil) }, 19, "memberOf", []string{staffDN}},
		{"a Unix number", func(r *ldap.ModifyRequest) { r.Replace("uidNumber", []string{"0"}) }, 53, "uidNumber", []string{fmt.Sprint(w.alice.UIDNumber)}},
		{"what is not kept", func(r *ldap.ModifyRequest) { r.Replace("seeAlso", []string{bobDN}) }, 53, "seeAlso", nil},
		{"what follows", func(r *ldap.ModifyRequest) { r.Replace("ou", []string{"x"}) }, 53, "ou", nil},
		{"the name", func(r *ldap.ModifyRequest) { r.Replace("uid", []string{"alicia"}) }, 67, "uid", []string{"alice"}},
		{"no surname", func(r *ldap.ModifyRequest) { r.Delete("sn", nil) }, 65, "sn", []string{"Liddell"}},
		{"another class", func(r *ldap.ModifyRequest) { r.Add("objectClass", []string{"posixGroup"}) }, 65, "title", []string{"Boss"}},
		{"a class that nobody knows", func(r *ldap.ModifyRequest) { r.Add("objectClass", []string{"wizard"}) }, 21, "title", []string{"Boss"}},
		{"an auxiliary class", func(r *ldap.ModifyRequest) { r.Add("objectClass", []string{"ldapPublicKey"}) }, 0, "title", []string{"Boss"}},
		{"no structural class", func(r *ldap.ModifyRequest) { r.Delete("objectClass", []string{"inetOrgPerson"}) }, 69, "title", []string{"Boss"}},
		{"top", func(r *ldap.ModifyRequest) { r.Delete("objectClass", []string{"top"}) }, 69, "title", []string{"Boss"}},
		{"all classes", func(r *ldap.ModifyRequest) { r.Delete("objectClass", nil) }, 69, "title", []string{"Boss"}},
		{"a description with an option", func(r *ldap.ModifyRequest) { r.Replace("title;lang-de", []string{"Chef"}) }, 17, "title", []string{"Boss"}},
		{"a character that nothing compares with", func(r *ldap.ModifyRequest) { r.Replace("title", []string{"\ufffd"}) }, 21, "title", []string{"Boss"}},
		{"equal once prepared", func(r *ldap.ModifyRequest) { r.Replace("telephoneNumber", []string{"1\u20102", "12"}) }, 20, "telephoneNumber", nil},
		{"one of several photos", func(r *ldap.ModifyRequest) { r.Delete("jpegPhoto", []string{"\xff\xd8\x00\x01"}) }, 18, "jpegPhoto", []string{"\xff\xd8\x00\x01"}},
		{"one more photo", func(r *ldap.ModifyRequest) { r.Add("jpegPhoto", []string{"\xff"}) }, 18, "jpegPhoto", []string{"\xff\xd8\x00\x01"}},
		{"an increment of text", func(r *ldap.ModifyRequest) { r.Increment("title", "1") }, 19, "title", []string{"Boss"}},
		{"a number in text", func(r *ldap.ModifyRequest) { r.Replace("employeeNumber", []string{"41"}) }, 0, "employeeNumber", []string{"41"}},
		{"an increment", func(r *ldap.ModifyRequest) { r.Increment("employeeNumber", "-2") }, 0, "employeeNumber", []string{"39"}},
		{"an increment by no number", func(r *ldap.ModifyRequest) { r.Increment("employeeNumber", "x") }, 21, "employeeNumber", []string{"39"}},
		{"an increment of nothing", func(r *ldap.ModifyRequest) { r.Increment("pager", "1") }, 16, "pager", nil},
		{"all or nothing", func(r *ldap.ModifyRequest) {
			r.Replace("title", []string{"Lost"})
			r.Delete("pager", []string{"1"})
		}, 16, "title", []string{"Boss"}},
		{"several", func(r *ldap.ModifyRequest) {
			r.Delete("title", []string{"boss"})
			r.Add("title", []string{"Chief"})
		}, 0, "title", []string{"Chief"}},
	}
	for _, tt := range steps {
		t.Run(tt.name, func(t *testing.T) {
			err := c.Modify(modify(aliceDN, tt.edit))
			if got := code(err); got != tt.want {
				t.Fatalf("got %v, want %d", err, tt.want)
			}
			if err != nil && !strings.Contains(err.Error(), ": ") {
				t.Errorf("no sentence: %v", err)
			}
			// Read at once on the same connection: the write must be seen.
			if got := w.read(c, aliceDN, tt.attribute); !slices.Equal(got, tt.values) {
				t.Errorf("%s is %q, want %q", tt.attribute, got, tt.values)
			}
		})
	}
}

func TestModifyTargets(t *testing.T) {
	w := newWorld(t, nil)
	c := w.writer()
	title := func(r *ldap.ModifyRequest) { r.Replace("description", []string{"x"}) }
	for _, tt := range []struct {
		name, dn string
		want     int
	}{
		{"by cn", "cn=alice,ou=users," + baseDN, 0},
		{"nobody", "uid=nobody,ou=users," + baseDN, 32},
		{"no name", "alice", 34},
		{"another base", "uid=alice,ou=users,dc=example,dc=org", 32},
		{"the container", "ou=users," + baseDN, 53},
		{"a primary group", "cn=alice,ou=groups," + baseDN, 53},
		{"a service account", readerDN, 53},
		{"the root DSE", "", 32},
	} {
		if err := c.Modify(modify(tt.dn, title)); code(err) != tt.want {
			t.Errorf("%s: %v, want %d", tt.name, err, tt.want)
		}
	}
}

func TestPermissiveModify(t *testing.T) {
	w := newWorld(t, nil)
	c := w.writer()
	permissive := ldap.NewControlString(wire.OIDPermissiveModify, true, "")
	for _, edit := range []func(*ldap.ModifyRequest){
		func(r *ldap.ModifyRequest) { r.Add("title", []string{"Engineer"}) },
		func(r *ldap.ModifyRequest) { r.Delete("pager", []string{"1"}) },
		func(r *ldap.ModifyRequest) { r.Delete("pager", nil) },
	} {
		if err := c.Modify(modify(aliceDN, edit)); code(err) != 20 && code(err) != 16 {
			t.Errorf("without the control: %v", err)
		}
		if err := c.Modify(modify(aliceDN, edit, permissive)); err != nil {
			t.Errorf("with it: %v", err)
		}
	}
	for _, edit := range []func(*ldap.ModifyRequest){
		func(r *ldap.ModifyRequest) { r.Add("member", []string{aliceDN}) },
		func(r *ldap.ModifyRequest) { r.Delete("member", []string{bobDN}) },
		func(r *ldap.ModifyRequest) { r.Delete("member", []string{"uid=x,ou=users," + baseDN}) },
	} {
		if err := c.Modify(modify(staffDN, edit)); code(err) != 20 && code(err) != 16 {
			t.Errorf("members without the control: %v", err)
		}
		if err := c.Modify(modify(staffDN, edit, permissive)); err != nil {
			t.Errorf("members with it: %v", err)
		}
	}
}

func TestModifyGroup(t *testing.T) {
	w := newWorld(t, nil)
	w.write(func(tx *directory.Writer) error {
		_, err := tx.CreateGroup(directory.Group{Name: "everybody"})
		return err
	})
	c := w.writer()
	const everybody = "cn=everybody,ou=groups," + baseDN
	steps := []struct {
		name      string
		edit      func(*ldap.ModifyRequest)
		want      int
		attribute string
		values    []string
	}{
		{"add a member", func(r *ldap.ModifyRequest) { r.Add("member", []string{aliceDN}) }, 0, "member", []string{aliceDN}},
		{"again", func(r *ldap.ModifyRequest) { r.Add("uniqueMember", []string{aliceDN}) }, 20, "member", []string{aliceDN}},
		{"by another name", func(r *ldap.ModifyRequest) { r.Add("member", []string{"cn=bob,ou=users," + baseDN}) }, 0, "member", []string{aliceDN, bobDN}},
		{"remove by uniqueMember", func(r *ldap.ModifyRequest) { r.Delete("uniqueMember", []string{aliceDN}) }, 0, "member", []string{bobDN}},
		{"who is none", func(r *ldap.ModifyRequest) { r.Delete("member", []string{aliceDN}) }, 16, "member", []string{bobDN}},
		{"by memberUid", func(r *ldap.ModifyRequest) { r.Add("memberUid", []string{"alice"}) }, 0, "memberUid", []string{"alice", "bob"}},
		{"replace by memberUid", func(r *ldap.ModifyRequest) { r.Replace("memberUid", []string{"bob"}) }, 0, "memberUid", []string{"bob"}},
		{"member and memberUid at once", func(r *ldap.ModifyRequest) {
			r.Add("member", []string{aliceDN})
			r.Add("memberUid", []string{"alice"})
		}, 0, "member", []string{aliceDN, bobDN}},
		{"a group in a group", func(r *ldap.ModifyRequest) { r.Add("member", []string{staffDN}) }, 0, "member", []string{aliceDN, bobDN, staffDN}},
		{"itself", func(r *ldap.ModifyRequest) { r.Add("member", []string{everybody}) }, 19, "member", []string{aliceDN, bobDN, staffDN}},
		{"nobody", func(r *ldap.ModifyRequest) { r.Add("member", []string{"uid=x,ou=users," + baseDN}) }, 19, "member", []string{aliceDN, bobDN, staffDN}},
		{"a service account", func(r *ldap.ModifyRequest) { r.Add("member", []string{readerDN}) }, 19, "member", []string{aliceDN, bobDN, staffDN}},
		{"no name", func(r *ldap.ModifyRequest) { r.Add("member", []string{"alice"}) }, 21, "member", []string{aliceDN, bobDN, staffDN}},
		{"replace all", func(r *ldap.ModifyRequest) { r.Replace("member", []string{aliceDN}) }, 0, "member", []string{aliceDN}},
		{"delete all", func(r *ldap.ModifyRequest) { r.Delete("member", nil) }, 0, "member", nil},
		{"delete none", func(r *ldap.ModifyRequest) { r.Delete("member", nil) }, 16, "member", nil},
		{"a description", func(r *ldap.ModifyRequest) { r.Replace("description", []string{"All of us"}) }, 0, "description", []string{"All of us"}},
		{"one of people", func(r *ldap.ModifyRequest) { r.Replace("sn", []string{"x"}) }, 65, "description", []string{"All of us"}},
		{"a number", func(r *ldap.ModifyRequest) { r.Replace("gidNumber", []string{"0"}) }, 53, "description", []string{"All of us"}},
		{"the name", func(r *ldap.ModifyRequest) { r.Replace("cn", []string{"all"}) }, 67, "cn", []string{"everybody"}},
		{"an increment of members", func(r *ldap.ModifyRequest) { r.Increment("member", "1") }, 19, "member", nil},
	}
	for _, tt := range steps {
		t.Run(tt.name, func(t *testing.T) {
			if err := c.Modify(modify(everybody, tt.edit)); code(err) != tt.want {
				t.Fatalf("got %v, want %d", err, tt.want)
			}
			if got := w.read(c, everybody, tt.attribute); !slices.Equal(got, tt.values) {
				t.Errorf("%s is %q, want %q", tt.attribute, got, tt.values)
			}
		})
	}
}

// TestMembersOfOtherSources: who is a member by somebody else's row stays one, and the client is told.
func TestMembersOfOtherSources(t *testing.T) {
	w := newWorld(t, nil)
	site := directory.Actor{Kind: directory.ActorOperator, Name: "test", Via: "site"}
	if _, err := w.dir.Write(t.Context(), site, func(tx *directory.Writer) error {
		return tx.AddMembers(w.staff.ID, directory.Membership{User: w.bob.ID})
	}); err != nil {
		t.Fatal(err)
	}
	c := w.writer()
	for _, edit := range []func(*ldap.ModifyRequest){
		func(r *ldap.ModifyRequest) { r.Delete("member", []string{bobDN}) },
		func(r *ldap.ModifyRequest) { r.Replace("member", []string{aliceDN}) },
	} {
		if err := c.Modify(modify(staffDN, edit)); code(err) != 53 {
			t.Errorf("got %v", err)
		}
	}
	if got := w.read(c, staffDN, "member"); !slices.Equal(got, []string{aliceDN, bobDN}) {
		t.Errorf("members are %q", got)
	}
}

func TestAdd(t *testing.T) {
	w := newWorld(t, nil)
	c := w.writer()
	person := func(edit func(map[string][]string)) map[string][]string {
		m := map[string][]string{"objectClass": {"inetOrgPerson", "posixAccount"}, "cn": {"Carol Jones"}, "sn": {"Jones"}}
		if edit != nil {
			edit(m)
		}
		return m
	}
	set := func(k string, v ...string) func(map[string][]string) { return func(m map[string][]string) { m[k] = v } }
	drop := func(k string) func(map[string][]string) { return func(m map[string][]string) { delete(m, k) } }
	const carol = "uid=carol,ou=users," + baseDN
	tests := []struct {
		name, dn string
		attrs    map[string][]string
		want     int
	}{
		{"no class", carol, person(drop("objectClass")), 65},
		{"no surname", carol, person(drop("sn")), 65},
		{"no cn", carol, person(drop("cn")), 65},
		{"only auxiliary classes", carol, person(set("objectClass", "posixAccount")), 65},
		{"a class of groups", carol, person(set("objectClass", "inetOrgPerson", "groupOfNames")), 65},
		{"a class that nobody knows", carol, person(set("objectClass", "inetOrgPerson", "wizard")), 21},
		{"an attribute that nobody knows", carol, person(set("favouriteDrink", "tea")), 17},
		{"an attribute of groups", carol, person(set("member", bobDN)), 65},
		{"one of the server", carol, person(set("entryUUID", w.bob.UID)), 19},
		{"a Unix number", carol, person(set("uidNumber", "0")), 53},
		{"two titles", carol, person(set("title", "a", "b")), 19},
		{"not a country", carol, person(set("c", "Switzerland")), 21},
		{"another name inside", carol, person(set("uid", "other")), 64},
		{"named by cn", "cn=carol,ou=users," + baseDN, person(nil), 64},
		{"two values in the name", "uid=carol+cn=x,ou=users," + baseDN, person(nil), 64},
		{"no name", "carol", person(nil), 34},
		{"there already", aliceDN, person(nil), 68},
		{"there already under another name", "cn=alice,ou=users," + baseDN, person(nil), 68},
		{"the address is somebody's", carol, person(set("mail", "alice@example.com")), 0},
		{"a name that cannot be", "uid=ca\\00rl,ou=users," + baseDN, person(nil), 19},
		{"nowhere", "uid=carol,ou=nowhere," + baseDN, person(nil), 32},
		{"below a person", "uid=carol," + aliceDN, person(nil), 53},
		{"a service account", "cn=carol,ou=services," + baseDN, map[string][]string{"objectClass": {"applicationProcess"}}, 53},
		{"a container", "ou=more," + baseDN, map[string][]string{"objectClass": {"organizationalUnit"}}, 53},
		{"a group without a class", "cn=g,ou=groups," + baseDN, map[string][]string{"description": {"x"}}, 65},
		{"a group by uid", "uid=g,ou=groups," + baseDN, map[string][]string{"objectClass": {"groupOfNames"}}, 64},
		{"a primary group", "cn=alice,ou=groups," + baseDN, map[string][]string{"objectClass": {"groupOfNames"}}, 68},
		{"a group that is there", staffDN, map[string][]string{"objectClass": {"groupOfNames"}}, 68},
		{"a group with nobody in it", "cn=g,ou=groups," + baseDN, map[string][]string{"objectClass": {"groupOfNames"}, "member": {"uid=x,ou=users," + baseDN}}, 19},
		{"a group", "cn=g,ou=groups," + baseDN, map[string][]string{"objectClass": {"groupOfNames", "posixGroup"}, "member": {aliceDN, staffDN}, "description": {"d"}}, 0},
		{"a class by its identifier", "cn=h,ou=groups," + baseDN, map[string][]string{"objectClass": {"2.5.6.9"}}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := ldap.NewAddRequest(tt.dn, nil)
			for k, v := range tt.attrs {
				r.Attribute(k, v)
			}
			if err := c.Add(r); code(err) != tt.want {
				t.Fatalf("got %v, want %d", err, tt.want)
			}
			if tt.want == 0 && len(w.read(c, tt.dn, "entryUUID")) != 1 {
				t.Error("it is not there")
			}
		})
	}
	if got := w.read(c, "cn=g,ou=groups,"+baseDN, "member"); !slices.Equal(got, []string{aliceDN, staffDN}) {
		t.Errorf("members of the new group: %q", got)
	}
	// A name that is held for somebody else is taken, and the password works at once.
	r := ldap.NewAddRequest("uid=dave,ou=users,"+baseDN, nil)
	for k, v := range person(set("userPassword", "a new password")) {
		r.Attribute(k, v)
	}
	if err := c.Add(r); err != nil {
		t.Fatal(err)
	}
	if err := w.dial().Bind("uid=dave,ou=users,"+baseDN, "a new password"); err != nil {
		t.Errorf("bind as who was just added: %v", err)
	}
	if err := c.Del(ldap.NewDelRequest("uid=dave,ou=users,"+baseDN, nil)); err != nil {
		t.Fatal(err)
	}
	if got := w.read(c, aliceDN, "uid"); len(got) != 1 {
		t.Errorf("somebody else is gone: %q", got)
	}
}

func TestRename(t *testing.T) {
	w := newWorld(t, nil)
	c := w.writer()
	const alicia = "uid=alicia,ou=users," + baseDN
	tests := []struct {
		name, dn, rdn string
		drop          bool
		superior      string
		want          int
	}{
		{"keep the old", aliceDN, "uid=alicia", false, "", 53},
		{"by cn", aliceDN, "cn=alicia", true, "", 64},
		{"two values", aliceDN, "uid=alicia+cn=x", true, "", 64},
		{"two names", aliceDN, "uid=alicia,ou=x", true, "", 34},
		{"no name", aliceDN, "alicia", true, "", 34},
		{"taken", aliceDN, "uid=bob", true, "", 68},
		{"into groups", aliceDN, "uid=alicia", true, "ou=groups," + baseDN, 53},
		{"into nothing", aliceDN, "uid=alicia", true, "ou=x," + baseDN, 32},
		{"nobody", "uid=x,ou=users," + baseDN, "uid=y", true, "", 32},
		{"a container", "ou=users," + baseDN, "ou=people", true, "", 53},
		{"a service account", readerDN, "cn=other", true, "", 53},
		{"a person", aliceDN, "uid=alicia", true, "", 0},
		{"in place", alicia, "uid=alicia2", true, "ou=users," + baseDN, 0},
		{"back", "uid=alicia2,ou=users," + baseDN, "uid=alicia", true, "", 0},
		{"a group by the name of a primary group", staffDN, "cn=bob", true, "", 68},
		{"a group", staffDN, "cn=crew", true, "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := ldap.NewModifyDNRequest(tt.dn, tt.rdn, tt.drop, tt.superior)
			if err := c.ModifyDN(r); code(err) != tt.want {
				t.Fatalf("got %v, want %d", err, tt.want)
			}
		})
	}
	if got := w.read(c, alicia, "entryUUID"); !slices.Equal(got, []string{w.alice.UID}) {
		t.Errorf("the entryUUID is %q, want %q", got, w.alice.UID)
	}
	if got := w.read(c, "cn=crew,ou=groups,"+baseDN, "member"); !slices.Equal(got, []string{alicia}) {
		t.Errorf("member is %q", got)
	}
	if got := w.read(c, "cn=crew,ou=groups,"+baseDN, "entryUUID"); !slices.Equal(got, []string{w.staff.UID}) {
		t.Errorf("the entryUUID of the group is %q", got)
	}
}

func TestDelete(t *testing.T) {
	w := newWorld(t, nil)
	w.write(func(tx *directory.Writer) error {
		app, err := tx.CreateApp(directory.App{Slug: "wiki", Name: "Wiki"})
		if err != nil {
			return err
		}
		if _, err := tx.CreateGroup(directory.Group{Name: "free"}); err != nil {
			return err
		}
		return tx.SetBindings(app.ID, []directory.Binding{{Kind: directory.BindGroup, Ref: int64(w.staff.ID), RefName: "staff"}}, false)
	})
	c := w.writer()
	if err := c.Del(ldap.NewDelRequest(staffDN, nil)); err == nil || strings.Contains(err.Error(), "--force") {
		t.Errorf("a guard that names an option of the command: %v", err)
	}
	for _, tt := range []struct {
		name, dn string
		want     int
	}{
		{"a person", bobDN, 0},
		{"again", bobDN, 32},
		{"a group that an app is bound to", staffDN, 53},
		{"a group", "cn=free,ou=groups," + baseDN, 0},
		{"a service account", readerDN, 53},
		{"a primary group", "cn=alice,ou=groups," + baseDN, 53},
		{"a container", "ou=users," + baseDN, 66},
		{"the base", baseDN, 66},
		{"no name", "bob", 34},
	} {
		if err := c.Del(ldap.NewDelRequest(tt.dn, nil)); code(err) != tt.want {
			t.Errorf("%s: %v, want %d", tt.name, err, tt.want)
		}
	}
	if err := w.dial().Bind(bobDN, password); code(err) != 49 {
		t.Errorf("who is deleted binds: %v", err)
	}
}

// TestWriteRights: each grant opens what it names and nothing else, and nothing is open without one.
func TestWriteRights(t *testing.T) {
	w := newWorld(t, nil)
	w.write(func(tx *directory.Writer) error { return tx.Grant(w.bob.ID, directory.RoleAdmin, time.Time{}) })
	add := func(dn string, attrs ...string) func(*ldap.Conn) error {
		return func(c *ldap.Conn) error {
			r := ldap.NewAddRequest(dn, nil)
			for i := 0; i < len(attrs); i += 2 {
				r.Attribute(attrs[i], []string{attrs[i+1]})
			}
			return c.Add(r)
		}
	}
	edit := func(dn string, fn func(*ldap.ModifyRequest)) func(*ldap.Conn) error {
		return func(c *ldap.Conn) error { return c.Modify(modify(dn, fn)) }
	}
	rename := func(c *ldap.Conn) error {
		if err := c.ModifyDN(ldap.NewModifyDNRequest(aliceDN, "uid=alicia", true, "")); err != nil {
			return err
		}
		return c.ModifyDN(ldap.NewModifyDNRequest("uid=alicia,ou=users,"+baseDN, "uid=alice", true, ""))
	}
	person := []string{"objectClass", "inetOrgPerson", "cn", "x", "sn", "x"}
	remove := func(dn string, attrs ...string) func(*ldap.Conn) error {
		return func(c *ldap.Conn) error {
			_ = add(dn, attrs...)(w.bound(writerDN))
			return c.Del(ldap.NewDelRequest(dn, nil))
		}
	}
	ops := []struct {
		name  string
		needs []directory.Right
		do    func(*ldap.Conn) error
	}{
		{"attributes", []directory.Right{directory.WriteAttributes}, edit(aliceDN, func(r *ldap.ModifyRequest) { r.Replace("title", []string{"t"}) })},
		{"members", []directory.Right{directory.WriteMembers}, edit(staffDN, func(r *ldap.ModifyRequest) { r.Replace("member", []string{aliceDN}); r.Add("member", []string{bobDN}) })},
		{"a group's attributes", []directory.Right{directory.WriteEntries}, edit(staffDN, func(r *ldap.ModifyRequest) { r.Replace("description", []string{"t"}) })},
		{"a name", []directory.Right{directory.WriteEntries}, rename},
		{"deleting a person", []directory.Right{directory.WriteEntries}, remove("uid=gone,ou=users,"+baseDN, person...)},
		{"deleting a group", []directory.Right{directory.WriteEntries}, remove("cn=gone,ou=groups,"+baseDN, "objectClass", "groupOfNames")},
		{"a person with a password", []directory.Right{directory.WriteEntries, directory.WritePassword}, add("uid=made,ou=users,"+baseDN, append(person, "userPassword", "long enough")...)},
		{"a group with members", []directory.Right{directory.WriteEntries, directory.WriteMembers}, add("cn=made group,ou=groups,"+baseDN, "objectClass", "groupOfNames", "member", aliceDN)},
		{"userPassword", []directory.Right{directory.WritePassword}, edit(aliceDN, func(r *ldap.ModifyRequest) { r.Replace("userPassword", []string{password}) })},
		{"a password", []directory.Right{directory.WritePassword}, func(c *ldap.Conn) error {
			_, err := c.PasswordModify(ldap.NewPasswordModifyRequest(aliceDN, "", password))
			return err
		}},
	}
	_ = w.writer()
	all := []directory.Right{directory.ReadDirectory, directory.WriteAttributes, directory.WriteMembers, directory.WriteEntries, directory.WritePassword}
	for i, op := range ops {
		t.Run(op.name, func(t *testing.T) {
			lacking := slices.DeleteFunc(slices.Clone(all), func(r directory.Right) bool { return slices.Contains(op.needs, r) })
			if err := op.do(w.bound(w.service(fmt.Sprintf("lacks-%d", i), lacking...))); code(err) != 50 && (op.name != "userPassword" || code(err) != 53) {
				t.Errorf("with every grant but %v: %v, want 50", op.needs, err)
			}
			if len(op.needs) == 2 {
				for j, one := range op.needs {
					if err := op.do(w.bound(w.service(fmt.Sprintf("one-%d-%d", i, j), directory.ReadDirectory, one))); code(err) != 50 {
						t.Errorf("with %s alone: %v, want 50", one, err)
					}
				}
			}
			for who, dn := range map[string]string{"a reader": readerDN, "another person": bobDN} {
				if err := op.do(w.bound(dn)); code(err) != 50 && code(err) != 53 {
					t.Errorf("%s: %v", who, err)
				}
			}
			if err := op.do(w.dial()); code(err) != 50 && code(err) != 53 {
				t.Errorf("anonymous: %v", err)
			}
			if err := op.do(w.bound(w.service(fmt.Sprintf("has-%d", i), append(op.needs, directory.ReadDirectory)...))); err != nil {
				t.Errorf("with %v: %v", op.needs, err)
			}
		})
	}
	// Who writes nothing is told so before anything is looked up.
	for _, dn := range []string{aliceDN, "uid=nobody,ou=users," + baseDN} {
		err := w.bound(readerDN).Modify(modify(dn, func(r *ldap.ModifyRequest) { r.Replace("title", []string{"t"}) }))
		if code(err) != 50 || !strings.Contains(err.Error(), "no grant") {
			t.Errorf("a reader on %s: %v", dn, err)
		}
	}
	// Grants reach people without a role only.
	c := w.bound(writerDN)
	for name, err := range map[string]error{
		"attributes": c.Modify(modify(bobDN, func(r *ldap.ModifyRequest) { r.Replace("title", []string{"t"}) })),
		"deleting":   c.Del(ldap.NewDelRequest(bobDN, nil)),
		"renaming":   c.ModifyDN(ldap.NewModifyDNRequest(bobDN, "uid=rob", true, "")),
	} {
		if code(err) != 50 {
			t.Errorf("%s of an administrator: %v", name, err)
		}
	}
}

func TestSelfWrite(t *testing.T) {
	w := newWorld(t, nil)
	w.write(func(tx *directory.Writer) error { return tx.Grant(w.bob.ID, directory.RoleOwner, time.Time{}) })
	for _, who := range []string{aliceDN, bobDN} { // a role changes nothing here
		c := w.bound(who)
		for _, attr := range []string{"displayName", "preferredLanguage", "telephoneNumber", "mobile", "homePhone", "facsimileTelephoneNumber", "pager", "jpegPhoto"} {
			if err := c.Modify(modify(who, func(r *ldap.ModifyRequest) { r.Replace(attr, []string{"1"}) })); err != nil {
				t.Errorf("%s of %s: %v", attr, who, err)
			}
			if got := w.read(c, who, attr); !slices.Equal(got, []string{"1"}) {
				t.Errorf("%s is %q at once", attr, got)
			}
		}
		for _, attr := range []string{"title", "sn", "cn", "mail", "employeeNumber", "loginShell", "sshPublicKey", "description"} {
			if err := c.Modify(modify(who, func(r *ldap.ModifyRequest) { r.Replace(attr, []string{"x@example.com"}) })); code(err) != 50 {
				t.Errorf("%s of %s: %v, want 50", attr, who, err)
			}
		}
		other := map[string]string{aliceDN: bobDN, bobDN: aliceDN}[who]
		for name, dn := range map[string]string{"somebody else": other, "nobody": "uid=x,ou=users," + baseDN, "a group": staffDN} {
			// Whether there is such an entry is not told.
			if err := c.Modify(modify(dn, func(r *ldap.ModifyRequest) { r.Replace("displayName", []string{"1"}) })); code(err) != 50 {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := c.Del(ldap.NewDelRequest(who, nil)); code(err) != 50 {
			t.Errorf("deleting oneself: %v", err)
		}
		if err := c.ModifyDN(ldap.NewModifyDNRequest(who, "uid=other", true, "")); code(err) != 50 {
			t.Errorf("renaming oneself: %v", err)
		}
	}
}

// TestWritesOfAView: who is bound below an app changes the own entry by the name it has there, and nothing by another.
func TestWritesOfAView(t *testing.T) {
	w := newWorld(t, nil)
	w.write(func(tx *directory.Writer) error {
		return newView(tx, "wiki", schema.LDAP{Attributes: map[string]string{"nick": "displayName", "mobile": "telephoneNumber"}})
	})
	const inView = "uid=alice,ou=users,app=wiki,ou=apps," + baseDN
	c := w.bound(inView)
	pager := func(r *ldap.ModifyRequest) { r.Replace("pager", []string{"1"}) }
	if err := c.Modify(modify(inView, pager)); err != nil {
		t.Errorf("by the view's name: %v", err)
	}
	if err := c.Modify(modify(aliceDN, pager)); code(err) != 50 {
		t.Errorf("by the tree's name: %v", err)
	}
	if err := w.bound(aliceDN).Modify(modify(inView, pager)); code(err) != 50 {
		t.Errorf("by the view's name from the tree: %v", err)
	}
	if err := w.writer().Modify(modify(inView, pager)); code(err) != 53 {
		t.Errorf("by right: %v", err)
	}
	// What the view calls otherwise is not written by another's name, and what it reads is not one's own to write.
	for name, want := range map[string]int{"telephoneNumber": 17, "displayName": 17, "mobile": 50, "nick": 50} {
		if err := c.Modify(modify(inView, func(r *ldap.ModifyRequest) { r.Replace(name, []string{"1"}) })); code(err) != want {
			t.Errorf("%s: %v, want %d", name, err, want)
		}
	}
	for _, attr := range []string{"telephoneNumber", "displayName", "mobile"} {
		if got := w.read(w.bound(aliceDN), aliceDN, attr); len(got) != 0 {
			t.Errorf("%s is %q", attr, got)
		}
	}
}

// TestAppPasswordsChangeNothing: what was made for a program opens a door and nothing behind it.
func TestAppPasswordsChangeNothing(t *testing.T) {
	w := newWorld(t, nil)
	var secret directory.Secret
	w.write(func(tx *directory.Writer) (err error) {
		secret, _, err = tx.AddGenerated(directory.NewGenerated{User: w.alice.ID, Kind: directory.CredentialAppPassword, Label: "phone", Protocol: directory.ProtocolLDAP})
		return err
	})
	c := w.dial()
	if err := c.Bind(aliceDN, secret.Reveal()); err != nil {
		t.Fatal(err)
	}
	if err := c.Modify(modify(aliceDN, func(r *ldap.ModifyRequest) { r.Replace("displayName", []string{"x"}) })); code(err) != 50 || !strings.Contains(err.Error(), "app password") {
		t.Errorf("an attribute: %v", err)
	}
	for _, old := range []string{password, secret.Reveal()} {
		if _, err := c.PasswordModify(ldap.NewPasswordModifyRequest("", old, "another one")); code(err) != 50 {
			t.Errorf("the password: %v", err)
		}
	}
	// Nor does an app password prove who one is to change the password.
	if _, err := w.bound(aliceDN).PasswordModify(ldap.NewPasswordModifyRequest("", secret.Reveal(), "another one")); code(err) != 49 {
		t.Errorf("as the old password: %v", err)
	}
	if err := w.dial().Bind(aliceDN, password); err != nil {
		t.Errorf("the password has changed: %v", err)
	}
}

// TestWritesNeedTheDatabase: a write that cannot be decided is unavailable, never refused.
func TestWritesNeedTheDatabase(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Limits.Search = time.Second })
	c := w.writer()
	_ = w.store.Close()
	if err := c.Modify(modify(aliceDN, func(r *ldap.ModifyRequest) { r.Replace("title", []string{"x"}) })); code(err) != 52 {
		t.Errorf("got %v", err)
	}
	var e *ldap.Error
	_, err := c.PasswordModify(ldap.NewPasswordModifyRequest("", password, "another one"))
	if !errors.As(err, &e) || e.ResultCode != 52 {
		t.Errorf("password: %v", err)
	}
}
