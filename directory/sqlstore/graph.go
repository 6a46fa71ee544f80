package sqlstore

import (
	"cmp"
	"maps"
	"slices"

	"gatehouse/directory"
)

// graph is directory.Graph. It climbs level by level, one statement each:
// groups nest a few levels deep, and a recursive query is planned badly by
// PostgreSQL while a new store has no statistics.
type graph struct{ c *conn }

// Above returns the rows that can make u a member of anything.
func (g graph) Above(u directory.UserID) ([]directory.Membership, []directory.Nesting, error) {
	members, err := rowsOf(g.c, "SELECT group_id, user_id, source, starts, ends FROM group_users"+
		" WHERE user_id = $1 ORDER BY group_id, source", []any{int64(u)}, membershipFields)
	if err != nil || len(members) == 0 {
		return members, nil, err
	}
	below := make([]int64, len(members))
	for i, m := range members {
		below[i] = int64(m.Group)
	}
	nestings, err := g.climb(below)
	return members, nestings, err
}

// Ancestors returns all groups above id.
func (g graph) Ancestors(id directory.GroupID) ([]directory.GroupID, error) {
	nestings, err := g.climb([]int64{int64(id)})
	if err != nil {
		return nil, err
	}
	above := map[directory.GroupID]bool{}
	for _, n := range nestings {
		above[n.Parent] = true
	}
	return slices.Sorted(maps.Keys(above)), nil
}

// climb returns every nesting above the groups, ordered by parent, child and
// source. It ends on a cycle.
func (g graph) climb(groups []int64) ([]directory.Nesting, error) {
	var out []directory.Nesting
	seen := map[int64]bool{}
	for {
		level := groups[:0:0]
		for _, id := range groups {
			if !seen[id] {
				seen[id] = true
				level = append(level, id)
			}
		}
		if len(level) == 0 {
			break
		}
		condition, arg := g.c.d.in("child_id", "$1", level)
		rows, err := rowsOf(g.c, "SELECT parent_id, child_id, source, starts, ends FROM group_groups WHERE "+condition,
			[]any{arg}, nestingFields)
		if err != nil {
			return nil, err
		}
		groups = groups[:0:0]
		for _, n := range rows {
			groups = append(groups, int64(n.Parent))
		}
		out = append(out, rows...)
	}
	slices.SortFunc(out, func(a, b directory.Nesting) int {
		return cmp.Or(cmp.Compare(a.Parent, b.Parent), cmp.Compare(a.Child, b.Child), cmp.Compare(a.Source, b.Source))
	})
	return out, nil
}
