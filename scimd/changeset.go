package scimd

import (
	"strings"

	"gatehouse/scimd/filter"
)

// verb is what a PATCH operation does (RFC 7644 §3.5.2).
type verb uint8

const (
	verbAdd verb = iota
	verbReplace
	verbRemove
)

// String returns the verb as PATCH writes it.
func (v verb) String() string {
	switch v {
	case verbAdd:
		return "add"
	case verbReplace:
		return "replace"
	case verbRemove:
		return "remove"
	}
	return "?"
}

// change is one typed edit of one attribute: of the attribute at, or of those
// elements of it that match where. The value has the type of the schema; it is
// nil exactly when the verb is remove.
type change struct {
	verb  verb
	at    target
	where filter.Expr
	value any
}

// memberRef names a member of a group by the id of a User or a Group.
type memberRef struct {
	id    string
	group bool
}

// memberChange edits who is in a group without knowing who is in it. Replace
// makes the members exactly refs; remove with all set removes everybody.
type memberChange struct {
	verb verb
	refs []memberRef
	all  bool
}

// changeSet is what a request asks to be done to one resource, in order.
// Attributes and members are independent of each other.
type changeSet struct {
	changes []change
	members []memberChange
}

// touches reports whether the set writes the attribute or a part of it.
func (cs *changeSet) touches(name string) bool {
	for _, c := range cs.changes {
		if c.at.attr != nil && strings.EqualFold(c.at.attr.name, name) {
			return true
		}
	}
	return false
}

// String returns one line per change. The value of a write-only attribute is
// not shown.
func (cs *changeSet) String() string {
	var b []byte
	for _, c := range cs.changes {
		b = c.print(b)
		b = append(b, '\n')
	}
	for _, m := range cs.members {
		b = append(b, "members "...)
		b = append(b, m.verb.String()...)
		if m.all {
			b = append(b, " all"...)
		}
		for _, r := range m.refs {
			b = append(b, ' ')
			b = append(b, r.id...)
			if r.group {
				b = append(b, "(group)"...)
			}
		}
		b = append(b, '\n')
	}
	return string(b)
}

func (c change) print(b []byte) []byte {
	b = append(b, c.verb.String()...)
	b = append(b, ' ')
	p := filter.Path{Attr: filter.AttrPath{URN: c.at.schema.urn, Name: c.at.attr.name}, Filter: c.where}
	if strings.HasPrefix(c.at.schema.urn, coreURN) {
		p.Attr.URN = ""
	}
	if c.at.sub != nil && c.where != nil {
		p.Sub = c.at.sub.name
	} else if c.at.sub != nil {
		p.Attr.Sub = c.at.sub.name
	}
	b = append(b, p.String()...)
	if c.verb == verbRemove {
		return b
	}
	b = append(b, ' ')
	if c.at.attr.mutability == mutWriteOnly {
		return append(b, "[redacted]"...)
	}
	return appendJSON(b, c.value)
}
