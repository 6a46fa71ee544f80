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

// tree knows the names of entries: of the whole directory, or of the view of an app. It does not change.
type tree struct {
	domain string
	base   wire.Name
	dn     string
	root   uint32            // the slot of the entry at base
	units  map[string]uint32 // slots of the containers below it, by normalised RDN
	suffix [kinds]string     // what follows the value of the RDN
	prefix [kinds]string     // what stands before it
	rdn    attrID            // whose value is in the RDN of a person
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
	t := &tree{domain: domain, dn: dn.String(), root: slotBase, rdn: attrUID}
	if err := t.base.Set([]byte(t.dn)); err != nil {
		return nil, fmt.Errorf("the domain %q: %w", domain, err)
	}
	t.units = map[string]uint32{"ou=users": slotUsers, "ou=groups": slotGroups, "ou=services": slotServices, "ou=apps": slotApps}
	t.units["sambadomainname="+strings.ToLower(t.netbios())] = slotDomain
	t.name()
	return t, nil
}

// name fills in what the names of entries are made of.
func (t *tree) name() {
	t.prefix = [kinds]string{kindUnit: "ou=", kindPerson: "uid=", kindService: "cn=", kindGroup: "cn=", kindPrimary: "cn=", kindApp: "app=", kindDomain: "sambaDomainName="}
	t.suffix = [kinds]string{
		kindBase: t.dn, kindUnit: "," + t.dn, kindPerson: ",ou=users," + t.dn, kindService: ",ou=services," + t.dn,
		kindGroup: ",ou=groups," + t.dn, kindPrimary: ",ou=groups," + t.dn, kindApp: ",ou=apps," + t.dn, kindDomain: "," + t.dn,
	}
}

// viewTree returns the names in the view of an app, in which the attribute rdn, published as typ, names people.
func (t *tree) viewTree(slug string, rdn attrID, typ string) *tree {
	v := &tree{domain: t.domain, dn: "app=" + slug + ",ou=apps," + t.dn, root: slotViewApp, rdn: rdn}
	v.units = map[string]uint32{"ou=users": slotViewUsers, "ou=groups": slotViewGroups}
	if err := v.base.Set([]byte(v.dn)); err != nil {
		v.base.Set(nil) //nolint:errcheck // the root is a name
	}
	v.name()
	v.prefix[kindPerson] = typ + "="
	v.suffix[kindApp] = ",ou=apps," + t.dn
	return v
}

// appendDN appends the name of an entry. Everything that names an entry calls this, so that all octets are the same.
// mu is held when people are named by their address.
func (s sight) appendDN(dst []byte, r record) []byte {
	t, kind := s.d.tree, r.flags().kind()
	switch kind {
	case kindBase:
	case kindUnit:
		ou, _ := nextValue(r.find(attrOU))
		dst = append(append(dst, t.prefix[kind]...), ou...)
	case kindPerson:
		if t.rdn == attrMail {
			if mail, _ := nextValue(r.find(attrMail)); mail != nil && s.byAddress(mail) == r.slot() {
				dst = wire.AppendDNValue(append(dst, t.prefix[kind]...), mail)
				break
			}
			// RFC 4512 §2.3.1: a name is of one entry. Who has no address of their own is named as elsewhere.
			dst = wire.AppendDNValue(append(append(dst, s.d.nameOf(attrUID)...), '='), r.name())
			break
		}
		dst = wire.AppendDNValue(append(dst, t.prefix[kind]...), r.name())
	default:
		dst = wire.AppendDNValue(append(dst, t.prefix[kind]...), r.name())
	}
	return append(dst, t.suffix[kind]...)
}

// byAddress returns the slot of the only person that is seen with this first address, 0 when there is none; mu is held.
func (s sight) byAddress(mail []byte) uint32 {
	var want, have [128]byte
	normal := wire.AppendFolded(want[:0], mail)
	return s.only(byMail, normal, kindPerson, func(r record) bool {
		first, _ := nextValue(r.find(attrMail))
		return bytes.Equal(wire.AppendFolded(have[:0], first), normal)
	})
}

// newContainer makes an entry that is always there. Its UUID follows from its name, so that it is the same on every host.
func newContainer(slot uint32, kind flags, name string, blobs func(record) record) record {
	r := newRecord(nil, time.Time{}, time.Time{}, uuid.NewSHA1(uuid.NameSpaceX500, []byte(name)))
	r.setFlags(kind)
	r.setSlot(slot)
	return blobs(r).finish()
}

// containers makes the entries above all others.
func (t *tree) containers() (fixed [fixedSlots]record) {
	if t.root == slotBase {
		label, _, _ := strings.Cut(t.domain, ".")
		fixed[slotBase] = newContainer(slotBase, kindBase, t.dn, func(r record) record {
			return r.appendBlob(attrO, appendValue(nil, t.domain)).appendBlob(attrDC, appendValue(nil, label))
		})
	}
	for rdn, slot := range t.units {
		if slot == slotDomain {
			continue // it comes with the identifier of the domain
		}
		fixed[slot] = newContainer(slot, kindUnit, rdn+","+t.dn, func(r record) record {
			return r.appendBlob(attrOU, appendValue(nil, strings.TrimPrefix(rdn, "ou=")))
		})
	}
	return fixed
}

// unitAbove returns the slot of the container that an entry stands in.
func (t *tree) unitAbove(f flags) uint32 {
	switch f.kind() {
	case kindPerson:
		return t.units["ou=users"]
	case kindService:
		return t.units["ou=services"]
	case kindGroup, kindPrimary:
		return t.units["ou=groups"]
	default:
		return t.root
	}
}

// resolve returns the slot of the entry with a name; mu of s is held. Of a person the leaf may also be cn, mail or
// entryUUID. When there is none, nearest is the slot of the nearest container above it, 0 for none.
func (s sight) resolve(n *wire.Name) (slot, nearest uint32) {
	t := s.d.tree
	levels, below := n.Below(&t.base)
	switch {
	case !below:
		return 0, 0
	case levels == 0:
		return t.root, t.root
	}
	unit, ok := t.units[string(n.RDN(levels-1))]
	switch {
	case !ok || s.record(unit) == nil:
		return 0, t.root
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
func (s sight) leaf(unit uint32, rdn []byte) uint32 {
	typ, value, _ := bytes.Cut(rdn, []byte("="))
	value, ok := unescape(value)
	if !ok {
		return 0
	}
	attr, known := s.d.find(typ)
	if string(typ) == "cn" && unit != slotUsers && unit != slotViewUsers {
		attr, known = attrCN, true // whatever the view calls it: names of groups stay as they are
	}
	if !known {
		return 0
	}
	kind := kindPerson
	switch unit {
	case slotGroups, slotViewGroups:
		kind = kindGroup
	case slotServices:
		kind = kindService
	case slotUsers, slotViewUsers:
	default:
		return 0
	}
	switch {
	case attr == attrEntryUUID:
		id, valid := parseUUID(value)
		if !valid {
			return 0
		}
		return s.byUUID(id[:], kind)
	case attr == attrCN && kind != kindGroup:
		attr = attrUID
	case attr == attrCN, attr == attrUID && kind != kindGroup, attr == attrMail && kind == kindPerson:
	default:
		return 0
	}
	if attr == attrMail && s.d.tree.rdn == attrMail {
		if slot := s.byAddress(value); slot != 0 {
			return slot
		}
	}
	var buf [128]byte
	slot := s.only(equalityField(attr), value, kind, func(r record) bool {
		for values := r.find(attr); len(values) > 0; {
			var v []byte
			v, values = nextValue(values)
			if bytes.Equal(wire.AppendFolded(buf[:0], v), value) {
				return true
			}
		}
		return false
	})
	if slot == 0 && kind == kindGroup {
		return s.primaryNamed(value)
	}
	return slot
}

// only returns the one entry of a kind under a key that is seen and matches; 0 when there is none or more than one.
func (s sight) only(f field, normal []byte, kind flags, match func(record) bool) uint32 {
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
