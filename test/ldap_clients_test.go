package test

import (
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
)

// pythonWrites runs python-ldap as who may write.
func (w *world) pythonWrites(t *testing.T, password string) {
	t.Helper()
	r := w.python(t, "ldap_write.py", "ldap://"+w.LDAP, w.CAFile(), writerDN, password, usersDN, groupsDN)
	want := `[['Clerk'], ['Chief']]
assertion failed
nor compared
[b'root-admin', b'dora'] [2]
True
True
not by herself
gone
`
	if got := strings.ReplaceAll(r.Stdout, "b'Chief'", "'Chief'"); r.Code != 0 || strings.ReplaceAll(got, "b'Clerk'", "'Clerk'") != want {
		t.Errorf("python-ldap: %v, want %s", r, want)
	}
}

// goWrites writes with go-ldap as who may write.
func (w *world) goWrites(t *testing.T, password string) {
	t.Helper()
	c := w.dial(t)
	if err := c.Bind(writerDN, password); err != nil {
		t.Fatal(err)
	}
	const erin, erica, crew = "uid=erin," + usersDN, "uid=erica," + usersDN, "cn=crew," + groupsDN
	person := ldap.NewAddRequest(erin, nil)
	person.Attribute("objectClass", []string{"inetOrgPerson"})
	person.Attribute("cn", []string{"Erin"})
	person.Attribute("sn", []string{"Smith"})
	group := ldap.NewAddRequest(crew, nil)
	group.Attribute("objectClass", []string{"groupOfNames"})
	group.Attribute("member", []string{erin})
	title := ldap.NewModifyRequest(erin, nil)
	title.Add("title", []string{"Pilot"})
	for _, step := range []struct {
		name string
		do   func() error
		want uint16
	}{
		{"add", func() error { return c.Add(person) }, 0},
		{"add again", func() error { return c.Add(person) }, ldap.LDAPResultEntryAlreadyExists},
		{"add a group", func() error { return c.Add(group) }, 0},
		{"modify", func() error { return c.Modify(title) }, 0},
		{"rename", func() error { return c.ModifyDN(ldap.NewModifyDNRequest(erin, "uid=erica", true, "")) }, 0},
		{"delete who is gone", func() error { return c.Del(ldap.NewDelRequest(erin, nil)) }, ldap.LDAPResultNoSuchObject},
	} {
		err := step.do()
		if step.want == 0 && err != nil || step.want != 0 && !ldap.IsErrorWithCode(err, step.want) {
			t.Fatalf("%s: %v", step.name, err)
		}
	}
	if ok, err := c.Compare(crew, "member", erica); !ok || err != nil {
		t.Errorf("the group has who was renamed: %t, %v", ok, err)
	}
	made, err := c.PasswordModify(ldap.NewPasswordModifyRequest(erica, "", ""))
	if err != nil || made.GeneratedPassword == "" {
		t.Fatalf("a password: %+v, %v", made, err)
	}
	if err := w.dial(t).Bind(erica, made.GeneratedPassword); err != nil {
		t.Errorf("bind with it: %v", err)
	}
	view, err := c.Search(&ldap.SearchRequest{
		BaseDN: usersDN, Scope: ldap.ScopeSingleLevel, Filter: "(title=pilot)", Attributes: []string{"title"},
		Controls: []ldap.Control{ldap.NewControlServerSideSortingWithSortKeys([]*ldap.SortKey{{AttributeType: "uid", MatchingRule: "caseIgnoreOrderingMatch"}})},
	})
	if err != nil || len(view.Entries) != 1 || view.Entries[0].DN != erica {
		t.Errorf("sorted: %+v, %v", view, err)
	}
	for _, dn := range []string{erica, crew} {
		if err := c.Del(ldap.NewDelRequest(dn, nil)); err != nil {
			t.Errorf("delete %s: %v", dn, err)
		}
	}
}
