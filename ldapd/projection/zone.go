package projection

import "math"

// zoneSlots is how many neighbouring slots share a zone.
const zoneSlots = 64

// zone bounds the values of a few neighbouring entries, so that a range in a filter skips most of them. Ids, numbers
// and times grow together, so zones are narrow. Bounds only widen.
type zone struct {
	modified [2]int64 // least and greatest, in microseconds
	created  [2]uint32
	password [2]uint32 // changes of passwords
	number   [2]uint32
	group    bool // of groups, which have no uidNumber
}

func newZone() zone {
	none := [2]uint32{math.MaxUint32, 0}
	return zone{modified: [2]int64{math.MaxInt64, math.MinInt64}, created: none, password: none, number: none}
}

func (z *zone) widen(r record) {
	z.group = r.flags().kind() == kindGroup
	m, c := r.modified(), uint32(r.created()/1e6)
	z.modified = [2]int64{min(z.modified[0], m), max(z.modified[1], m)}
	z.created = [2]uint32{min(z.created[0], c), max(z.created[1], c)}
	if p := uint32(r.password() / 1e6); p != 0 {
		z.password = [2]uint32{min(z.password[0], p), max(z.password[1], p)}
	}
	if n := r.number(); n != 0 {
		z.number = [2]uint32{min(z.number[0], n), max(z.number[1], n)}
	}
}

// bounds returns the least and the greatest value that may be in the zone; ok is false when the attribute is not
// bounded. Times are given as a filter compares them, to the second.
func (z *zone) bounds(a attrID) (least, most int64, ok bool) {
	switch a {
	case attrModify:
		return z.modified[0], z.modified[1], true
	case attrCreate:
		return int64(z.created[0]) * 1e6, int64(z.created[1]) * 1e6, true
	case attrPasswordChanged:
		return int64(z.password[0]) * 1e6, int64(z.password[1]) * 1e6, true
	case attrUIDNumber:
		if z.group {
			return math.MaxInt64, math.MinInt64, true
		}
		return int64(z.number[0]), int64(z.number[1]), true
	case attrGIDNumber:
		return int64(z.number[0]), int64(z.number[1]), true
	default:
		return 0, 0, false
	}
}
