package scimd

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// coerce gives v the type that the schema has for at; element says that v is an
// element of a multi-valued attribute, or a part of one. Nil and "" come out as
// nil: unassigned (RFC 7643 §2.5). Unless strict, the shapes that provisioners
// send are taken as well: a simple value wrapped into {"value": v} or [v], a
// complex one given by its value alone, a list of one without the list.
func (c *compiler) coerce(at target, element bool, v any) (any, error) {
	a := at.attr
	if at.sub != nil {
		a = at.sub
		return c.coerceOne(a, v)
	}
	if a.multi && !element {
		return c.coerceList(a, v)
	}
	return c.coerceOne(a, v)
}

func (c *compiler) coerceList(a *attribute, v any) (any, error) {
	if v == nil || v == "" {
		return nil, nil
	}
	list, ok := v.([]any)
	if !ok {
		if c.strict {
			return nil, badRequest(errInvalidValue, "%s is not a list", a.name)
		}
		list = []any{v}
	}
	var out []any
	primaries := 0
	for _, el := range list {
		el, err := c.coerceOne(a, el)
		if err != nil {
			return nil, err
		}
		if el == nil {
			continue
		}
		if o, ok := el.(*object); ok && o.get("primary") == true {
			primaries++
		}
		out = append(out, el)
	}
	// RFC 7643 §2.4: "primary" is true for at most one value.
	if primaries > 1 {
		return nil, badRequest(errInvalidValue, "more than one of %s is primary", a.name)
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

func (c *compiler) coerceOne(a *attribute, v any) (any, error) {
	if list, ok := v.([]any); ok && len(list) == 1 && !c.strict {
		v = list[0]
	}
	if a.simple() {
		return c.coerceSimple(a, v)
	}
	switch t := v.(type) {
	case nil:
		return nil, nil
	case *object:
		return c.coerceComplex(a, t)
	case []any:
	default:
		// manager as "26118915-…" instead of {"value": "26118915-…"}.
		if sub := a.subAttribute("value"); sub != nil && !c.strict {
			return c.coerceComplex(a, newObject("value", v))
		}
	}
	return nil, badRequest(errInvalidValue, "%s is not an object", a.name)
}

func (c *compiler) coerceComplex(a *attribute, o *object) (any, error) {
	out := &object{}
	for _, m := range o.members {
		sub := a.subAttribute(m.name)
		if sub == nil {
			if c.strict {
				return nil, badRequest(errInvalidValue, "%s has no sub-attribute %s", a.name, m.name)
			}
			continue
		}
		if sub.mutability == mutReadOnly || m.value == nil {
			continue
		}
		v, err := c.coerceOne(sub, m.value)
		if err != nil {
			return nil, err
		}
		if v != nil {
			out.members = append(out.members, member{sub.name, v})
		}
	}
	if len(out.members) == 0 {
		return nil, nil
	}
	return out, nil
}

func (c *compiler) coerceSimple(a *attribute, v any) (any, error) {
	if o, ok := v.(*object); ok && !c.strict && o.has("value") {
		v = o.get("value")
	}
	if v == nil || v == "" {
		return nil, nil
	}
	switch a.typ {
	case typeBoolean:
		if b, ok := v.(bool); ok {
			return b, nil
		}
		if s, ok := v.(string); ok && !c.strict {
			switch strings.ToLower(s) {
			case "true":
				return true, nil
			case "false":
				return false, nil
			}
		}
	case typeInteger:
		if n, ok := asInteger(v, c.strict); ok {
			return n, nil
		}
	case typeDateTime:
		if s, ok := v.(string); ok {
			if _, err := time.Parse(time.RFC3339Nano, s); err == nil {
				return s, nil
			}
		}
	default:
		if s, ok := asString(v, c.strict); ok {
			return s, nil
		}
	}
	return nil, badRequest(errInvalidValue, "%s is not a %s", a.name, orDefault(a.typ, typeString))
}

func asInteger(v any, strict bool) (any, bool) {
	s := ""
	switch v := v.(type) {
	case json.Number:
		s = v.String()
	case string:
		if strict {
			return nil, false
		}
		s = v
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return json.Number(strconv.FormatInt(n, 10)), err == nil
}

func asString(v any, strict bool) (any, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), !strict
	case bool:
		return strconv.FormatBool(v), !strict
	}
	return nil, false
}

func orDefault(s, def string) string {
	if s == "" {
		return def
	}
	return s
}
