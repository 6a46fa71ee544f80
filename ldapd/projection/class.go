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
	kinds // how many those are

	kindBits flags = 7
)

// What an entry may be beside its kind. Each adds an auxiliary class, but flagDisabled.
const (
	flagPosix    flags = 1 << (iota + 3) // posixAccount with shadowAccount, or posixGroup
	flagSSH                              // ldapPublicKey
	flagServices                         // authorizedServiceObject
	flagHosts                            // hostObject
	flagDisabled

	classBits = flagDisabled - 1
)

func (f flags) kind() flags        { return f & kindBits }
func (f flags) has(bit flags) bool { return f&bit != 0 }

// classes knows which object classes entries have.
type classes struct {
	ids        map[string]uint8      // of the classes in use, by lower-case name and object identifier
	byName     map[string]mask       // attributes of every class, for "@class"
	contents   [classBits + 1][]byte // of objectClass, by flags
	of         [classBits + 1]uint64 // set of ids, by flags
	structural [kinds]string
}

func newClasses(t *attributes) classes {
	c := classes{ids: map[string]uint8{}, byName: map[string]mask{}}
	c.structural = [kinds]string{
		kindBase: "organization", kindUnit: "organizationalUnit", kindPerson: "inetOrgPerson",
		kindService: "applicationProcess", kindGroup: "groupOfNames",
	}
	all := schema.ObjectClasses()
	byKey := map[string]schema.ObjectClass{}
	for _, k := range all {
		byKey[strings.ToLower(k.Name)] = k
	}
	for _, k := range all {
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
		for _, name := range classesOf(f) {
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

// classesOf lists the object classes of an entry, its structural class and what that inherits from included.
func classesOf(f flags) []string {
	var list []string
	switch f.kind() {
	case kindBase:
		return []string{"top", "dcObject", "organization"}
	case kindUnit:
		return []string{"top", "organizationalUnit"}
	case kindPerson:
		list = []string{"top", "person", "organizationalPerson", "inetOrgPerson"}
	case kindService:
		return []string{"top", "applicationProcess", "uidObject"}
	case kindGroup:
		list = []string{"top", "groupOfNames", "groupOfUniqueNames"}
		if f.has(flagPosix) {
			list = append(list, "posixGroup")
		}
		return list
	default:
		return nil
	}
	for _, aux := range []struct {
		bit   flags
		names []string
	}{
		{flagPosix, []string{"posixAccount", "shadowAccount"}},
		{flagSSH, []string{"ldapPublicKey"}},
		{flagServices, []string{"authorizedServiceObject"}},
		{flagHosts, []string{"hostObject"}},
	} {
		if f.has(aux.bit) {
			list = append(list, aux.names...)
		}
	}
	return list
}
