package projection

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"gatehouse/ldapd/wire"
)

// maintainer is the creatorsName and modifiersName of every entry: the directory is not changed under names of its own
// tree, and its audit log knows who it was.
const maintainer = "cn=gatehouse"

// subschemaName is where the schema is published.
const subschemaName = "cn=subschema"

// tree knows the names of entries.
type tree struct {
	domain string
	base   wire.Name
	dn     string
	suffix [kinds]string // what follows the value of the RDN
	prefix [kinds]string // what stands before it
}

func newTree(domain string) (*tree, error) {
	if domain == "" {
		return nil, errors.New("the domain is required")
	}
	var dn wire.DN
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" {
			return nil, fmt.Errorf("the domain %q has an empty label", domain)
		}
		dn = append(dn, wire.RDN{{Type: "dc", Value: label}})
	}
	t := &tree{domain: domain, dn: dn.String()}
	if err := t.base.Set([]byte(t.dn)); err != nil {
		return nil, fmt.Errorf("the domain %q: %w", domain, err)
	}
	t.prefix = [kinds]string{kindUnit: "ou=", kindPerson: "uid=", kindService: "cn=", kindGroup: "cn="}
	t.suffix = [kinds]string{
		kindBase: t.dn, kindUnit: "," + t.dn, kindPerson: ",ou=users," + t.dn,
		kindService: ",ou=services," + t.dn, kindGroup: ",ou=groups," + t.dn,
	}
	return t, nil
}

// appendDN appends the name of an entry. Everything that names an entry calls this, so that all octets are the same.
func (t *tree) appendDN(dst []byte, r record) []byte {
	kind := r.flags().kind()
	dst = append(dst, t.prefix[kind]...)
	switch kind {
	case kindBase:
	case kindUnit:
		ou, _ := nextValue(r.find(attrOU))
		dst = append(dst, ou...)
	default:
		dst = wire.AppendDNValue(dst, r.name())
	}
	return append(dst, t.suffix[kind]...)
}

// containers makes the entries that are always there. Their UUIDs follow from their names, so that they are the same
// on every host.
func (t *tree) containers() (fixed [fixedSlots]record) {
	make := func(slot uint32, kind flags, name string, blobs func(record) record) {
		r := newRecord(nil, time.Time{}, time.Time{}, uuid.NewSHA1(uuid.NameSpaceX500, []byte(name)))
		r.setFlags(kind)
		r.setSlot(slot)
		fixed[slot] = blobs(r).finish()
	}
	label, _, _ := strings.Cut(t.domain, ".")
	make(slotBase, kindBase, t.dn, func(r record) record {
		return r.appendBlob(attrO, appendValue(nil, t.domain)).appendBlob(attrDC, appendValue(nil, label))
	})
	for slot, unit := range map[uint32]string{slotUsers: "users", slotGroups: "groups", slotServices: "services", slotApps: "apps"} {
		make(slot, kindUnit, "ou="+unit+","+t.dn, func(r record) record {
			return r.appendBlob(attrOU, appendValue(nil, unit))
		})
	}
	return fixed
}

// unitAbove returns the slot of the container that an entry stands in.
func unitAbove(f flags) uint32 {
	switch f.kind() {
	case kindPerson:
		return slotUsers
	case kindService:
		return slotServices
	case kindGroup:
		return slotGroups
	default:
		return slotBase
	}
}

// unitOf returns the slot of the container with a normalised RDN.
func unitOf(rdn []byte) (uint32, bool) {
	switch string(rdn) {
	case "ou=users":
		return slotUsers, true
	case "ou=groups":
		return slotGroups, true
	case "ou=services":
		return slotServices, true
	case "ou=apps":
		return slotApps, true
	default:
		return 0, false
	}
}

// resolve returns the slot of the entry with a name; mu of s is held. Of a person the leaf may also be cn, mail or
// entryUUID. When there is none, nearest is the slot of the nearest container above it, 0 for none.
func (s *state) resolve(n *wire.Name) (slot, nearest uint32) {
	levels, below := n.Below(&s.tree.base)
	switch {
	case !below:
		return 0, 0
	case levels == 0:
		return slotBase, slotBase
	}
	unit, ok := unitOf(n.RDN(levels - 1))
	switch {
	case !ok:
		return 0, slotBase
	case levels == 1:
		return unit, unit
	case levels > 2:
		if leaf := s.leaf(unit, n.RDN(levels-2)); leaf != 0 {
			unit = leaf
		}
		return 0, unit
	}
	return s.leaf(unit, n.RDN(0)), unit
}

// leaf returns the slot of the entry in a container with a normalised RDN, 0 when there is none.
func (s *state) leaf(unit uint32, rdn []byte) uint32 {
	typ, value, _ := bytes.Cut(rdn, []byte("="))
	value, ok := unescape(value)
	if !ok {
		return 0
	}
	kind, attr := kindPerson, attrUID
	switch unit {
	case slotGroups:
		kind, attr = kindGroup, attrCN
	case slotServices:
		kind = kindService
	case slotUsers:
	default:
		return 0
	}
	switch string(typ) {
	case "cn":
	case "uid":
		if unit == slotGroups {
			return 0
		}
	case "mail":
		if unit != slotUsers {
			return 0
		}
		attr = attrMail
	case "entryuuid":
		id, valid := parseUUID(value)
		if !valid {
			return 0
		}
		return s.only(byUUID, id[:], kind, func(r record) bool { return bytes.Equal(r.uuid(), id[:]) })
	default:
		return 0
	}
	var buf [128]byte
	return s.only(equalityField(attr), value, kind, func(r record) bool {
		for values := r.find(attr); len(values) > 0; {
			var v []byte
			v, values = nextValue(values)
			if bytes.Equal(wire.AppendFolded(buf[:0], v), value) {
				return true
			}
		}
		return false
	})
}

// only returns the one entry of a kind under a key that matches; 0 when there is none or more than one.
func (s *state) only(f field, normal []byte, kind flags, match func(record) bool) uint32 {
	var buf [8]uint32
	found := uint32(0)
	for _, slot := range s.posts.appendTo(buf[:0], s.tables[f].get(s.hash(normal))) {
		if r := s.record(slot); r != nil && r.flags().kind() == kind && match(r) {
			if found != 0 {
				return 0
			}
			found = slot
		}
	}
	return found
}

// unescape undoes the escapes of a normalised RDN; ok is false when it has several values.
func unescape(v []byte) (plain []byte, ok bool) {
	if bytes.IndexByte(v, '+') >= 0 {
		return nil, false
	}
	if bytes.IndexByte(v, '\\') < 0 {
		return v, true
	}
	for i := 0; i < len(v); i++ {
		if v[i] == '\\' && i+2 < len(v) {
			plain = append(plain, hexDigit(v[i+1])<<4|hexDigit(v[i+2]))
			i += 2
			continue
		}
		plain = append(plain, v[i])
	}
	return plain, true
}
