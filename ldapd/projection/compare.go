package projection

import (
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
)

// Compare asserts a value of an attribute of one entry. It fails with ErrNotReady or a *NoSuchObjectError.
func (x *Index) Compare(name *wire.Name, attribute, value []byte, v Viewer) (Comparison, error) {
	s, err := x.current()
	if err != nil {
		return CompareUndefined, err
	}
	seen := s.attrs.sees(v.Audience)
	var f filter
	f.compile(s.attrs, &wire.Filter{Nodes: []wire.FilterNode{{Kind: wire.FilterEquality, End: 1, Attr: attribute, Value: value}}}, seen)
	s.mu.RLock()
	defer s.mu.RUnlock()
	slot, nearest := s.resolve(name)
	if slot == 0 || v.Audience == 0 || slot >= fixedSlots && !v.full() && slot != s.own(v) {
		return CompareUndefined, &NoSuchObjectError{Matched: s.matched(nearest, v)}
	}
	id, ok := s.attrs.find(attribute)
	if !ok || !seen.has(id) || s.attrs.all[id].eq == noRule {
		return CompareUndefined, nil
	}
	e := evaluator{s: s, f: &f}
	r, one := s.record(slot), &f.tests[0]
	f.bind(s)
	switch {
	case !e.holds(&test{op: opPresent, in: s.attrs.all[id].self.and(seen)}, r):
		return CompareAbsent, nil
	case one.op == opUndefined && id != attrObjectClass:
		return CompareInvalid, nil
	case e.eval(0, r) == isTrue:
		return CompareTrue, nil
	default:
		return CompareFalse, nil
	}
}

// Entry says what stands behind a name.
type Entry struct {
	DN    string
	UUID  string
	User  directory.UserID  // of a person or a service account
	Group directory.GroupID // of a group
}

// Lookup returns the entry of a name, however old: it resolves nothing that decides. The leaf of a person may be uid,
// cn, mail or entryUUID. It fails with ErrNotReady or a *NoSuchObjectError.
func (x *Index) Lookup(name *wire.Name) (Entry, error) {
	s, err := x.current()
	if err != nil {
		return Entry{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	slot, _ := s.resolve(name)
	return s.entry(slot)
}

// LookupUUID returns the entry with an entryUUID, which is in the form of RFC 9562 §4.
func (x *Index) LookupUUID(uuid string) (Entry, error) {
	s, err := x.current()
	if err != nil {
		return Entry{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if id, ok := parseUUID(uuid); ok {
		for _, kind := range []flags{kindPerson, kindService, kindGroup} {
			if slot := s.byUUID(id[:], kind); slot != 0 {
				return s.entry(slot)
			}
		}
	}
	return Entry{}, &NoSuchObjectError{}
}

// entry describes the entry in a slot; mu is held.
func (s *state) entry(slot uint32) (Entry, error) {
	r := s.record(slot)
	if r == nil {
		return Entry{}, &NoSuchObjectError{}
	}
	e := Entry{DN: string(s.tree.appendDN(nil, r)), UUID: string(appendUUID(nil, r.uuid()))}
	switch {
	case slot >= firstGroup:
		e.Group = directory.GroupID(s.groups.idOf(slot))
	case slot >= firstUser:
		e.User = directory.UserID(s.users.idOf(slot))
	}
	return e, nil
}
