package schema

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// TestPrintedLists: the documentation says of each attribute type who sees it, and an attribute never gets a wider
// audience without a line of the diff that says so.
func TestPrintedLists(t *testing.T) {
	const path = "../../docs/ldap/attributes.md"
	var b strings.Builder
	b.WriteString(`# Who sees which attribute over LDAP

Anonymous: without a bind, which shows the root DSE and the schema only. Self: the own entry. App view: a service account
with ` + "`read:app:<slug>`" + `, and whoever reads the whole tree, in the view of an app. Full tree: a service account with
` + "`read:directory`" + `. Role: a person with a role. Samba: a service account with
` + "`read:directory` and `read:samba`, over TLS, in the profile `samba`" + `, beside the full tree. An attribute that one does not see does not
exist for one: it is not returned, and it is Undefined wherever it is asked for. Nobody sees a userPassword. A plus marks
operational attributes, which are returned only by name or for ` + "`+`" + `.

| attribute | anonymous | self | app view | full tree | role | samba | profiles |
|---|---|---|---|---|---|---|---|
`)
	types := LDAPTypes()
	slices.SortFunc(types, func(a, b AttributeType) int {
		return strings.Compare(strings.ToLower(a.Name()), strings.ToLower(b.Name()))
	})
	for _, at := range types {
		name := at.Name()
		if at.Operational() {
			name += " +"
		}
		fmt.Fprintf(&b, "| %s |", name)
		for _, who := range []Audience{Anonymous, Self, AppView, FullTree, Admin, Samba} {
			mark := " "
			if at.Audience.Has(who) {
				mark = " yes "
			}
			b.WriteString(mark + "|")
		}
		var in []string
		for _, p := range LDAPProfiles() {
			if p.Has(at.Name()) {
				in = append(in, string(p))
			}
		}
		if len(in) == len(LDAPProfiles()) {
			in = []string{"all"}
		}
		b.WriteString(" " + strings.Join(in, ", ") + " |\n")
	}
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil || string(have) != b.String() {
		t.Errorf("docs/ldap/attributes.md is not what the schema says (%v); go test ./directory/schema -update writes it anew", err)
	}
}
