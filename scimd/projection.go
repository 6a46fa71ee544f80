package scimd

import (
	"strings"

	"gatehouse/scimd/filter"
)

// projection is which attributes an answer has (RFC 7644 §3.9). The zero value
// is the default: everything but what is never returned.
type projection struct {
	rt      *resourceType
	only    []target // with any, nothing else but what is always returned
	limited bool     // attributes was given
	without []target
}

// newProjection reads the parameters attributes and excludedAttributes. Names
// that are not attributes of the resource select nothing.
func newProjection(rt *resourceType, only, without []string) (projection, error) {
	if len(only) > 0 && len(without) > 0 {
		return projection{}, badRequest(errInvalidValue, "attributes and excludedAttributes exclude each other")
	}
	p := projection{rt: rt, limited: len(only) > 0}
	var err error
	if p.only, err = resolveNames(rt, only); err != nil {
		return p, err
	}
	p.without, err = resolveNames(rt, without)
	return p, err
}

func resolveNames(rt *resourceType, names []string) ([]target, error) {
	var out []target
	for _, n := range names {
		path, err := filter.ParseAttrPath(n)
		if err != nil {
			return nil, badRequest(errInvalidValue, "%q is not an attribute name: %v", n, err)
		}
		if t, ok := rt.resolve(path); ok {
			out = append(out, t)
		}
	}
	return out, nil
}

// splitNames splits a comma-separated list of attribute names.
func splitNames(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// wants reports whether the core attribute name, or a part of it, is returned.
// What is not wanted need not be loaded.
func (p projection) wants(name string) bool {
	a := findAttribute(p.rt.core.attrs, name)
	s := selected(p.only, p.rt.core, a)
	if p.limited {
		return s.whole || len(s.subs) > 0
	}
	return !selected(p.without, p.rt.core, a).whole
}

// selection is what a list of targets says of one attribute.
type selection struct {
	whole bool
	subs  []string
}

func (s selection) has(sub string) bool {
	for _, n := range s.subs {
		if strings.EqualFold(n, sub) {
			return true
		}
	}
	return false
}

func selected(list []target, s *schema, a *attribute) selection {
	var out selection
	for _, t := range list {
		switch {
		case t.schema != s:
		case t.attr == nil:
			out.whole = true
		case t.attr != a:
		case t.sub == nil:
			out.whole = true
		default:
			out.subs = append(out.subs, t.sub.name)
		}
	}
	return out
}

// apply returns what of o is answered. o is not modified.
func (p projection) apply(o *object) *object {
	if !p.limited && len(p.without) == 0 {
		return o
	}
	out := &object{}
	for _, m := range o.members {
		if ext := p.rt.schema(m.name); ext != nil {
			if v, ok := m.value.(*object); ok {
				if kept := p.members(ext, ext.attrs, v); len(kept.members) > 0 {
					out.members = append(out.members, member{m.name, kept})
				}
			}
			continue
		}
		attrs := p.rt.core.attrs
		if findAttribute(p.rt.common, m.name) != nil {
			attrs = p.rt.common
		}
		kept := p.members(p.rt.core, attrs, &object{members: []member{m}})
		out.members = append(out.members, kept.members...)
	}
	return out
}

// members keeps the selected members of o, whose names are among attrs.
func (p projection) members(s *schema, attrs []attribute, o *object) *object {
	out := &object{}
	for _, m := range o.members {
		a := findAttribute(attrs, m.name)
		if a == nil {
			continue
		}
		v := m.value
		if a.returned != retAlways {
			v = p.value(s, a, v)
		}
		if v != nil {
			out.members = append(out.members, member{m.name, v})
		}
	}
	return out
}

func (p projection) value(s *schema, a *attribute, v any) any {
	if p.limited {
		in := selected(p.only, s, a)
		if in.whole {
			return v
		}
		return restrict(v, in.has)
	}
	ex := selected(p.without, s, a)
	if ex.whole {
		return nil
	}
	if len(ex.subs) == 0 {
		return v
	}
	return restrict(v, func(sub string) bool { return !ex.has(sub) })
}

// restrict returns a complex value, or a list of them, with the sub-attributes
// that keep wants; nil when nothing is left.
func restrict(v any, keep func(string) bool) any {
	switch v := v.(type) {
	case *object:
		out := &object{}
		for _, m := range v.members {
			if keep(m.name) {
				out.members = append(out.members, m)
			}
		}
		if len(out.members) > 0 {
			return out
		}
	case []any:
		var out []any
		for _, el := range v {
			if el := restrict(el, keep); el != nil {
				out = append(out, el)
			}
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
}
