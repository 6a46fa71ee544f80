package main

import (
	"strings"

	"github.com/spf13/cobra"

	"gatehouse/directory"
)

func (t *tool) groupAddMember() *cobra.Command {
	var from, until string
	var nested bool
	c := &cobra.Command{
		Use: "add-member GROUP USER...", Short: "Put people, or groups, into a group", Args: arguments(2, -1),
		Example: "  gatehouse group add-member staff jane bob\n" +
			"  gatehouse group add-member on-call jane --until 8h\n" +
			"  gatehouse group add-member staff interns --nested",
		RunE: func(c *cobra.Command, args []string) error {
			row := directory.Membership{}
			var err error
			if row.Starts, err = t.parseTime("from", from); err != nil {
				return err
			}
			if row.Ends, err = t.parseTime("until", until); err != nil {
				return err
			}
			if !row.Ends.IsZero() && !row.Starts.Before(row.Ends) {
				return usagef("--from is not before --until")
			}
			err = t.write(c, func(w *directory.Writer) error {
				g, err := w.GroupByName(args[0])
				if err != nil {
					return err
				}
				if nested {
					return nest(w, g, args[1:], row)
				}
				return enrol(w, g, args[1:], row)
			})
			if err == nil {
				t.say("Added %s to %s.", strings.Join(args[1:], ", "), args[0])
			}
			return err
		},
	}
	c.Flags().StringVar(&from, "from", "", "`time` from which it counts")
	c.Flags().StringVar(&until, "until", "", "`time` until which it counts")
	c.Flags().BoolVar(&nested, "nested", false, "what is added are groups")
	return c
}

func enrol(w *directory.Writer, g directory.Group, names []string, row directory.Membership) error {
	rows := make([]directory.Membership, len(names))
	for i, name := range names {
		u, err := w.UserByName(directory.Person, name)
		if err != nil {
			return err
		}
		row.User = u.ID
		rows[i] = row
	}
	return w.AddMembers(g.ID, rows...)
}

func nest(w *directory.Writer, g directory.Group, names []string, row directory.Membership) error {
	for _, name := range names {
		child, err := w.GroupByName(name)
		if err != nil {
			return err
		}
		if err := w.AddNesting(directory.Nesting{Parent: g.ID, Child: child.ID, Starts: row.Starts, Ends: row.Ends}); err != nil {
			return err
		}
	}
	return nil
}

func (t *tool) groupRemoveMember() *cobra.Command {
	var nested bool
	c := &cobra.Command{
		Use: "remove-member GROUP USER...", Short: "Take people, or groups, out of a group", Args: arguments(2, -1),
		Long: "Takes people out of a group. A membership that site.yaml or a SCIM source has written can\n" +
			"only be taken away there: the command then changes nothing and says where.",
		RunE: func(c *cobra.Command, args []string) error {
			err := t.write(c, func(w *directory.Writer) error {
				g, err := w.GroupByName(args[0])
				if err != nil {
					return err
				}
				for _, name := range args[1:] {
					if nested {
						err = unnest(w, g, name)
					} else {
						err = expel(w, g, name)
					}
					if err != nil {
						return err
					}
				}
				return nil
			})
			if err == nil {
				t.say("Removed %s from %s.", strings.Join(args[1:], ", "), args[0])
			}
			return err
		},
	}
	c.Flags().BoolVar(&nested, "nested", false, "what is removed are groups")
	return c
}

// expel removes the operator's row. It fails when the user was no member, or
// stays one by the row of another source.
func expel(w *directory.Writer, g directory.Group, name string) error {
	u, err := w.UserByName(directory.Person, name)
	if err != nil {
		return err
	}
	own := false
	for m, err := range w.Memberships(directory.MembershipQuery{Groups: []directory.GroupID{g.ID}, Users: []directory.UserID{u.ID}}) {
		if err != nil {
			return err
		}
		own = own || m.Source == local
	}
	still, err := w.RemoveMembers(g.ID, u.ID)
	if err != nil {
		return err
	}
	switch {
	case len(still) > 0:
		return refusef("%s is in %s by %s; remove the membership there", u.Username, g.Name, still[0].Source)
	case !own:
		return &directory.Error{Kind: directory.NotFound, Msg: u.Username + " is not a direct member of " + g.Name}
	default:
		return nil
	}
}

func unnest(w *directory.Writer, g directory.Group, name string) error {
	child, err := w.GroupByName(name)
	if err != nil {
		return err
	}
	q := directory.NestingQuery{Parents: []directory.GroupID{g.ID}, Children: []directory.GroupID{child.ID}}
	own, other := false, ""
	for n, err := range w.Nestings(q) {
		if err != nil {
			return err
		}
		if n.Source == local {
			own = true
		} else {
			other = n.Source
		}
	}
	switch {
	case other != "":
		return refusef("%s is in %s by %s; remove it there", child.Name, g.Name, other)
	case !own:
		return &directory.Error{Kind: directory.NotFound, Msg: child.Name + " is not directly in " + g.Name}
	default:
		return w.RemoveNesting(g.ID, child.ID)
	}
}

// local is the source of what operators write.
const local = "local"
