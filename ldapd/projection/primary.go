package projection

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"gatehouse/ldapd/wire"
)

// The primary group of a person with a Unix account has the person's number and is stored nowhere: its entry is made
// from that of the person when somebody looks. So a group for each person costs no memory.
//
// It is a posixGroup and nothing else, and its only list is memberUid. A person's name must not become the name of a
// group where applications decide by member or memberOf, and Unix hosts need the number and the name alone.

// primaryBit in a slot names the primary group of the person in the other bits. No set holds such a slot.
const primaryBit = 1 << 30

// suffixUser follows the person's name when a group of its own has that.
const suffixUser = "-user"

// hasPrimaries reports whether entries of primary groups exist in a dialect: not where nothing is of Unix.
func (d *dialect) hasPrimaries() bool { return d.has.has(attrMemberUID) }

// ofPrimary are the attributes that a primary group may have.
func ofPrimary() mask {
	return maskOf(attrObjectClass, attrCN, attrGIDNumber, attrMemberUID, attrEntryUUID, attrNSUniqueID, attrIPAUniqueID,
		attrCreate, attrModify, attrCreator, attrModifier, attrEntryCSN, attrStructural, attrSubschema, attrHasSubordinates,
		attrNumSubordinates, attrEntryDN)
}

// primary makes, in the memory of dst, the entry of the primary group of a person; nil when there is none. mu is held.
func (s *state) primary(dst record, person uint32) record {
	u := s.record(person)
	if u == nil || u.flags()&(kindBits|flagPosix) != kindPerson|flagPosix {
		return nil
	}
	var buf [128]byte
	name := s.primaryName(buf[:0], u)
	if name == nil {
		return nil
	}
	r := append(dst[:0], u[:offBlobs]...)
	r.setFlags(kindPrimary | flagPosix)
	r.setSlot(person | primaryBit)
	binary.LittleEndian.PutUint32(r[offPassword:], 0)
	copy(r[offUUID:], primaryUUID(u.uuid()))
	var value [160]byte
	return r.appendBlob(attrCN, appendValue(value[:0], name)).finish()
}

// primaryUUID returns the UUID of the primary group of a person whose UUID it is given. It is its own inverse, and the
// version becomes 8, made in a way of its own (RFC 9562 §5.8), when it was 4.
func primaryUUID(id []byte) []byte {
	const key = "\x5d\xa2\x1b\x7c\x90\x4e\xc3\x66\x0a\xf1\x38\xd5\x29\x84\xbe\x17"
	out := make([]byte, len(id))
	for i := range id {
		out[i] = id[i] ^ key[i]
	}
	return out
}

// primaryName appends the name of a person's primary group: the person's, or another when a group has that. It returns
// nil when all of them are taken: an entry without a name of its own cannot be (RFC 4512 §2.3.1).
func (s *state) primaryName(dst []byte, person record) []byte {
	dst = append(dst, person.name()...)
	if !s.named(byCN, dst, kindGroup) {
		return dst
	}
	n := len(dst)
	number := strconv.AppendUint([]byte{'-'}, uint64(person.number()), 10)
	for _, suffix := range [][]byte{[]byte(suffixUser), number} {
		if dst = append(dst[:n], suffix...); !s.named(byCN, dst, kindGroup) && !s.named(byUID, dst, kindPerson) {
			return dst
		}
	}
	return nil
}

// named reports whether an entry of a kind has a name. A person counts who has a Unix account.
func (s *state) named(f field, name []byte, kind flags) bool {
	var want, have [160]byte
	var few [8]uint32
	normal := wire.AppendFolded(want[:0], name)
	for _, slot := range s.posts.appendTo(few[:0], s.tables[f].get(s.hash(normal))) {
		r := s.record(slot)
		if r == nil || r.flags().kind() != kind || kind == kindPerson && !r.flags().has(flagPosix) {
			continue
		}
		if bytes.Equal(wire.AppendFolded(have[:0], r.name()), normal) {
			return true
		}
	}
	return false
}

// withoutSuffix yields the names of persons whose primary group may have a normalised name.
func withoutSuffix(name []byte) [][]byte {
	list := [][]byte{name}
	if short, ok := bytes.CutSuffix(name, []byte(suffixUser)); ok {
		list = append(list, short)
	}
	if at := bytes.LastIndexByte(name, '-'); at > 0 && len(bytes.Trim(name[at+1:], "0123456789")) == 0 {
		list = append(list, name[:at])
	}
	return list
}

// primaryNamed returns the slot of the primary group with a normalised name, 0 when there is none; mu is held.
func (s sight) primaryNamed(name []byte) uint32 {
	if !s.d.hasPrimaries() {
		return 0
	}
	var buf [160]byte
	for _, person := range withoutSuffix(name) {
		slot := s.only(byUID, person, kindPerson, func(r record) bool {
			return bytes.Equal(wire.AppendFolded(buf[:0], r.name()), person)
		})
		if r := s.record(slot | primaryBit); slot != 0 && r != nil && bytes.Equal(wire.AppendFolded(buf[:0], r.name()), name) {
			return slot | primaryBit
		}
	}
	return 0
}

// countPrimaries is how many primary groups there are to be seen; mu is held.
func (s sight) countPrimaries() int {
	if !s.d.hasPrimaries() {
		return 0
	}
	n := 0
	for f := range flags(len(s.d.classes.of)) {
		if f&(kindBits|flagPosix) != kindPerson|flagPosix {
			continue
		}
		people := s.tables[byClass].get(mix(uint32(f)))
		if s.d.view == nil {
			n += s.posts.size(people)
		} else if people != 0 {
			n += int(s.d.view.seen.AndCardinality(s.postBits(people)))
		}
	}
	return n
}

// primaryCandidates returns the people outside of whom no primary group matches test i.
func (p *planner) primaryCandidates(i int) found {
	one := &p.f.tests[i]
	switch one.op {
	case opUndefined, opFalse:
		return found{}
	case opNot:
		return found{everything: true}
	case opAnd:
		best := found{everything: true}
		for c := i + 1; c < one.end; c = p.f.tests[c].end {
			if next := p.primaryCandidates(c); next.size() < best.size() {
				best = next
			}
		}
		return best
	case opOr:
		var all []found
		for c := i + 1; c < one.end; c = p.f.tests[c].end {
			next := p.primaryCandidates(c)
			if next.everything {
				return next
			}
			all = append(all, next)
		}
		return union(all)
	default:
		return p.primaryLeaf(i)
	}
}

func (p *planner) primaryLeaf(i int) found {
	one, all := &p.f.tests[i], found{everything: true}
	switch {
	case one.inDN:
		return all
	case one.in.and(ofPrimary()).empty():
		return found{}
	case one.op == opClass:
		if p.d.classes.of[kindPrimary|flagPosix]&(1<<one.class) == 0 {
			return found{}
		}
		return all
	case one.op == opMemberUID, one.op == opLinked:
		if person := one.slot &^ primaryBit; person != 0 {
			return found{slots: []uint32{person}}
		}
		return found{}
	case one.op == opGreater, one.op == opLess:
		return p.collect(i)
	case one.op == opSubstring && one.attr == attrCN && !inSuffix(one.parts.list):
		return p.collectParts(one)
	case one.op != opEqual || one.rule != p.d.all[one.attr].eq || one.in != maskOf(one.attr):
		return all
	}
	var list []set
	switch one.attr {
	case attrCN:
		for _, person := range withoutSuffix(one.value) {
			list = append(list, p.tables[byUID].get(p.hash(person)))
		}
	case attrEntryUUID, attrNSUniqueID, attrIPAUniqueID:
		list = append(list, p.tables[byUUID].get(p.hash(primaryUUID(one.value))))
	case attrGIDNumber:
		if n := ordered(one.value); 0 < n && n <= 1<<32-1 {
			list = append(list, p.tables[byNumber].get(mix(uint32(n))))
		}
	default:
		return all
	}
	return p.collectSets(p.posts, list)
}

// inSuffix reports whether a part of a name, three octets long, may be in what follows a person's name, of which the
// index knows nothing.
func inSuffix(list []piece) bool {
	for _, one := range list {
		for i := 0; i+3 <= len(one.v); i++ {
			part := one.v[i : i+3]
			if bytes.IndexByte(part, '-') >= 0 || len(bytes.Trim(part, "0123456789")) == 0 || bytes.Contains([]byte(suffixUser+" "), part) {
				return true
			}
		}
	}
	return false
}
