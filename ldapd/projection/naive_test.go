package projection

import (
	"bytes"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/uuid"

	"gatehouse/directory/schema"
	"gatehouse/ldapd/wire"
)

// naive evaluates filters on decoded entries, one by one, straight from the standards and without any index. It shares
// no code with what it checks but the parser of filters.
type naive struct {
	seen    schema.Audience
	entries map[string]answer // by normal DN
	types   map[string]schema.AttributeType
	subs    map[string][]string // what inherits from a type
	classes map[string]string   // published names by lower-case name and object identifier
	dns     map[string]string   // normalDN remembered
}

func newNaive(seen schema.Audience, list []answer) *naive {
	n := &naive{
		seen: seen, entries: map[string]answer{}, types: map[string]schema.AttributeType{}, subs: map[string][]string{},
		classes: map[string]string{}, dns: map[string]string{},
	}
	for _, t := range schema.LDAPTypes() {
		for _, name := range append(t.Names, t.OID) {
			n.types[strings.ToLower(name)] = t
		}
		n.subs[t.Sup] = append(n.subs[t.Sup], t.Name())
	}
	for _, c := range schema.ObjectClasses() {
		n.classes[strings.ToLower(c.Name)], n.classes[c.OID] = c.Name, c.Name
	}
	for _, a := range list {
		n.entries[n.dn(a.dn)] = a
	}
	return n
}

func (n *naive) dn(s string) string {
	v, ok := n.dns[s]
	if !ok {
		v = normalDN(s)
		n.dns[s] = v
	}
	return v
}

// search returns the DNs of what a filter matches, sorted.
func (n *naive) search(f *wire.Filter) []string {
	out := []string{}
	for _, a := range n.entries {
		if n.eval(f, 0, a) == wire.True {
			out = append(out, a.dn)
		}
	}
	slices.Sort(out)
	return out
}

func (n *naive) eval(f *wire.Filter, i int, a answer) wire.Truth {
	node := &f.Nodes[i]
	var below []wire.Truth
	for c := i + 1; c < int(node.End); c = int(f.Nodes[c].End) {
		below = append(below, n.eval(f, c, a))
	}
	switch node.Kind {
	case wire.FilterAnd:
		switch {
		case slices.Contains(below, wire.False):
			return wire.False
		case slices.Contains(below, wire.Undefined):
			return wire.Undefined
		}
		return wire.True
	case wire.FilterOr:
		switch {
		case slices.Contains(below, wire.True):
			return wire.True
		case slices.Contains(below, wire.Undefined):
			return wire.Undefined
		}
		return wire.False
	case wire.FilterNot:
		return map[wire.Truth]wire.Truth{wire.True: wire.False, wire.False: wire.True, wire.Undefined: wire.Undefined}[below[0]]
	}
	typ, ok := n.types[strings.ToLower(string(node.Attr))]
	if !ok || n.seen&typ.Audience == 0 {
		return wire.Undefined
	}
	values := slices.Clone(a.attrs[typ.Name()])
	for _, sub := range n.subs[typ.Name()] {
		values = append(values, a.attrs[sub]...)
	}
	if node.Kind == wire.FilterPresent {
		return wire.TruthOf(len(values) > 0)
	}
	return n.leaf(f, node, typ, values, a)
}

// characters are the syntaxes whose values have at least one of them: Directory String, Telephone Number, Postal
// Address, Country String, Numeric String.
const characters = " 1.3.6.1.4.1.1466.115.121.1.15 1.3.6.1.4.1.1466.115.121.1.50 1.3.6.1.4.1.1466.115.121.1.41 1.3.6.1.4.1.1466.115.121.1.11 1.3.6.1.4.1.1466.115.121.1.36 "

func (n *naive) leaf(f *wire.Filter, node *wire.FilterNode, typ schema.AttributeType, values []string, a answer) wire.Truth {
	match := func(fn func(v string) bool) wire.Truth { return wire.TruthOf(slices.ContainsFunc(values, fn)) }
	want := string(node.Value)
	switch node.Kind {
	case wire.FilterEquality, wire.FilterApprox, wire.FilterExtensible:
		if string(node.Rule) == wire.OIDMatchInChain {
			return n.chain(typ.Name(), want, a)
		}
		if _, ok := n.normalValue(typ.Equality, want); !ok || want == "" && strings.Contains(characters, " "+typ.Syntax+" ") || typ.Name() == "objectClass" && n.classes[strings.ToLower(want)] == "" {
			return wire.Undefined
		}
		return match(func(v string) bool { return n.equalValues(typ.Equality, v, want) })
	case wire.FilterGreaterOrEqual, wire.FilterLessOrEqual:
		w, ok := n.normalValue(typ.Ordering, want)
		if !ok || want == "" {
			return wire.Undefined
		}
		return match(func(v string) bool {
			have, _ := n.normalValue(typ.Ordering, v)
			c := compareNormal(typ.Ordering, have, w)
			return c == 0 || (c > 0) == (node.Kind == wire.FilterGreaterOrEqual)
		})
	case wire.FilterSubstrings:
		if typ.Substr == "" {
			return wire.Undefined
		}
		return match(func(v string) bool { return n.hasParts(typ.Substr, v, f.Pieces[node.From:node.To]) })
	}
	return wire.Undefined
}

// chain follows memberships one step at a time.
func (n *naive) chain(attr, want string, a answer) wire.Truth {
	if _, ok := n.normalValue("distinguishedNameMatch", want); !ok {
		return wire.Undefined
	}
	step := "member"
	if strings.EqualFold(attr, "memberOf") || strings.EqualFold(attr, "isMemberOf") {
		step = "memberOf"
	}
	seen := map[string]bool{}
	todo := []answer{a}
	for len(todo) > 0 {
		next := todo[0]
		todo = todo[1:]
		for _, dn := range next.attrs[step] {
			key := n.dn(dn)
			if key == n.dn(want) {
				return wire.True
			}
			if below, ok := n.entries[key]; ok && !seen[key] {
				seen[key] = true
				todo = append(todo, below)
			}
		}
	}
	return wire.False
}

func normalDN(dn string) string {
	p, err := ldap.ParseDN(dn)
	if err != nil {
		return "?" + dn
	}
	var parts []string
	for _, r := range p.RDNs {
		parts = append(parts, strings.ToLower(r.Attributes[0].Type)+"="+fold(r.Attributes[0].Value))
	}
	return strings.Join(parts, "\x00")
}

func fold(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

func (n *naive) normalValue(rule, v string) (string, bool) {
	switch rule {
	case "caseIgnoreMatch", "caseIgnoreIA5Match", "caseIgnoreListMatch":
		return fold(v), true
	case "caseExactMatch", "caseExactIA5Match":
		return strings.Join(strings.Fields(v), " "), true
	case "telephoneNumberMatch":
		return strings.NewReplacer(" ", "", "-", "").Replace(strings.ToLower(v)), true
	case "integerMatch", "integerOrderingMatch":
		i, ok := new(big.Int).SetString(v, 10)
		if !ok {
			return "", false
		}
		return i.String(), true
	case "generalizedTimeMatch", "generalizedTimeOrderingMatch":
		t, err := time.Parse("20060102150405Z", v)
		return t.Format(time.RFC3339), err == nil
	case "booleanMatch":
		return v, v == "TRUE" || v == "FALSE"
	case "distinguishedNameMatch", "uniqueMemberMatch":
		dn := n.dn(v)
		return dn, !strings.HasPrefix(dn, "?")
	case "octetStringMatch":
		return v, true
	case "UUIDMatch", "UUIDOrderingMatch":
		id, err := uuid.Parse(v)
		return id.String(), err == nil && len(v) == 36
	case "objectIdentifierMatch":
		if c, ok := n.classes[strings.ToLower(v)]; ok {
			v = c
		}
		return strings.ToLower(v), v != ""
	case "CSNMatch", "CSNOrderingMatch":
		return strings.ToLower(v), v != ""
	default:
		return "", false
	}
}

func (n *naive) equalValues(rule, a, b string) bool {
	x, ok1 := n.normalValue(rule, a)
	y, ok2 := n.normalValue(rule, b)
	return ok1 && ok2 && x == y
}

func compareNormal(rule, a, b string) int {
	if strings.HasPrefix(rule, "integer") {
		x, _ := new(big.Int).SetString(a, 10)
		y, _ := new(big.Int).SetString(b, 10)
		return x.Cmp(y)
	}
	return strings.Compare(a, b)
}

// hasParts implements RFC 4518 §2.6.1 by its text: values and pieces get their spaces, and pieces follow one another.
func (n *naive) hasParts(rule, v string, list []wire.Piece) bool {
	if strings.HasPrefix(rule, "telephone") {
		v, _ = n.normalValue("telephoneNumberMatch", v)
	} else {
		if !strings.HasPrefix(rule, "caseExact") {
			v = strings.ToLower(v)
		}
		v = " " + strings.Join(strings.Fields(v), "  ") + " "
	}
	for _, p := range list {
		s := string(p.Value)
		if strings.HasPrefix(rule, "telephone") {
			s, _ = n.normalValue("telephoneNumberMatch", s)
		} else {
			if !strings.HasPrefix(rule, "caseExact") {
				s = strings.ToLower(s)
			}
			left, right := strings.HasPrefix(s, " ") || p.Kind == wire.PieceInitial, strings.HasSuffix(s, " ") || p.Kind == wire.PieceFinal
			words := strings.Fields(s)
			s = strings.Join(words, "  ")
			switch {
			case len(words) == 0:
				s = " "
			default:
				if left {
					s = " " + s
				}
				if right {
					s += " "
				}
			}
		}
		switch p.Kind {
		case wire.PieceInitial:
			if !strings.HasPrefix(v, s) {
				return false
			}
			v = v[len(s):]
		case wire.PieceFinal:
			return strings.HasSuffix(v, s)
		default:
			at := bytes.Index([]byte(v), []byte(s))
			if at < 0 {
				return false
			}
			v = v[at+len(s):]
		}
	}
	return true
}
