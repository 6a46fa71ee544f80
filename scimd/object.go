package scimd

import (
	"encoding/json"
	"slices"
	"strings"

	"gatehouse/scimd/filter"
)

// object is a JSON object: a resource or a complex value. Its members keep
// their order and are found without case. Its values are those of decodeObject.
type object struct{ members []member }

type member struct {
	name  string
	value any
}

// newObject returns an object of alternating names and values, without those
// whose value is nil or "".
func newObject(namesAndValues ...any) *object {
	o := &object{}
	for i := 0; i+1 < len(namesAndValues); i += 2 {
		if v := namesAndValues[i+1]; v != nil && v != "" {
			o.members = append(o.members, member{namesAndValues[i].(string), v})
		}
	}
	return o
}

func (o *object) index(name string) int {
	return slices.IndexFunc(o.members, func(m member) bool {
		return m.name == name || strings.EqualFold(m.name, name)
	})
}

// get returns the value of a member, nil when it is absent or null.
func (o *object) get(name string) any {
	if i := o.index(name); i >= 0 {
		return o.members[i].value
	}
	return nil
}

func (o *object) has(name string) bool { return o.index(name) >= 0 }

// str returns a string member, "" when it is something else.
func (o *object) str(name string) string {
	s, _ := o.get(name).(string)
	return s
}

// set replaces or appends a member; nil removes it.
func (o *object) set(name string, v any) {
	i := o.index(name)
	switch {
	case v == nil && i >= 0:
		o.members = slices.Delete(o.members, i, i+1)
	case v == nil:
	case i >= 0:
		o.members[i].value = v
	default:
		o.members = append(o.members, member{name, v})
	}
}

// clone returns a deep copy.
func (o *object) clone() *object {
	c := &object{members: make([]member, len(o.members))}
	for i, m := range o.members {
		c.members[i] = member{m.name, cloneValue(m.value)}
	}
	return c
}

func cloneValue(v any) any {
	switch v := v.(type) {
	case *object:
		return v.clone()
	case []any:
		c := make([]any, len(v))
		for i, el := range v {
			c[i] = cloneValue(el)
		}
		return c
	}
	return v
}

// Attribute implements filter.Object. Paths must have been resolved, so that an
// extension's attribute carries its URN and a core attribute none.
func (o *object) Attribute(urn, name string) any {
	from := o
	if urn != "" {
		ext, ok := o.get(urn).(*object)
		if !ok {
			return nil
		}
		from = ext
	}
	switch v := from.get(name).(type) {
	case *object:
		return filter.Object(v)
	case []any:
		out := make([]any, len(v))
		for i, el := range v {
			if c, ok := el.(*object); ok {
				out[i] = filter.Object(c)
			} else {
				out[i] = el
			}
		}
		return out
	default:
		return v
	}
}

// equalValues reports whether two values are the same, members in any order.
func equalValues(a, b any) bool {
	switch a := a.(type) {
	case *object:
		b, ok := b.(*object)
		if !ok || len(a.members) != len(b.members) {
			return false
		}
		for _, m := range a.members {
			if i := b.index(m.name); i < 0 || !equalValues(m.value, b.members[i].value) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equalValues)
	case json.Number:
		b, ok := b.(json.Number)
		return ok && a == b
	default:
		return a == b
	}
}
