package test

import (
	"fmt"
	"strings"
	"testing"
)

const writerDN = "cn=provisioner,ou=services,dc=example,dc=com"

// TestLDAPWrites: OpenLDAP's tools, python-ldap and go-ldap write by right to the
// real daemon, with the controls that they know; the command sees it, and so does
// a bind.
func TestLDAPWrites(t *testing.T) {
	w := newWorld(t, "")
	const password = "provisioner's horse battery"
	w.apply(t, `service_accounts:
  - {name: provisioner, password: "`+password+`", grants: ["read:directory", "write:entries", "write:attributes", "write:members", "write:password"]}
`)
	w.start(t, "ldapd")
	const carol, caroline, staff = "uid=carol," + usersDN, "uid=caroline," + usersDN, "cn=staff," + groupsDN
	files := 0
	ldif := func(text string) []string {
		files++
		return []string{"-f", w.file(t, fmt.Sprintf("change%d.ldif", files), text)}
	}
	modify := func(dn, lines string, args ...string) []string {
		return append(args, ldif("dn: "+dn+"\nchangetype: modify\n"+lines)...)
	}
	search := func(args ...string) []string { return append([]string{"-LLL", "-o", "ldif-wrap=no", "-b"}, args...) }
	for _, tt := range []struct {
		name, tool string
		args       []string
		exit       int
		want       string // words of the output, separated by |
	}{
		{"add", "ldapadd", ldif("dn: " + carol + "\nobjectClass: inetOrgPerson\ncn: Carol Jones\nsn: Jones\nmail: carol@example.com\n"), 0, "adding new entry"},
		{"add a primary group", "ldapadd", ldif("dn: cn=carol," + groupsDN + "\nobjectClass: groupOfNames\n"), 68, "Already exists"},
		{"modify", "ldapmodify", modify(carol, "add: title\ntitle: Chief\n-\n"), 0, "modifying entry"},
		{"assertion", "ldapmodify", modify(carol, "replace: title\ntitle: Lost\n-\n", "-e", "!assert=(title=Boss)"), 122, "Assertion Failed"},
		{"pre- and post-read", "ldapmodify", modify(carol, "replace: title\ntitle: Head\n-\n", "-e", "!preread=title", "-e", "!postread=title"), 0, "preread|title: Chief|postread|title: Head"},
		{"members", "ldapmodify", modify(staff, "add: member\nmember: "+carol+"\n-\n"), 0, "modifying entry"},
		{"compare", "ldapcompare", []string{staff, "member:" + carol}, 6, "TRUE"},
		{"rename", "ldapmodrdn", []string{"-r", carol, "uid=caroline"}, 0, ""},
		{"a password", "ldappasswd", []string{"-s", "caroline's horse battery", caroline}, 0, ""},
		{"pages", "ldapsearch", search(usersDN, "-E", "!pr=2/noprompt", "(objectClass=person)", "uid"), 0, "uid: alice|uid: bob|uid: caroline"},
		{"sort", "ldapsearch", search(usersDN, "-E", "!sss=-uid", "(objectClass=person)", "uid"), 0, "uid: caroline|sortResult: (0) Success"},
		// Nobody types at ldapsearch, so it goes on to the window behind the last, which is none.
		{"a list view", "ldapsearch", search(usersDN, "-s", "one", "-E", "!sss=-uid", "-E", "!vlv=1/1/2/0", "(objectClass=person)", "uid"), 61, "uid: root-admin|uid: caroline|uid: bob|pos=2 count=4"},
		{"a list view by value", "ldapsearch", search(usersDN, "-s", "one", "-E", "!sss=uid", "-E", "!vlv=0/0:c", "(objectClass=person)", "uid"), 61, "uid: caroline|pos=3 count=4"},
		{"matched values", "ldapsearch", search(caroline, "-s", "base", "-E", "!mv=((objectClass=person))", "objectClass"), 0, "objectClass: person"},
		{"dereference", "ldapsearch", []string{"-b", staff, "-s", "base", "-E", "!deref=member:uid", "cn"}, 0, "<uid=alice>|<uid=caroline>"},
		{"what nobody may write", "ldapmodify", modify(caroline, "replace: entryUUID\nentryUUID: x\n-\n"), 19, "kept by the server"},
		{"a service account", "ldapdelete", []string{readerDN}, 53, "gatehouse command"},
	} {
		r := w.openldap(t, tt.tool, writerDN, password, tt.args...)
		if r.Code != tt.exit {
			t.Fatalf("%s: %v, want exit %d", tt.name, r, tt.exit)
		}
		for words := range strings.SplitSeq(tt.want, "|") {
			if !strings.Contains(r.Stdout+r.Stderr, words) {
				t.Errorf("%s: no %q in %v", tt.name, words, r)
			}
		}
	}
	w.pythonWrites(t, password)
	w.goWrites(t, password)
	if r := w.cli(t, "", "user", "show", "caroline"); !strings.Contains(r.Stdout, "Head") || !strings.Contains(r.Stdout, "staff") {
		t.Errorf("the command shows %v", r)
	}
	if code, id := w.whoami(t, caroline, "caroline's horse battery"); code != 0 || id != "dn:"+caroline {
		t.Errorf("caroline binds: %d, %s", code, id)
	}
	made := w.cli(t, "", "user", "set-password", "caroline", "--generate", "--must-change")
	secret := strings.TrimSpace(made.Stdout[strings.LastIndex(strings.TrimSpace(made.Stdout), "\n")+1:])
	if r := w.openldap(t, "ldapwhoami", caroline, secret, "-e", "ppolicy"); !strings.Contains(r.Stdout+r.Stderr, "Password must be changed") {
		t.Errorf("who must change the password reads %v", r)
	}
	if r := w.openldap(t, "ldapdelete", writerDN, password, caroline); r.Code != 0 {
		t.Errorf("delete: %v", r)
	}
	if code, _ := w.whoami(t, caroline, "caroline's horse battery"); code != 49 {
		t.Errorf("who was deleted binds: %d", code)
	}
}
