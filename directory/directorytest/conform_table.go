package directorytest

import (
	"slices"
	"testing"

	"gatehouse/directory"
)

// tableCase is what one table must do.
type tableCase[R, Q any] struct {
	table func(*directory.Tx) directory.Table[R, Q]
	rows  []R // in the order of the zero query
	// edit changes everything but the primary key, gone everything that makes
	// the key so that there is no such row.
	edit, gone func(*R)
	queries    []queryCase[Q]
	remove     Q   // a query for Delete
	left       []R // what is left then
}

// queryCase is a query and the indexes of the rows that it selects, in order.
type queryCase[Q any] struct {
	name  string
	q     Q
	want  []int
	count int // when paging makes it differ from len(want)
}

func (c tableCase[R, Q]) run(t *testing.T, s directory.Store) {
	t.Helper()
	var none Q
	mustUpdate(t, s, func(tx *directory.Tx) error {
		// Not in their order, so that the order is the query's doing.
		rows := slices.Clone(c.rows)
		slices.Reverse(rows)
		return c.table(tx).Insert(rows...)
	})
	c.find(t, s)
	mustUpdate(t, s, func(tx *directory.Tx) error {
		if n, err := c.table(tx).Delete(none); n != 0 || err != nil {
			t.Errorf("delete of the zero query = %d, %v", n, err)
		}
		edited := c.rows[0]
		c.edit(&edited)
		if err := c.table(tx).Update(edited); err != nil {
			return err
		}
		got, err := all(c.table(tx), none)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(got, func(r R) bool { return equal(r, edited) }) {
			t.Errorf("after an update there is no %+v in %+v", edited, got)
		}
		same(t, "rows after an update", len(got), len(c.rows))
		if err := c.table(tx).Amend(edited, c.rows[0]); err != nil {
			return err
		}
		got, err = all(c.table(tx), none)
		if err != nil {
			return err
		}
		same(t, "rows after they were amended", got, c.rows)
		if err := c.table(tx).Amend(c.rows[0], c.rows[0]); err != nil {
			return err
		}
		was, missing := edited, c.rows[0]
		c.gone(&was)
		c.gone(&missing)
		if err := c.table(tx).Update(missing); !directory.Is(err, directory.NotFound) {
			t.Errorf("update of a row that is not there = %v", err)
		}
		if err := c.table(tx).Amend(was, missing); !directory.Is(err, directory.NotFound) {
			t.Errorf("amendment of a row that is not there = %v", err)
		}
		for _, err := range c.table(tx).Take(none) {
			if err != nil {
				return err
			}
			break // what is left unread must not be in the way
		}
		n, err := c.table(tx).Delete(c.remove)
		if err != nil {
			return err
		}
		same(t, "deleted", n, len(c.rows)-len(c.left))
		got, err = all(c.table(tx), none)
		same(t, "what is left", got, c.left)
		return err
	})
}

func (c tableCase[R, Q]) find(t *testing.T, s directory.Store) {
	t.Helper()
	var none Q
	mustView(t, s, func(tx *directory.Tx) error {
		got, err := all(c.table(tx), none)
		if err != nil {
			return err
		}
		same(t, "the zero query", got, c.rows)
		for _, q := range c.queries {
			got, err := all(c.table(tx), q.q)
			if err != nil {
				return err
			}
			want := make([]R, len(q.want))
			for i, at := range q.want {
				want[i] = c.rows[at]
			}
			same(t, q.name, got, want)
			n, err := c.table(tx).Count(q.q)
			if err != nil {
				return err
			}
			if q.count == 0 {
				q.count = len(q.want)
			}
			same(t, "count of "+q.name, n, q.count)
		}
		return nil
	})
}
