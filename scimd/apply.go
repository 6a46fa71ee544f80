package scimd

import (
	"slices"
	"strings"

	"gatehouse/scimd/filter"
)

// apply edits the resource o, which it owns, as the changes say. It is pure:
// the same resource and changes give the same result.
func (cs *changeSet) apply(rt *resourceType, p Profile, o *object) error {
	for _, c := range cs.changes {
		holder := o
		if c.at.schema != rt.core {
			ext, ok := o.get(c.at.schema.urn).(*object)
			if !ok {
				ext = &object{}
				o.set(c.at.schema.urn, ext)
			}
			holder = ext
		}
		e := editor{rt: rt, strict: p == ProfileRFC, change: c}
		if err := e.apply(holder); err != nil {
			return err
		}
		if holder != o && len(holder.members) == 0 {
			o.set(c.at.schema.urn, nil)
		}
	}
	return nil
}

type editor struct {
	rt     *resourceType
	strict bool
	change
}

func (e editor) apply(holder *object) error {
	a := e.at.attr
	switch {
	case a.multi && (e.where != nil || e.at.sub != nil):
		list, _ := holder.get(a.name).([]any)
		list, err := e.editElements(slices.Clone(list))
		if err != nil {
			return err
		}
		setList(holder, a.name, list)
	case e.at.sub != nil:
		o, ok := holder.get(a.name).(*object)
		if !ok {
			o = &object{}
		}
		o.set(e.at.sub.name, e.value)
		if len(o.members) == 0 {
			holder.set(a.name, nil)
		} else {
			holder.set(a.name, o)
		}
	case e.verb == verbAdd && a.multi:
		list, _ := holder.get(a.name).([]any)
		setList(holder, a.name, e.union(slices.Clone(list)))
	case e.verb != verbRemove && !a.simple() && !a.multi:
		// RFC 7644 §3.5.2.1, §3.5.2.3: sub-attributes that are named are
		// written, the others stay.
		o, ok := holder.get(a.name).(*object)
		if !ok {
			o = &object{}
		}
		merge(o, e.value.(*object))
		holder.set(a.name, o)
	default:
		holder.set(a.name, cloneValue(e.value))
	}
	return nil
}

func setList(o *object, name string, list []any) {
	if len(list) == 0 {
		o.set(name, nil)
		return
	}
	o.set(name, list)
}

func merge(into, from *object) {
	for _, m := range from.members {
		into.set(m.name, cloneValue(m.value))
	}
}

// union adds the elements of the change to list. One that is already there, by
// its value, is brought up to date instead (RFC 7644 §3.5.2.1).
func (e editor) union(list []any) []any {
	for _, el := range e.value.([]any) {
		el = cloneValue(el)
		i := slices.IndexFunc(list, func(have any) bool { return e.sameElement(have, el) })
		if i < 0 {
			i = len(list)
			list = append(list, el)
		} else if o, ok := list[i].(*object); ok {
			merge(o, el.(*object))
		}
		if o, ok := el.(*object); ok && o.get("primary") == true {
			onlyPrimary(list, i)
		}
	}
	return list
}

// onlyPrimary makes element i the only primary one (RFC 7644 §3.5.2).
func onlyPrimary(list []any, i int) {
	for j, el := range list {
		if o, ok := el.(*object); ok && j != i && o.has("primary") {
			o.set("primary", false)
		}
	}
}

func (e editor) sameElement(a, b any) bool {
	x, okX := a.(*object)
	y, okY := b.(*object)
	sub := e.at.attr.subAttribute("value")
	if !okX || !okY || sub == nil || x.str("value") == "" {
		return equalValues(a, b)
	}
	if sub.caseExact {
		return x.str("value") == y.str("value")
	}
	return strings.EqualFold(x.str("value"), y.str("value"))
}

// editElements edits the elements that the change selects, or makes one.
func (e editor) editElements(list []any) ([]any, error) {
	parent := filter.AttrPath{Name: e.at.attr.name}
	if e.at.schema != e.rt.core {
		parent.URN = e.at.schema.urn
	}
	m := filter.Matcher{CaseExact: e.rt.caseExact}
	found := false
	for i := 0; i < len(list); i++ {
		o, ok := list[i].(*object)
		if !ok || e.where != nil && !m.MatchElement(e.where, o, parent) {
			continue
		}
		found = true
		if e.verb == verbRemove && e.at.sub == nil {
			list = slices.Delete(list, i, i+1)
			i--
			continue
		}
		e.editElement(o)
		if e.verb != verbRemove && o.get("primary") == true {
			onlyPrimary(list, i)
		}
		if sub := e.at.attr.subAttribute("value"); sub != nil && o.get("value") == nil {
			list = slices.Delete(list, i, i+1) // an e-mail without an address is none
			i--
		}
	}
	if found || e.verb == verbRemove {
		return list, nil
	}
	return e.create(list)
}

func (e editor) editElement(o *object) {
	if e.at.sub != nil {
		o.set(e.at.sub.name, e.value)
		return
	}
	merge(o, e.value.(*object))
}

// create appends the element that the change describes: what its filter says
// an element is like, and the value. RFC 7644 §3.5.2.3 has replace fail with
// noTarget; Entra ID and Okta expect emails[type eq "work"].value to make it.
func (e editor) create(list []any) ([]any, error) {
	if e.strict && e.verb == verbReplace {
		return nil, badRequest(errNoTarget, "no element of %s matches %s", e.at.attr.name, e.where)
	}
	o := &object{}
	if e.where != nil && !e.describe(e.where, o) {
		return nil, badRequest(errNoTarget, "no element of %s matches %s", e.at.attr.name, e.where)
	}
	e.editElement(o)
	if sub := e.at.attr.subAttribute("value"); sub != nil && o.get("value") == nil {
		return list, nil
	}
	list = append(list, o)
	if o.get("primary") == true {
		onlyPrimary(list, len(list)-1)
	}
	return list, nil
}

// describe gives o the attributes that e demands, if it demands equalities only.
func (e editor) describe(where filter.Expr, o *object) bool {
	switch w := where.(type) {
	case filter.And:
		for _, t := range w.Terms {
			if !e.describe(t, o) {
				return false
			}
		}
		return true
	case filter.Compare:
		sub := e.at.attr.subAttribute(w.Path.Name)
		if w.Op != filter.Eq || w.Value.Kind == filter.Null || sub == nil {
			return false
		}
		c := compiler{}
		v, err := c.coerceSimple(sub, w.Value.Text)
		o.set(sub.name, v)
		return err == nil
	}
	return false
}
