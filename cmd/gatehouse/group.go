package main

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gatehouse/directory"
)

func (t *tool) groupCommand() *cobra.Command {
	return t.group(&cobra.Command{Use: "group", Short: "Groups of people and of groups"},
		t.groupAdd(), t.groupShow(), t.groupList(), t.groupEdit(), t.groupAddMember(), t.groupRemoveMember(), t.groupDelete())
}

// groupView is a group as JSON: the keys of site.yaml and what the directory
// adds. A listing has no members.
type groupView struct {
	Name       string               `json:"name"`
	Members    []memberView         `json:"members,omitzero"`
	Groups     []memberView         `json:"groups,omitzero"`
	Attributes directory.Attributes `json:"attributes,omitempty"`
	GIDNumber  int64                `json:"gid_number,omitempty"`
	Source     string               `json:"source"`
	UID        string               `json:"uid"`
	Created    time.Time            `json:"created"`
	Updated    time.Time            `json:"updated"`
}

// memberView is a user or a group in a group. Its JSON is a name, or an object
// when the membership has a time.
type memberView struct {
	key         string // "user" or "group"
	name        string
	source      string
	from, until time.Time
}

// MarshalJSON writes the form of site.yaml.
func (m memberView) MarshalJSON() ([]byte, error) {
	if m.from.IsZero() && m.until.IsZero() {
		return json.Marshal(m.name)
	}
	out := map[string]any{m.key: m.name}
	if !m.from.IsZero() {
		out["from"] = m.from
	}
	if !m.until.IsZero() {
		out["until"] = m.until
	}
	return json.Marshal(out)
}

func (m memberView) String() string {
	s := m.name
	if !m.from.IsZero() {
		s += " from " + moment(m.from)
	}
	if !m.until.IsZero() {
		s += " until " + moment(m.until)
	}
	return s + " (" + m.source + ")"
}

// listedGroup is the view of a group without what takes further reads.
func listedGroup(g directory.Group) (groupView, error) {
	return groupView{
		Name: g.Name, Attributes: g.Attrs, GIDNumber: g.GIDNumber, Source: g.Source,
		UID: g.UID, Created: g.Created, Updated: g.Updated,
	}, nil
}

func viewGroup(r *directory.Reader, g directory.Group) (groupView, error) {
	v, err := listedGroup(g)
	if err != nil {
		return v, err
	}
	v.Members, v.Groups = []memberView{}, []memberView{}
	names := map[directory.UserID]string{}
	for u, err := range r.BareUsers(directory.UserQuery{MemberOf: g.ID}) {
		if err != nil {
			return v, err
		}
		names[u.ID] = u.Username
	}
	for m, err := range r.Memberships(directory.MembershipQuery{Groups: []directory.GroupID{g.ID}}) {
		if err != nil {
			return v, err
		}
		v.Members = append(v.Members, memberView{"user", names[m.User], m.Source, m.Starts, m.Ends})
	}
	var children []directory.Nesting
	for n, err := range r.Nestings(directory.NestingQuery{Parents: []directory.GroupID{g.ID}}) {
		if err != nil {
			return v, err
		}
		children = append(children, n)
	}
	for _, n := range children {
		child, err := r.Group(n.Child)
		if err != nil {
			return v, err
		}
		v.Groups = append(v.Groups, memberView{"group", child.Name, n.Source, n.Starts, n.Ends})
	}
	for _, list := range [][]memberView{v.Members, v.Groups} {
		slices.SortFunc(list, func(a, b memberView) int { return strings.Compare(a.name+" "+a.source, b.name+" "+b.source) })
	}
	return v, nil
}

func (t *tool) groupAdd() *cobra.Command {
	var attributes []string
	c := t.jsonFlag(&cobra.Command{
		Use: "add NAME", Short: "Add a group", Args: arguments(1, 1),
		Example: "  gatehouse group add staff --attribute vlan=101",
		RunE: func(c *cobra.Command, args []string) error {
			set, err := parseAttributes(attributes)
			if err != nil {
				return err
			}
			return t.changeGroup(c, "Added group", func(w *directory.Writer) (directory.Group, error) {
				g := directory.Group{Name: args[0], Attrs: directory.Attributes{}}
				for key, values := range set {
					g.Attrs.Set(key, values...)
				}
				return w.CreateGroup(g)
			})
		},
	})
	c.Flags().StringArrayVar(&attributes, "attribute", nil, "`KEY=VALUE`; repeated for several values")
	return c
}

// changeGroup writes by fn and shows the group afterwards.
func (t *tool) changeGroup(c *cobra.Command, done string, fn func(*directory.Writer) (directory.Group, error)) error {
	var v groupView
	err := t.write(c, func(w *directory.Writer) error {
		g, err := fn(w)
		if err != nil {
			return err
		}
		v, err = viewGroup(w.Reader, g)
		return err
	})
	if err != nil {
		return err
	}
	t.say("%s %s.", done, v.Name)
	if t.json {
		return t.printJSON(v)
	}
	return nil
}

func (t *tool) groupEdit() *cobra.Command {
	var attributes []string
	var name string
	c := t.jsonFlag(&cobra.Command{
		Use: "edit NAME", Short: "Change a group; what is not given stays", Args: arguments(1, 1),
		Example: "  gatehouse group edit staff --name employees --attribute vlan=102",
		RunE: func(c *cobra.Command, args []string) error {
			set, err := parseAttributes(attributes)
			if err != nil {
				return err
			}
			if len(set) == 0 && name == "" {
				return usagef("nothing to change; see %s --help", c.CommandPath())
			}
			return t.changeGroup(c, "Changed group", func(w *directory.Writer) (directory.Group, error) {
				g, err := w.GroupByName(args[0])
				if err != nil {
					return g, err
				}
				return w.UpdateGroup(g.ID, func(g *directory.Group) error {
					if name != "" {
						g.Name = name
					}
					for key, values := range set {
						g.Attrs.Set(key, values...)
					}
					return nil
				})
			})
		},
	})
	c.Flags().StringVar(&name, "name", "", "the new name")
	c.Flags().StringArrayVar(&attributes, "attribute", nil, "`KEY=VALUE`; repeated for several values; KEY= removes")
	return c
}

func (t *tool) groupDelete() *cobra.Command {
	var force bool
	c := t.deleteCommand(&cobra.Command{
		Use: "delete NAME", Short: "Delete a group",
		Long: "Deletes a group. One that an app is bound to is refused, unless --force is given: the\n" +
			"binding then stays and matches nobody, so that no app opens.",
	}, "Deleted group %s.", func(w *directory.Writer, name string) error {
		g, err := w.GroupByName(name)
		if err != nil {
			return err
		}
		return orForce(w.DeleteGroup(g.ID, force), "matches nobody")
	})
	c.Flags().BoolVar(&force, "force", false, "also when an app is bound to it")
	return c
}

// orForce adds to the refusal of a bound group or policy that there is --force,
// and what the binding does then.
func orForce(err error, then string) error {
	var bound *directory.Error
	if errors.As(err, &bound) && bound.Field == "bindings" {
		hint := *bound
		hint.Msg += ", or use --force: the binding then " + then
		return &hint
	}
	return err
}

func (t *tool) groupShow() *cobra.Command {
	return showCommand(t, &cobra.Command{
		Use: "show NAME", Short: "Show a group and its direct members",
	}, func(r *directory.Reader, name string) (groupView, error) {
		g, err := r.GroupByName(name)
		if err != nil {
			return groupView{}, err
		}
		return viewGroup(r, g)
	})
}

func (v groupView) facts() []fact {
	out := []fact{{"name", v.Name}}
	for _, key := range slices.Sorted(maps.Keys(v.Attributes)) {
		out = append(out, fact{key, strings.Join(v.Attributes[key], ", ")})
	}
	for _, list := range []struct {
		name    string
		members []memberView
	}{{"members", v.Members}, {"groups", v.Groups}} {
		label := list.name
		for _, m := range list.members {
			out = append(out, fact{label, m.String()})
			label = ""
		}
	}
	return append(out, fact{"gid number", number(v.GIDNumber)}, fact{"source", v.Source},
		fact{"uid", v.UID}, fact{"created", moment(v.Created)}, fact{"updated", moment(v.Updated)})
}

func (t *tool) groupList() *cobra.Command {
	return listCommand(t, &cobra.Command{Use: "list", Short: "List groups"}, listing[groupView]{
		head: "NAME SOURCE GID",
		find: func(r *directory.Reader) ([]groupView, error) {
			return collect(r.Groups(directory.GroupQuery{ByName: true}), listedGroup)
		},
		row: func(v *groupView) []string { return []string{v.Name, v.Source, number(v.GIDNumber)} },
	})
}
