package site

import (
	"fmt"
	"slices"

	"gatehouse/directory"
)

func (a *applier) groups() error {
	for i := range a.site.Groups {
		if err := a.group(&a.site.Groups[i]); err != nil {
			return a.at(err, "$.groups[%d]", i)
		}
	}
	return nil
}

func (a *applier) group(g *Group) error {
	have, err := a.w.GroupByName(g.Name)
	found, err := ifFound(err)
	if err != nil {
		return err
	}
	fill := func(to *directory.Group) error {
		to.Name = g.Name
		for key, values := range g.Attributes {
			to.Attrs.Set(key, values...)
		}
		return nil
	}
	before := have.Rev
	if found {
		have, err = a.w.UpdateGroup(have.ID, fill)
	} else {
		fresh := directory.Group{Attrs: directory.Attributes{}}
		_ = fill(&fresh) // it cannot fail
		have, err = a.w.CreateGroup(fresh)
	}
	if err == nil {
		a.saved("group", g.Name, before, have.Rev)
	}
	return err
}

// nestings brings the groups in groups in line. What goes is removed everywhere
// before anything is added, so that turning two groups around is no cycle.
func (a *applier) nestings() error {
	parents := make([]directory.Group, len(a.site.Groups))
	wanted := make([][]directory.Nesting, len(a.site.Groups))
	for i, g := range a.site.Groups {
		if g.Groups == nil {
			continue
		}
		var err error
		if parents[i], err = a.w.GroupByName(g.Name); err != nil {
			return a.at(err, "$.groups[%d]", i)
		}
		for j, m := range g.Groups {
			child, err := a.w.GroupByName(m.Name)
			if err != nil {
				return a.at(err, "$.groups[%d].groups[%d]", i, j)
			}
			wanted[i] = append(wanted[i], directory.Nesting{Child: child.ID, Starts: m.From, Ends: m.Until})
		}
	}
	for i, g := range a.site.Groups {
		if g.Groups == nil {
			continue
		}
		kept, err := a.keptNestings(parents[i].ID, wanted[i])
		if err == nil {
			err = a.w.ReplaceNestings(parents[i].ID, kept...)
		}
		if err != nil {
			return a.at(err, "$.groups[%d].groups", i)
		}
	}
	for i, g := range a.site.Groups {
		if g.Groups == nil {
			continue
		}
		if err := a.w.ReplaceNestings(parents[i].ID, wanted[i]...); err != nil {
			return a.at(err, "$.groups[%d].groups", i)
		}
		if err := a.groupTouched(parents[i]); err != nil {
			return err
		}
	}
	return nil
}

// keptNestings are the site's present rows of parent that stay.
func (a *applier) keptNestings(parent directory.GroupID, wanted []directory.Nesting) ([]directory.Nesting, error) {
	var kept []directory.Nesting
	for n, err := range a.w.Nestings(directory.NestingQuery{Parents: []directory.GroupID{parent}, Source: label}) {
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(wanted, func(x directory.Nesting) bool { return x.Child == n.Child }) {
			kept = append(kept, n)
		}
	}
	return kept, nil
}

func (a *applier) members() error {
	for i, g := range a.site.Groups {
		if err := a.progress("members of groups", i, len(a.site.Groups)); err != nil {
			return err
		}
		if g.Members == nil {
			continue
		}
		have, err := a.w.GroupByName(g.Name)
		if err != nil {
			return a.at(err, "$.groups[%d]", i)
		}
		rows := []directory.Membership{}
		for j, m := range g.Members {
			user, err := a.person(m.Name)
			if err != nil {
				return a.at(err, "$.groups[%d].members[%d]", i, j)
			}
			rows = append(rows, directory.Membership{User: user, Starts: m.From, Ends: m.Until})
		}
		if err := a.w.ReplaceMembers(have.ID, rows...); err != nil {
			return a.at(err, "$.groups[%d].members", i)
		}
		if err := a.groupTouched(have); err != nil {
			return err
		}
	}
	return nil
}

// person is who the file means by a name.
func (a *applier) person(name string) (directory.UserID, error) {
	if id, known := a.people[name]; known {
		return id, nil
	}
	u, err := a.w.UserByName(directory.Person, name)
	if err == nil {
		a.people[name] = u.ID
	}
	return u.ID, err
}

// groupTouched notes an update when the group's revision moved.
func (a *applier) groupTouched(before directory.Group) error {
	now, err := a.w.Group(before.ID)
	if err != nil {
		return fmt.Errorf("read group %s again: %w", before.Name, err)
	}
	if now.Rev != before.Rev {
		a.updated("group", before.Name)
	}
	return nil
}

func (a *applier) surplusGroups() ([]deletion, error) {
	return surplusOf("group", listed(a.site.Groups, func(g Group) string { return g.Name }), a.w.Groups(directory.GroupQuery{Source: label}),
		func(g directory.Group) (string, string, func() error) {
			return g.Source, g.Name, func() error { return a.w.DeleteGroup(g.ID, false) }
		})
}
