package projection

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	"gatehouse/directory/schema"
	"gatehouse/ldapd/wire"
)

func TestPersonIsRenderedAsTheSchemaSays(t *testing.T) {
	w := newWorld(t)
	boss := w.user(directory.User{Username: "boss"})
	alice := w.user(directory.User{
		Username: "alice",
		Profile: directory.Attributes{
			"givenName": {"Alice"}, "familyName": {"Liddell"}, "displayName": {"Alice L."}, "title": {"Engineer"},
			"department": {"R&D"}, "manager": {boss.UID}, "workPhone": {"+41 44 123 45 67"}, "postalAddress": {"Main St 1\nZürich"},
			"jpegPhoto": {base64.StdEncoding.EncodeToString([]byte{0xff, 0xd8, 0, 1})}, "sshPublicKey": {"ssh-ed25519 AAAA a"},
			"country": {"CH"}, "gecos": {"Alice"}, "authorizedService": {"sshd", "cron"}, "host": {"*"}, "homePhone": {"1"},
		},
		Emails: []directory.Email{{Address: "a@other.example"}, {Address: "alice@example.com", Primary: true}},
	})
	staff := w.group("crew", alice.ID)
	all := w.group("everyone")
	w.write(func(tx *directory.Writer) error {
		return tx.AddNesting(directory.Nesting{Parent: all.ID, Child: staff.ID})
	})
	w.start()
	now := directorytest.Start
	want := map[string][]string{
		"objectClass": {
			"top", "person", "organizationalPerson", "inetOrgPerson", "posixAccount", "shadowAccount",
			"ldapPublicKey", "authorizedServiceObject", "hostObject",
		},
		"uid": {"alice"}, "cn": {"Alice L.", "alice"}, "displayName": {"Alice L."}, "sn": {"Liddell"}, "givenName": {"Alice"},
		"mail": {"alice@example.com", "a@other.example"}, "title": {"Engineer"}, "departmentNumber": {"R&D"}, "ou": {"R&D"},
		"manager": {userDN("boss")}, "telephoneNumber": {"+41 44 123 45 67"}, "postalAddress": {"Main St 1$Zürich"},
		"jpegPhoto": {"\xff\xd8\x00\x01"}, "sshPublicKey": {"ssh-ed25519 AAAA a"}, "c": {"CH"}, "gecos": {"Alice"},
		"authorizedService": {"sshd", "cron"}, "host": {"*"}, "homePhone": {"1"},
		"uidNumber": {"1880000001"}, "gidNumber": {"1880000001"}, "homeDirectory": {"/home/alice"}, "loginShell": {"/bin/sh"},
	}
	if diff := cmp.Diff(want, entry(t, w.x, userDN("alice"), everybody(), "*")); diff != "" {
		t.Errorf("user attributes (-want +got):\n%s", diff)
	}
	stamp := now.Format(timeLayout)
	want = map[string][]string{
		"entryUUID": {alice.UID}, "nsUniqueId": {alice.UID}, "ipaUniqueID": {alice.UID}, "entryDN": {userDN("alice")}, "structuralObjectClass": {"inetOrgPerson"},
		"subschemaSubentry": {"cn=subschema"}, "hasSubordinates": {"FALSE"}, "numSubordinates": {"0"},
		"createTimestamp": {stamp}, "modifyTimestamp": {stamp}, "creatorsName": {maintainer}, "modifiersName": {maintainer},
		"entryCSN": {now.Format(csnLayout) + "#000000#000#000000"},
		"memberOf": {groupDN("crew"), groupDN("everyone")}, "isMemberOf": {groupDN("crew"), groupDN("everyone")},
	}
	got := entry(t, w.x, userDN("alice"), everybody(), "+")
	slices.Sort(got["memberOf"])
	slices.Sort(got["isMemberOf"])
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("operational attributes (-want +got):\n%s", diff)
	}
}

func TestEveryPersonHasWhatItsClassesDemand(t *testing.T) {
	w := newWorld(t)
	w.user(directory.User{Username: "bare"})
	w.user(directory.User{Username: "given", Profile: directory.Attributes{"givenName": {"Just"}}})
	w.user(directory.User{Username: "formal", Profile: directory.Attributes{"formatted": {"Dr. Formal"}, "displayName": {"Formi"}}})
	w.user(directory.User{Username: "same", Profile: directory.Attributes{"displayName": {"Same"}}})
	w.user(directory.User{Username: "reader", Kind: directory.ServiceAccount})
	w.group("crew")
	w.start()
	cn := map[string][]string{
		"bare": {"bare"}, "given": {"Just", "given"}, "formal": {"Dr. Formal", "formal"}, "same": {"same"},
	}
	for name, want := range cn {
		got := entry(t, w.x, userDN(name), everybody())
		if diff := cmp.Diff(want, got["cn"]); diff != "" {
			t.Errorf("cn of %s: %s", name, diff)
		}
		if got["sn"][0] != name {
			t.Errorf("sn of %s is %q", name, got["sn"])
		}
	}
	for _, a := range search(t, w.x, ask{scope: wire.ScopeSubtree, filter: "(objectClass=*)"}) {
		for _, c := range a.attrs["objectClass"] {
			class, ok := schema.Class(c)
			if !ok {
				t.Errorf("%s has the class %s, which the schema lacks", a.dn, c)
			}
			for _, must := range class.Must {
				if len(a.attrs[must]) == 0 {
					t.Errorf("%s is a %s without %s", a.dn, c, must)
				}
			}
		}
		for attr, values := range a.attrs {
			typ, ok := schema.LDAPType(attr)
			if !ok || typ.Single && len(values) > 1 {
				t.Errorf("%s has %s: %q", a.dn, attr, values)
			}
		}
	}
}

func TestDisabledStaysListedAndDeletedVanishes(t *testing.T) {
	w := newWorld(t)
	u := w.user(directory.User{Username: "carol", Profile: directory.Attributes{"sshPublicKey": {"ssh-ed25519 AAAA"}}})
	g := w.group("crew", u.ID)
	w.start()
	w.write(func(tx *directory.Writer) error { _, err := tx.DisableUser(u.ID, "test"); return err })
	got := entry(t, w.x, userDN("carol"), everybody(), "*", "+")
	for attr, want := range map[string]string{"nsAccountLock": "TRUE", "shadowExpire": "1", "sshPublicKey": "", "memberOf": groupDN("crew")} {
		if v := strings.Join(got[attr], ","); v != want {
			t.Errorf("disabled: %s is %q, want %q", attr, v, want)
		}
	}
	if slices.Contains(got["objectClass"], "ldapPublicKey") {
		t.Error("disabled, but has the class of SSH keys")
	}
	w.write(func(tx *directory.Writer) error { _, err := tx.EnableUser(u.ID, false); return err })
	got = entry(t, w.x, userDN("carol"), everybody(), "*", "+")
	if got["nsAccountLock"] != nil || got["shadowExpire"] != nil || len(got["sshPublicKey"]) != 1 {
		t.Errorf("enabled again: %v", got)
	}
	w.write(func(tx *directory.Writer) error { return tx.DeleteUser(u.ID) })
	if _, err := trySearch(t, w.x, ask{base: userDN("carol"), filter: "(objectClass=*)"}); err == nil {
		t.Error("a deleted user is still there")
	}
	if m := entry(t, w.x, groupDN("crew"), everybody())["member"]; len(m) > 0 {
		t.Errorf("a deleted user is a member of %s: %q", g.Name, m)
	}
	if got := w.find("(|(uid=carol)(cn=carol)(mail=*)(uidNumber=1880000000)(cn=*aro*))"); got != "" {
		t.Errorf("a deleted user is found: %s", got)
	}
}

func TestExpiryIsShownToUnixHosts(t *testing.T) {
	w := newWorld(t)
	w.user(directory.User{Username: "temp", Expires: time.Date(2027, 1, 31, 18, 0, 0, 0, time.UTC)})
	w.start()
	if got := entry(t, w.x, userDN("temp"), everybody())["shadowExpire"]; !slices.Equal(got, []string{"20849"}) {
		t.Errorf("shadowExpire is %q", got)
	}
}

func TestReservedUnixNamesAreNoUnixAccounts(t *testing.T) {
	w := newWorld(t)
	root := w.user(directory.User{Username: "root", Profile: directory.Attributes{"homeDirectory": {"/"}, "loginShell": {"/bin/sh"}, "gecos": {"r"}}})
	mallory := w.user(directory.User{Username: "mallory"})
	w.group("sudo", root.ID, mallory.ID)
	w.group("crew", root.ID, mallory.ID)
	w.start()
	for _, dn := range []string{userDN("root"), groupDN("sudo")} {
		got := entry(t, w.x, dn, everybody())
		for _, attr := range []string{"uidNumber", "gidNumber", "homeDirectory", "loginShell", "gecos", "memberUid", "shadowExpire"} {
			if got[attr] != nil {
				t.Errorf("%s has %s %q", dn, attr, got[attr])
			}
		}
		if slices.Contains(got["objectClass"], "posixAccount") || slices.Contains(got["objectClass"], "posixGroup") {
			t.Errorf("%s has %q", dn, got["objectClass"])
		}
	}
	if got := entry(t, w.x, groupDN("crew"), everybody())["memberUid"]; !slices.Equal(got, []string{"mallory"}) {
		t.Errorf("memberUid is %q", got)
	}
	for filter, want := range map[string]string{
		"(&(objectClass=posixAccount)(uid=root))":     "",
		"(&(objectClass=posixGroup)(memberUid=root))": "",
		"(memberUid=mallory)":                         "crew",
		"(&(cn=sudo)(gidNumber=*))":                   "",
		"(memberUid=MALLORY)":                         "", // caseExactIA5Match
	} {
		if got := w.find(filter); got != want {
			t.Errorf("%s finds %q, want %q", filter, got, want)
		}
	}
}

func TestUnixNamesCannotMeanSomethingElse(t *testing.T) {
	for name, want := range map[string]bool{
		"alice": true, "alice.b-c_d": true, "All Staff": true, "a:b": false, "../etc": false, "a/b": false, "-rf": false,
		".ssh": false, "a\nb": false, "": false, "root": false, "SUDO": false, "+": false, `a\b`: false,
	} {
		if got := posixName(name); got != want {
			t.Errorf("posixName(%q) = %t", name, got)
		}
	}
}

func TestMemberNamesAreByteEqualToEntryNames(t *testing.T) {
	w := newWorld(t)
	var ids []directory.UserID
	for _, name := range []string{"alice", "b.o_b-1", "c@example.com"} {
		ids = append(ids, w.user(directory.User{Username: name}).ID)
	}
	groups := []string{"crew", `R+D, "Zürich"`, `back\slash`, "#1;<x>", "  trimmed ", "Ünïcode"}
	var parent directory.Group
	for i, name := range groups {
		g := w.group(name, ids...)
		if i == 0 {
			parent = g
			continue
		}
		w.write(func(tx *directory.Writer) error {
			return tx.AddNesting(directory.Nesting{Parent: parent.ID, Child: g.ID})
		})
	}
	w.start()
	all := map[string]bool{}
	named := map[string]bool{}
	for _, a := range search(t, w.x, ask{scope: wire.ScopeSubtree, filter: "(objectClass=*)", attrs: []string{"*", "+"}}) {
		all[a.dn] = true
		for _, attr := range []string{"member", "uniqueMember", "memberOf", "isMemberOf"} {
			for _, dn := range a.attrs[attr] {
				named[dn] = true
			}
		}
		if a.attrs["entryDN"][0] != a.dn {
			t.Errorf("entryDN %q of %q", a.attrs["entryDN"], a.dn)
		}
		// And each name leads back to its entry.
		if list := search(t, w.x, ask{base: a.dn, filter: "(objectClass=*)"}); len(list) != 1 || list[0].dn != a.dn {
			t.Errorf("a search at %q finds %v", a.dn, list)
		}
	}
	for dn := range named {
		if !all[dn] {
			t.Errorf("%q is named, but no entry has exactly this name", dn)
		}
	}
	if len(named) != len(ids)+len(groups) {
		t.Errorf("%d names: %v", len(named), slices.Collect(maps.Keys(named)))
	}
}

func TestSelectionOfAttributes(t *testing.T) {
	w := newWorld(t)
	u := w.user(directory.User{Username: "alice", Profile: directory.Attributes{"givenName": {"Alice"}, "title": {"x"}}})
	w.group("crew", u.ID)
	w.start()
	tests := []struct {
		name string
		ask  []string
		want string
	}{
		{"one", []string{"uid"}, "uid"},
		{"in any case, by alias and by number", []string{"GIVENNAME", "surname", "2.5.4.12"}, "givenName sn title"},
		{"none", []string{"1.1"}, ""},
		{"none and one", []string{"1.1", "uid"}, "uid"},
		{"unknown", []string{"nonsense", "uid;lang-de", "uid"}, "uid"},
		{"operational by name", []string{"memberOf"}, "memberOf"},
		{"of a class", []string{"@posixAccount"}, "cn gidNumber homeDirectory loginShell objectClass uid uidNumber"},
		{"a supertype", []string{"name"}, "cn givenName sn title"},
		{"a password", []string{"userPassword"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := slices.Sorted(maps.Keys(entry(t, w.x, userDN("alice"), everybody(), tt.ask...)))
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("%q gives %q, want %q", tt.ask, s, tt.want)
			}
		})
	}
	for _, a := range search(t, w.x, ask{base: userDN("alice"), filter: "(uid=*)", attrs: []string{"*", "+"}, types: true}) {
		for attr, values := range a.attrs {
			if len(values) > 0 {
				t.Errorf("types only, but %s has values", attr)
			}
		}
		if a.attrs["memberOf"] == nil || a.attrs["uid"] == nil {
			t.Errorf("types only: %v", a.attrs)
		}
	}
}

func TestContainers(t *testing.T) {
	w := newWorld(t)
	w.user(directory.User{Username: "alice"})
	w.start()
	want := map[string][]string{
		"objectClass": {"top", "dcObject", "organization"}, "dc": {"example"}, "o": {"example.com"},
		"numSubordinates": {"4"}, "hasSubordinates": {"TRUE"},
	}
	if diff := cmp.Diff(want, entry(t, w.x, baseDN, everybody(), "*", "numSubordinates", "hasSubordinates")); diff != "" {
		t.Errorf("base (-want +got):\n%s", diff)
	}
	if got := entry(t, w.x, baseDN, everybody(), "contextCSN")["contextCSN"]; len(got) != 1 {
		t.Errorf("contextCSN is %q", got)
	}
	// RFC 4512 §3.3 and §4.2: of every entry.
	for _, e := range search(t, w.x, ask{scope: wire.ScopeSubtree, filter: "(objectClass=*)", attrs: []string{"objectClass", "subschemaSubentry"}}) {
		if len(e.attrs["objectClass"]) < 2 || len(e.attrs["subschemaSubentry"]) != 1 {
			t.Errorf("%s: %v", e.dn, e.attrs)
		}
	}
	for unit, n := range map[string]string{"users": "1", "groups": "1", "services": "0", "apps": "0"} {
		got := entry(t, w.x, "ou="+unit+","+baseDN, everybody(), "*", "numSubordinates", "entryUUID")
		if got["ou"][0] != unit || got["numSubordinates"][0] != n || len(got["entryUUID"][0]) != 36 {
			t.Errorf("ou=%s is %v", unit, got)
		}
	}
}
