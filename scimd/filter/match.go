package filter

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// Object is a resource or an element of a complex attribute.
type Object interface {
	// Attribute returns the value of an attribute, whose name is compared
	// without case, or nil when it is unassigned. An empty urn means the
	// resource's core schema or, within an element, nothing. A value is a
	// string, bool, json.Number, Object, or []any of those.
	Attribute(urn, name string) any
}

// Matcher evaluates filters over resources in memory (RFC 7644 §3.4.2.2).
// An attribute that a resource does not have is unassigned: "eq null" and "ne"
// hold for it, everything else does not. A comparison with a multi-valued
// attribute holds when one value satisfies it, and a complex value is compared
// by its sub-attribute "value". Booleans equal the strings "true" and "false" in
// any case, which Entra ID sends.
type Matcher struct {
	// CaseExact tells which string attributes are compared with case. Nil
	// means none. In a value filter the path is that of the sub-attribute.
	CaseExact func(AttrPath) bool
}

// Match reports whether o satisfies e.
func (m Matcher) Match(e Expr, o Object) bool { return m.match(e, o, AttrPath{}) }

// MatchElement reports whether the element o of the attribute parent satisfies
// e, a value filter whose attribute names are sub-attributes of parent.
func (m Matcher) MatchElement(e Expr, o Object, parent AttrPath) bool { return m.match(e, o, parent) }

func (m Matcher) match(e Expr, o Object, parent AttrPath) bool {
	switch e := e.(type) {
	case And:
		for _, t := range e.Terms {
			if !m.match(t, o, parent) {
				return false
			}
		}
		return true
	case Or:
		for _, t := range e.Terms {
			if m.match(t, o, parent) {
				return true
			}
		}
		return false
	case Not:
		return !m.match(e.X, o, parent)
	case Present:
		return present(lookup(o, e.Path))
	case Compare:
		return m.compare(e, lookup(o, e.Path), parent)
	case ValuePath:
		for _, v := range elements(o.Attribute(e.Path.URN, e.Path.Name)) {
			if el, ok := v.(Object); ok && m.match(e.Filter, el, e.Path) {
				return true
			}
		}
	}
	return false
}

func elements(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	if v == nil {
		return nil
	}
	return []any{v}
}

// lookup returns the values of path in o, those of all elements when the
// attribute is multi-valued.
func lookup(o Object, path AttrPath) []any {
	vals := elements(o.Attribute(path.URN, path.Name))
	if path.Sub == "" {
		return vals
	}
	var out []any
	for _, v := range vals {
		if el, ok := v.(Object); ok {
			out = append(out, elements(el.Attribute("", path.Sub))...)
		}
	}
	return out
}

func present(vals []any) bool {
	for _, v := range vals {
		if v != nil && v != "" {
			return true
		}
	}
	return false
}

func (m Matcher) compare(e Compare, vals []any, parent AttrPath) bool {
	if e.Value.Kind == Null {
		return present(vals) == (e.Op == Ne)
	}
	exact := m.exact(e.Path, parent)
	assigned := false
	for _, v := range vals {
		if el, ok := v.(Object); ok {
			v = el.Attribute("", "value")
		}
		if v == nil {
			continue
		}
		assigned = true
		if holds(e.Op, v, e.Value, exact) {
			return true
		}
	}
	return !assigned && e.Op == Ne
}

func (m Matcher) exact(path, parent AttrPath) bool {
	if m.CaseExact == nil {
		return false
	}
	if parent.Name != "" {
		path = AttrPath{URN: parent.URN, Name: parent.Name, Sub: path.Name}
	}
	return m.CaseExact(path)
}

func holds(op Op, v any, want Literal, exact bool) bool {
	switch v := v.(type) {
	case bool:
		// RFC 7644 §3.4.2.2: booleans have no order and no substrings.
		same := strings.EqualFold(strconv.FormatBool(v), want.Text) && want.Kind != Number
		return op == Eq && same || op == Ne && !same
	case json.Number:
		a, errA := strconv.ParseFloat(v.String(), 64)
		b, errB := strconv.ParseFloat(want.Text, 64)
		if errA == nil && errB == nil {
			return ordered(op, compareFloat(a, b))
		}
		return op == Ne
	case string:
		return holdsString(op, v, want.Text, exact)
	}
	return false
}

func compareFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func holdsString(op Op, v, want string, exact bool) bool {
	// RFC 7644 §3.4.2.2: dateTime values compare chronologically.
	if a, err := time.Parse(time.RFC3339Nano, v); err == nil && op != Co && op != Sw && op != Ew {
		if b, err := time.Parse(time.RFC3339Nano, want); err == nil {
			return ordered(op, a.Compare(b))
		}
	}
	if !exact {
		v, want = strings.ToLower(v), strings.ToLower(want)
	}
	switch op {
	case Co:
		return strings.Contains(v, want)
	case Sw:
		return strings.HasPrefix(v, want)
	case Ew:
		return strings.HasSuffix(v, want)
	}
	return ordered(op, strings.Compare(v, want))
}

// ordered applies an operator of equality or order to a comparison's result.
func ordered(op Op, c int) bool {
	switch op {
	case Eq:
		return c == 0
	case Ne:
		return c != 0
	case Gt:
		return c > 0
	case Ge:
		return c >= 0
	case Lt:
		return c < 0
	case Le:
		return c <= 0
	}
	return false
}
