package projection

import (
	"strings"

	"gatehouse/directory/schema"
	"gatehouse/ldapd/wire"
)

// flags say what an entry is. The lower bits are its kind.
type flags uint16

// The kinds of entry.
const (
	kindBase flags = iota
	kindUnit
	kindPerson
	kindService
	kindGroup
	kindApp
	kindDomain  // of Samba servers
	kindPrimary // the primary group of a person
	kinds       // how many those are

	kindBits flags = 7
)

// What an entry may be beside its kind. Each adds an auxiliary class, but the last two.
const (
	flagPosix    flags = 1 << (iota + 3) // posixAccount with shadowAccount, or posixGroup
	flagSSH                              // ldapPublicKey
	flagServices                         // authorizedServiceObject
	flagHosts                            // hostObject
	flagSamba                            // sambaSamAccount, sambaGroupMapping; a service account of a Samba server
	flagDisabled
	flagMustChange // the password

	classBits = flagDisabled - 1
)

func (f flags) kind() flags        { return f & kindBits }
func (f flags) has(bit flags) bool { return f&bit != 0 }

// classes knows which object classes entries have in a profile.
type classes struct {
	ids        map[string]uint8      // of the classes in use, by lower-case name and object identifier
	byName     map[string]mask       // attributes of every class, for "@class"
	contents   [classBits + 1][]byte // of objectClass, by flags
	of         [classBits + 1]uint64 // set of ids, by flags
	structural [kinds]string
}

func newClasses(t *attributes, p schema.LDAPProfile) classes {
	c := classes{ids: map[string]uint8{}, byName: map[string]mask{}}
	c.structural = [kinds]string{
		kindBase: "organization", kindUnit: "organizationalUnit", kindPerson: "inetOrgPerson",
		kindService: "applicationProcess", kindGroup: "groupOfNames", kindApp: "gatehouseApp", kindDomain: "sambaDomain",
		kindPrimary: "gatehousePrimaryGroup",
	}
	if p == schema.VCenter {
		c.structural[kindGroup] = "groupOfUniqueNames"
	}
	byKey := map[string]schema.ObjectClass{}
	for _, k := range schema.ObjectClasses() {
		byKey[strings.ToLower(k.Name)] = k
	}
	for _, k := range byKey {
		var m mask
		for at, ok := k, true; ok; at, ok = byKey[strings.ToLower(at.Sup)] {
			for _, list := range [][]string{at.Must, at.May} {
				for _, name := range list {
					if id, known := t.byName[strings.ToLower(name)]; known {
						m = m.or(t.all[id].self)
					}
				}
			}
		}
		c.byName[strings.ToLower(k.Name)], c.byName[k.OID] = m, m
	}
	for f := range flags(len(c.contents)) {
		for _, name := range classesOf(f, p) {
			key := strings.ToLower(name)
			id, known := c.ids[key]
			if !known {
				id = uint8(len(c.ids) / 2)
				c.ids[key], c.ids[byKey[key].OID] = id, id
			}
			c.of[f] |= 1 << id
			c.contents[f] = wire.AppendOctets(c.contents[f], name)
		}
	}
	return c
}

// classesOf lists the object classes of an entry in a profile, its structural class and what that inherits from
// included.
func classesOf(f flags, p schema.LDAPProfile) []string {
	switch f.kind() {
	case kindBase:
		return []string{"top", "dcObject", "organization"}
	case kindUnit:
		return []string{"top", "organizationalUnit"}
	case kindApp:
		return []string{"top", "gatehouseApp"}
	case kindDomain:
		return []string{"top", "sambaDomain"}
	case kindService:
		return []string{"top", "applicationProcess", "uidObject"}
	case kindPrimary:
		return []string{"top", "gatehousePrimaryGroup", "posixGroup"}
	case kindGroup:
		return groupClasses(f, p)
	case kindPerson:
	default:
		return nil
	}
	list := []string{"top", "person", "organizationalPerson", "inetOrgPerson"}
	if f.has(flagPosix) && p != schema.VCenter {
		list = append(list, "posixAccount", "shadowAccount")
	}
	for _, aux := range []struct {
		bit  flags
		name string
	}{{flagSSH, "ldapPublicKey"}, {flagServices, "authorizedServiceObject"}, {flagHosts, "hostObject"}} {
		if f.has(aux.bit) {
			list = append(list, aux.name)
		}
	}
	if p == schema.ADLite {
		list = append(list, "user")
	}
	if p == schema.SambaServer && f.has(flagSamba) {
		list = append(list, "sambaSamAccount")
	}
	return list
}

func groupClasses(f flags, p schema.LDAPProfile) []string {
	var list []string
	switch p {
	case schema.VCenter:
		return []string{"top", "groupOfUniqueNames"}
	case schema.RFC2307:
		list = []string{"top", "groupOfNames"}
	case schema.ADLite:
		list = []string{"top", "groupOfNames", "groupOfUniqueNames", "group"}
	default:
		list = []string{"top", "groupOfNames", "groupOfUniqueNames"}
	}
	if f.has(flagPosix) {
		list = append(list, "posixGroup")
	}
	if p == schema.SambaServer && f.has(flagSamba) {
		list = append(list, "sambaGroupMapping")
	}
	return list
}
