package directory

import (
	"encoding/json"
	"fmt"
	"slices"

	"gatehouse/directory/schema"
)

// mayChange holds people who edit themselves to the closed list of attributes
// that schema marks as self-writable and the configuration adds, without those
// that something decides by.
func (w *Writer) mayChange(u *User, diffs map[string]diff) error {
	if w.by.User != u.ID || w.by.Has(RoleOwner) || w.by.Has(RoleAdmin) {
		return nil
	}
	for key := range diffs {
		if !w.d.schema[key].SelfWritable && !slices.Contains(w.d.config.SelfWritable, key) {
			return &Error{Kind: Denied, Entity: "user", Field: key, Msg: key + " cannot be changed by oneself"}
		}
		reader, err := w.readBy(key)
		if err != nil {
			return err
		}
		if reader != "" {
			return &Error{Kind: Denied, Entity: "user", Field: key, Msg: key + " cannot be changed by oneself: " + reader + " reads it"}
		}
	}
	return nil
}

// readBy names a policy, or an app by its mapping, that reads an attribute of
// users; "" is none. What one of them reads decides about more than its owner.
func (w *Writer) readBy(key string) (string, error) {
	for p, err := range w.tx.Policies.Find(PolicyQuery{}) {
		if err != nil {
			return "", err
		}
		if w.d.rules.reads(p.Rule, key) {
			return "policy " + p.Name, nil
		}
	}
	facets, err := all(w.tx.Facets.Find(FacetQuery{Protocol: ProtocolLDAP}))
	if err != nil {
		return "", err
	}
	for _, f := range facets {
		var c schema.LDAP
		if err := json.Unmarshal(f.Config, &c); err != nil {
			return "", fmt.Errorf("read an LDAP facet: %w", err)
		}
		for _, ours := range c.Attributes {
			if a, ok := schema.ByLDAP(ours); ok && a.Key == key {
				return "the attribute mapping of an app", nil
			}
		}
	}
	return "", nil
}
