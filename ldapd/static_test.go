package ldapd

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"gatehouse/directory"
	"gatehouse/ldapd/projection"
	"gatehouse/ldapd/wire"
)

func TestRootDSE(t *testing.T) {
	w := newWorld(t, nil)
	c := w.dial()
	tests := []struct {
		name   string
		filter string
		attrs  []string
		want   []string // attributes, nil: no entry
		not    []string
	}{
		{"no list", "(objectClass=*)", nil, []string{
			"namingContexts", "supportedControl", "supportedExtension", "supportedFeatures",
			"supportedLDAPVersion", "defaultNamingContext", "subschemaSubentry", "vendorName",
		}, nil},
		{"star", "(objectClass=*)", []string{"*"}, []string{"namingContexts"}, nil},
		{"star and plus", "(objectClass=*)", []string{"*", "+"}, []string{"namingContexts"}, nil},
		{"by name in any case", "(objectclass=*)", []string{"NAMINGCONTEXTS"}, []string{"namingContexts"}, []string{"vendorName"}},
		{"no attributes", "(objectClass=*)", []string{"1.1"}, []string{}, []string{"namingContexts"}},
		{"equality", "(objectClass=top)", []string{"1.1"}, []string{}, nil},
		{"not", "(!(objectClass=*))", nil, nil, nil},
		{"undefined", "(nosuch=x)", nil, nil, nil},
		{"not undefined", "(!(nosuch=x))", nil, nil, nil},
		{"or with undefined", "(|(nosuch=x)(objectClass=*))", []string{"1.1"}, []string{}, nil},
		{"absolute true", "(&)", []string{"1.1"}, []string{}, nil},
		{"absolute false", "(|)", nil, nil, nil},
		{"substrings", "(vendorName=gate*se)", []string{"1.1"}, []string{}, nil},
		{"substrings that overlap", "(vendorName=gateho*ouse)", nil, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res, err := c.Search(ldap.NewSearchRequest("", 0, 0, 0, 0, false, tt.filter, tt.attrs, nil))
			if err != nil {
				t.Fatal(err)
			}
			if tt.want == nil {
				if len(res.Entries) != 0 {
					t.Error("matched")
				}
				return
			}
			if len(res.Entries) != 1 || res.Entries[0].DN != "" {
				t.Fatalf("%d entries", len(res.Entries))
			}
			var got []string
			for _, a := range res.Entries[0].Attributes {
				got = append(got, a.Name)
			}
			for _, name := range tt.want {
				if !slices.Contains(got, name) {
					t.Errorf("no %s in %v", name, got)
				}
			}
			for _, name := range tt.not {
				if slices.Contains(got, name) {
					t.Errorf("%s in %v", name, got)
				}
			}
		})
	}
	t.Run("typesOnly", func(t *testing.T) {
		res, err := c.Search(ldap.NewSearchRequest("", 0, 0, 0, 0, true, "(objectClass=*)", nil, nil))
		if err != nil || len(res.Entries) != 1 || len(res.Entries[0].GetAttributeValues("namingContexts")) != 0 {
			t.Errorf("%+v, %v", res, err)
		}
	})
	t.Run("names the base and StartTLS", func(t *testing.T) {
		res, err := c.Search(ldap.NewSearchRequest("", 0, 0, 0, 0, false, "(objectClass=*)", nil, nil))
		if err != nil {
			t.Fatal(err)
		}
		e := res.Entries[0]
		if e.GetAttributeValue("namingContexts") != baseDN || !slices.Contains(e.GetAttributeValues("supportedExtension"), wire.OIDStartTLS) {
			t.Errorf("%v", e.Attributes)
		}
	})
}

// TestSubschemaIsReadable: a schema parser that we did not write takes every line.
func TestSubschemaIsReadable(t *testing.T) {
	w := newWorld(t, nil)
	script := `
import ldap, ldap.schema, sys
c = ldap.initialize("ldap://" + sys.argv[1])
dn = c.search_subschemasubentry_s()
s = ldap.schema.SubSchema(c.read_subschemasubentry_s(dn), 1)
for name in ("uid", "mail", "memberOf", "uidNumber", "entryUUID", "member"):
    assert s.get_obj(ldap.schema.AttributeType, name) is not None, name
for name in ("inetOrgPerson", "posixAccount", "groupOfNames"):
    must, may = s.attribute_types([name])
    assert must, name
print(dn)
`
	out, err := exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", script, w.plain).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != subschemaDN {
		t.Errorf("python-ldap: %s, %v", out, err)
	}
}

func TestStaticSubtreeOfSubschema(t *testing.T) {
	w := newWorld(t, nil)
	c := w.dial()
	for scope, want := range map[int]int{ldap.ScopeBaseObject: 1, ldap.ScopeSingleLevel: 0, ldap.ScopeWholeSubtree: 1} {
		res, err := c.Search(ldap.NewSearchRequest("CN=Subschema", scope, 0, 0, 0, false, "(objectClass=subschema)", []string{"attributeTypes"}, nil))
		if err != nil || len(res.Entries) != want {
			t.Errorf("scope %d: %v, %v", scope, res, err)
		}
	}
}

// TestMonitor: those who read the whole tree hear how the server is, also when the core is lost; others hear nothing.
func TestMonitor(t *testing.T) {
	w := wikiWorld(t)
	ask := func(dn string) (string, int) {
		res, err := w.bound(dn).Search(search(monitorDN, ldap.ScopeBaseObject, "(objectClass=*)"))
		if err != nil || len(res.Entries) == 0 {
			return "", code(err)
		}
		return strings.Join(res.Entries[0].GetAttributeValues("description"), "\n"), 0
	}
	for _, dn := range []string{readerDN, bobDN} {
		if text, _ := ask(dn); !strings.Contains(text, "serving the directory as of change ") || !strings.Contains(text, "2 people, 4 service accounts, 1 groups, 1 memberships") {
			t.Errorf("%s reads %q", dn, text)
		}
	}
	lost := projection.Stats{Ready: true, Head: directory.Head{Seq: 7, Epoch: 2}, StaleSince: time.Unix(1_800_000_000, 0)}
	if got := served(&lost); got != "the core is lost since 2027-01-15T08:00:00Z, serving generation 2 as of change 7" {
		t.Errorf("lost: %s", got)
	}
	for _, dn := range []string{aliceDN, plainDN, "uid=alice,ou=users," + wikiDN} {
		if text, got := ask(dn); got != ldap.LDAPResultNoSuchObject {
			t.Errorf("%s reads %q, %d", dn, text, got)
		}
	}
}
