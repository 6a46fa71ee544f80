package projection

import (
	"bytes"
	"time"

	"gatehouse/directory"
	"gatehouse/ldapd/wire"
)

// Comparison is the outcome of a compare (RFC 4511 §4.10).
type Comparison int

// The outcomes of a compare.
const (
	CompareFalse     Comparison = iota
	CompareTrue                 // one of the values matches
	CompareAbsent               // the entry has no such attribute: noSuchAttribute
	CompareUndefined            // nobody knows the attribute, or it has no equality: undefinedAttributeType
	CompareInvalid              // the value is not one of the attribute's syntax: invalidAttributeSyntax
	CompareRefused              // the assertion that comes first is not true: assertionFailed
)

// Compare asserts a value of an attribute of one entry, and before that first, which may be nil, on the same state of
// the entry (RFC 4528 §3). It fails with ErrNotReady or a *NoSuchObjectError.
func (x *Index) Compare(name *wire.Name, attribute, value []byte, v Viewer, first *wire.Filter) (Comparison, error) {
	s, err := x.current()
	if err != nil {
		return CompareUndefined, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	by, ok := s.sight(v)
	if !ok {
		return CompareUndefined, &NoSuchObjectError{}
	}
	seen := by.d.sees(v.Audience)
	slot, nearest := by.resolve(name)
	if slot == 0 || v.Audience == 0 || slot >= fixedSlots && !v.full() && slot != by.own(v) {
		return CompareUndefined, &NoSuchObjectError{Matched: by.matched(nearest, v)}
	}
	r := by.record(slot)
	if first != nil {
		var f filter
		f.compile(by.d, first, seen)
		f.bind(by)
		if e := (evaluator{sight: by, f: &f}); e.eval(0, r) != wire.True {
			return CompareRefused, nil
		}
	}
	id, ok := by.d.find(attribute)
	if !ok || !seen.has(id) || by.d.all[id].eq == noRule {
		return CompareUndefined, nil
	}
	var f filter
	f.compile(by.d, &wire.Filter{Nodes: []wire.FilterNode{{Kind: wire.FilterEquality, End: 1, Attr: attribute, Value: value}}}, seen)
	e := evaluator{sight: by, f: &f}
	one := &f.tests[0]
	f.bind(by)
	switch {
	case !e.holds(&test{op: opPresent, in: by.d.all[id].self.and(seen)}, r):
		return CompareAbsent, nil
	case one.op == opUndefined && id != attrObjectClass:
		return CompareInvalid, nil
	case e.eval(0, r) == wire.True:
		return CompareTrue, nil
	default:
		return CompareFalse, nil
	}
}

// Normal returns a value of an attribute as equality compares it; ok is false when it is not one of the attribute's
// syntax. An attribute that nobody knows, or that has no equality, compares octet by octet.
func (x *Index) Normal(attribute, value []byte) (normal []byte, ok bool) {
	id, known := x.attrs.byName[string(lower(nil, attribute))]
	if !known || x.attrs.all[id].eq == noRule {
		return value, true
	}
	return x.attrs.all[id].eq.appendNormal(nil, value)
}

// Entry says what stands behind a name.
type Entry struct {
	DN       string
	UUID     string
	User     directory.UserID  // of a person or a service account
	Group    directory.GroupID // of a group
	View     string            // slug of the app in whose view the name is; "" is the tree
	Service  bool              // User is a service account
	Primary  bool              // the primary group of a person, which is not stored
	Modified time.Time         // of the row behind it, when the entry was read
}

// ViewOf returns the slug of the app in whose view a name is, whether there is such an app or not; "" when it is not in
// a view.
func (x *Index) ViewOf(name *wire.Name) string {
	levels, below := name.Below(&x.tree.base)
	if !below || levels < 2 || string(name.RDN(levels-1)) != "ou=apps" {
		return ""
	}
	slug, ok := bytes.CutPrefix(name.RDN(levels-2), []byte("app="))
	if !ok {
		return ""
	}
	return string(slug)
}

// Lookup returns the entry of a name in the tree or in a view, however old: it resolves nothing that decides. The leaf
// of a person may be uid, cn, mail or entryUUID. It fails with ErrNotReady or a *NoSuchObjectError.
func (x *Index) Lookup(name *wire.Name) (Entry, error) {
	s, err := x.current()
	if err != nil {
		return Entry{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	by, ok := s.sight(Viewer{View: x.ViewOf(name)})
	if !ok {
		return Entry{}, &NoSuchObjectError{}
	}
	slot, nearest := by.resolve(name)
	if r := by.record(nearest); slot == 0 && r != nil {
		return Entry{}, &NoSuchObjectError{Matched: string(by.appendDN(nil, r))}
	}
	return by.entry(slot)
}

// LookupUser returns the entry of a user in the tree, or in the view of an app. It fails with ErrNotReady or a
// *NoSuchObjectError.
func (x *Index) LookupUser(id directory.UserID, view string) (Entry, error) {
	s, err := x.current()
	if err != nil {
		return Entry{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	by, ok := s.sight(Viewer{View: view})
	if !ok {
		return Entry{}, &NoSuchObjectError{}
	}
	return by.entry(by.own(Viewer{User: id}))
}

// LookupUUID returns the entry of the tree with an entryUUID, which is in the form of RFC 9562 §4.
func (x *Index) LookupUUID(uuid string) (Entry, error) {
	s, err := x.current()
	if err != nil {
		return Entry{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	by, _ := s.sight(Viewer{})
	if id, ok := parseUUID(uuid); ok {
		for _, kind := range []flags{kindPerson, kindService, kindGroup} {
			if slot := by.byUUID(id[:], kind); slot != 0 {
				return by.entry(slot)
			}
		}
	}
	return Entry{}, &NoSuchObjectError{}
}

// entry describes the entry in a slot; mu is held.
func (s sight) entry(slot uint32) (Entry, error) {
	r := s.record(slot)
	if r == nil {
		return Entry{}, &NoSuchObjectError{}
	}
	e := Entry{DN: string(s.appendDN(nil, r)), UUID: string(appendUUID(nil, r.uuid()))}
	e.Service, e.Modified = r.flags().kind() == kindService, time.UnixMicro(r.modified()).UTC()
	if s.d.view != nil {
		e.View = s.d.view.slug
	}
	switch {
	case slot&primaryBit != 0:
		e.Primary = true
	case slot >= firstGroup:
		e.Group = directory.GroupID(s.groups.idOf(slot))
	case slot >= firstUser:
		e.User = directory.UserID(s.users.idOf(slot))
	}
	return e, nil
}
