package directory

import (
	"slices"

	"gatehouse/directory/policy"
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
		if !w.d.selfWritable(key) {
			return &Error{Kind: Denied, Entity: "user", Field: key, Msg: key + " cannot be changed by oneself"}
		}
		reader, err := readBy(w.tx, w.d.rules, key)
		if err != nil {
			return err
		}
		if reader != "" {
			return &Error{Kind: Denied, Entity: "user", Field: key, Msg: key + " cannot be changed by oneself: " + reader + " reads it"}
		}
	}
	return nil
}

// selfWritable reports whether people write an attribute of their own, as long
// as nothing decides by it.
func (d *Directory) selfWritable(key string) bool {
	return d.schema[key].SelfWritable || slices.Contains(d.config.SelfWritable, key)
}

// decidesBy fails when a rule reads what people write themselves: its owner may
// have chosen the value before the rule was there.
func (d *Directory) decidesBy(p *Policy, program *policy.Program) error {
	keys, all := program.Reads().Attributes()
	if all {
		return invalid("policy", "rule", "%s: reads the whole user, and with it what people write themselves; name the attributes", p.Name)
	}
	for _, key := range keys {
		if d.selfWritable(key) {
			return invalid("policy", "rule", "%s: people write their own %s, so nothing can be decided by it; use another attribute or a group", p.Name, key)
		}
	}
	return nil
}

// mapper is a facet that gives attributes names of its own: LDAP, SAML.
type mapper interface {
	Maps(key string) bool
}

// mapped fails when the names that an app gives to attributes include one that
// the configuration lets people write. What schema lets them write may be mapped,
// and is not theirs any more then (mayChange); Warnings says so.
func (d *Directory) mapped(app string, protocol Protocol, config schema.Facet) error {
	m, ok := config.(mapper)
	if !ok {
		return nil
	}
	for _, key := range d.config.SelfWritable {
		if m.Maps(key) {
			return invalid("app", string(protocol), "%s: self_service.writable lets people write their own %s, so no app maps it; take it out of one of the two", app, key)
		}
	}
	return nil
}

// closedBy returns what people would write of themselves, if the mapping of a
// facet did not read it.
func closedBy(f Facet) ([]string, error) {
	config, err := schema.DecodeFacet(string(f.Protocol), f.Config)
	if err != nil {
		return nil, err
	}
	m, ok := config.(mapper)
	if !ok {
		return nil, nil
	}
	var keys []string
	for _, a := range schema.Attributes() {
		if a.SelfWritable && m.Maps(a.Key) {
			keys = append(keys, a.Key)
		}
	}
	return keys, nil
}

// CheckSelfWritable fails when a policy, or the mapping of an app, reads one of
// the attributes that a configuration lets people write.
func (r *Reader) CheckSelfWritable(keys []string) error {
	if err := r.may(VerbReadConfig); err != nil {
		return err
	}
	for _, key := range keys {
		reader, err := readBy(r.tx, r.rules, key)
		if err != nil {
			return err
		}
		if reader != "" {
			return invalid("configuration", "self_service", "self_service.writable lets people write their own %s, and %s reads it; take it out of one of the two", key, reader)
		}
	}
	return nil
}

// readBy names a policy, or an app by its mapping, that reads an attribute of
// users; "" is none. What one of them reads decides about more than its owner.
func readBy(tx *Tx, rules *ruleBook, key string) (string, error) {
	for p, err := range tx.Policies.Find(PolicyQuery{}) {
		if err != nil {
			return "", err
		}
		if rules.reads(p.Rule, key) {
			return "policy " + p.Name, nil
		}
	}
	for f, err := range tx.Facets.Find(FacetQuery{}) {
		if err != nil {
			return "", err
		}
		config, err := schema.DecodeFacet(string(f.Protocol), f.Config)
		if err != nil {
			return "", err
		}
		if m, ok := config.(mapper); ok && m.Maps(key) {
			return "the attribute mapping of an app", nil
		}
	}
	return "", nil
}
