package projection

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"gatehouse/directory"
	"gatehouse/directory/schema"
)

// appRow is an app that has a view, as it is stored.
type appRow struct {
	app      directory.App
	facet    schema.LDAP
	bindings []directory.Binding
}

// readApps reads apps that have an LDAP facet: those with these ids, or all for nil.
func readApps(r *directory.Reader, ids []directory.AppID) (map[directory.AppID]*appRow, error) {
	rows := map[directory.AppID]*appRow{}
	for f, err := range r.Facets(directory.FacetQuery{Apps: ids, Protocol: directory.ProtocolLDAP}) {
		if err != nil {
			return nil, fmt.Errorf("read facets: %w", err)
		}
		config, err := schema.DecodeFacet(string(directory.ProtocolLDAP), f.Config)
		if err != nil {
			return nil, err
		}
		row := &appRow{}
		row.facet, _ = config.(schema.LDAP)
		rows[f.App] = row
	}
	if len(rows) == 0 {
		return rows, nil
	}
	for a, err := range r.Apps(directory.AppQuery{IDs: ids}) {
		if err != nil {
			return nil, fmt.Errorf("read apps: %w", err)
		}
		if row := rows[a.ID]; row != nil {
			row.app = a
		}
	}
	for b, err := range r.Bindings(directory.BindingQuery{Apps: ids}) {
		if err != nil {
			return nil, fmt.Errorf("read bindings: %w", err)
		}
		if row := rows[b.App]; row != nil {
			row.bindings = append(row.bindings, b)
		}
	}
	return rows, nil
}

// setView makes the view of an app what its row says, or removes it when row is nil; mu is held.
func (s *state) setView(id directory.AppID, row *appRow) {
	i, found := slices.BinarySearchFunc(s.views, id, func(v *view, id directory.AppID) int { return cmp.Compare(v.app, id) })
	s.version++
	switch {
	case row == nil && !found:
		return
	case row == nil:
		s.views[i].seen, s.views[i].count = roaring.New(), [kinds]int{} // a search may still hold it
		s.views = slices.Delete(s.views, i, i+1)
		return
	case !found:
		s.views = slices.Insert(s.views, i, &view{app: id, slug: row.app.Slug})
	}
	v := s.views[i]
	v.bind(row.bindings)
	v.describe(s, row)
	v.rebuild(s)
}

// bind takes over whom the app lets in. As in directory.Authorize, a binding that is disabled, or whose user or group
// was deleted, matches nobody and still counts.
func (v *view) bind(bindings []directory.Binding) {
	v.positive, v.users, v.groups = false, viewRule{}, viewRule{}
	for _, b := range bindings {
		rule := &v.users
		switch b.Kind {
		case directory.BindUser:
		case directory.BindGroup:
			rule = &v.groups
		case directory.BindPolicy:
			continue
		default:
			v.positive = true // of a newer version: it lets nobody in whom we know
			continue
		}
		v.positive = v.positive || !b.Negate
		switch {
		case b.Disabled || b.Missing():
		case b.Negate:
			rule.outIDs = append(rule.outIDs, b.Ref)
		default:
			rule.inIDs = append(rule.inIDs, b.Ref)
		}
	}
}

// describe makes the entries above those of the view, and its dialects.
func (v *view) describe(s *state, row *appRow) {
	t := s.attrs
	rdn := t.byName[row.facet.RDNType()]
	v.dialects = nil
	for _, p := range t.profiles {
		renamed := p.name.Names()
		if renamed == nil {
			renamed = map[string]string{}
		}
		for theirs, ours := range row.facet.Attributes {
			renamed[theirs] = ours
		}
		d := newDialect(t, p, renamed)
		d.view, d.tree = v, s.tree.viewTree(v.slug, rdn, d.nameOf(rdn))
		v.dialects = append(v.dialects, d)
	}
	v.fixed = v.dialects[0].tree.containers()
	id, _ := parseUUID(row.app.UID)
	r := newRecord(nil, row.app.Created, row.app.Updated, id)
	r.setFlags(kindApp)
	r.setSlot(slotViewApp)
	r = r.appendBlob(attrCN, appendValue(nil, row.app.Name)).appendBlob(attrApp, appendValue(nil, v.slug))
	v.fixed[slotViewApp] = r.finish()
}
