package projection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/ldapd/wire"
)

// village is a world with people, nested groups and a service account.
func village(t testing.TB) (*world, map[string]directory.UserID) {
	t.Helper()
	w := newWorld(t)
	ids := map[string]directory.UserID{}
	for _, u := range []directory.User{
		{Username: "alice", Profile: directory.Attributes{
			"givenName": {"Alice"}, "familyName": {"Liddell"}, "title": {"Chief  Engineer"},
			"workPhone": {"+41 44-123 45 67"}, "employeeNumber": {"E7"}, "homeDirectory": {"/home/Alice"},
		}},
		{
			Username: "bob", Profile: directory.Attributes{"givenName": {"Bob"}, "familyName": {"Müller"}, "department": {"Sales"}},
			Emails: []directory.Email{{Address: "Bob@Example.com", Primary: true}, {Address: "robert@example.org"}},
		},
		{Username: "carol", Profile: directory.Attributes{"givenName": {"Carol"}}},
	} {
		if u.Username == "carol" {
			u.Profile["manager"] = []string{uidOf(w, ids["alice"])}
		}
		ids[u.Username] = w.user(u).ID
	}
	w.user(directory.User{Username: "reader", Kind: directory.ServiceAccount})
	crew, team, firm := w.group("crew", ids["alice"], ids["bob"]), w.group("team", ids["carol"]), w.group("firm")
	w.write(func(tx *directory.Writer) error {
		return errors.Join(tx.AddNesting(directory.Nesting{Parent: team.ID, Child: crew.ID}), tx.AddNesting(directory.Nesting{Parent: firm.ID, Child: team.ID}))
	})
	return w.start(), ids
}

func uidOf(w *world, id directory.UserID) string {
	var uid string
	if err := w.dir.Read(w.t.Context(), directory.System("test"), func(r *directory.Reader) error {
		u, err := r.User(id)
		uid = u.UID
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	return uid
}

func TestFilters(t *testing.T) {
	w, _ := village(t)
	tests := []struct{ filter, want string }{
		{"(uid=ALICE)", "alice"},
		{"(uid= alice )", "alice"},
		{"(title=chief engineer)", "alice"},
		{"(title~=CHIEF   ENGINEER)", "alice"},
		{"(sn=MÜLLER)", "bob"},
		{"(mail=bob@example.com)", "bob"},
		{"(mail=robert@EXAMPLE.org)", "bob"},
		{"(rfc822Mailbox=robert*)", "bob"},
		{"(homeDirectory=/home/Alice)", "alice"},
		{"(homeDirectory=/home/alice)", ""},
		{"(telephoneNumber=+41441234567)", "alice"},
		{"(telephoneNumber=*123-4567)", "alice"},
		{"(telephoneNumber=*12 34*)", "alice"},
		{"(cn=al\\c2\\adice\\e2\\80\\83 liddell)", "alice"},
		{"(cn=*\\e2\\80\\8blid\\c2\\a0*)", ""},
		{"(cn=\\c2\\adalice\\c2\\a0*)", "alice"},
		{"(ou=sales)", "bob"},
		{"(departmentNumber=Sales)", "bob"},
		{"(cn=alice liddell)", "alice"},
		{"(cn=alice *)", "alice"},
		{"(cn=*e l*)", "alice"},
		{"(cn=ali*dell)", "alice"},
		{"(cn=ali*lid*ell)", "alice"},
		{"(cn=ali*ali*)", ""},
		{"(cn=a*l*)", "alice"},
		{"(givenName=*)", "alice bob carol"},
		{"(!(employeeNumber=*))", "bob carol crew firm reader team"},
		{"(name=carol)", "carol"},
		{"(&)", "alice bob carol crew firm reader team"},
		{"(|)", ""},
		{"(objectClass=2.5.6.6)", "alice bob carol"},
		{"(objectClass=GROUPOFNAMES)", "crew firm team"},
		{"(objectClass=domain)", ""},
		{"(!(objectClass=domain))", "alice bob carol crew firm reader team"},
		{"(!(objectClass=nonsense))", ""},
		{"(uidNumber=1880000000)", "alice"},
		{"(gidNumber=1880000001)", "bob"},
		{"(uidNumber>=1880000001)", "bob carol"},
		{"(uidNumber<=01880000000)", "alice"},
		{"(uidNumber=alice)", ""},
		{"(!(uidNumber=alice))", ""},
		{"(cn>=a)", ""}, // no ordering rule
		{"(!(cn>=a))", ""},
		{"(modifyTimestamp>=20260302090000Z)", "alice bob carol crew firm reader team"},
		{"(modifyTimestamp>=202603020901Z)", ""},
		{"(modifyTimestamp<=2026030210+0100)", "alice bob carol crew firm reader team"},
		{"(modifyTimestamp>=nonsense)", ""},
		{"(memberOf=cn=crew,ou=groups,dc=example,dc=com)", "alice bob"},
		{"(memberOf=CN=Team, OU=groups,DC=example,DC=COM)", "alice bob carol crew"},
		{"(isMemberOf=cn=firm,ou=groups,dc=example,dc=com)", "alice bob carol crew team"},
		{"(memberOf=cn=nobody,ou=groups,dc=example,dc=com)", ""},
		{"(!(memberOf=cn=nobody,ou=groups,dc=example,dc=com))", "alice bob carol crew firm reader team"},
		{"(memberOf=crew)", ""},
		{"(!(memberOf=crew))", ""},
		{"(memberOf:1.2.840.113556.1.4.1941:=cn=firm,ou=groups,dc=example,dc=com)", "alice bob carol crew team"},
		{"(member=uid=alice,ou=users,dc=example,dc=com)", "crew"},
		{"(member=cn=alice,ou=users,dc=example,dc=com)", "crew"},
		{"(uniqueMember=uid=carol,ou=users,dc=example,dc=com)", "team"},
		{"(uniqueMember=uid=carol,ou=users,dc=example,dc=com#'01'B)", ""},
		{"(member=cn=crew,ou=groups,dc=example,dc=com)", "team"},
		{"(member:1.2.840.113556.1.4.1941:=uid=alice,ou=users,dc=example,dc=com)", "crew firm team"},
		{"(cn:1.2.840.113556.1.4.1941:=uid=alice,ou=users,dc=example,dc=com)", ""},
		{"(memberUid=alice)", "crew firm team"},
		{"(memberUid=Alice)", ""},
		{"(memberUid=ali*)", "crew firm team"},
		{"(memberOf=*)", "alice bob carol crew team"},
		{"(member=*)", "crew firm team"},
		{"(manager=uid=alice,ou=users,dc=example,dc=com)", "carol"},
		{"(manager=*)", "carol"},
		{"(entryDN=uid=bob,ou=users,dc=example,dc=com)", "bob"},
		{"(uid:dn:=alice)", "alice"},
		{"(ou:dn:=groups)", "crew firm team"},
		{"(ou:=groups)", ""},
		{"(cn:caseExactMatch:=Alice Liddell)", "alice"},
		{"(cn:2.5.13.5:=alice liddell)", ""},
		{"(cn:nonsenseMatch:=alice)", ""},
		{"(!(cn:nonsenseMatch:=alice))", ""},
		{"(:caseIgnoreMatch:=carol)", "carol"},
		{"(:caseIgnoreMatch:=sales)", "bob"},
		{"(uidNumber:1.2.840.113556.1.4.803:=1880000001)", "bob"},
		{"(uidNumber:1.2.840.113556.1.4.804:=3)", "bob carol"},
		{"(cn:1.2.840.113556.1.4.803:=1)", ""},
		{"(hasSubordinates=TRUE)", ""},
		{"(structuralObjectClass=inetorgperson)", "alice bob carol"},
		{"(jpegPhoto=x)", ""}, // no equality
		{"(!(jpegPhoto=x))", ""},
		{"(!(jpegPhoto=*))", "alice bob carol crew firm reader team"},
		{"(&(uid=x)(objectclass=posixAccount)(&(uidNumber=*)(!(uidNumber=0))))", ""},
		{"(&(uid=bob)(objectclass=posixAccount)(&(uidNumber=*)(!(uidNumber=0))))", "bob"},
		{"(&(objectClass=posixAccount)(uid=bob)(|(authorizedService=s)(!(authorizedService=*))))", "bob"},
	}
	for _, tt := range tests {
		if got := w.find(tt.filter); got != tt.want {
			t.Errorf("%s finds %q, want %q", tt.filter, got, tt.want)
		}
	}
}

// TestThreeValuedLogic is the table of RFC 4511 §4.5.1.7: T, F and U are filters that are true, false and Undefined.
func TestThreeValuedLogic(t *testing.T) {
	w, _ := village(t)
	value := map[byte]string{'T': "(uid=alice)", 'F': "(uid=nobody)", 'U': "(nonsense=x)"}
	expand := func(s string) string {
		for k, f := range value {
			s = strings.ReplaceAll(s, string(k), f)
		}
		return s
	}
	for expr, want := range map[string]byte{
		"T": 'T', "F": 'F', "U": 'U',
		"(!T)": 'F', "(!F)": 'T', "(!U)": 'U', "(!(!U))": 'U',
		"(&TT)": 'T', "(&TF)": 'F', "(&TU)": 'U', "(&FU)": 'F', "(&UF)": 'F', "(&UU)": 'U', "(&UT)": 'U',
		"(|TT)": 'T', "(|TF)": 'T', "(|TU)": 'T', "(|UT)": 'T', "(|FU)": 'U', "(|UF)": 'U', "(|UU)": 'U', "(|FF)": 'F',
		"(!(&TU))": 'U', "(!(|FU))": 'U', "(!(|TU))": 'F', "(!(&FU))": 'T',
		"(&)": 'T', "(|)": 'F', "(!(&))": 'F', "(!(|))": 'T',
	} {
		f := expand(expr)
		is := len(search(t, w.x, ask{base: userDN("alice"), filter: f})) == 1
		not := len(search(t, w.x, ask{base: userDN("alice"), filter: "(!" + f + ")"})) == 1
		if got := map[[2]bool]byte{{true, false}: 'T', {false, true}: 'F', {false, false}: 'U'}[[2]bool{is, not}]; got != want {
			t.Errorf("%s is %c, want %c", expr, got, want)
		}
	}
	for _, undefined := range []string{
		"(nonsense=*)", "(cn;lang-de=x)", "(nonsense>=1)", "(nonsense=a*)", "(nonsense:=1)", "(userPassword=*)", "(userPassword=x)",
		"(sn=)", "(sn:caseExactMatch:=)", "(:caseIgnoreMatch:=)", "(pwdReset=*)", "(uidNumber=x)", "(uidNumber>=x)", "(entryUUID=x)", "(objectClass=nonsense)", "(memberOf=x)", "(hasSubordinates=maybe)",
		"(jpegPhoto=a*)", "(uidNumber=1*)", "(cn<=x)", "(:nonsense:=x)", "(:1.2.840.113556.1.4.803:=1)",
		"(cn=a\\ef\\bf\\bd)", "(cn=\\ff)", "(cn=a*\\ee\\80\\80)", "(cn:caseExactMatch:=\\ff)", "(telephoneNumber=\\ff)", // RFC 4518 §2: preparation fails
	} {
		for _, f := range []string{undefined, "(!" + undefined + ")"} {
			if got := search(t, w.x, ask{scope: wire.ScopeSubtree, filter: f}); len(got) != 0 {
				t.Errorf("%s finds %d entries, want none: Undefined", f, len(got))
			}
		}
	}
}

func TestScopes(t *testing.T) {
	w, _ := village(t)
	tests := []struct {
		base  string
		scope wire.Scope
		want  string
	}{
		{"", wire.ScopeBase, "example"},
		{"", wire.ScopeOneLevel, "apps groups services users"},
		{"", wire.ScopeSubtree, "alice alice apps bob bob carol carol crew example firm groups reader services team users"},
		{"ou=users,", wire.ScopeBase, "users"},
		{"ou=users,", wire.ScopeOneLevel, "alice bob carol"},
		{"OU = Users,", wire.ScopeSubtree, "alice bob carol users"},
		{"ou=services,", wire.ScopeOneLevel, "reader"},
		{"ou=groups,", wire.ScopeOneLevel, "alice bob carol crew firm team"},
		{"ou=apps,", wire.ScopeSubtree, "apps"},
		{"uid=alice,ou=users,", wire.ScopeBase, "alice"},
		{"uid=alice,ou=users,", wire.ScopeOneLevel, ""},
		{"uid=alice,ou=users,", wire.ScopeSubtree, "alice"},
	}
	for _, tt := range tests {
		got := strings.Join(sorted(names(search(t, w.x, ask{base: tt.base + baseDN, scope: tt.scope, filter: "(objectClass=*)"}))), " ")
		if got != tt.want {
			t.Errorf("%q scope %d: %q, want %q", tt.base, tt.scope, got, tt.want)
		}
	}
	for base, matched := range map[string]string{
		"dc=com": "", "dc=other,dc=com": "", "": "", "dc=xexample,dc=com": "",
		"ou=nobody," + baseDN:                   baseDN,
		"uid=nobody,ou=users," + baseDN:         "ou=users," + baseDN,
		"uid=reader,ou=users," + baseDN:         "ou=users," + baseDN,
		"cn=x,uid=alice,ou=users," + baseDN:     userDN("alice"),
		"cn=x,uid=y,ou=users," + baseDN:         "ou=users," + baseDN,
		"uid=alice+cn=alice,ou=users," + baseDN: "ou=users," + baseDN,
		"cn=alice b,ou=groups," + baseDN:        "ou=groups," + baseDN,
	} {
		_, err := trySearch(t, w.x, ask{base: base + " ", scope: wire.ScopeSubtree, filter: "(objectClass=*)"})
		if got, ok := noSuchObject(err); !ok || got != matched {
			t.Errorf("%q: %v, matched %q, want %q", base, err, got, matched)
		}
	}
}

// TestViewersSeeNoMore fails when an attribute or entry outside the viewer's list leaks by any way.
func TestViewersSeeNoMore(t *testing.T) {
	w, ids := village(t)
	alice := Viewer{Audience: schema.Self, User: ids["alice"]}
	if got := strings.Join(sorted(names(search(t, w.x, ask{scope: wire.ScopeSubtree, filter: "(objectClass=*)", viewer: alice}))), " "); got != "alice apps example groups services users" {
		t.Errorf("alice sees %q", got)
	}
	for _, filter := range []string{"(uid=bob)", "(sn=m*)", "(memberOf=cn=crew,ou=groups,dc=example,dc=com)", "(cn=crew)", "(cn=reader)"} {
		for _, a := range search(t, w.x, ask{scope: wire.ScopeSubtree, filter: filter, viewer: alice}) {
			if a.dn != userDN("alice") {
				t.Errorf("%s shows %s to alice", filter, a.dn)
			}
		}
	}
	for _, dn := range []string{userDN("bob"), groupDN("crew"), "cn=reader,ou=services," + baseDN} {
		_, real := trySearch(t, w.x, ask{base: dn, filter: "(objectClass=*)", viewer: alice})
		_, made := trySearch(t, w.x, ask{base: strings.Replace(dn, "=", "=no-", 1), filter: "(objectClass=*)", viewer: alice})
		_, below := trySearch(t, w.x, ask{base: "cn=x," + dn, filter: "(objectClass=*)", viewer: alice})
		m1, ok1 := noSuchObject(real)
		m2, ok2 := noSuchObject(made)
		m3, ok3 := noSuchObject(below)
		if !ok1 || !ok2 || !ok3 || m1 != m2 || m1 != m3 {
			t.Errorf("alice can tell that %s exists: %v %q, %v %q, %v %q", dn, real, m1, made, m2, below, m3)
		}
		if _, err := w.x.Compare(nameOf(t, dn), []byte("cn"), []byte("x"), alice, nil); err == nil {
			t.Errorf("alice compares %s", dn)
		}
	}
	app := Viewer{Audience: schema.AppView, User: ids["alice"]} // who sees no employeeNumber
	got := entry(t, w.x, userDN("alice"), app, "*", "+", "employeeNumber")
	for _, attr := range []string{"employeeNumber", "creatorsName", "userPassword"} {
		if got[attr] != nil {
			t.Errorf("an app sees %s", attr)
		}
	}
	if entry(t, w.x, userDN("alice"), everybody(), "employeeNumber")["employeeNumber"] == nil {
		t.Error("the test is about an attribute that nobody sees")
	}
	for _, f := range []string{"(employeeNumber=E7)", "(employeeNumber=*)", "(employeeNumber=E*)", "(!(employeeNumber=E8))", "(:caseIgnoreMatch:=e7)"} {
		if list := search(t, w.x, ask{scope: wire.ScopeSubtree, filter: f, viewer: app}); len(list) != 0 {
			t.Errorf("an app learns by %s", f)
		}
	}
	if got, err := w.x.Compare(nameOf(t, userDN("alice")), []byte("employeeNumber"), []byte("E7"), app, nil); got != CompareUndefined || err != nil {
		t.Errorf("an app compares: %v, %v", got, err)
	}
	if _, err := trySearch(t, w.x, ask{scope: wire.ScopeSubtree, filter: "(objectClass=*)", viewer: Viewer{User: ids["alice"]}}); err == nil {
		t.Error("nobody sees something")
	}
}

func TestCompare(t *testing.T) {
	w, _ := village(t)
	tests := []struct {
		dn, attr, value string
		want            Comparison
	}{
		{userDN("alice"), "sn", "LIDDELL", CompareTrue},
		{userDN("alice"), "sn", "x", CompareFalse},
		{userDN("alice"), "mail", "x", CompareAbsent},
		{userDN("alice"), "nonsense", "x", CompareUndefined},
		{userDN("alice"), "userPassword", "x", CompareUndefined},
		{userDN("alice"), "jpegPhoto", "x", CompareUndefined},
		{userDN("alice"), "uidNumber", "x", CompareInvalid},
		{userDN("alice"), "uidNumber", "1880000000", CompareTrue},
		{userDN("alice"), "objectClass", "posixaccount", CompareTrue},
		{userDN("alice"), "objectClass", "nonsense", CompareFalse},
		{userDN("alice"), "memberOf", groupDN("firm"), CompareTrue},
		{userDN("carol"), "memberOf", groupDN("crew"), CompareFalse},
		{groupDN("crew"), "member", userDN("alice"), CompareTrue},
		{groupDN("crew"), "member", "not a name", CompareInvalid},
		{groupDN("firm"), "uniqueMember", userDN("alice"), CompareFalse},
		{groupDN("firm"), "memberUid", "alice", CompareTrue},
		{"ou=users," + baseDN, "ou", "Users", CompareTrue},
		{"cn=reader,ou=services," + baseDN, "cn", "reader", CompareTrue},
	}
	for _, tt := range tests {
		if got, err := w.x.Compare(nameOf(t, tt.dn), []byte(tt.attr), []byte(tt.value), everybody(), nil); got != tt.want || err != nil {
			t.Errorf("%s %s=%s: %v, %v, want %v", tt.dn, tt.attr, tt.value, got, err, tt.want)
		}
	}
}

func TestLookup(t *testing.T) {
	w, ids := village(t)
	uid := uidOf(w, ids["bob"])
	for _, dn := range []string{
		userDN("bob"), "cn=BOB,ou=users," + baseDN, "mail=bob@example.com,ou=users," + baseDN,
		"mail=robert@example.org,ou=users," + baseDN, "entryUUID=" + strings.ToUpper(uid) + ",ou=users," + baseDN,
	} {
		e, err := w.x.Lookup(nameOf(t, dn))
		if err != nil || e.User != ids["bob"] || e.DN != userDN("bob") || e.UUID != uid {
			t.Errorf("%s is %+v, %v", dn, e, err)
		}
	}
	if e, err := w.x.LookupUUID(uid); err != nil || e.User != ids["bob"] {
		t.Errorf("LookupUUID: %+v, %v", e, err)
	}
	if e, err := w.x.Lookup(nameOf(t, groupDN("crew"))); err != nil || e.Group == 0 || e.User != 0 {
		t.Errorf("group: %+v, %v", e, err)
	}
	for _, s := range []string{"", strings.Repeat("-", 36), "00000000-0000-0000-0000-000000000000", uid[1:]} {
		if e, err := w.x.LookupUUID(s); err == nil {
			t.Errorf("LookupUUID(%q) is %+v", s, e)
		}
	}
}

func TestGroupsInACircle(t *testing.T) {
	x := crowd(t, 20)
	s := x.state.Load()
	a, b := uint32(firstGroup), uint32(firstGroup+1)
	s.setEdge(edge{a, b}, spans{spanOf(time.Time{}, time.Time{})}, 0)
	s.setEdge(edge{b, a}, spans{spanOf(time.Time{}, time.Time{})}, 0)
	for _, f := range []string{
		"(memberOf=cn=group-000000,ou=groups,dc=example,dc=com)",
		"(memberOf:1.2.840.113556.1.4.1941:=cn=group-000001,ou=groups,dc=example,dc=com)",
		"(&(member:1.2.840.113556.1.4.1941:=uid=person0000000,ou=users,dc=example,dc=com)(memberUid=person0000001))",
	} {
		list := search(t, x, ask{scope: wire.ScopeSubtree, filter: f, attrs: []string{"*", "+"}})
		if len(list) < 2 {
			t.Errorf("%s finds %d", f, len(list))
		}
	}
}

// TestPagesMeetNothingTwice goes through all entries in small steps while others come and go, with a new cursor each
// time as paged results do. Stragglers, whose id is lower than that of older entries, are among them.
func TestPagesMeetNothingTwice(t *testing.T) {
	x := crowd(t, 300)
	s := x.state.Load()
	b := newBuilder(x.attrs)
	add := func(id int64, name string) {
		w := newWork(s, time.Now)
		u := directory.User{ID: directory.UserID(id), UID: fmt.Sprintf("00000000-0000-4000-8000-%012d", id), Username: name, Status: directory.Active}
		w.users, w.rowUsers[u.ID] = []directory.UserID{u.ID}, u
		w.apply(b)
	}
	for i := range 40 {
		add(900_000_000+int64(i*7919%40), fmt.Sprintf("early%d", i*7919%40)) // before all
		add(1_500_000_000+int64(i*31%40), fmt.Sprintf("late%d", i*31%40))    // behind all, in disorder
	}
	if len(s.users.late) < 40 {
		t.Fatalf("%d stragglers", len(s.users.late))
	}
	for _, filter := range []string{"(objectClass=*)", "(objectClass=person)", "(|(uid=early*)(uid=late*)(uid=person000000*))", "(!(uid=x))"} {
		whole := search(t, x, ask{scope: wire.ScopeSubtree, filter: filter})
		var paged []string
		var c Cursor
		after := uint64(0)
		for n := 1; n > 0; {
			if err := c.Open(x, Query{Base: nameOf(t, baseDN), Scope: wire.ScopeSubtree, Filter: parsed(t, filter), Viewer: everybody(), After: after}); err != nil {
				t.Fatal(err)
			}
			var err error
			if n, err = c.Next(t.Context(), 7); err != nil {
				t.Fatal(err)
			}
			want := c.Select([][]byte{[]byte("1.1")}, false)
			for i := range n {
				paged = append(paged, decode(t, c.Append(nil, i, 1, &want)).dn)
				after = c.Position(i)
			}
		}
		var all []string
		for _, a := range whole {
			all = append(all, a.dn)
		}
		if !slices.Equal(all, paged) {
			t.Errorf("%s: %d at once, %d in pages, or another order", filter, len(all), len(paged))
		}
		if strings.Contains(filter, "early") && (len(all) != 90 || !strings.HasPrefix(all[0], "uid=early0,") || !strings.HasPrefix(all[39], "uid=early39,")) {
			t.Errorf("%s: %d entries, in the order %v", filter, len(all), all)
		}
	}
}

func TestCancelledSearchEnds(t *testing.T) {
	x := crowd(t, 100)
	ctx, cancel := context.WithCancel(t.Context())
	var c Cursor
	if err := c.Open(x, Query{Base: nameOf(t, baseDN), Scope: wire.ScopeSubtree, Filter: parsed(t, "(objectClass=*)"), Viewer: everybody()}); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Next(ctx, 10); n != 10 || err != nil {
		t.Fatal(n, err)
	}
	cancel()
	if n, err := c.Next(ctx, 10); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("after cancel: %d, %v", n, err)
	}
}

func TestFewKnowsWhatASearchLooksAt(t *testing.T) {
	x := crowd(t, 3000)
	alone := Viewer{Audience: schema.Self, User: 1_000_000_001}
	tests := []struct {
		filter string
		viewer Viewer
		want   bool
	}{
		{"(uid=person0000007)", everybody(), true},
		{"(mail=*son0000123@*)", everybody(), true},
		{"(member:1.2.840.113556.1.4.1941:=uid=person0000007,ou=users," + baseDN + ")", everybody(), true},
		{"(&(uid=person0000007)(!(title=x)))", everybody(), true},
		{"(nosuch=*)", everybody(), true},
		{"(mail=*person*)", everybody(), false},
		{"(!(uid=person0000007))", everybody(), false},
		{"(objectClass=*)", everybody(), false},
		{"(objectClass=*)", alone, true},
	}
	for _, tt := range tests {
		var c Cursor
		if err := c.Open(x, Query{Base: nameOf(t, "ou=users,"+baseDN), Scope: wire.ScopeSubtree, Filter: parsed(t, tt.filter), Viewer: tt.viewer}); err != nil {
			t.Fatal(err)
		}
		if got := c.Few(100); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.filter, got, tt.want)
		}
	}
}
