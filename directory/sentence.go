package directory

import (
	"fmt"
	"slices"
	"strings"
)

// Sentence says who may enter an app, as its bindings are: with the names that
// BoundTo gives them. It ends with a full stop.
func (a *App) Sentence(bindings []Binding) string {
	s := sentence{one: a.PolicyMode == AnyPolicy}
	for _, b := range bindings {
		s.add(b)
	}
	switch {
	case len(s.closed) > 0:
		return "Closed to everybody: " + strings.Join(s.closed, " and ") + "."
	case s.one && s.choices > 0 && len(s.allow) == 0:
		return "Closed to everybody: every policy of which one is to allow is deleted or disabled."
	case s.positive && len(s.groups)+len(s.users) == 0:
		return "Closed to everybody: " + strings.Join(s.dead, " and ") + "."
	}
	return s.who() + s.when(a) + "."
}

// sentence is what the bindings of an app say, sorted by the part of the sentence
// that it becomes.
type sentence struct {
	groups, users       []string // who may
	notGroups, notUsers []string // who may not
	allow, deny         []string // policies
	dead                []string // why a binding of users matches nobody
	closed              []string // why a policy fails whatever happens
	positive            bool     // a user or group is bound, and not negated
	one                 bool     // one of the policies is enough
	choices             int      // how many there are of them
}

func (s *sentence) add(b Binding) {
	if b.Kind == BindPolicy {
		s.addPolicy(b)
		return
	}
	gone := fmt.Sprintf("the %s %s was deleted", b.Kind, b.RefName)
	if b.Disabled {
		gone = "the binding to " + b.RefName + " is disabled"
	}
	s.positive = s.positive || !b.Negate
	switch {
	case b.Disabled || b.Missing():
		if !b.Negate {
			s.dead = append(s.dead, gone)
		}
	case b.Kind == BindGroup && b.Negate:
		s.notGroups = append(s.notGroups, b.RefName)
	case b.Kind == BindGroup:
		s.groups = append(s.groups, b.RefName)
	case b.Negate:
		s.notUsers = append(s.notUsers, b.RefName)
	default:
		s.users = append(s.users, b.RefName)
	}
}

func (s *sentence) addPolicy(b Binding) {
	if !b.Negate {
		s.choices++
	}
	switch {
	case b.Disabled:
	case b.Missing() && s.one && !b.Negate:
	case b.Missing():
		s.closed = append(s.closed, "the policy "+b.RefName+" was deleted")
	case b.Negate:
		s.deny = append(s.deny, b.RefName)
	default:
		s.allow = append(s.allow, b.RefName)
	}
}

// who is the part about users and groups.
func (s *sentence) who() string {
	var may []string
	if len(s.groups) > 0 {
		may = append(may, "members of "+orList(s.groups))
	}
	if len(s.users) > 0 {
		may = append(may, andList(s.users))
	}
	not := slices.Concat(s.notGroups, s.notUsers)
	switch {
	case len(not) == 0 && len(may) == 0:
		return "Open to every user"
	case len(not) == 0:
		return "Open to " + strings.Join(may, ", and to ")
	case len(may) > 0:
		return "Open to " + strings.Join(may, ", and to ") + " who are not " + orList(not)
	default:
		return "Open to every user except " + andList(not)
	}
}

// when is the part about policies and factors.
func (s *sentence) when(a *App) string {
	var terms []string
	if len(s.allow) > 0 {
		if len(s.allow) == 1 || s.one {
			terms = append(terms, orList(s.allow)+" allows")
		} else {
			terms = append(terms, andList(s.allow)+" allow")
		}
	}
	if len(s.deny) > 0 {
		terms = append(terms, orList(s.deny)+" does not")
	}
	out := ""
	if len(terms) > 0 {
		out = ", only when " + strings.Join(terms, " and ")
	}
	if len(a.Require) > 0 {
		out += ", with " + andList(texts(a.Require))
	}
	return out
}

func orList(names []string) string  { return joined(names, " or ") }
func andList(names []string) string { return joined(names, " and ") }

func joined(names []string, last string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + last + names[len(names)-1]
}

// BoundTo returns the bindings of an app in their order, with the names that what
// they bind has today.
func (r *Reader) BoundTo(id AppID) ([]Binding, error) {
	bindings, err := all(r.Bindings(BindingQuery{Apps: []AppID{id}}))
	if err != nil {
		return nil, err
	}
	for i := range bindings {
		if err := r.rename(&bindings[i]); err != nil {
			return nil, err
		}
	}
	return bindings, nil
}

func (r *Reader) rename(b *Binding) error {
	if b.Missing() {
		return nil
	}
	switch b.Kind {
	case BindUser:
		u, found, err := one(r.tx.Users.Find(UserQuery{Kind: AnyKind, IDs: []UserID{UserID(b.Ref)}}))
		if err == nil && found {
			b.RefName = u.Username
		}
		return err
	case BindGroup:
		g, found, err := one(r.tx.Groups.Find(GroupQuery{IDs: []GroupID{GroupID(b.Ref)}}))
		if err == nil && found {
			b.RefName = g.Name
		}
		return err
	case BindPolicy:
		p, found, err := one(r.Policies(PolicyQuery{IDs: []PolicyID{PolicyID(b.Ref)}}))
		if err == nil && found {
			b.RefName = p.Name
		}
		return err
	default:
		return nil
	}
}

// Warnings says what about an app may surprise: a rule about the person's address
// where that address is often not known, and a mapping that takes from people what
// they could write of themselves.
func (r *Reader) Warnings(a App) ([]string, error) {
	facets, err := all(r.Facets(FacetQuery{Apps: []AppID{a.ID}}))
	if err != nil {
		return nil, err
	}
	var out []string
	ldap, radius := a.Slug == AppDirectory, a.Slug == AppNetwork
	for _, f := range facets {
		closed, err := closedBy(f)
		if err != nil {
			return nil, err
		}
		if len(closed) > 0 {
			out = append(out, fmt.Sprintf("app %s: its %s attributes read %s, so nobody changes that of themselves any more, at any door",
				a.Slug, f.Protocol, strings.Join(closed, ", ")))
		}
		ldap, radius = ldap || f.Protocol == ProtocolLDAP, radius || f.Protocol == ProtocolRADIUS
	}
	bindings, err := r.BoundTo(a.ID)
	if err != nil {
		return nil, err
	}
	for _, b := range bindings {
		if b.Kind != BindPolicy || b.Missing() || b.Disabled {
			continue
		}
		p, found, err := one(r.Policies(PolicyQuery{IDs: []PolicyID{PolicyID(b.Ref)}}))
		if err != nil {
			return nil, err
		}
		if !found || !r.rules.readsPlace(p.Rule) {
			continue
		}
		if ldap {
			out = append(out, fmt.Sprintf("app %s: policy %s asks where the person's device is, which LDAP tells only when the device itself "+
				"connects; behind a server of the app (front_ends) or a service account it denies", a.Slug, p.Name))
		}
		if radius {
			out = append(out, fmt.Sprintf("app %s: policy %s asks where the person's device is, which RADIUS tells only when Calling-Station-Id "+
				"or Tunnel-Client-Endpoint is an address, as from a VPN gateway; else it denies", a.Slug, p.Name))
		}
	}
	return out, nil
}

// readsPlace reports whether a rule asks where the person's device is.
func (b *ruleBook) readsPlace(rule string) bool {
	p, err := b.program(rule)
	return err == nil && p.Reads().Any("request.ip", "geo")
}
