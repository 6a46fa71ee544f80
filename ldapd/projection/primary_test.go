package projection

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/ldapd/wire"
)

// TestPrimaryGroups: the group of each person's number is an entry as others are, whose name gives way to groups that
// are stored.
func TestPrimaryGroups(t *testing.T) {
	w := newWorld(t)
	alice := w.user(directory.User{Username: "alice"})
	w.user(directory.User{Username: "Alice-User"})
	w.user(directory.User{Username: "docker"}) // is no Unix account
	w.user(directory.User{Username: "robot", Kind: directory.ServiceAccount})
	w.start()
	number := strconv.FormatInt(alice.UIDNumber, 10)
	got := entry(t, w.x, groupDN("alice"), everybody(), "*", "+")
	person := entry(t, w.x, userDN("alice"), everybody(), "+")
	id := got["entryUUID"]
	want := map[string][]string{
		"objectClass": {"top", "gatehousePrimaryGroup", "posixGroup"}, "cn": {"alice"}, "gidNumber": {number}, "memberUid": {"alice"},
		"structuralObjectClass": {"gatehousePrimaryGroup"}, "subschemaSubentry": {"cn=subschema"},
		"hasSubordinates": {"FALSE"}, "numSubordinates": {"0"}, "entryDN": {groupDN("alice")},
		"creatorsName": {maintainer}, "modifiersName": {maintainer}, "entryUUID": id, "nsUniqueId": id, "ipaUniqueID": id,
		"createTimestamp": person["createTimestamp"], "modifyTimestamp": person["modifyTimestamp"], "entryCSN": person["entryCSN"],
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("alice's group (-want +got):\n%s", diff)
	}
	if len(id) != 1 || id[0] == alice.UID || id[0][14] != '8' {
		t.Errorf("entryUUID %q of the group of %s", id, alice.UID)
	}
	only := func(filter string) string {
		found := search(t, w.x, ask{scope: wire.ScopeSubtree, filter: filter})
		return strings.Join(sorted(names(slices.DeleteFunc(found, func(a answer) bool { return !primaryGroup(a) }))), " ")
	}
	for filter, want := range map[string]string{
		"(gidNumber=" + number + ")": "alice", "(gidNumber>=" + number + ")": "Alice-User alice", "(gidNumber<=1)": "",
		"(cn=ALICE)": "alice", "(cn=alice*)": "Alice-User alice", "(cn=*-us*)": "Alice-User", "(cn=*lice)": "alice", "(cn=nobody)": "",
		"(memberUid=alice)": "alice", "(memberUid=ALICE)": "", "(entryUUID=" + id[0] + ")": "alice", "(entryUUID=" + alice.UID + ")": "",
		"(entryDN=" + groupDN("alice") + ")": "alice", "(uid=alice)": "", "(member=" + userDN("alice") + ")": "", "(!(cn=alice))": "Alice-User",
		"(|(cn=alice)(memberUid=Alice-User))": "Alice-User alice", "(createTimestamp>=20200101000000Z)": "Alice-User alice",
		"(ou:dn:=groups)": "Alice-User alice",
	} {
		if got := only(filter); got != want {
			t.Errorf("%s finds %q, want %q", filter, got, want)
		}
	}
	if n := entry(t, w.x, "ou=groups,"+baseDN, everybody(), "numSubordinates")["numSubordinates"][0]; n != "2" {
		t.Errorf("ou=groups holds %s", n)
	}
	e, err := w.x.Lookup(nameOf(t, groupDN("alice")))
	if err != nil || !e.Primary || e.User != 0 || e.Group != 0 {
		t.Errorf("look up: %+v, %v", e, err)
	}
	if got, err := w.x.Compare(nameOf(t, groupDN("alice")), []byte("memberUid"), []byte("alice"), everybody(), nil); got != CompareTrue {
		t.Errorf("compare: %v, %v", got, err)
	}

	// A group of that name, and then one of the next name, move it away; alice's number stays.
	w.group("ALICE")
	if got := only("(gidNumber=" + number + ")"); got != "alice-"+number { // alice-user is a person
		t.Errorf("beside a group alice: %q", got)
	}
	if got := entry(t, w.x, groupDN("alice"), everybody(), "objectClass"); !slices.Contains(got["objectClass"], "groupOfNames") {
		t.Errorf("cn=alice is not the group: %v", got)
	}
	w.write(func(tx *directory.Writer) error {
		for name := range map[string]bool{"Alice-User": true} {
			u, err := tx.UserByName(directory.Person, name)
			if err != nil {
				return err
			}
			if err := tx.DeleteUser(u.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if got := only("(gidNumber=" + number + ")"); got != "alice-user" {
		t.Errorf("without a person alice-user: %q", got)
	}
	checkPrimaries(t, w.x, everybody())

	// Where nothing is of Unix there are none, nor for who sees only the own entry.
	for _, v := range []Viewer{{Audience: schema.FullTree, Profile: schema.VCenter}, {Audience: schema.Self, User: alice.ID}} {
		if got := search(t, w.x, ask{scope: wire.ScopeSubtree, filter: "(cn=alice-user)", viewer: v}); len(got) != 0 {
			t.Errorf("%+v finds %v", v, got)
		}
		if _, err := trySearch(t, w.x, ask{base: groupDN("alice-user"), filter: "(objectClass=*)", viewer: v}); err == nil {
			t.Errorf("%+v sees it by name", v)
		}
	}
}

// checkPrimaries tests that each Unix account that is seen has one primary group, which the names say it may have, and
// that there are no others.
func checkPrimaries(t testing.TB, x *Index, v Viewer) {
	t.Helper()
	all := search(t, x, ask{base: baseOf(v), scope: wire.ScopeSubtree, filter: "(objectClass=*)", viewer: v, attrs: []string{"*", "entryUUID"}})
	byName, byID := map[string]int{}, map[string]int{}
	groups := map[string]answer{}
	for _, a := range all {
		byName[normalDN(a.dn)]++
		if id := a.attrs["entryUUID"]; len(id) > 0 {
			byID[id[0]]++
		}
		if primaryGroup(a) {
			groups[a.attrs["gidNumber"][0]] = a
		}
	}
	for _, times := range []map[string]int{byName, byID} {
		for key, n := range times {
			if n != 1 {
				t.Fatalf("%q is of %d entries", key, n)
			}
		}
	}
	for _, a := range all {
		number := a.attrs["uidNumber"]
		if len(number) == 0 {
			continue
		}
		name, group := a.attrs["uid"][0], groups[number[0]]
		rest, ok := strings.CutPrefix(strings.Join(group.attrs["cn"], ""), name)
		if !ok || !slices.Contains([]string{"", "-user", "-" + number[0]}, rest) || strings.Join(group.attrs["memberUid"], "") != name {
			t.Fatalf("the primary group of %s is %+v", name, group)
		}
		delete(groups, number[0])
	}
	if len(groups) > 0 {
		t.Fatalf("primary groups of nobody: %v", groups)
	}
}
