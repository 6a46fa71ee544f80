package scimd

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/directory"
)

const (
	attrEmails    = "emails"
	attrPhones    = "phoneNumbers"
	attrAddresses = "addresses"
)

// userObject renders a user without groups. externalID is what the source
// calls the user.
func (rq *request) userObject(u *directory.User, externalID string) *object {
	m := rq.source.mapping
	o := newObject("schemas", []any{urnUser}, "id", u.UID, "externalId", externalID, "userName", u.Username)
	for _, f := range m.fields {
		if v := u.Profile.First(f.key); v != "" {
			f.put(o, v)
		}
	}
	o.set("active", u.Status == directory.Active)
	setList(o, attrEmails, emailList(u.Emails))
	setList(o, attrPhones, m.phoneList(u))
	setList(o, attrAddresses, m.addressList(u))
	for _, f := range m.lists {
		if v := u.Profile[f.key]; len(v) > 0 {
			f.put(o, valueList(f, v))
		}
	}
	if u.UIDNumber != 0 {
		// The primary group of a user is virtual and has the same number.
		n := json.Number(strconv.FormatInt(u.UIDNumber, 10))
		posix := extension(o, urnPosix)
		posix.members = append([]member{{"uidNumber", n}, {"gidNumber", n}}, posix.members...)
	}
	if m, ok := extensionOf(o, urnEnterprise).get("manager").(*object); ok {
		m.set("$ref", rq.base+"/Users/"+m.str("value"))
	}
	// RFC 7643 §3: schemas lists those whose attributes are there.
	schemas := []any{urnUser}
	for _, m := range o.members {
		if strings.HasPrefix(m.name, "urn:") {
			schemas = append(schemas, m.name)
		}
	}
	o.set("schemas", schemas)
	o.set("meta", rq.meta(rq.source.user, u.UID, u.Created, u.Updated, versionOf(u.Rev, externalID)))
	return o
}

// meta renders RFC 7643 §3.1.
func (rq *request) meta(rt *resourceType, id string, created, updated time.Time, version string) *object {
	return newObject(
		"resourceType", rt.name,
		"created", created.UTC().Format(time.RFC3339Nano),
		"lastModified", updated.UTC().Format(time.RFC3339Nano),
		"location", rq.base+rt.endpoint+"/"+id,
		"version", version,
	)
}

// writeUser carries what differs between two renderings of u into u. What the
// source did not change is not touched, so that nothing the directory knows
// better is lost. It is pure.
func (m *mapping) writeUser(before, after *object, u *directory.User) {
	if u.Profile == nil {
		u.Profile = directory.Attributes{}
	}
	if u.Attrs == nil {
		u.Attrs = directory.Attributes{}
	}
	if n := after.str("userName"); n != before.str("userName") {
		u.Username = n
	}
	for _, f := range m.fields {
		if v := f.get(after); v != f.get(before) {
			s, _ := v.(string)
			u.Profile.Set(f.key, s)
		}
	}
	for _, f := range m.lists {
		if v := f.get(after); !equalValues(v, f.get(before)) {
			u.Profile.Set(f.key, readValues(f, v)...)
		}
	}
	if changed(attrEmails, before, after) {
		u.Emails = readEmails(elementsOf(after, attrEmails), u.Emails)
	}
	if changed(attrPhones, before, after) {
		m.writePhones(elementsOf(after, attrPhones), u)
	}
	if changed(attrAddresses, before, after) {
		m.writeAddresses(elementsOf(after, attrAddresses), u)
	}
}

func changed(name string, before, after *object) bool {
	return !equalValues(before.get(name), after.get(name))
}

func elementsOf(o *object, name string) []*object {
	list, _ := o.get(name).([]any)
	out := make([]*object, 0, len(list))
	for _, el := range list {
		if c, ok := el.(*object); ok {
			out = append(out, c)
		}
	}
	return out
}

func emailList(emails []directory.Email) []any {
	var out []any
	for _, e := range emails {
		el := newObject("value", e.Address, "type", e.Type)
		if e.Primary {
			el.set("primary", true)
		}
		out = append(out, el)
	}
	return out
}

// readEmails makes addresses. Whether a new one counts as verified is decided
// by the core; one that was there keeps its state.
func readEmails(list []*object, before []directory.Email) []directory.Email {
	out := make([]directory.Email, 0, len(list))
	for _, el := range list {
		e := directory.Email{Address: el.str("value")}
		if i := slices.IndexFunc(before, func(b directory.Email) bool { return b.Address == e.Address }); i >= 0 {
			e = before[i]
		}
		e.Type = el.str("type")
		e.Primary = el.get("primary") == true
		out = append(out, e)
	}
	return out
}

func valueList(f field, values []string) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
		if f.complex {
			el := newObject("value", v)
			if i == 0 {
				el.set("primary", true)
			}
			out[i] = el
		}
	}
	return out
}

// readValues returns the values of a list, the primary one first.
func readValues(f field, v any) []string {
	list, _ := v.([]any)
	list = slices.Clone(list)
	if f.complex {
		slices.SortStableFunc(list, func(a, b any) int { return cmp.Compare(secondary(a), secondary(b)) })
	}
	var out []string
	for _, el := range list {
		s, _ := el.(string)
		if c, ok := el.(*object); ok {
			s = c.str("value")
		}
		if s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func secondary(el any) int {
	if o, ok := el.(*object); ok && o.get("primary") == true {
		return 0
	}
	return 1
}

// typeOf is the type of a number or address; without one it is for work.
func typeOf(el *object) string { return orDefault(strings.ToLower(el.str("type")), "work") }

func (m *mapping) phoneList(u *directory.User) []any {
	var out []any
	for _, kind := range m.kinds(attrPhones, u) {
		for _, n := range m.get(u, attrPhones, kind, "value") {
			el := newObject("value", n, "type", kind)
			if len(out) == 0 {
				el.set("primary", true)
			}
			out = append(out, el)
		}
	}
	return out
}

func (m *mapping) writePhones(list []*object, u *directory.User) {
	byKind := map[string][]string{}
	for _, kind := range m.kinds(attrPhones, u) {
		byKind[kind] = nil
	}
	for _, el := range list {
		kind, v := typeOf(el), el.str("value")
		if v != "" && !slices.Contains(byKind[kind], v) {
			byKind[kind] = append(byKind[kind], v)
		}
	}
	for kind, numbers := range byKind {
		m.set(u, attrPhones, kind, "value", numbers...)
	}
}

// addressSubs are the sub-attributes of an address that are kept.
func addressSubs() []string {
	return []string{"formatted", "streetAddress", "locality", "region", "postalCode", "country"}
}

func (m *mapping) addressList(u *directory.User) []any {
	var out []any
	for _, kind := range m.kinds(attrAddresses, u) {
		el := &object{}
		for _, sub := range addressSubs() {
			if v := m.get(u, attrAddresses, kind, sub); len(v) > 0 {
				el.set(sub, v[0])
			}
		}
		if len(el.members) == 0 {
			continue
		}
		el.set("type", kind)
		if len(out) == 0 {
			el.set("primary", true)
		}
		out = append(out, el)
	}
	return out
}

// writeAddresses keeps one address per type, the first one.
func (m *mapping) writeAddresses(list []*object, u *directory.User) {
	byKind := map[string]*object{}
	for _, kind := range m.kinds(attrAddresses, u) {
		byKind[kind] = &object{}
	}
	for _, el := range list {
		if have := byKind[typeOf(el)]; have == nil || len(have.members) == 0 {
			byKind[typeOf(el)] = el
		}
	}
	for kind, el := range byKind {
		for _, sub := range addressSubs() {
			m.set(u, attrAddresses, kind, sub, el.str(sub))
		}
	}
}
