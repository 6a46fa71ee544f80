package schema

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestAttributesAreConsistent(t *testing.T) {
	keys, scim := map[string]bool{}, map[string]bool{}
	claims := map[string]bool{}
	for _, a := range Attributes() {
		if a.Key == "" || keys[a.Key] {
			t.Errorf("key %q is empty or double", a.Key)
		}
		if a.SCIM != "" && scim[strings.ToLower(a.SCIM)] || a.OIDC != "" && claims[a.OIDC] {
			t.Errorf("%s: SCIM path %q or claim %q is double", a.Key, a.SCIM, a.OIDC)
		}
		keys[a.Key], scim[strings.ToLower(a.SCIM)], claims[a.OIDC] = true, true, true
		for _, l := range a.LDAP {
			lt, ok := LDAPType(l)
			if !ok || lt.Name() != l {
				t.Errorf("%s: no LDAP attribute type is published as %q", a.Key, l)
			}
			if lt.NoUserMod != (a.Computed && lt.Operational()) {
				t.Errorf("%s: %s takes no modification but is stored", a.Key, l)
			}
		}
		if a.SAML != "" && !regexp.MustCompile(`^\d+(\.\d+)+$`).MatchString(a.SAML) {
			t.Errorf("%s: SAML name %q", a.Key, a.SAML)
		}
		// The SAML X.500/LDAP profile names attributes by their LDAP OID.
		if lt, ok := LDAPType(a.SAML); ok && (len(a.LDAP) == 0 || a.LDAP[0] != lt.Name()) {
			t.Errorf("%s: SAML %s is %s, LDAP is %v", a.Key, a.SAML, lt.Name(), a.LDAP)
		}
	}
}

// The closed list of ldapd's design: nothing else may be written by oneself.
func TestSelfWritable(t *testing.T) {
	var got []string
	for _, a := range Attributes() {
		if a.SelfWritable {
			got = append(got, a.Key)
		}
	}
	slices.Sort(got)
	want := []string{"displayName", "fax", "homePhone", "jpegPhoto", "mobilePhone", "otherPhone", "pager", "preferredLanguage", "workPhone"}
	if !slices.Equal(got, want) {
		t.Errorf("self-writable: %v, want %v", got, want)
	}
}

func TestLookups(t *testing.T) {
	tests := []struct {
		name string
		find func(string) (Attribute, bool)
		in   string
		want string
	}{
		{"key", ByKey, "givenName", "givenName"},
		{"computed keys cannot be stored", ByKey, "userName", ""},
		{"groups cannot be stored", ByKey, "groups", ""},
		{"key is exact", ByKey, "givenname", ""},
		{"scim", BySCIM, "name.FAMILYNAME", "familyName"},
		{"scim phone", BySCIM, `phoneNumbers[type eq "mobile"].value`, "mobilePhone"},
		{"scim urn", BySCIM, EnterpriseUser + ":employeeNumber", "employeeNumber"},
		{"scim empty", BySCIM, "", ""},
		{"ldap", ByLDAP, "GIVENNAME", "givenName"},
		{"ldap alias", ByLDAP, "surname", "familyName"},
		{"ldap oid", ByLDAP, "2.5.4.3", "formatted"},
		{"ldap second name", ByLDAP, "ou", "department"},
		{"ldap unknown", ByLDAP, "nosuch", ""},
		{"ldap not of a user", ByLDAP, "uniqueMember", ""},
		{"oidc", ByOIDC, "zoneinfo", "timezone"},
		{"oidc empty", ByOIDC, "", ""},
		{"saml", BySAML, "urn:oid:2.5.4.42", "givenName"},
	}
	for _, tt := range tests {
		if a, ok := tt.find(tt.in); a.Key != tt.want || ok != (tt.want != "") {
			t.Errorf("%s: %q = %q, %t; want %q", tt.name, tt.in, a.Key, ok, tt.want)
		}
	}
}

func TestLDAPTypesAreConsistent(t *testing.T) {
	rules, syntaxes := map[string]bool{"": true}, map[string]bool{}
	for _, r := range MatchingRules() {
		rules[r.Name] = true
	}
	for _, s := range Syntaxes() {
		syntaxes[s.OID] = true
	}
	seen := map[string]string{}
	for _, at := range LDAPTypes() {
		for _, n := range append([]string{at.OID}, at.Names...) {
			if other := seen[strings.ToLower(n)]; other != "" {
				t.Errorf("%q names both %s and %s", n, other, at.Name())
			}
			seen[strings.ToLower(n)] = at.Name()
		}
		if !rules[at.Equality] || !rules[at.Ordering] || !rules[at.Substr] || !syntaxes[at.Syntax] {
			t.Errorf("%s: a rule or syntax is not listed: %+v", at.Name(), at)
		}
		if at.Audience.Has(Anonymous) && !at.Operational() && at.Name() != "objectClass" {
			t.Errorf("%s is shown to everybody", at.Name())
		}
	}
	if at, _ := LDAPType("userPassword"); at.Audience != 0 {
		t.Error("userPassword has an audience")
	}
	for _, r := range MatchingRules() {
		if !syntaxes[r.Syntax] {
			t.Errorf("%s: syntax %s is not listed", r.Name, r.Syntax)
		}
	}
}

func TestObjectClassesAreConsistent(t *testing.T) {
	for _, c := range ObjectClasses() {
		for _, n := range append(slices.Clone(c.Must), c.May...) {
			if at, ok := LDAPType(n); !ok || at.Name() != n {
				t.Errorf("%s: no attribute type %q", c.Name, n)
			}
		}
		if c.Sup != "" {
			if _, ok := Class(c.Sup); !ok {
				t.Errorf("%s: no class %q", c.Name, c.Sup)
			}
		}
	}
	if c, ok := Class("INETORGPERSON"); !ok || c.OID != "2.16.840.1.113730.3.2.2" {
		t.Errorf("Class(INETORGPERSON) = %v", c)
	}
	if _, ok := Class("nosuch"); ok {
		t.Error("an unknown class is found")
	}
}

// TestNamesOfTheStandard: RFC 4512 §7.1, the names that it defines are known, RFC 4517 §4.1, and the rules that types
// name are published.
func TestNamesOfTheStandard(t *testing.T) {
	for _, name := range strings.Fields("objectClass aliasedObjectName creatorsName createTimestamp modifiersName modifyTimestamp " +
		"structuralObjectClass governingStructureRule subschemaSubentry objectClasses attributeTypes matchingRules matchingRuleUse " +
		"ldapSyntaxes dITContentRules dITStructureRules nameForms altServer namingContexts supportedControl supportedExtension " +
		"supportedFeatures supportedLDAPVersion supportedSASLMechanisms") {
		if _, ok := LDAPType(name); !ok {
			t.Errorf("no attribute type %s", name)
		}
	}
	for _, name := range strings.Fields("top alias subschema extensibleObject") {
		if _, ok := Class(name); !ok {
			t.Errorf("no object class %s", name)
		}
	}
	published := map[string]bool{}
	for _, r := range MatchingRules() {
		published[r.Name] = true
	}
	for _, at := range LDAPTypes() {
		for _, rule := range []string{at.Equality, at.Ordering, at.Substr} {
			if rule != "" && !published[rule] {
				t.Errorf("%s names %s, which is not published", at.Name(), rule)
			}
		}
	}
	for _, u := range MatchingRuleUses() {
		if !published[u.Rule.Name] {
			t.Errorf("the use of %s is published, the rule is not", u.Rule.Name)
		}
	}
}

func TestDescriptions(t *testing.T) {
	at := func(n string) string { t, _ := LDAPType(n); return t.String() }
	class := func(n string) string { c, _ := Class(n); return c.String() }
	tests := []struct{ got, want string }{
		{at("cn"), "( 2.5.4.3 NAME ( 'cn' 'commonName' ) SUP name )"},
		{at("c"), "( 2.5.4.6 NAME ( 'c' 'countryName' ) SUP name SYNTAX 1.3.6.1.4.1.1466.115.121.1.11 SINGLE-VALUE )"},
		{at("member"), "( 2.5.4.31 NAME 'member' SUP distinguishedName )"},
		{at("uidNumber"), "( 1.3.6.1.1.1.1.0 NAME 'uidNumber' EQUALITY integerMatch ORDERING integerOrderingMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )"},
		{at("entryUUID"), "( 1.3.6.1.1.16.4 NAME 'entryUUID' EQUALITY UUIDMatch ORDERING UUIDOrderingMatch SYNTAX 1.3.6.1.1.16.1 SINGLE-VALUE NO-USER-MODIFICATION USAGE directoryOperation )"},
		{class("top"), "( 2.5.6.0 NAME 'top' ABSTRACT MUST objectClass )"},
		{class("posixGroup"), "( 1.3.6.1.1.1.2.2 NAME 'posixGroup' SUP top AUXILIARY MUST gidNumber MAY ( userPassword $ memberUid $ description ) )"},
		{Syntaxes()[1].String(), "( 1.3.6.1.4.1.1466.115.121.1.7 DESC 'Boolean' )"},
		{MatchingRules()[0].String(), "( 2.5.13.0 NAME 'objectIdentifierMatch' SYNTAX 1.3.6.1.4.1.1466.115.121.1.38 )"},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("got  %s\nwant %s", tt.got, tt.want)
		}
	}
}
