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
		{name: "attributeTypes", values: described(schema.LDAPTypes()), operational: true},
		{name: "objectClasses", values: described(schema.ObjectClasses()), operational: true},
		{name: "matchingRules", values: described(schema.MatchingRules()), operational: true},
		{name: "matchingRuleUse", values: described(schema.MatchingRuleUses()), operational: true},
		{name: "ldapSyntaxes", values: described(schema.Syntaxes()), operational: true},
		{name: "subschemaSubentry", values: []string{subschemaDN}, operational: true},
	}}
}

func described[T fmt.Stringer](list []T) []string {
	out := make([]string, len(list))
	for i, d := range list {
		out[i] = d.String()
	}
	return out
}
