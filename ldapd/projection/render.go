package projection

import (
	"strings"

	"gatehouse/directory"
	"gatehouse/ldapd/wire"
)

const (
	tagSequence = 0x30
	tagSet      = 0x31

	// linkedMost is how many values of a membership attribute are rendered under one lock.
	linkedMost = 512
)

// Selection is which attributes of an entry were asked for, by the names of one tree, view and profile.
type Selection struct {
	mask      mask
	typesOnly bool
	values    *valueFilter // nil: all values
	derefs    []deref
	hashes    map[directory.UserID]directory.Secret // of sambaNTPassword, of the batch
}

// Select reads the attributes of a search request (RFC 4511 §4.5.1.8) by the names that the viewer of the search that
// was opened knows: none and "*" are all user attributes, "+" all operational ones, "@class" those of an object class,
// "1.1" none. Unknown ones are ignored.
func (c *Cursor) Select(attributes [][]byte, typesOnly bool) Selection {
	s, d := Selection{typesOnly: typesOnly}, c.s.d
	if len(attributes) == 0 {
		s.mask = d.user
	}
	for _, a := range attributes {
		switch {
		case string(a) == "*":
			s.mask = s.mask.or(d.user)
		case string(a) == "+":
			// RFC 3673
			s.mask = s.mask.or(d.operation)
		case len(a) > 1 && a[0] == '@':
			// RFC 4529
			s.mask = s.mask.or(d.classes.byName[strings.ToLower(string(a[1:]))])
		default:
			if id, ok := d.find(a); ok {
				s.mask = s.mask.or(d.all[id].self)
			}
		}
	}
	return s
}

// Append appends entry i of the batch as a complete SearchResultEntry message with this message id.
func (c *Cursor) Append(dst []byte, i int, id int32, want *Selection) []byte {
	return c.append(dst, &c.hits[i], id, want)
}

func (c *Cursor) append(dst []byte, h *hit, id int32, want *Selection) []byte {
	c.dn = c.appendName(c.dn[:0], h.record)
	dst, mark := wire.BeginEntry(dst, id, c.dn)
	dst = c.appendAttributes(dst, h, want)
	var controls []byte
	if len(want.derefs) > 0 {
		controls = c.appendDerefs(nil, h, want.derefs)
	}
	return wire.EndEntry(dst, mark, c.dn, controls)
}

func (c *Cursor) appendName(dst []byte, r record) []byte {
	if c.s.d.tree.rdn == attrMail {
		c.s.mu.RLock()
		defer c.s.mu.RUnlock()
	}
	return c.s.appendDN(dst, r)
}

func (c *Cursor) appendAttributes(dst []byte, h *hit, want *Selection) []byte {
	t := c.s.d
	show := want.mask.and(c.seen)
	if c.buf == nil {
		c.buf = make([]byte, 0, 1<<10)
	}
	for m := show.and(t.computed).without(t.linked); !m.empty(); {
		a := m.next()
		v := c.s.values(c.buf[:0], h.record, a)
		if a == attrSambaNTPassword {
			v = hashOf(c.buf[:0], h, want)
		}
		if len(v) > 0 {
			dst = t.appendAttribute(dst, a, want.chosen(a, v), want.typesOnly)
		}
	}
	stored := show.without(t.computed)
	for rest := []byte(h.record[offBlobs:]); len(rest) > 0 && !stored.empty(); {
		var a attrID
		var values []byte
		if a, values, rest = nextBlob(rest); stored.has(a) {
			dst = t.appendAttribute(dst, a, want.chosen(a, values), want.typesOnly)
		}
	}
	if m := show.and(t.linked).and(linkedOf(h.record)); !m.empty() {
		dst = c.appendLinked(dst, h, m, want)
	}
	return dst
}

// chosen returns the values of an attribute that are to be returned.
func (s *Selection) chosen(a attrID, values []byte) []byte {
	if s.values == nil || s.typesOnly {
		return values // RFC 3876 §3: without values there is nothing to choose
	}
	return s.values.choose(a, values)
}

// appendAttribute appends a PartialAttribute from its encoded type and values.
func appendAttribute(dst, head, values []byte) []byte {
	n := len(values)
	size := 2
	switch {
	case n >= 1<<24:
		size = 6
	case n >= 1<<16:
		size = 5
	case n >= 1<<8:
		size = 4
	case n >= 0x80:
		size = 3
	}
	dst = wire.AppendHeader(dst, tagSequence, len(head)+size+n)
	dst = append(dst, head...)
	dst = wire.AppendHeader(dst, tagSet, n)
	return append(dst, values...)
}

// appendLinked appends the attributes that depend on other entries. The lock is let go from time to time, so that a
// group with very many members does not keep changes waiting.
func (c *Cursor) appendLinked(dst []byte, h *hit, m mask, want *Selection) []byte {
	s := c.s
	s.mu.RLock()
	defer s.mu.RUnlock()
	for !m.empty() {
		a := m.next()
		from := len(dst)
		var mark wire.AttributeMarks
		dst, mark = wire.BeginAttribute(dst, s.d.nameOf(a))
		body := len(dst)
		switch a {
		case attrMember, attrUniqueMember, attrMemberUID, attrMemberOf, attrIsMemberOf:
			c.slots = s.linkedSlots(c.slots[:0], h.record, a)
			for i, slot := range c.slots {
				if i%linkedMost == linkedMost-1 {
					s.mu.RUnlock()
					s.mu.RLock()
				}
				dst = s.appendLinked(dst, slot, a)
			}
		default:
			dst = s.linkedValues(dst, h.record, a)
		}
		if len(dst) == body {
			dst = dst[:from]
			continue
		}
		if want.typesOnly {
			dst = dst[:body]
		} else if want.values != nil {
			dst = append(dst[:body], want.values.choose(a, dst[body:])...)
		}
		var again []byte
		if heads := s.d.heads[a]; len(heads) > 1 {
			for _, head := range heads[1:] {
				again = appendAttribute(again, head, dst[body:])
			}
		}
		dst = append(wire.EndAttribute(dst, mark), again...)
	}
	return dst
}
