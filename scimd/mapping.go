package scimd

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gatehouse/directory"
	dirschema "gatehouse/directory/schema"
	"gatehouse/scimd/filter"
)

// mapping says under which key the directory keeps what SCIM calls by a path.
// It is made from the table of directory/schema, so that all protocols agree.
type mapping struct {
	fields []field // single values
	lists  []field // lists of values
	typed  []typedField
}

// field ties an attribute or a sub-attribute to a key of the profile. urn is ""
// in the core schema.
type field struct {
	urn, attr, sub, key string
	complex             bool // of a list: each value is an object
}

// typedField ties a sub-attribute of the element of one type to a key, such as
// phoneNumbers[type eq "fax"].value.
type typedField struct{ attr, kind, sub, key string }

// newMapping reads the table. It fails when a path of it is not in the schemas
// that are served.
func newMapping(rt *resourceType) (*mapping, error) {
	m := &mapping{}
	for _, row := range dirschema.Attributes() {
		if row.SCIM == "" || row.Computed {
			continue
		}
		p, err := filter.ParsePath(row.SCIM, filter.Options{})
		if err != nil {
			return nil, fmt.Errorf("map %s: %w", row.Key, err)
		}
		attr := p.Attr
		if p.Filter != nil {
			attr.Sub = p.Sub
		}
		t, ok := rt.resolve(attr)
		if !ok || t.attr == nil {
			return nil, fmt.Errorf("map %s: there is no attribute %s", row.Key, row.SCIM)
		}
		f := field{attr: t.attr.name, sub: p.Attr.Sub, key: row.Key, complex: !t.attr.simple()}
		if t.schema != rt.core {
			f.urn = t.schema.urn
		}
		kind, typed := p.Filter.(filter.Compare)
		switch {
		case typed:
			m.typed = append(m.typed, typedField{t.attr.name, kind.Value.Text, p.Sub, row.Key})
		case t.attr.multi:
			m.lists = append(m.lists, f)
		default:
			m.fields = append(m.fields, f)
		}
	}
	return m, nil
}

// key returns where a sub-attribute of an element of some type is kept. Types
// that the table does not know are kept among the operator's attributes, as
// "addresses.other.locality": known is false.
func (m *mapping) key(attr, kind, sub string) (key string, known bool) {
	for _, t := range m.typed {
		if t.attr == attr && t.kind == kind && t.sub == sub {
			return t.key, true
		}
	}
	return attr + "." + kind + "." + sub, false
}

// kinds returns the types of attr that the table knows, and those of which u
// has something besides.
func (m *mapping) kinds(attr string, u *directory.User) []string {
	var out []string
	for _, t := range m.typed {
		if t.attr == attr && !slices.Contains(out, t.kind) {
			out = append(out, t.kind)
		}
	}
	var others []string
	for key := range maps.Keys(u.Attrs) {
		rest, ok := strings.CutPrefix(key, attr+".")
		kind, _, typed := strings.Cut(rest, ".")
		if ok && typed && !slices.Contains(out, kind) && !slices.Contains(others, kind) {
			others = append(others, kind)
		}
	}
	slices.Sort(others)
	return append(out, others...)
}

func (m *mapping) get(u *directory.User, attr, kind, sub string) []string {
	key, known := m.key(attr, kind, sub)
	if known {
		return u.Profile[key]
	}
	return u.Attrs[key]
}

func (m *mapping) set(u *directory.User, attr, kind, sub string, values ...string) {
	key, known := m.key(attr, kind, sub)
	if known {
		u.Profile.Set(key, values...)
		return
	}
	u.Attrs.Set(key, values...)
}

func (f field) put(o *object, v any) {
	if f.urn != "" {
		o = extension(o, f.urn)
	}
	if f.sub == "" {
		o.set(f.attr, v)
		return
	}
	c, ok := o.get(f.attr).(*object)
	if !ok {
		c = &object{}
		o.set(f.attr, c)
	}
	c.set(f.sub, v)
}

func (f field) get(o *object) any {
	if f.urn != "" {
		o = extensionOf(o, f.urn)
	}
	if f.sub == "" {
		return o.get(f.attr)
	}
	c, ok := o.get(f.attr).(*object)
	if !ok {
		return nil
	}
	return c.get(f.sub)
}

// extension returns the object of an extension in o, and makes it if need be.
func extension(o *object, urn string) *object {
	if ext, ok := o.get(urn).(*object); ok {
		return ext
	}
	ext := &object{}
	o.set(urn, ext)
	return ext
}

// extensionOf is extension for reading: o is not changed.
func extensionOf(o *object, urn string) *object {
	if ext, ok := o.get(urn).(*object); ok {
		return ext
	}
	return &object{}
}
