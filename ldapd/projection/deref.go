package projection

import (
	"gatehouse/ldapd/wire"
)

// deref is an attribute that names entries, and what of those is wanted.
type deref struct {
	attr attrID
	want Selection
}

// Dereference makes the selection carry, in a control of each entry, attributes of the entries that some of its
// attributes name. What names no entries, or is not known to the viewer of the search, yields nothing.
func (c *Cursor) Dereference(want *Selection, list []wire.Dereference) {
	names := maskOf(attrMember, attrUniqueMember, attrMemberOf, attrIsMemberOf, attrManager)
	for _, d := range list {
		if id, ok := c.s.d.find(d.Attr); ok && names.has(id) && len(d.Attributes) > 0 {
			want.derefs = append(want.derefs, deref{id, c.Select(d.Attributes, false)})
		}
	}
}

// appendDerefs appends the dereference control of an entry, nothing when there is nothing in it.
func (c *Cursor) appendDerefs(dst []byte, h *hit, derefs []deref) []byte {
	var results []byte
	for i := range derefs {
		d := &derefs[i]
		if !c.seen.has(d.attr) || !linkedOf(h.record).has(d.attr) {
			continue
		}
		for _, slot := range c.named(h.record, d.attr) {
			c.s.mu.RLock()
			r := c.s.record(slot)
			var dn []byte
			if r != nil {
				dn = c.s.appendDN(nil, r)
			}
			c.s.mu.RUnlock()
			if r == nil {
				continue
			}
			var attributes []byte
			if c.mayRead(slot) {
				attributes = c.appendAttributes(nil, &hit{slot: slot, record: r}, &d.want)
			}
			results = wire.AppendDerefResult(results, c.s.d.nameOf(d.attr), dn, attributes)
		}
	}
	if len(results) == 0 {
		return dst
	}
	return wire.AppendDeref(dst, results)
}

// named returns the slots of the entries that an attribute names.
func (c *Cursor) named(r record, a attrID) []uint32 {
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	if a != attrManager {
		return c.s.linkedSlots(nil, r, a)
	}
	var slots []uint32
	for ids := r.find(attrManager); len(ids) >= 16; ids = ids[16:] {
		if slot := c.s.byUUID(ids[:16], kindPerson); slot != 0 {
			slots = append(slots, slot)
		}
	}
	return slots
}

// mayRead reports whether the viewer of the search sees an entry besides its name.
func (c *Cursor) mayRead(slot uint32) bool { return c.full || slot == c.own }
