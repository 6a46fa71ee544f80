package schema

import (
	"fmt"
	"strings"
)

// ClassKind is the kind of an object class (RFC 4512 §2.4).
type ClassKind string

// The kinds of object class.
const (
	Abstract   ClassKind = "ABSTRACT"
	Structural ClassKind = "STRUCTURAL"
	Auxiliary  ClassKind = "AUXILIARY"
)

// ObjectClass is an LDAP object class (RFC 4512 §4.1.1). Must and May hold what
// the class adds to its superclass.
type ObjectClass struct {
	OID  string
	Name string
	Sup  string
	Kind ClassKind
	Must []string
	May  []string
}

// String returns the ObjectClassDescription of RFC 4512 §4.1.1.
func (c ObjectClass) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "( %s NAME '%s'", c.OID, c.Name)
	field(&b, "SUP", c.Sup)
	fmt.Fprintf(&b, " %s", c.Kind)
	field(&b, "MUST", oidList(c.Must))
	field(&b, "MAY", oidList(c.May))
	b.WriteString(" )")
	return b.String()
}

func oidList(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return "( " + strings.Join(names, " $ ") + " )"
}

func names(s string) []string { return strings.Fields(s) }

// ObjectClasses returns the object classes of the entries that the directory
// publishes. Of optional attributes they list those that the directory knows.
func ObjectClasses() []ObjectClass {
	all := []ObjectClass{
		// RFC 4512 §2.4.1, §2.6.1, §4.2, §4.3
		{"2.5.6.0", "top", "", Abstract, names("objectClass"), nil},
		{"2.5.6.1", "alias", "top", Structural, names("aliasedObjectName"), nil},
		{"2.5.20.1", "subschema", "", Auxiliary, nil, names("dITStructureRules nameForms dITContentRules objectClasses attributeTypes matchingRules matchingRuleUse ldapSyntaxes")},
		{"2.5.17.0", "subentry", "top", Structural, names("cn"), nil}, // RFC 3672 §2.1, without a subtree: it is about every entry
		{"1.3.6.1.4.1.1466.101.120.111", "extensibleObject", "top", Auxiliary, nil, nil},
		// RFC 4519 §3
		{"2.5.6.6", "person", "top", Structural, names("sn cn"), names("userPassword telephoneNumber seeAlso description")},
		{"2.5.6.7", "organizationalPerson", "person", Structural, nil, names("title facsimileTelephoneNumber street postalCode postalAddress ou st l")},
		{"2.5.6.4", "organization", "top", Structural, names("o"), names("userPassword seeAlso businessCategory telephoneNumber facsimileTelephoneNumber street postalCode postalAddress st l description")},
		{"2.5.6.5", "organizationalUnit", "top", Structural, names("ou"), names("userPassword seeAlso businessCategory telephoneNumber facsimileTelephoneNumber street postalCode postalAddress st l description")},
		{"2.5.6.11", "applicationProcess", "top", Structural, names("cn"), names("seeAlso ou l description")},
		{"1.3.6.1.4.1.1466.344", "dcObject", "top", Auxiliary, names("dc"), nil},
		{"1.3.6.1.1.3.1", "uidObject", "top", Auxiliary, names("uid"), nil},
		// RFC 4524 §3
		{"0.9.2342.19200300.100.4.5", "account", "top", Structural, names("uid"), names("description seeAlso l o ou host")},
		{"0.9.2342.19200300.100.4.13", "domain", "top", Structural, names("dc"), names("userPassword seeAlso businessCategory telephoneNumber facsimileTelephoneNumber street postalCode postalAddress st l description o")},
		{"0.9.2342.19200300.100.4.19", "simpleSecurityObject", "top", Auxiliary, names("userPassword"), nil},
		// RFC 2798 §3
		{"2.16.840.1.113730.3.2.2", "inetOrgPerson", "organizationalPerson", Structural, nil, names("businessCategory departmentNumber displayName employeeNumber employeeType givenName homePhone homePostalAddress jpegPhoto mail manager mobile o pager preferredLanguage uid")},
		{oidAppClass, "gatehouseApp", "top", Structural, names("app"), names("cn description")},
		// What a group that is nothing but a posixGroup, which is auxiliary, stands on.
		{oidPrimary, "gatehousePrimaryGroup", "top", Structural, names("cn"), names("description")},
	}
	all = append(all, adClasses()...)
	all = append(all, sambaClasses()...)
	return append(all, groupClasses()...)
}

// groupClasses are of groups and of Unix accounts. Groups are groupOfNames,
// groupOfUniqueNames and posixGroup at once, as in rfc2307bis, where posixGroup
// is auxiliary.
//
// RFC 4519 §3.5, diverges: member is optional. A group may be empty, and a
// placeholder member would be taken for a person.
func groupClasses() []ObjectClass {
	return []ObjectClass{
		{"2.5.6.9", "groupOfNames", "top", Structural, names("cn"), names("member businessCategory seeAlso ou o description")},
		{"2.5.6.17", "groupOfUniqueNames", "top", Structural, names("cn"), names("uniqueMember businessCategory seeAlso ou o description")},
		{"1.3.6.1.1.1.2.0", "posixAccount", "top", Auxiliary, names("cn uid uidNumber gidNumber homeDirectory"), names("userPassword loginShell gecos description")},
		{"1.3.6.1.1.1.2.1", "shadowAccount", "top", Auxiliary, names("uid"), names("userPassword description shadowLastChange shadowMin shadowMax shadowWarning shadowInactive shadowExpire shadowFlag")},
		{"1.3.6.1.1.1.2.2", "posixGroup", "top", Auxiliary, names("gidNumber"), names("userPassword memberUid description")},
		{"1.3.6.1.4.1.24552.500.1.1.2.0", "ldapPublicKey", "top", Auxiliary, nil, names("sshPublicKey uid")},
		{"1.3.6.1.4.1.5322.17.1.1", "authorizedServiceObject", "top", Auxiliary, nil, names("authorizedService")},
		{"1.3.6.1.4.1.5322.17.1.2", "hostObject", "top", Auxiliary, nil, names("host")},
	}
}

// Class returns the object class of a name or object identifier, in any case.
func Class(description string) (ObjectClass, bool) {
	for _, c := range ObjectClasses() {
		if c.OID == description || strings.EqualFold(c.Name, description) {
			return c, true
		}
	}
	return ObjectClass{}, false
}
