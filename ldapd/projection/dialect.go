package projection

import (
	"maps"
	"slices"
	"strings"

	"gatehouse/directory/schema"
	"gatehouse/ldapd/wire"
)

// profile is a schema.LDAPProfile as this package uses it. It does not change.
type profile struct {
	name    schema.LDAPProfile
	has     mask // the attribute types that exist in it
	classes classes
}

func newProfile(t *attributes, name schema.LDAPProfile) *profile {
	p := &profile{name: name, classes: newClasses(t, name)}
	for id := range t.all {
		if name.Has(t.all[id].Name()) {
			p.has.set(attrID(id))
		}
	}
	return p
}

// profileAt is the place of a profile in attributes.profiles; "" is the default.
func profileAt(name schema.LDAPProfile) int { return max(0, slices.Index(schema.LDAPProfiles(), name)) }

// dialect is how a state is spoken of to one kind of client: in the names of the tree or of an app's view, by the
// attribute names of a profile and of the view. It does not change.
type dialect struct {
	*attributes
	*profile
	tree   *tree
	view   *view               // nil: the whole tree
	means  map[string]attrID   // attribute types by names that only this dialect has, in lower case
	called map[attrID][]string // what they are published as, instead of their own names
	heads  map[attrID][][]byte // the same as OCTET STRINGs
	exist  mask                // what has a name
}

// newDialect returns the dialect of a profile in which renamed, their names to ours, are published otherwise.
func newDialect(t *attributes, p *profile, renamed map[string]string) *dialect {
	d := &dialect{attributes: t, profile: p, exist: p.has}
	if len(renamed) == 0 {
		return d
	}
	d.means, d.called, d.heads = map[string]attrID{}, map[attrID][]string{}, map[attrID][][]byte{}
	for _, theirs := range slices.Sorted(maps.Keys(renamed)) {
		id, ok := t.byName[strings.ToLower(renamed[theirs])]
		if !ok {
			continue // written by a newer version
		}
		d.means[strings.ToLower(theirs)] = id
		d.called[id] = append(d.called[id], theirs)
		d.heads[id] = append(d.heads[id], wire.AppendOctets(nil, theirs))
	}
	// An attribute whose own name was given to another one has none.
	var gone mask
	for theirs := range d.means {
		if id, ok := t.byName[theirs]; ok && d.called[id] == nil && strings.EqualFold(t.all[id].Name(), theirs) {
			gone.set(id)
		}
	}
	d.exist = d.exist.without(gone)
	return d
}

// find returns the attribute that a client's description names. A description with options names a subtype that
// nobody has (RFC 4512 §2.5).
func (d *dialect) find(description []byte) (attrID, bool) {
	var buf [64]byte
	if len(description) > len(buf) {
		return 0, false
	}
	name := lower(buf[:0], description)
	if d.means == nil {
		id, ok := d.byName[string(name)]
		return id, ok
	}
	if id, ok := d.means[string(name)]; ok {
		return id, true
	}
	id, ok := d.byName[string(name)]
	return id, ok && d.called[id] == nil
}

// nameOf returns what an attribute is published as.
func (d *dialect) nameOf(a attrID) string {
	if names := d.called[a]; names != nil {
		return names[0]
	}
	return d.all[a].Name()
}

// sees returns the attributes that exist for an audience.
func (d *dialect) sees(a schema.Audience) mask {
	return d.visible[int(a)&(len(d.visible)-1)].and(d.exist)
}

// appendAttribute appends a PartialAttribute with encoded values, under each name it has.
func (d *dialect) appendAttribute(dst []byte, a attrID, values []byte, typesOnly bool) []byte {
	if typesOnly {
		values = nil
	}
	heads := d.heads[a]
	if heads == nil {
		return appendAttribute(dst, d.all[a].head, values)
	}
	for _, head := range heads {
		dst = appendAttribute(dst, head, values)
	}
	return dst
}

// sight is a state as a dialect shows it.
type sight struct {
	*state
	d *dialect
}

// record returns the entry in a slot, nil when there is none to be seen.
func (s sight) record(slot uint32) record {
	if s.d.view == nil {
		if slot == slotDomain && s.d.name != schema.SambaServer {
			return nil
		}
		return s.state.record(slot)
	}
	if slot < fixedSlots {
		return s.d.view.fixed[slot]
	}
	if !s.d.view.seen.Contains(slot &^ primaryBit) {
		return nil
	}
	return s.state.record(slot)
}
