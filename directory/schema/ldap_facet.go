package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// LDAP is the facet of an app that binds and searches under its own view.
type LDAP struct {
	// AppPasswords says what the app's passwords open.
	AppPasswords string `json:"app_passwords,omitempty" yaml:"app_passwords"`
	// Attributes renames attributes in the view: the app's name to ours.
	Attributes map[string]string `json:"attributes,omitempty" yaml:"attributes"`
	// RDN is the attribute that names users in the view; empty: uid.
	RDN string `json:"rdn,omitempty" yaml:"rdn"`
	// FrontEnds are networks of the app's own servers: their address is not
	// that of the person.
	FrontEnds []string `json:"front_ends,omitempty" yaml:"front_ends"`
}

// Key returns "".
func (LDAP) Key() string { return "" }

// Check accepts known attributes, an RDN of "", uid, cn or mail that names people
// in the view, and networks.
func (l LDAP) Check() error {
	seen := map[string]string{}
	for _, theirs := range slices.Sorted(maps.Keys(l.Attributes)) {
		ours := l.Attributes[theirs]
		if !keyString(theirs) {
			return fmt.Errorf("attributes: %q is not an attribute name", theirs)
		}
		if _, ok := LDAPType(ours); !ok {
			return fmt.Errorf("attributes: %s: there is no attribute %q", theirs, ours)
		}
		if other, twice := seen[strings.ToLower(theirs)]; twice {
			return fmt.Errorf("attributes: %s and %s are the same name", other, theirs)
		}
		seen[strings.ToLower(theirs)] = theirs
	}
	if err := oneOf("rdn", l.RDN, "", "uid", "cn", "mail"); err != nil {
		return err
	}
	if !slices.Contains([]string{"uid", "cn", "mail"}, l.RDNType()) {
		return fmt.Errorf("rdn: in this view %s is %s, which does not name people", orElse(l.RDN, "uid"), l.RDNType())
	}
	if err := CheckNetworks(l.FrontEnds); err != nil {
		return fmt.Errorf("front_ends: %w", err)
	}
	return checkAppPasswords(l.AppPasswords)
}

// Type returns our attribute type that a name means in the view: what the app
// calls so, else the type of that name. It returns "" when the view knows no such
// name, because the type goes by another one there.
func (l LDAP) Type(name string) string {
	moved := false
	t, known := LDAPType(name)
	for theirs, ours := range l.Attributes {
		if o, ok := LDAPType(ours); ok {
			if strings.EqualFold(theirs, name) {
				return o.Name()
			}
			moved = moved || known && o.Name() == t.Name()
		}
	}
	if !known || moved {
		return ""
	}
	return t.Name()
}

// RDNType returns our attribute type whose values name people in the view.
func (l LDAP) RDNType() string {
	rdn := orElse(l.RDN, "uid")
	return orElse(l.Type(rdn), rdn)
}

// Maps reports whether the app has a name of its own for the attribute that is
// kept under a key.
func (f LDAP) Maps(key string) bool {
	for _, ours := range f.Attributes {
		if a, ok := ByLDAP(ours); ok && a.Key == key {
			return true
		}
	}
	return false
}
