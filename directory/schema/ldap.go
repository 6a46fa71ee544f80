package schema

import (
	"fmt"
	"strings"
)

// Audience is a set of requesters who may see an LDAP attribute. An attribute
// outside a requester's audience is unknown to them, in filters too.
type Audience uint8

// The audiences. They do not include one another.
const (
	Anonymous Audience = 1 << iota // nobody: the root DSE and the subschema
	Self                           // the user, in the own entry
	AppView                        // an app, in its view of the directory
	FullTree                       // a service account with read:directory
	Admin                          // a person with a role
	Samba                          // a Samba server that may read NT hashes, beside what else it is

	// Audiences is how many sets of audiences there are.
	Audiences = 1 << iota

	listed   = Self | AppView | FullTree | Admin
	personal = Self | FullTree | Admin
	public   = Anonymous | listed
	nobody   = Audience(0)
)

// Has reports whether every requester in b is in a.
func (a Audience) Has(b Audience) bool { return a&b == b }

// Empty reports whether a value of the type may have no octets: not a string of
// characters, but one in ASCII (RFC 4517 §3.3.6, §3.3.15).
func (t AttributeType) Empty() bool {
	switch t.Syntax {
	case syntaxIA5, syntaxOctetString, syntaxJPEG, syntaxDN, syntaxNameAndUID:
		return true
	default:
		return false
	}
}

// Usage is the application of an attribute type (RFC 4512 §4.1.2).
type Usage string

// The usages.
const (
	UserApplications   Usage = ""
	DirectoryOperation Usage = "directoryOperation"
	DSAOperation       Usage = "dSAOperation"
)

// AttributeType is an LDAP attribute type (RFC 4512 §4.1.2). Inherited
// properties are filled in, so Sup is only for printing.
type AttributeType struct {
	OID       string
	Names     []string // the first is how it is published, the others are aliases
	Sup       string
	Equality  string // names of matching rules
	Ordering  string
	Substr    string
	Syntax    string // object identifier
	Single    bool
	NoUserMod bool
	Usage     Usage
	Audience  Audience
}

// Name returns the name that the type is published under.
func (t AttributeType) Name() string { return t.Names[0] }

// Operational reports whether the type is returned only when asked for by name
// or by "+" (RFC 3673).
func (t AttributeType) Operational() bool { return t.Usage != UserApplications }

// String returns the AttributeTypeDescription of RFC 4512 §4.1.2.
func (t AttributeType) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "( %s NAME %s", t.OID, qdescrs(t.Names))
	field(&b, "SUP", t.Sup)
	if t.Sup == "" {
		field(&b, "EQUALITY", t.Equality)
		field(&b, "ORDERING", t.Ordering)
		field(&b, "SUBSTR", t.Substr)
	}
	if t.Sup == "" || t.Syntax != supSyntax(t.Sup) {
		field(&b, "SYNTAX", t.Syntax)
	}
	if t.Single {
		b.WriteString(" SINGLE-VALUE")
	}
	if t.NoUserMod {
		b.WriteString(" NO-USER-MODIFICATION")
	}
	field(&b, "USAGE", string(t.Usage))
	b.WriteString(" )")
	return b.String()
}

// supSyntax returns the syntax of the two types that others inherit from.
func supSyntax(sup string) string {
	if sup == "distinguishedName" {
		return syntaxDN
	}
	return syntaxDirectoryString
}

func field(b *strings.Builder, keyword, value string) {
	if value != "" {
		b.WriteString(" " + keyword + " " + value)
	}
}

func qdescrs(names []string) string {
	if len(names) == 1 {
		return "'" + names[0] + "'"
	}
	return "( '" + strings.Join(names, "' '") + "' )"
}

// LDAPTypes returns every attribute type that the directory knows.
func LDAPTypes() []AttributeType {
	var all []AttributeType
	all = append(all, baseTypes()...)
	all = append(all, personTypes()...)
	all = append(all, posixTypes()...)
	all = append(all, adTypes()...)
	all = append(all, sambaTypes()...)
	all = append(all, operationalTypes()...)
	return append(all, dseTypes()...)
}

// LDAPType returns the type of a name, alias or object identifier, in any case.
func LDAPType(description string) (AttributeType, bool) {
	for _, t := range LDAPTypes() {
		if t.OID == description {
			return t, true
		}
		for _, n := range t.Names {
			if strings.EqualFold(n, description) {
				return t, true
			}
		}
	}
	return AttributeType{}, false
}
