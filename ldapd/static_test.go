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
		{"an attribute that is known and not there", "(!(altServer=*))", []string{"1.1"}, []string{}, nil},
		{"an attribute that anonymous does not see", "(!(mail=*))", nil, nil, nil},
		{"an attribute that nobody knows", "(!(nosuch=*))", nil, nil, nil},
		{"by object identifier", "(2.5.4.0=top)", []string{"1.3.6.1.4.1.1466.101.120.5"}, []string{"namingContexts"}, []string{"vendorName"}},
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

// TestDescriptionsAreFound: by what they describe (RFC 4517 §4.2), as a filter, in matched values (RFC 3876 §5, the second
// example) and in Compare; and the root DSE is no part of a tree (RFC 4512 §5.1).
func TestDescriptionsAreFound(t *testing.T) {
	w := newWorld(t, nil)
	c := w.dial()
	for filter, want := range map[string]int{
		"(attributeTypes=cn)": 1, "(attributeTypes=commonName)": 1, "(attributeTypes=2.5.4.3)": 1, "(!(attributeTypes=1.2.3))": 1,
		"(objectClasses=inetorgperson)": 1, "(ldapSyntaxes=1.3.6.1.4.1.1466.115.121.1.15)": 1, "(matchingRuleUse=caseIgnoreMatch)": 1,
		"(attributeTypes=nosuch)": 0, "(!(attributeTypes=nosuch))": 0, "(attributeTypes=2.5*)": 0, "(!(ldapSyntaxes=Boolean))": 0, "(!(attributeTypes>=1))": 0,
		"(attributeTypes=)": 0,
	} {
		r, err := c.Search(search(subschemaDN, ldap.ScopeBaseObject, filter, "1.1"))
		if err != nil || len(r.Entries) != want {
			t.Errorf("%s: %v, %v, want %d", filter, r, err, want)
		}
	}
	one := search(subschemaDN, ldap.ScopeBaseObject, "(objectClass=subschema)", "@subschema", "cn")
	one.Controls = []ldap.Control{rawControl{wire.OIDMatchedValues, true, seq(filterOctets(t, "(attributeTypes=2.5.4.3)"), filterOctets(t, "(cn=*)"))}}
	r, err := c.Search(one)
	if err != nil || len(r.Entries) != 1 {
		t.Fatal(r, err)
	}
	e := r.Entries[0]
	if types := e.GetAttributeValues("attributeTypes"); len(types) != 1 || !strings.Contains(types[0], "'commonName'") {
		t.Errorf("attributeTypes: %q", types)
	}
	if !slices.ContainsFunc(e.Attributes, func(a *ldap.EntryAttribute) bool { return a.Name == "objectClasses" && len(a.Values) == 0 }) || e.GetAttributeValue("cn") != "subschema" {
		t.Errorf("%v", e.Attributes)
	}
	for _, tt := range []struct {
		dn, attr, value string
		want            int
	}{
		{"", "supportedLDAPVersion", "3", ldap.LDAPResultCompareTrue},
		{subschemaDN, "attributeTypes", "cn", ldap.LDAPResultCompareTrue},
		{subschemaDN, "cn", "x", ldap.LDAPResultCompareFalse},
		{"", "altServer", "x", ldap.LDAPResultNoSuchAttribute},
		{"", "nosuch", "x", ldap.LDAPResultUndefinedAttributeType},
	} {
		ok, err := c.Compare(tt.dn, tt.attr, tt.value)
		got := code(err)
		if err == nil {
			got = map[bool]int{true: ldap.LDAPResultCompareTrue, false: ldap.LDAPResultCompareFalse}[ok]
		}
		if got != tt.want {
			t.Errorf("compare %s of %q: %d, want %d", tt.attr, tt.dn, got, tt.want)
		}
	}
	all, err := w.bound(readerDN).Search(search("", ldap.ScopeWholeSubtree, "(objectClass=*)", "1.1"))
	if err == nil {
		for _, e := range all.Entries {
			if e.DN == "" {
				t.Error("a search of the tree finds the root DSE")
			}
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
