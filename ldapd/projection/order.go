package projection

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sort"

	"gatehouse/ldapd/wire"
)

// ErrTooMany means that a search finds more entries than may be put in order.
var ErrTooMany = errors.New("too many entries to put in order")

// OrderError says which key of a sort cannot be used.
type OrderError struct {
	Attribute []byte
	// Unknown: the viewer knows no such attribute; else its values have no such order.
	Unknown bool
}

func (e *OrderError) Error() string { return "cannot sort by this attribute" }

// keyMost is how much of a value its place in an order depends on; values that are alike so far are in the order of
// Position.
const keyMost = 255

// Order is an order of entries by their attributes. It may be used by one search at a time.
type Order struct{ keys []orderKey }

type orderKey struct {
	attr    attrID
	in      mask
	rule    rule
	reverse bool
}

// Order reads sort keys as the viewer of the search that was opened knows them. The error is an *OrderError.
func (c *Cursor) Order(keys []wire.SortKey) (*Order, error) {
	d, seen := c.s.d, c.seen
	o := &Order{}
	for _, k := range keys {
		id, ok := d.find(k.Attr)
		if !ok || !seen.has(id) {
			return nil, &OrderError{Attribute: k.Attr, Unknown: true}
		}
		a := &d.all[id]
		r := a.ord
		if r == noRule {
			r = a.eq // the order of the form in which values are compared
		}
		if k.Rule != nil {
			asked := ruleOf(string(k.Rule))
			if asked != r && (!asked.text() || !r.text()) {
				return nil, &OrderError{Attribute: k.Attr}
			}
			r = asked
		}
		if r == noRule {
			return nil, &OrderError{Attribute: k.Attr}
		}
		o.keys = append(o.keys, orderKey{attr: id, in: a.self.and(seen), rule: r, reverse: k.Reverse})
	}
	return o, nil
}

// Sorted is all that a search finds, in an order.
type Sorted struct {
	c     *Cursor
	order *Order
	rows  []sortedRow
}

type sortedRow struct {
	key []byte
	hit hit
}

// Sort finds everything and puts it in order. It fails with ErrTooMany when that are more than most entries, and when
// ctx ends. The cursor belongs to the Sorted from then on.
func (c *Cursor) Sort(ctx context.Context, o *Order, most int) (*Sorted, error) {
	s := &Sorted{c: c, order: o}
	for {
		n, err := c.Next(ctx, batchMost)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			break
		}
		if len(s.rows)+n > most {
			return nil, ErrTooMany
		}
		c.s.mu.RLock()
		for _, h := range c.hits {
			s.rows = append(s.rows, sortedRow{c.orderKey(o, h.record), h})
		}
		c.s.mu.RUnlock()
	}
	slices.SortFunc(s.rows, compareRows)
	return s, nil
}

func compareRows(a, b sortedRow) int {
	if d := bytes.Compare(a.key, b.key); d != 0 {
		return d
	}
	switch {
	case a.hit.position < b.hit.position:
		return -1
	case a.hit.position > b.hit.position:
		return 1
	default:
		return 0
	}
}

// orderKey returns what an entry is sorted by: octets that compare as the entries do. mu is held.
func (c *Cursor) orderKey(o *Order, r record) []byte {
	var out []byte
	for i := range o.keys {
		k := &o.keys[i]
		var least []byte
		found := false
		// RFC 2891 §2.2: of several values the least counts.
		for in := k.in; !in.empty(); {
			for values := c.eval.valuesOf(in.next(), r); len(values) > 0; {
				var v []byte
				v, values = nextValue(values)
				normal, ok := k.rule.appendNormal(nil, v)
				if ok && (!found || bytes.Compare(normal, least) < 0) {
					least, found = normal, true
				}
			}
		}
		out = k.appendKey(out, least, found)
	}
	return out
}

// appendKey appends a value so that none of its octets is taken for the end of the key.
func (k *orderKey) appendKey(dst, normal []byte, found bool) []byte {
	from := len(dst)
	if !found {
		dst = append(dst, 2) // RFC 2891 §2.2: an entry without the attribute is greater than all others
	} else {
		dst = append(dst, 1)
		for _, o := range normal[:min(len(normal), keyMost)] {
			if dst = append(dst, o); o == 0 {
				dst = append(dst, 0xff)
			}
		}
	}
	dst = append(dst, 0, 0)
	if k.reverse {
		for i := from; i < len(dst); i++ {
			dst[i] = ^dst[i]
		}
	}
	return dst
}

// Len returns how many entries there are.
func (s *Sorted) Len() int { return len(s.rows) }

// Place returns what stands for entry i in the order, to be found again by After.
func (s *Sorted) Place(i int) (key []byte, position uint64) {
	return s.rows[i].key, s.rows[i].hit.position
}

// After returns the index of the first entry behind a place.
func (s *Sorted) After(key []byte, position uint64) int {
	at := sortedRow{key: key, hit: hit{position: position}}
	return sort.Search(len(s.rows), func(i int) bool { return compareRows(s.rows[i], at) > 0 })
}

// AtLeast returns the index of the first entry whose first key is value or comes after it; ok is false when value is
// not one of the attribute's.
func (s *Sorted) AtLeast(value []byte) (i int, ok bool) {
	k := &s.order.keys[0]
	normal, ok := k.rule.appendNormal(nil, value)
	if !ok {
		return 0, false
	}
	want := k.appendKey(nil, normal, true)
	return sort.Search(len(s.rows), func(i int) bool { return bytes.Compare(s.rows[i].key, want) >= 0 }), true
}

// Append appends entry i as Cursor.Append does.
func (s *Sorted) Append(dst []byte, i int, id int32, want *Selection) []byte {
	return s.c.append(dst, &s.rows[i].hit, id, want)
}
