package scimd

import (
	"strings"

	"gatehouse/scimd/filter"
)

const (
	coreURN    = "urn:ietf:params:scim:schemas:core:2.0:"
	messageURN = "urn:ietf:params:scim:api:messages:2.0:"
)

// maxOperations bounds the operations of one PATCH.
const maxOperations = 1000

// compiler turns request bodies into change sets for one resource type.
type compiler struct {
	rt *resourceType
	// strict refuses what RFC 7643 and 7644 do not have (profile rfc).
	strict bool
	opts   filter.Options
	out    *changeSet
}

// compilePatch reads a PATCH body (RFC 7644 §3.5.2).
func compilePatch(rt *resourceType, p Profile, body *object) (*changeSet, error) {
	c := newCompiler(rt, p)
	if c.strict && !listsSchema(body, messageURN+"PatchOp") {
		return nil, badRequest(errInvalidSyntax, "schemas must contain %sPatchOp", messageURN)
	}
	ops, ok := body.get("Operations").([]any)
	if !ok || len(ops) == 0 {
		return nil, badRequest(errInvalidSyntax, "Operations must be a list of one or more operations")
	}
	if len(ops) > maxOperations {
		return nil, badRequest(errInvalidSyntax, "more than %d operations", maxOperations)
	}
	for _, v := range ops {
		op, ok := v.(*object)
		if !ok {
			return nil, badRequest(errInvalidSyntax, "an operation is not an object")
		}
		if err := c.operation(op); err != nil {
			return nil, err
		}
	}
	return c.out, nil
}

// compileResource reads the body of POST or PUT as replacements of what it
// names.
func compileResource(rt *resourceType, p Profile, body *object) (*changeSet, error) {
	c := newCompiler(rt, p)
	if c.strict && !listsSchema(body, rt.core.urn) {
		return nil, badRequest(errInvalidSyntax, "schemas must contain %s", rt.core.urn)
	}
	if err := c.pathless(verbReplace, body); err != nil {
		return nil, err
	}
	return c.out, nil
}

func newCompiler(rt *resourceType, p Profile) *compiler {
	return &compiler{rt: rt, strict: p == ProfileRFC, opts: p.filterOptions(), out: &changeSet{}}
}

func listsSchema(body *object, urn string) bool {
	list, _ := body.get("schemas").([]any)
	for _, v := range list {
		if s, ok := v.(string); ok && strings.EqualFold(s, urn) {
			return true
		}
	}
	return false
}

func (c *compiler) operation(op *object) error {
	v, err := c.verb(op)
	if err != nil {
		return err
	}
	value, given := op.get("value"), op.has("value")
	path, isString := op.get("path").(string)
	if op.get("path") != nil && !isString {
		return badRequest(errInvalidPath, "path is not a string")
	}
	if path == "" {
		// RFC 7644 §3.5.2.2: a remove without a path has no target.
		if v == verbRemove {
			return badRequest(errNoTarget, "remove needs a path")
		}
		o, ok := value.(*object)
		if !ok {
			return badRequest(errInvalidValue, "an operation without a path needs an object as its value")
		}
		return c.pathless(v, o)
	}
	if !given && v != verbRemove {
		return badRequest(errInvalidValue, "%s %s needs a value", v, path)
	}
	p, err := filter.ParsePath(path, c.opts)
	if err != nil {
		return badRequest(errInvalidPath, "path %q: %v", path, err)
	}
	return c.edit(v, p, value, true)
}

func (c *compiler) verb(op *object) (verb, error) {
	s := op.str("op")
	for v := verbAdd; v <= verbRemove; v++ {
		if s == v.String() || !c.strict && strings.EqualFold(s, v.String()) {
			return v, nil
		}
	}
	return 0, badRequest(errInvalidSyntax, "op is %q, not add, replace or remove", s)
}

// pathless edits every attribute that o names, by any of the names that
// provisioners use: plain, dotted, prefixed with a URN, nested under a URN, or
// with a value filter.
func (c *compiler) pathless(v verb, o *object) error {
	for _, m := range o.members {
		if s := c.rt.schema(m.name); s != nil {
			if err := c.nested(v, s, m.value); err != nil {
				return err
			}
			continue
		}
		p, err := filter.ParsePath(m.name, c.opts)
		if err != nil {
			if c.strict {
				return badRequest(errInvalidPath, "attribute %q: %v", m.name, err)
			}
			continue
		}
		if err := c.edit(v, p, m.value, false); err != nil {
			return err
		}
	}
	return nil
}

// nested edits the attributes of one schema, given as an object.
func (c *compiler) nested(v verb, s *schema, value any) error {
	if value == nil || v == verbRemove {
		for i := range s.attrs {
			if a := &s.attrs[i]; s != c.rt.core && a.mutability != mutReadOnly {
				c.out.changes = append(c.out.changes, change{verb: verbRemove, at: target{schema: s, attr: a}})
			}
		}
		return nil
	}
	o, ok := value.(*object)
	if !ok {
		return badRequest(errInvalidValue, "%s is not an object", s.urn)
	}
	for _, m := range o.members {
		p, err := filter.ParsePath(m.name, c.opts)
		if err != nil || p.Attr.URN != "" {
			if c.strict {
				return badRequest(errInvalidPath, "%q is not an attribute of %s", m.name, s.urn)
			}
			continue
		}
		p.Attr.URN = s.urn
		if err := c.edit(v, p, m.value, false); err != nil {
			return err
		}
	}
	return nil
}

// edit compiles one verb on one path. explicit says that the path was given as
// one: then an unknown or read-only attribute is an error, while as a member of
// an object it is passed over (RFC 7644 §3.3: readOnly attributes are ignored).
func (c *compiler) edit(v verb, p filter.Path, value any, explicit bool) error {
	at, ok := c.resolve(p)
	switch {
	case !ok && (explicit || c.strict):
		return badRequest(errInvalidPath, "there is no attribute %s", p)
	case !ok:
		return nil
	case at.attr == nil:
		return c.nested(v, at.schema, value)
	case at.readOnly() && explicit:
		return badRequest(errMutability, "%s is read-only", p)
	case at.readOnly():
		return nil
	case at.attr.name == "members":
		return c.editMembers(v, p, value)
	}
	if at.attr.required && at.sub == nil && (v == verbRemove || value == nil) {
		// RFC 7644 §3.5.2.2: a required attribute cannot be removed.
		return badRequest(errMutability, "%s is required", p)
	}
	where, err := c.where(at, p)
	if err != nil {
		return err
	}
	ch := change{verb: v, at: at, where: where}
	if v == verbRemove && c.removesValues(at, where, value) {
		return c.removeValues(at, value)
	}
	if v != verbRemove {
		if value == nil && v == verbAdd && at.attr.multi && at.sub == nil {
			return nil // nothing is added to a list
		}
		if ch.value, err = c.coerce(at, where != nil, value); err != nil {
			return err
		}
		// RFC 7643 §2.5: null, and [] for a list, is unassigned.
		if ch.value == nil {
			ch.verb = verbRemove
		}
	}
	c.out.changes = append(c.out.changes, ch)
	return nil
}

func (c *compiler) resolve(p filter.Path) (target, bool) {
	attr := p.Attr
	if p.Filter != nil {
		attr.Sub = p.Sub
	}
	at, ok := c.rt.resolve(attr)
	if ok && p.Filter != nil && (at.attr == nil || !at.attr.multi || at.attr.simple()) {
		return target{}, false
	}
	return at, ok
}

func (t target) readOnly() bool {
	return t.attr.mutability == mutReadOnly || t.sub != nil && t.sub.mutability == mutReadOnly
}

// where checks that a value filter names only sub-attributes of its attribute.
func (c *compiler) where(at target, p filter.Path) (filter.Expr, error) {
	if p.Filter == nil {
		return nil, nil
	}
	var bad string
	walkPaths(p.Filter, func(a filter.AttrPath) {
		if a.URN != "" || a.Sub != "" || at.attr.subAttribute(a.Name) == nil {
			bad = a.String()
		}
	})
	if bad != "" {
		return nil, badRequest(errInvalidFilter, "%s has no sub-attribute %s", at.attr.name, bad)
	}
	return p.Filter, nil
}

// walkPaths calls visit for the attribute of every comparison in e.
func walkPaths(e filter.Expr, visit func(filter.AttrPath)) {
	switch e := e.(type) {
	case filter.And:
		for _, t := range e.Terms {
			walkPaths(t, visit)
		}
	case filter.Or:
		for _, t := range e.Terms {
			walkPaths(t, visit)
		}
	case filter.Not:
		walkPaths(e.X, visit)
	case filter.Compare:
		visit(e.Path)
	case filter.Present:
		visit(e.Path)
	case filter.ValuePath:
		walkPaths(e.Filter, visit)
	}
}

// removesValues reports whether a remove lists the elements to remove as its
// value instead of by a filter, as Entra ID does.
func (c *compiler) removesValues(at target, where filter.Expr, value any) bool {
	return !c.strict && at.attr.multi && at.sub == nil && where == nil && value != nil
}

func (c *compiler) removeValues(at target, value any) error {
	v, err := c.coerce(at, false, value)
	if err != nil {
		return err
	}
	list, _ := v.([]any)
	for _, el := range list {
		o, ok := el.(*object)
		if !ok || o.str("value") == "" {
			return badRequest(errInvalidValue, "remove %s: an element has no value", at.attr.name)
		}
		where := filter.Compare{
			Path: filter.AttrPath{Name: "value"}, Op: filter.Eq,
			Value: filter.Literal{Kind: filter.String, Text: o.str("value")},
		}
		c.out.changes = append(c.out.changes, change{verb: verbRemove, at: at, where: where})
	}
	return nil
}
