package scimd

import (
	"strings"

	"gatehouse/scimd/filter"
)

// The characteristics of an attribute, RFC 7643 §2.2 and §7, as they are
// written in a schema.
const (
	typeString    = "string"
	typeBoolean   = "boolean"
	typeInteger   = "integer"
	typeDateTime  = "dateTime"
	typeReference = "reference"
	typeComplex   = "complex"

	mutReadOnly  = "readOnly"
	mutReadWrite = "readWrite"
	mutImmutable = "immutable"
	mutWriteOnly = "writeOnly"

	retAlways  = "always"
	retNever   = "never"
	retDefault = "default"
	retRequest = "request"

	uniqNone   = "none"
	uniqServer = "server"
)

// attribute is one row of a schema. Empty strings mean string, readWrite,
// default and none, the defaults of RFC 7643 §2.2.
type attribute struct {
	name        string
	typ         string
	multi       bool
	required    bool
	caseExact   bool
	mutability  string
	returned    string
	uniqueness  string
	description string
	canonical   []string
	refs        []string
	sub         []attribute
}

func (a *attribute) subAttribute(name string) *attribute { return findAttribute(a.sub, name) }

// simple reports whether a value is not complex.
func (a *attribute) simple() bool { return a.typ != typeComplex }

func findAttribute(list []attribute, name string) *attribute {
	for i := range list {
		if strings.EqualFold(list[i].name, name) {
			return &list[i]
		}
	}
	return nil
}

// schema is a set of attributes under a URN.
type schema struct {
	urn, name, description string
	attrs                  []attribute
}

// resourceType is what an endpoint serves: a core schema and its extensions.
type resourceType struct {
	name, endpoint, description string
	core                        *schema
	extensions                  []*schema
	// common are id, externalId, meta and schemas, which every resource has
	// and no schema lists (RFC 7643 §3.1).
	common []attribute
}

// schemas returns the core schema and the extensions.
func (rt *resourceType) schemas() []*schema { return append([]*schema{rt.core}, rt.extensions...) }

func (rt *resourceType) schema(urn string) *schema {
	for _, s := range rt.schemas() {
		if strings.EqualFold(s.urn, urn) {
			return s
		}
	}
	return nil
}

// target is what a path names. sub is nil for a whole attribute, attr is nil for
// a whole extension.
type target struct {
	schema *schema
	attr   *attribute
	sub    *attribute
}

// path returns the target's name: without URN in the core schema.
func (t target) path(core *schema) filter.AttrPath {
	var p filter.AttrPath
	if t.schema != core {
		p.URN = t.schema.urn
	}
	if t.attr != nil {
		p.Name = t.attr.name
	}
	if t.sub != nil {
		p.Sub = t.sub.name
	}
	return p
}

// resolve finds what p names. A name without a URN belongs to the core schema,
// else to the first extension that has it: provisioners leave the URN out.
func (rt *resourceType) resolve(p filter.AttrPath) (target, bool) {
	if p.URN != "" && p.Sub == "" {
		// A path that is a schema URN and nothing else is parsed as if its
		// last label were an attribute.
		if s := rt.schema(p.URN + ":" + p.Name); s != nil {
			return target{schema: s}, true
		}
	}
	for _, s := range rt.schemas() {
		if p.URN != "" && !strings.EqualFold(s.urn, p.URN) {
			continue
		}
		a := findAttribute(s.attrs, p.Name)
		if a == nil && s == rt.core {
			a = findAttribute(rt.common, p.Name)
		}
		if a == nil {
			continue
		}
		if p.Sub == "" {
			return target{schema: s, attr: a}, true
		}
		sub := a.subAttribute(p.Sub)
		return target{schema: s, attr: a, sub: sub}, sub != nil
	}
	return target{}, false
}

// caseExact tells a filter.Matcher how to compare the attribute p.
func (rt *resourceType) caseExact(p filter.AttrPath) bool {
	t, ok := rt.resolve(p)
	switch {
	case !ok || t.attr == nil:
		return false
	case t.sub != nil:
		return t.sub.caseExact
	case t.attr.typ == typeComplex:
		v := t.attr.subAttribute("value")
		return v != nil && v.caseExact
	}
	return t.attr.caseExact
}

// normalFilter rewrites the attribute names of a filter to what the resource
// objects use: a URN for extensions and only for those. Unknown names stay, and
// match nothing (RFC 7644 §3.4.2.1).
func (rt *resourceType) normalFilter(e filter.Expr) filter.Expr {
	list := func(terms []filter.Expr) []filter.Expr {
		out := make([]filter.Expr, len(terms))
		for i, t := range terms {
			out[i] = rt.normalFilter(t)
		}
		return out
	}
	switch e := e.(type) {
	case filter.And:
		return filter.And{Terms: list(e.Terms)}
	case filter.Or:
		return filter.Or{Terms: list(e.Terms)}
	case filter.Not:
		return filter.Not{X: rt.normalFilter(e.X)}
	case filter.Compare:
		e.Path = rt.normalPath(e.Path)
		return e
	case filter.Present:
		e.Path = rt.normalPath(e.Path)
		return e
	case filter.ValuePath:
		e.Path = rt.normalPath(e.Path)
		return e
	}
	return e
}

func (rt *resourceType) normalPath(p filter.AttrPath) filter.AttrPath {
	if t, ok := rt.resolve(p); ok {
		return t.path(rt.core)
	}
	return p
}
