package directory

import "slices"

// AddNesting makes all members of child members of parent. Invalid: that would
// make a cycle.
func (w *Writer) AddNesting(row Nesting) error {
	parent, err := w.groupForMembers(row.Parent)
	if err != nil {
		return err
	}
	child, err := w.Group(row.Child)
	if err != nil {
		return err
	}
	row.Source = w.by.Label()
	have, err := w.ownNestings(row.Parent)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(have, func(n Nesting) bool { return n.Child == row.Child })
	if i >= 0 && have[i].Starts.Equal(row.Starts) && have[i].Ends.Equal(row.Ends) {
		return nil
	}
	above, err := w.tx.Graph.Ancestors(row.Parent)
	if err != nil {
		return err
	}
	if row.Parent == row.Child || slices.Contains(above, row.Child) {
		return invalid("group", "groups", "%s cannot be in %s: %s is already in %s, that would be a cycle",
			child.Name, parent.Name, parent.Name, child.Name)
	}
	before := []string{}
	if i >= 0 {
		before = append(before, termed(child.Name, have[i].Starts, have[i].Ends))
		err = w.tx.Nestings.Update(row)
	} else {
		err = w.tx.Nestings.Insert(row)
	}
	if err != nil {
		return err
	}
	return w.nestingChanged(&parent, before, []string{termed(child.Name, row.Starts, row.Ends)})
}

// RemoveNesting removes the actor's row that makes child a part of parent. Not
// being one is no error.
func (w *Writer) RemoveNesting(parent, child GroupID) error {
	g, err := w.groupForMembers(parent)
	if err != nil {
		return err
	}
	q := NestingQuery{Parents: []GroupID{parent}, Children: []GroupID{child}, Source: w.by.Label()}
	old, found, err := one(w.tx.Nestings.Find(q))
	if err != nil || !found {
		return err
	}
	c, err := w.Group(child)
	if err != nil {
		return err
	}
	if _, err := w.tx.Nestings.Delete(q); err != nil {
		return err
	}
	return w.nestingChanged(&g, []string{termed(c.Name, old.Starts, old.Ends)}, []string{})
}

// nestingChanged bumps the group whose rows of groups changed.
func (w *Writer) nestingChanged(parent *Group, before, after []string) error {
	return w.saveGroup(parent, Change{Kind: GroupNestingChanged}, VerbWriteMembers, map[string]any{"groups": diff{before, after}})
}

// ReplaceNestings makes the groups in parent, by rows of the actor's source,
// exactly these.
func (w *Writer) ReplaceNestings(parent GroupID, rows ...Nesting) error {
	if _, err := w.groupForMembers(parent); err != nil {
		return err
	}
	have, err := w.ownNestings(parent)
	if err != nil {
		return err
	}
	for _, n := range have {
		if !slices.ContainsFunc(rows, func(r Nesting) bool { return r.Child == n.Child }) {
			if err := w.RemoveNesting(parent, n.Child); err != nil {
				return err
			}
		}
	}
	for _, n := range rows {
		n.Parent = parent
		if err := w.AddNesting(n); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) ownNestings(parent GroupID) ([]Nesting, error) {
	return all(w.tx.Nestings.Find(NestingQuery{Parents: []GroupID{parent}, Source: w.by.Label()}))
}
