package ldapd

import (
	"fmt"

	"gatehouse/directory/schema"
)

// subschemaDN is where the schema is published (RFC 4512 §4.4).
const subschemaDN = "cn=subschema"

// subschema returns the subschema subentry (RFC 4512 §4.2). Its descriptions are operational: nobody downloads them
// without asking.
func subschema() *staticEntry {
	return &staticEntry{dn: subschemaDN, key: subschemaDN, attrs: []staticAttr{
		{name: "objectClass", values: []string{"top", "subentry", "subschema"}},
		{name: "cn", values: []string{"subschema"}},
		described("attributeTypes", schema.LDAPTypes()),
		described("objectClasses", schema.ObjectClasses()),
		described("matchingRules", schema.MatchingRules()),
		described("matchingRuleUse", schema.MatchingRuleUses()),
		described("ldapSyntaxes", schema.Syntaxes()),
		{name: "subschemaSubentry", values: []string{subschemaDN}, operational: true},
	}}
}

func described[T fmt.Stringer](name string, list []T) staticAttr {
	a := staticAttr{name: name, values: make([]string, len(list)), operational: true, described: true}
	for i, d := range list {
		a.values[i] = d.String()
	}
	return a
}
