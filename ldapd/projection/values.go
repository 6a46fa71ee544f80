package projection

import (
	"bytes"
	"slices"
	"strconv"
	"time"

	"gatehouse/ldapd/wire"
)

// computed are the attributes that are not, or not always, stored as they are shown.
func computed() mask {
	return maskOf(attrObjectClass, attrCN, attrOU, attrUIDNumber, attrGIDNumber, attrHomeDirectory, attrLoginShell,
		attrEntryUUID, attrCreate, attrModify, attrCreator, attrModifier, attrEntryCSN, attrStructural, attrSubschema,
		attrNSUniqueID, attrIPAUniqueID, attrAccountName, attrPrincipalName, attrObjectGUID, attrAccountControl,
		attrObjectCategory, attrPasswordChanged, attrPasswordLocked, attrPasswordReset,
		attrSambaSID, attrSambaGroupSID, attrSambaNTPassword, attrSambaAcctFlags, attrSambaGroupType,
	).or(linked())
}

// linked are the attributes that depend on other entries, so that they are read under the lock of the state.
func linked() mask {
	return maskOf(attrMember, attrUniqueMember, attrMemberUID, attrMemberOf, attrIsMemberOf, attrManager, attrContextCSN,
		attrHasSubordinates, attrNumSubordinates, attrEntryDN, attrSambaDomainName)
}

// linkedOf are the linked attributes that an entry may have; of what is not linked nothing is said.
func linkedOf(r record) mask {
	m := maskOf(attrHasSubordinates, attrNumSubordinates, attrEntryDN)
	switch r.flags().kind() {
	case kindPerson:
		m = m.or(maskOf(attrMemberOf, attrIsMemberOf))
		if r.find(attrManager) != nil {
			m.set(attrManager)
		}
	case kindGroup:
		m = m.or(maskOf(attrMember, attrUniqueMember, attrMemberUID, attrMemberOf, attrIsMemberOf))
	case kindPrimary:
		m.set(attrMemberUID)
	case kindBase:
		m.set(attrContextCSN)
	case kindDomain:
		m.set(attrSambaDomainName)
	}
	return m
}

const (
	timeLayout = "20060102150405Z"
	csnLayout  = "20060102150405.000000Z"
)

// lockedForGood is the pwdAccountLockedTime of an account whose password opens nothing until somebody with the right to
// do so enables it again (draft-behera-ldap-password-policy-10 §5.3.3). Guessing locks no account (it slows the guesser
// down), so there is no other value.
const lockedForGood = "000001010000Z"

// values returns the encoded values of an attribute that is not linked, empty when the entry does not have it. They
// stand in dst's memory or in the record.
func (s sight) values(dst []byte, r record, a attrID) []byte {
	f := r.flags()
	switch a {
	case attrObjectClass:
		return s.d.classes.contents[f&classBits]
	case attrCN:
		return appendCN(dst, r)
	case attrOU:
		if f.kind() == kindPerson {
			return r.find(attrDepartment)
		}
		return r.find(attrOU)
	case attrUIDNumber:
		if f.kind() == kindPerson {
			return appendNumber(dst, r.number())
		}
		return nil
	case attrGIDNumber:
		// The primary group of a user is virtual: it has the user's number.
		return appendNumber(dst, r.number())
	case attrHomeDirectory:
		if v := r.find(a); v != nil || f.kind() != kindPerson || !f.has(flagPosix) {
			return v
		}
		var buf [128]byte
		return appendValue(dst, append(append(buf[:0], "/home/"...), r.name()...))
	case attrLoginShell:
		if v := r.find(a); v != nil || f.kind() != kindPerson || !f.has(flagPosix) {
			return v
		}
		return appendValue(dst, "/bin/sh")
	}
	if s.d.operation.has(a) {
		return s.operational(dst, r, a)
	}
	if attrAccountName <= a && a <= attrObjectCategory {
		return s.ofAD(dst, r, a)
	}
	if attrSambaSID <= a && a <= attrSambaGroupType {
		return s.ofSamba(dst, r, a)
	}
	return r.find(a)
}

// ofAD is values for the attributes of Active Directory.
func (s sight) ofAD(dst []byte, r record, a attrID) []byte {
	person := r.flags().kind() == kindPerson
	if !person && r.flags().kind() != kindGroup {
		return nil
	}
	switch a {
	case attrAccountName:
		return appendValue(dst, r.name())
	case attrObjectGUID:
		var buf [16]byte
		return appendValue(dst, appendGUID(buf[:0], r.uuid()))
	case attrObjectCategory:
		if person {
			return appendValue(dst, "person")
		}
		return appendValue(dst, "group")
	}
	switch {
	case !person:
		return nil
	case a == attrPrincipalName:
		var buf [256]byte
		return appendValue(dst, append(append(append(buf[:0], r.name()...), '@'), s.d.tree.domain...))
	case r.flags().has(flagDisabled):
		return appendValue(dst, "514") // [MS-ADTS] §2.2.16: NORMAL_ACCOUNT and ACCOUNTDISABLE
	default:
		return appendValue(dst, "512")
	}
}

// appendGUID appends a UUID as Windows lays it out in memory: the first three fields in little-endian order
// ([MS-DTYP] §2.3.4). It is its own inverse.
func appendGUID(dst, id []byte) []byte {
	return append(dst, id[3], id[2], id[1], id[0], id[5], id[4], id[7], id[6], id[8], id[9], id[10], id[11], id[12], id[13], id[14], id[15])
}

// operational is values for operational attributes.
func (s sight) operational(dst []byte, r record, a attrID) []byte {
	var buf [256]byte
	switch a {
	case attrEntryUUID, attrNSUniqueID, attrIPAUniqueID:
		if id := r.uuid(); !bytes.Equal(id, make([]byte, 16)) {
			return appendValue(dst, appendUUID(buf[:0], id))
		}
		return nil
	case attrCreate:
		return appendTime(dst, r.created(), timeLayout, "")
	case attrModify:
		return appendTime(dst, r.modified(), timeLayout, "")
	case attrEntryCSN:
		return appendTime(dst, r.modified(), csnLayout, "#000000#000#000000")
	case attrCreator, attrModifier:
		return appendValue(dst, maintainer)
	case attrPasswordChanged:
		return appendTime(dst, r.password(), timeLayout, "")
	case attrPasswordLocked:
		if r.flags().has(flagDisabled) {
			return appendValue(dst, lockedForGood)
		}
		return nil
	case attrPasswordReset:
		if r.flags().has(flagMustChange) {
			return appendValue(dst, "TRUE")
		}
		return nil
	case attrStructural:
		return appendValue(dst, s.d.classes.structural[r.flags().kind()])
	case attrSubschema:
		return appendValue(dst, subschemaName)
	default:
		return r.find(a)
	}
}

// appendCN appends the values of cn: of a person the full name and the username.
func appendCN(dst []byte, r record) []byte {
	switch r.flags().kind() {
	case kindPerson:
	case kindService:
		return r.find(attrUID)
	default:
		return r.find(attrCN)
	}
	var full, username []byte
	for rest := []byte(r[offBlobs:]); len(rest) > 0; {
		var a attrID
		var v []byte
		switch a, v, rest = nextBlob(rest); a {
		case attrUID:
			username = v
		case attrDisplayName:
			full = v
		case attrCN:
			full = v // stands behind displayName and goes before it
		}
	}
	if bytes.EqualFold(full, username) {
		return username
	}
	return append(append(dst, full...), username...)
}

func appendNumber(dst []byte, n uint32) []byte {
	if n == 0 {
		return nil
	}
	var buf [10]byte
	return appendValue(dst, strconv.AppendUint(buf[:0], uint64(n), 10))
}

func appendTime(dst []byte, micros int64, layout, end string) []byte {
	if micros == 0 {
		return nil
	}
	var buf [64]byte
	return appendValue(dst, append(time.UnixMicro(micros).UTC().AppendFormat(buf[:0], layout), end...))
}

// countBelow is how many entries stand directly below one; mu is held.
func (s sight) countBelow(r record) int {
	switch r.slot() {
	case slotBase:
		if s.record(slotDomain) != nil {
			return s.count[kindUnit] + 1
		}
		return s.count[kindUnit]
	case slotApps:
		return len(s.views)
	case slotViewApp:
		return 2
	case slotViewUsers:
		return s.d.view.count[kindPerson]
	case slotViewGroups:
		return s.d.view.count[kindGroup] + s.countPrimaries()
	case slotUsers:
		return s.count[kindPerson]
	case slotGroups:
		return s.count[kindGroup] + s.countPrimaries()
	case slotServices:
		return s.count[kindService]
	default:
		return 0
	}
}

// linkedValues appends the encoded values of a linked attribute; mu is held. Memberships of large groups are not
// appended by it but by appendMembers.
func (s sight) linkedValues(dst []byte, r record, a attrID) []byte {
	switch a {
	case attrEntryDN:
		var buf [256]byte
		return appendValue(dst, s.appendDN(buf[:0], r))
	case attrHasSubordinates:
		if s.countBelow(r) > 0 {
			return appendValue(dst, "TRUE")
		}
		return appendValue(dst, "FALSE")
	case attrNumSubordinates:
		return appendValue(dst, strconv.Itoa(s.countBelow(r)))
	case attrContextCSN:
		if r.slot() == slotBase {
			return append(dst, appendTime(nil, s.newest, csnLayout, "#000000#000#000000")...)
		}
		return dst
	case attrSambaDomainName:
		if r.flags().kind() == kindDomain {
			return s.appendDomainNames(dst, r)
		}
		return dst
	case attrManager:
		for ids := r.find(attrManager); len(ids) >= 16; ids = ids[16:] {
			if slot := s.byUUID(ids[:16], kindPerson); slot != 0 {
				dst = s.appendDNValue(dst, slot)
			}
		}
		return dst
	}
	for _, slot := range s.linkedSlots(nil, r, a) {
		dst = s.appendLinked(dst, slot, a)
	}
	return dst
}

// byUUID returns the slot of the entry of a kind with a UUID, 0 when there is none.
func (s sight) byUUID(id []byte, kind flags) uint32 {
	return s.only(byUUID, id, kind, func(r record) bool { return bytes.Equal(r.uuid(), id) })
}

// appendDNValue appends the DN of the entry in a slot as a value.
func (s sight) appendDNValue(dst []byte, slot uint32) []byte {
	r := s.record(slot)
	if r == nil {
		return dst
	}
	var buf [256]byte
	return wire.AppendOctets(dst, s.appendDN(buf[:0], r))
}

// linkedSlots appends the slots behind a membership attribute, in ascending order; mu is held.
func (s sight) linkedSlots(dst []uint32, r record, a attrID) []uint32 {
	from := len(dst)
	dst = s.allLinked(dst, r, a)
	if s.d.view == nil {
		return dst
	}
	seen := slices.DeleteFunc(dst[from:], func(slot uint32) bool { return !s.d.view.seen.Contains(slot) })
	return dst[:from+len(seen)]
}

// allLinked is linkedSlots of the whole tree.
func (s *state) allLinked(dst []uint32, r record, a attrID) []uint32 {
	f := r.flags()
	switch a {
	case attrMember, attrUniqueMember:
		if f.kind() == kindGroup {
			return s.links.appendTo(dst, s.down(r.slot()))
		}
	case attrMemberUID:
		if f.kind() == kindPrimary {
			return append(dst, r.slot()&^primaryBit)
		}
		if f.kind() == kindGroup && f.has(flagPosix) {
			return s.flattened(dst, r.slot())
		}
	case attrMemberOf, attrIsMemberOf:
		if f.kind() == kindPerson || f.kind() == kindGroup {
			return s.ancestors(dst, r.slot())
		}
	}
	return dst
}

// appendLinked appends one value of a membership attribute; mu is held.
func (s sight) appendLinked(dst []byte, slot uint32, a attrID) []byte {
	if a != attrMemberUID {
		return s.appendDNValue(dst, slot)
	}
	// A name that a Unix host must not take from here does not get into its groups either.
	if r := s.record(slot); r != nil && r.flags().has(flagPosix) {
		return append(dst, r.find(attrUID)...)
	}
	return dst
}
