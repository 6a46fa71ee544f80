package main

import (
	"github.com/spf13/cobra"

	"gatehouse/directory"
)

// shown is what `show` prints: as JSON by its tags, else by its facts.
type shown interface{ facts() []fact }

// showCommand completes c, which shows the one thing that its argument names.
func showCommand[V shown](t *tool, c *cobra.Command, find func(r *directory.Reader, name string) (V, error)) *cobra.Command {
	c.Args = arguments(1, 1)
	c.RunE = func(c *cobra.Command, args []string) error {
		var v V
		err := t.read(c, func(r *directory.Reader) (err error) {
			v, err = find(r, args[0])
			return err
		})
		if err != nil {
			return err
		}
		if t.json {
			return t.printJSON(v)
		}
		return t.facts(v.facts()...)
	}
	return t.jsonFlag(c)
}

// listing is what `list` prints: an array, or a table.
type listing[V any] struct {
	head string
	find func(*directory.Reader) ([]V, error)
	row  func(*V) []string
}

// listCommand completes c, which prints a listing.
func listCommand[V any](t *tool, c *cobra.Command, l listing[V]) *cobra.Command {
	c.Args = arguments(0, 0)
	c.RunE = func(c *cobra.Command, _ []string) error {
		var all []V
		err := t.read(c, func(r *directory.Reader) (err error) {
			all, err = l.find(r)
			return err
		})
		if err != nil {
			return err
		}
		return printListing(t, all, l)
	}
	return t.jsonFlag(c)
}

func printListing[V any](t *tool, all []V, l listing[V]) error {
	if t.json {
		return t.printJSON(append([]V{}, all...)) // nothing is [], not null
	}
	rows := make([][]string, len(all))
	for i := range all {
		rows[i] = l.row(&all[i])
	}
	return t.table(l.head, rows)
}

// deleteCommand completes c, which deletes what its argument names and then says
// so by done, a format with the name.
func (t *tool) deleteCommand(c *cobra.Command, done string, del func(w *directory.Writer, name string) error) *cobra.Command {
	c.Args = arguments(1, 1)
	c.RunE = func(c *cobra.Command, args []string) error {
		err := t.write(c, func(w *directory.Writer) error { return del(w, args[0]) })
		if err == nil {
			t.say(done, args[0])
		}
		return err
	}
	return c
}

// collect gathers what a reader yields in the form that is shown.
func collect[R, V any](rows func(func(R, error) bool), view func(R) (V, error)) ([]V, error) {
	var read []R
	for r, err := range rows {
		if err != nil {
			return nil, err
		}
		read = append(read, r)
	}
	// Only now: a view may read, and no two reads go on at once.
	out := make([]V, len(read))
	for i, r := range read {
		v, err := view(r)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}
