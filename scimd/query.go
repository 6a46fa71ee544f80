package scimd

import (
	"errors"
	"slices"
	"strings"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/name"
	"gatehouse/scimd/filter"
)

// plan is how a filter is answered: what the store selects, and what of it must
// be checked in memory because the store knows no such restriction.
type plan[Q any] struct {
	query  Q
	rest   filter.Expr // nil: the query says it all
	narrow bool        // the query selects by a key: a handful of rows at most
	none   bool        // nothing can match
}

// conjuncts returns the terms that must all hold.
func conjuncts(e filter.Expr) []filter.Expr {
	switch e := e.(type) {
	case nil:
		return nil
	case filter.And:
		return e.Terms
	}
	return []filter.Expr{e}
}

func conjunction(terms []filter.Expr) filter.Expr {
	switch len(terms) {
	case 0:
		return nil
	case 1:
		return terms[0]
	}
	return filter.And{Terms: terms}
}

// equalities returns the strings that e asks the attribute path to equal one of.
func equalities(e filter.Expr, paths ...string) ([]string, bool) {
	switch e := e.(type) {
	case filter.Or:
		var all []string
		for _, t := range e.Terms {
			one, ok := equalities(t, paths...)
			if !ok {
				return nil, false
			}
			all = append(all, one...)
		}
		return all, true
	case filter.Compare:
		ok := e.Op == filter.Eq && e.Value.Kind == filter.String && slices.ContainsFunc(paths, func(p string) bool {
			return strings.EqualFold(p, e.Path.String())
		})
		return []string{e.Value.Text}, ok
	}
	return nil, false
}

// keysOf makes the keys by which the directory compares names. What cannot be
// anybody's name has none.
func keysOf(values []string, key func(string) (string, error)) []string {
	var out []string
	for _, v := range values {
		if k, err := key(v); err == nil {
			out = append(out, k)
		}
	}
	return out
}

// usernameKey is the key of whom a name means when it is typed to sign in, so that
// a source and the doors never disagree about that.
func usernameKey(s string) (string, error) {
	if key := name.Login(s); key != "" {
		return key, nil
	}
	return "", errNobody
}

var errNobody = errors.New("nobody can be called so")

func emailKey(s string) (string, error) {
	_, key, err := name.Email(s)
	return key, err
}

// planUsers compiles a filter over users.
func planUsers(label string, e filter.Expr) plan[directory.UserQuery] {
	var p plan[directory.UserQuery]
	var rest []filter.Expr
	for _, t := range conjuncts(e) {
		if !planUser(&p, label, t) {
			rest = append(rest, t)
		}
	}
	p.rest = conjunction(rest)
	return p
}

// planUser puts one term into the query and reports whether that says all of
// it. A restriction that the query has already is left to be checked in memory.
func planUser(p *plan[directory.UserQuery], label string, t filter.Expr) bool {
	q := &p.query
	if v, ok := equalities(t, "userName"); ok && q.NameKeys == nil {
		q.NameKeys = keysOf(v, usernameKey)
		return p.selects(len(q.NameKeys))
	}
	if v, ok := equalities(t, "id"); ok && q.UIDs == nil {
		q.UIDs = v
		return p.selects(len(v))
	}
	if v, ok := equalities(t, "externalId"); ok && len(v) == 1 && q.ExternalID.ID == "" {
		q.ExternalID = directory.ExternalRef{Source: label, ID: v[0]}
		return p.selects(len(v[0]))
	}
	if v, ok := equalities(t, "emails", "emails.value"); ok && q.EmailKeys == nil {
		q.EmailKeys = keysOf(v, emailKey)
		return p.selects(len(q.EmailKeys))
	}
	switch t := t.(type) {
	case filter.ValuePath:
		// emails[type eq "work" and value eq "a@b"]: the address finds the
		// user, the type is checked in memory.
		for _, c := range conjuncts(t.Filter) {
			v, ok := equalities(c, "value")
			if ok && strings.EqualFold(t.Path.String(), "emails") && q.EmailKeys == nil {
				q.EmailKeys = keysOf(v, emailKey)
				p.selects(len(q.EmailKeys))
				break
			}
		}
	case filter.Compare:
		return planCompare(q, t)
	}
	return false
}

// planCompare puts a comparison with active or meta.lastModified into q.
func planCompare(q *directory.UserQuery, c filter.Compare) bool {
	switch strings.ToLower(c.Path.String()) {
	case "active":
		yes := strings.EqualFold(c.Value.Text, "true")
		no := strings.EqualFold(c.Value.Text, "false")
		if q.Statuses != nil || c.Op != filter.Eq || !yes && !no {
			return false
		}
		q.Statuses = []directory.Status{directory.Disabled, directory.LockedDown}
		if yes {
			q.Statuses = []directory.Status{directory.Active}
		}
		return true
	case "meta.lastmodified":
		at, err := time.Parse(time.RFC3339Nano, c.Value.Text)
		if err == nil && q.Since.IsZero() && (c.Op == filter.Gt || c.Op == filter.Ge || c.Op == filter.Eq) {
			q.Since = at
		}
	}
	return false
}

// selects notes that the query selects by n keys.
func (p *plan[Q]) selects(n int) bool {
	p.narrow = true
	p.none = p.none || n == 0
	return true
}

// planGroups compiles a filter over groups. Who is in a group can only be
// asked by members eq or members.value eq; those ids come back.
func planGroups(label string, e filter.Expr) (p plan[directory.GroupQuery], member string, err error) {
	var rest []filter.Expr
	q := &p.query
	for _, t := range conjuncts(e) {
		if v, ok := equalities(t, "displayName"); ok && q.NameKeys == nil {
			q.NameKeys = keysOf(v, name.Group)
			p.selects(len(q.NameKeys))
		} else if v, ok := equalities(t, "id"); ok && q.UIDs == nil {
			q.UIDs = v
			p.selects(len(v))
		} else if v, ok := equalities(t, "externalId"); ok && len(v) == 1 && q.ExternalID.ID == "" {
			q.ExternalID = directory.ExternalRef{Source: label, ID: v[0]}
			p.selects(len(v[0]))
		} else if v, ok := memberAsked(t); ok && member == "" {
			member = v
		} else {
			rest = append(rest, t)
		}
	}
	p.rest = conjunction(rest)
	if p.rest != nil && mentions(p.rest, "members") {
		return p, "", badRequest(errInvalidFilter, "members can be asked for by one value eq only")
	}
	return p, member, nil
}

// memberAsked returns the id in members eq, members.value eq or
// members[value eq].
func memberAsked(t filter.Expr) (string, bool) {
	if vp, ok := t.(filter.ValuePath); ok && strings.EqualFold(vp.Path.String(), "members") {
		v, ok := equalities(vp.Filter, "value")
		return first(v), ok && len(v) == 1
	}
	v, ok := equalities(t, "members", "members.value")
	return first(v), ok && len(v) == 1
}

func first(v []string) string {
	if len(v) == 0 {
		return ""
	}
	return v[0]
}

// mentions reports whether e looks at the core attribute.
func mentions(e filter.Expr, attr string) bool {
	if vp, ok := e.(filter.ValuePath); ok {
		return vp.Path.URN == "" && strings.EqualFold(vp.Path.Name, attr)
	}
	found := false
	switch e := e.(type) {
	case filter.And:
		for _, t := range e.Terms {
			found = found || mentions(t, attr)
		}
	case filter.Or:
		for _, t := range e.Terms {
			found = found || mentions(t, attr)
		}
	case filter.Not:
		return mentions(e.X, attr)
	case filter.Compare:
		return e.Path.URN == "" && strings.EqualFold(e.Path.Name, attr)
	case filter.Present:
		return e.Path.URN == "" && strings.EqualFold(e.Path.Name, attr)
	}
	return found
}
