package scimd

import (
	"strings"

	"gatehouse/scimd/filter"
)

// editMembers compiles an edit of a group's members. Absent members are not
// touched, null removes everybody (but adds nobody), and [] as a replacement
// leaves nobody.
func (c *compiler) editMembers(v verb, p filter.Path, value any) error {
	mc := memberChange{verb: v}
	switch {
	case p.Sub != "" || p.Attr.Sub != "":
		return badRequest(errInvalidPath, "members are written whole, not by sub-attribute")
	case p.Filter != nil && v != verbRemove:
		return badRequest(errInvalidPath, "members are selected by a filter only to remove them")
	case p.Filter != nil:
		ids, ok := selectedIDs(p.Filter)
		if !ok {
			return badRequest(errInvalidFilter, "members are selected by value eq, joined by or")
		}
		for _, id := range ids {
			mc.refs = append(mc.refs, memberRef{id: id})
		}
	case value == nil && v == verbAdd:
		return nil
	case value == nil:
		mc.verb, mc.all = verbRemove, true
	default:
		var err error
		if mc.refs, err = c.memberRefs(value); err != nil {
			return err
		}
		if len(mc.refs) == 0 && v != verbReplace {
			return nil
		}
	}
	c.out.members = append(c.out.members, mc)
	return nil
}

// selectedIDs returns the ids of value eq "a" or value eq "b" …
func selectedIDs(e filter.Expr) ([]string, bool) {
	switch e := e.(type) {
	case filter.Or:
		var all []string
		for _, t := range e.Terms {
			ids, ok := selectedIDs(t)
			if !ok {
				return nil, false
			}
			all = append(all, ids...)
		}
		return all, true
	case filter.Compare:
		ok := e.Op == filter.Eq && e.Value.Kind == filter.String && e.Path.URN == "" && e.Path.Sub == "" &&
			strings.EqualFold(e.Path.Name, "value")
		return []string{e.Value.Text}, ok
	}
	return nil, false
}

// memberRefs reads a members value: a list of objects or, in the lenient
// profiles, one object, plain ids, or both mixed. Doubles count once.
func (c *compiler) memberRefs(value any) ([]memberRef, error) {
	list, ok := value.([]any)
	if !ok {
		if c.strict {
			return nil, badRequest(errInvalidValue, "members is not a list")
		}
		list = []any{value}
	}
	refs := make([]memberRef, 0, len(list))
	seen := make(map[string]bool, len(list))
	for _, el := range list {
		r, err := c.memberRef(el)
		if err != nil {
			return nil, err
		}
		if !seen[r.id] {
			seen[r.id] = true
			refs = append(refs, r)
		}
	}
	return refs, nil
}

func (c *compiler) memberRef(v any) (memberRef, error) {
	if id, ok := v.(string); ok && id != "" && !c.strict {
		return memberRef{id: id}, nil
	}
	o, ok := v.(*object)
	if !ok || o.str("value") == "" {
		return memberRef{}, badRequest(errInvalidValue, "a member has no value")
	}
	group := strings.EqualFold(o.str("type"), "Group") ||
		o.str("type") == "" && strings.Contains(strings.ToLower(o.str("$ref")), "/groups/")
	return memberRef{id: o.str("value"), group: group}, nil
}
