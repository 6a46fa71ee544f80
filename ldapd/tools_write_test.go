package ldapd

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/directory"
)

// TestOpenLDAPToolsWrite runs the tools that change something, in order, and each control that they know.
func TestOpenLDAPToolsWrite(t *testing.T) {
	w := newWorld(t, nil)
	w.people("beta", "alpha", "gamma")
	_ = w.writer()
	dir := t.TempDir()
	ldif := func(text string) string {
		f, err := os.CreateTemp(dir, "*.ldif")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		return f.Name()
	}
	as := func(dn string, args ...string) []string {
		return append([]string{"-x", "-H", "ldap://" + w.plain, "-D", dn, "-w", password}, args...)
	}
	writer := func(args ...string) []string { return as(writerDN, args...) }
	const carol, caroline = "uid=carol,ou=users," + baseDN, "uid=caroline,ou=users," + baseDN
	photo := filepath.Join(dir, "photo")
	if err := os.WriteFile(photo, []byte("\xff\xd8\xff\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	person := "objectClass: inetOrgPerson\ncn: Carol Jones\nsn: Jones\n"
	search := func(args ...string) []string {
		return writer(append([]string{"-LLL", "-o", "ldif-wrap=no"}, args...)...)
	}
	tests := []struct {
		name string
		tool string
		args []string
		exit int
		want []string
	}{
		{"add", "ldapadd", writer("-f", ldif("dn: "+carol+"\n"+person+"mail: carol@example.com\njpegPhoto:< file://"+photo+"\n")), 0, []string{"adding new entry"}},
		{"add again", "ldapadd", writer("-f", ldif("dn: "+carol+"\n"+person)), 68, []string{"Already exists (68)"}},
		{"add without a class", "ldapadd", writer("-f", ldif("dn: uid=x,ou=users,"+baseDN+"\ncn: x\nsn: x\n")), 65, []string{"Object class violation (65)"}},
		{"modify", "ldapmodify", writer("-f", ldif("dn: "+carol+"\nchangetype: modify\nreplace: title\ntitle: Chief\n-\nadd: mobile\nmobile: +41 1\n-\n")), 0, []string{"modifying entry"}},
		{"increment", "ldapmodify", writer("-f", ldif("dn: "+carol+"\nchangetype: modify\nadd: employeeNumber\nemployeeNumber: 41\n-\nincrement: employeeNumber\nemployeeNumber: 1\n-\n")), 0, nil},
		{"what was written", "ldapsearch", search("-b", carol, "-s", "base", "title", "mobile", "mail", "employeeNumber", "jpegPhoto"), 0, []string{"title: Chief", "mobile: +41 1", "mail: carol@example.com", "employeeNumber: 42", "jpegPhoto:: /9j/AA=="}},
		{"an attribute that nobody knows", "ldapmodify", writer("-f", ldif("dn: "+carol+"\nchangetype: modify\nadd: drink\ndrink: tea\n-\n")), 17, []string{"Undefined attribute type (17)"}},
		{"permissive", "ldapmodify", writer("-e", "!1.2.840.113556.1.4.1413", "-f", ldif("dn: "+carol+"\nchangetype: modify\nadd: title\ntitle: Chief\n-\n")), 0, nil},
		{"assertion", "ldapmodify", writer("-e", "!assert=(title=Chief)", "-f", ldif("dn: "+carol+"\nchangetype: modify\nreplace: title\ntitle: Boss\n-\n")), 0, nil},
		{"assertion that fails", "ldapmodify", writer("-e", "!assert=(title=Chief)", "-f", ldif("dn: "+carol+"\nchangetype: modify\nreplace: title\ntitle: Lost\n-\n")), 122, []string{"Assertion Failed (122)"}},
		{"pre- and post-read", "ldapmodify", writer("-e", "!preread=title", "-e", "!postread=title,entryUUID", "-f", ldif("dn: "+carol+"\nchangetype: modify\nreplace: title\ntitle: Head\n-\n")), 0, []string{"# ==> preread", "title: Boss", "# ==> postread", "title: Head", "entryUUID: "}},
		{"members", "ldapmodify", writer("-f", ldif("dn: "+staffDN+"\nchangetype: modify\nadd: member\nmember: "+carol+"\n-\ndelete: uniqueMember\nuniqueMember: "+aliceDN+"\n-\n")), 0, nil},
		{"compare", "ldapcompare", writer(staffDN, "member:"+carol), 6, []string{"TRUE"}},
		{"compare false", "ldapcompare", writer(staffDN, "member:"+aliceDN), 5, []string{"FALSE"}},
		{"rename", "ldapmodrdn", writer("-r", carol, "uid=caroline"), 0, nil},
		{"rename and keep the name", "ldapmodrdn", writer(caroline, "uid=carola"), 53, []string{"unwilling to perform"}},
		{"move", "ldapmodrdn", writer("-r", "-s", "ou=groups,"+baseDN, caroline, "uid=carol"), 53, []string{"unwilling to perform"}},
		{"the group follows", "ldapsearch", search("-b", staffDN, "-s", "base", "member"), 0, []string{"member: " + caroline}},
		{"a password by right", "ldappasswd", writer("-s", password, caroline), 0, nil},
		{"a password that is made", "ldappasswd", writer(bobDN), 0, []string{"New password: "}},
		{"one's own without the old", "ldappasswd", as(caroline, "-s", "x", caroline), 1, []string{"unwilling to perform (53)", "old password"}},
		{"one's own with a wrong one", "ldappasswd", as(caroline, "-a", "wrong", "-s", "x"), 1, []string{"Invalid credentials (49)"}},
		{"one's own", "ldappasswd", as(caroline, "-a", password, "-s", "fresh fresh"), 0, nil},
		{"the new one", "ldapwhoami", []string{"-x", "-H", "ldap://" + w.plain, "-D", caroline, "-w", "fresh fresh", "-e", "ppolicy"}, 0, []string{"dn:" + caroline}},
		{"who am i as an extended operation", "ldapexop", writer("whoami"), 0, []string{"dn:" + writerDN}},
		{"cancel", "ldapexop", writer("cancel", "7"), 1, []string{"No Operation to Cancel (119)"}},
		{"an unknown extended operation", "ldapexop", writer("1.2.3.4"), 1, []string{"Protocol error (2)"}},
		{"sort", "ldapsearch", search("-b", baseDN, "-E", "!sss=-title", "(sn=Person)", "title"), 0, []string{"title: gamma", "# sortResult: (0) Success"}},
		{"sort by nothing", "ldapsearch", writer("-b", baseDN, "-E", "sss=drink", "(sn=Person)", "title"), 0, []string{"sortResult: (16) No such attribute drink"}},
		{"matched values", "ldapsearch", search("-b", caroline, "-s", "base", "-E", "!mv=((objectClass=person))", "objectClass"), 0, []string{"objectClass: person"}},
		{"dereference", "ldapsearch", writer("-b", staffDN, "-s", "base", "-E", "!deref=member:sn,uid", "cn"), 0, []string{"<sn=Jones>", "<uid=caroline>"}},
		{"pages of a sorted search", "ldapsearch", search("-b", baseDN, "-E", "!sss=title", "-E", "!pr=2/noprompt", "(sn=Person)", "title"), 0, []string{"title: alpha", "title: gamma"}},
		{"delete", "ldapdelete", writer(caroline), 0, nil},
		{"delete again", "ldapdelete", writer(caroline), 32, []string{"No such object (32)"}},
		{"delete a container", "ldapdelete", writer("ou=users," + baseDN), 66, []string{"not allowed on non-leaf (66)"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), soonLimit)
			defer cancel()
			cmd := exec.CommandContext(ctx, tt.tool, tt.args...)
			out, err := cmd.CombinedOutput()
			if err != nil && cmd.ProcessState == nil {
				t.Fatal(err)
			}
			if exit := cmd.ProcessState.ExitCode(); exit != tt.exit {
				t.Fatalf("exit %d, want %d: %s", exit, tt.exit, out)
			}
			for _, want := range tt.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("no %q in %s", want, out)
				}
			}
		})
	}
	w.write(func(tx *directory.Writer) error { return tx.RequirePasswordChange(w.alice.ID) })
	mustChange := exec.CommandContext(t.Context(), "ldapwhoami", as(aliceDN, "-e", "ppolicy")...)
	if out, _ := mustChange.CombinedOutput(); !strings.Contains(string(out), "Password must be changed") {
		t.Errorf("who must change the password reads %s", out)
	}
}

// TestPythonLDAPWrites is what a script for provisioning does, and what python-ldap makes of the answers.
func TestPythonLDAPWrites(t *testing.T) {
	w := newWorld(t, nil)
	_ = w.writer()
	script := `
import ldap, ldap.modlist, sys
from ldap.controls.readentry import PreReadControl, PostReadControl
url, dn, password, base = sys.argv[1:5]
c = ldap.initialize(url)
c.simple_bind_s(dn, password)
carol = "uid=carol,ou=users," + base
c.add_s(carol, ldap.modlist.addModlist({"objectClass": [b"inetOrgPerson"], "cn": [b"Carol"], "sn": [b"Jones"]}))
pre, post = PreReadControl(True, ["title"]), PostReadControl(True, ["title"])
msgid = c.modify_ext(carol, [(ldap.MOD_REPLACE, "title", [b"Chief"])], serverctrls=[pre, post])
_, _, _, controls = c.result3(msgid)
print([k.entry.get("title", []) for k in controls])
from ldap.controls.sss import SSSRequestControl
from ldap.controls.vlv import VLVRequestControl
view = [SSSRequestControl(True, ["uid"]), VLVRequestControl(True, before_count=0, after_count=1, offset=2, content_count=0)]
msgid = c.search_ext("ou=users," + base, ldap.SCOPE_ONELEVEL, attrlist=["uid"], serverctrls=view)
_, entries, _, controls = c.result3(msgid)
print([e[1]["uid"][0] for e in entries], [(k.targetPosition, k.contentCount) for k in controls if hasattr(k, "targetPosition")])
c.rename_s(carol, "uid=caroline", delold=1)
carol = "uid=caroline,ou=users," + base
print(c.compare_s(carol, "title", b"chief"))
c.passwd_s(carol, None, "fresh fresh")
d = ldap.initialize(url)
d.simple_bind_s(carol, "fresh fresh")
d.passwd_s(None, "fresh fresh", "another one")
try:
    d.modify_s(carol, [(ldap.MOD_REPLACE, "title", [b"Boss"])])
except ldap.INSUFFICIENT_ACCESS:
    print("refused")
c.delete_s(carol)
try:
    c.delete_s(carol)
except ldap.NO_SUCH_OBJECT:
    print("gone")
`
	out, err := exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", script, "ldap://"+w.plain, writerDN, password, baseDN).CombinedOutput()
	if want := "[[], [b'Chief']]\n[b'bob', b'carol'] [(2, 3)]\nTrue\nrefused\ngone\n"; err != nil || string(out) != want {
		t.Errorf("%s, %v", out, err)
	}
}
