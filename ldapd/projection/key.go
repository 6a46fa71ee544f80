package projection

import (
	"bytes"
	"hash/maphash"
	"slices"
)

// field is an index: a table from the hash of a value to the entries that have it.
type field uint8

const (
	noField field = iota
	byUID
	byUUID
	byNumber // posix numbers, of users and groups
	byCN     // but for a person's username, which is in byUID
	bySN
	byGivenName
	byMail
	byEmployeeNumber
	byDepartment
	byTitle
	byOrganization
	byLocality
	byManager // the UUID of the manager
	byKind
	byClass   // flags
	byPresent // attrID, where it is stored and not everywhere
	inNames   // trigrams of names
	inMail    // trigrams of addresses
	inPhones  // trigrams of telephone numbers
	fields    // how many those are
)

// key is a field and a hash in it.
type key uint64

func keyOf(f field, hash uint32) key { return key(f)<<32 | key(hash) }
func (k key) field() field           { return field(k >> 32) }
func (k key) hash() uint32           { return uint32(k) }

// numberKey is keyOf for a value that is a small number and no hash.
func numberKey(f field, n uint32) key { return keyOf(f, mix(n)) }

func (s *state) hash(normal []byte) uint32 { return uint32(maphash.Bytes(s.seed, normal)) }

// equalityField returns the index that finds values of an attribute.
func equalityField(a attrID) field {
	switch a {
	case attrUID:
		return byUID
	case attrCN:
		return byCN
	case attrSN:
		return bySN
	case attrGivenName:
		return byGivenName
	case attrMail:
		return byMail
	case attrEmployeeNumber:
		return byEmployeeNumber
	case attrDepartment:
		return byDepartment
	case attrTitle:
		return byTitle
	case attrO:
		return byOrganization
	case attrL:
		return byLocality
	default:
		return noField
	}
}

// trigramField returns the index that finds parts of values of an attribute.
func trigramField(a attrID) field {
	switch a {
	case attrUID, attrCN, attrSN, attrGivenName, attrDisplayName:
		return inNames
	case attrMail:
		return inMail
	case attrTelephone:
		return inPhones
	default:
		return noField
	}
}

// everywhere reports whether each entry that may have a stored attribute has it, so that its presence tells nothing.
func everywhere(a attrID) bool { return a == attrUID || a == attrCN || a == attrSN }

// keysOf appends all keys of a record; some may come twice.
func (s *state) keysOf(dst []key, r record) []key {
	f := r.flags()
	dst = append(dst, numberKey(byKind, uint32(f.kind())), numberKey(byClass, uint32(f&classBits)), keyOf(byUUID, s.hash(r.uuid())))
	if n := r.number(); n != 0 {
		dst = append(dst, numberKey(byNumber, n))
	}
	var names, text [256]byte
	seen := names[:0] // the names so far, for skipping those that are part of others
	for rest := []byte(r[offBlobs:]); len(rest) > 0; {
		var a attrID
		var values []byte
		a, values, rest = nextBlob(rest)
		if !everywhere(a) {
			dst = append(dst, numberKey(byPresent, uint32(a)))
		}
		if a == attrManager {
			dst = s.managerKeys(dst, values)
			continue
		}
		equal, part := equalityField(a), trigramField(a)
		if equal == noField && part == noField {
			continue
		}
		for len(values) > 0 {
			var v []byte
			v, values = nextValue(values)
			normal, _ := s.attrs.all[a].eq.appendNormal(text[:0], v)
			if equal != noField {
				dst = append(dst, keyOf(equal, s.hash(normal)))
			}
			if a == attrDisplayName && f.kind() == kindPerson {
				dst = append(dst, keyOf(byCN, s.hash(normal))) // the first value of cn, unless that is stored
			}
			if part == inNames {
				if bytes.Contains(seen, normal) {
					continue
				}
				seen = append(append(seen, normal...), 0)
			}
			if part != noField {
				dst = appendTrigrams(dst, part, normal)
			}
		}
	}
	return dst
}

func (s *state) managerKeys(dst []key, values []byte) []key {
	for len(values) >= 16 {
		dst = append(dst, keyOf(byManager, s.hash(values[:16])))
		values = values[16:]
	}
	return dst
}

func appendTrigrams(dst []key, f field, normal []byte) []key {
	for i := 0; i+3 <= len(normal); i++ {
		dst = append(dst, numberKey(f, uint32(normal[i])<<16|uint32(normal[i+1])<<8|uint32(normal[i+2])))
	}
	return dst
}

// sortedKeys is keysOf in order and without repetition.
func (s *state) sortedKeys(dst []key, r record) []key {
	dst = s.keysOf(dst[:0], r)
	slices.Sort(dst)
	return slices.Compact(dst)
}
