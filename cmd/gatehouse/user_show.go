package main

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gatehouse/directory"
)

// userView is a person as JSON: the keys of site.yaml and what the directory
// adds.
type userView struct {
	Username    string               `json:"username"`
	GivenName   string               `json:"given_name,omitempty"`
	FamilyName  string               `json:"family_name,omitempty"`
	Emails      []string             `json:"emails"`
	Expires     time.Time            `json:"expires,omitzero"`
	Role        string               `json:"role,omitempty"`
	BreakGlass  bool                 `json:"break_glass,omitempty"`
	Attributes  directory.Attributes `json:"attributes,omitempty"`
	Status      directory.Status     `json:"status"`
	Groups      []string             `json:"groups,omitempty"`
	Credentials []credentialView     `json:"credentials,omitempty"`
	UIDNumber   int64                `json:"uid_number,omitempty"`
	Limited     []limitView          `json:"limited,omitempty"`
	Source      string               `json:"source"`
	LastLogin   time.Time            `json:"last_login,omitzero"`
	UID         string               `json:"uid"`
	Created     time.Time            `json:"created"`
	Updated     time.Time            `json:"updated"`

	display string
}

// credentialView is a credential without what would let anyone sign in.
type credentialView struct {
	Kind    directory.CredentialKind `json:"kind"`
	Label   string                   `json:"label,omitempty"`
	Created time.Time                `json:"created"`
	Expires time.Time                `json:"expires,omitzero"`
}

// limitView is what slows down sign-ins of a person now.
type limitView struct {
	Source   string    `json:"source,omitempty"` // where from; none: everywhere
	Failures int       `json:"failures"`
	Until    time.Time `json:"until"`
	Why      string    `json:"why"`
}

// limits returns what slows down sign-ins of a person, or of everybody, now.
func limits(r *directory.Reader, id directory.UserID) (map[directory.UserID][]limitView, error) {
	found, err := r.Limits(id)
	out := map[directory.UserID][]limitView{}
	for _, l := range found {
		out[l.User] = append(out[l.User], limitView{Source: l.Source, Failures: l.Failures, Until: l.Until, Why: l.Why})
	}
	return out, err
}

func whys(all []limitView) string {
	var out []string
	for _, l := range all {
		out = append(out, l.Why)
	}
	return strings.Join(out, "; ")
}

// listedUser is the view of a person without what takes further reads.
func listedUser(u directory.User, role string) userView {
	v := userView{
		Username: u.Username, GivenName: u.Profile.First("givenName"), FamilyName: u.Profile.First("familyName"),
		Emails: []string{}, Expires: u.Expires, Role: role, Status: u.Status, UIDNumber: u.UIDNumber, Source: u.Source,
		UID: u.UID, Created: u.Created, Updated: u.Updated, display: u.DisplayName(),
	}
	for _, e := range u.Emails {
		v.Emails = append(v.Emails, e.Address)
	}
	attributes := u.Profile.Clone()
	maps.Copy(attributes, u.Attrs)
	delete(attributes, "givenName")
	delete(attributes, "familyName")
	if len(attributes) > 0 {
		v.Attributes = attributes
	}
	return v
}

// viewUser is the whole view of a person.
func viewUser(r *directory.Reader, u directory.User) (userView, error) {
	have, err := rightsOf(r, u.ID)
	if err != nil {
		return userView{}, err
	}
	v := listedUser(u, highest(have))
	v.BreakGlass = slices.Contains(have, directory.BreakGlass)
	groups, err := r.GroupsOf(u.ID)
	if err != nil {
		return v, err
	}
	for _, g := range groups {
		v.Groups = append(v.Groups, g.Name)
	}
	for c, err := range r.Credentials(directory.CredentialQuery{Users: []directory.UserID{u.ID}}) {
		if err != nil {
			return v, err
		}
		v.Credentials = append(v.Credentials, credentialView{Kind: c.Kind, Label: c.Label, Created: c.Created, Expires: c.Expires})
	}
	limited, err := limits(r, u.ID)
	if err != nil {
		return v, err
	}
	v.Limited = limited[u.ID]
	v.LastLogin, err = r.LastLogin(u.ID)
	return v, err
}

// highest is the highest of some roles, without "role:".
func highest(have []directory.Right) string {
	for _, r := range roles() {
		if slices.Contains(have, r) {
			return strings.TrimPrefix(string(r), "role:")
		}
	}
	return ""
}

// findUser reads one person by name.
func findUser(ctx context.Context, d *directory.Directory, by directory.Actor, name string) (u directory.User, err error) {
	err = d.Read(ctx, by, func(r *directory.Reader) (err error) {
		u, err = r.UserByName(directory.Person, name)
		return err
	})
	return u, err
}

func (t *tool) userShow() *cobra.Command {
	return showCommand(t, &cobra.Command{
		Use: "show NAME", Short: "Show a person",
		Example: "  gatehouse user show jane\n  gatehouse user show jane@example.com --json",
	}, func(r *directory.Reader, name string) (userView, error) {
		u, err := r.UserByName(directory.Person, name)
		if err != nil {
			return userView{}, err
		}
		return viewUser(r, u)
	})
}

func (v userView) facts() []fact {
	out := []fact{
		{"username", v.Username},
		{"name", v.display},
		{"status", string(v.Status)},
		{"limited", whys(v.Limited)},
		{"role", v.Role},
		{"emails", strings.Join(v.Emails, ", ")},
		{"groups", strings.Join(v.Groups, ", ")},
	}
	for _, key := range slices.Sorted(maps.Keys(v.Attributes)) {
		out = append(out, fact{key, strings.Join(v.Attributes[key], ", ")})
	}
	var credentials []string
	for _, c := range v.Credentials {
		s := string(c.Kind)
		if c.Label != "" {
			s += " " + c.Label
		}
		credentials = append(credentials, s)
	}
	return append(out, fact{"credentials", strings.Join(credentials, ", ")}, fact{"expires", moment(v.Expires)},
		fact{"uid number", number(v.UIDNumber)}, fact{"source", v.Source}, fact{"last login", moment(v.LastLogin)},
		fact{"uid", v.UID}, fact{"created", moment(v.Created)}, fact{"updated", moment(v.Updated)})
}

func (t *tool) userList() *cobra.Command {
	var f userFilter
	c := listCommand(t, &cobra.Command{
		Use: "list", Short: "List people",
		Example: "  gatehouse user list --group staff\n  gatehouse user list --status disabled --json\n" +
			"  gatehouse user list --limited",
	}, listing[userView]{
		head: "USERNAME NAME EMAIL STATUS ROLE",
		find: f.find,
		row: func(v *userView) []string {
			return []string{v.Username, v.display, strings.Join(v.Emails[:min(1, len(v.Emails))], ""), strings.Trim(string(v.Status)+"; "+whys(v.Limited), "; "), v.Role}
		},
	})
	c.Flags().StringVar(&f.group, "group", "", "only direct members of this `group`")
	c.Flags().StringVar(&f.status, "status", "", "only active, disabled, locked_down or deleted (in the last 30 days)")
	c.Flags().BoolVar(&f.limited, "limited", false, "only whose sign-ins are slowed down now, and why")
	c.Flags().StringVar(&f.role, "role", "", "only with this role")
	return c
}

// userFilter selects people on the command line.
type userFilter struct {
	group, status, role string
	limited             bool
}

func (f *userFilter) find(r *directory.Reader) ([]userView, error) {
	q := directory.UserQuery{}
	switch s := directory.Status(f.status); s {
	case "":
	case directory.Active, directory.Disabled, directory.LockedDown, directory.Deleted:
		q.Statuses = []directory.Status{s}
	default:
		return nil, usagef("--status %q is none of active, disabled, locked_down, deleted", f.status)
	}
	role, err := parseRole(f.role)
	if err != nil {
		return nil, err
	}
	if f.group != "" {
		g, err := r.GroupByName(f.group)
		if err != nil {
			return nil, err
		}
		q.MemberOf = g.ID
	}
	if !f.limited {
		return listUsers(r, q, strings.TrimPrefix(string(role), "role:"), nil)
	}
	limited, err := limits(r, 0)
	if err != nil {
		return nil, err
	}
	q.IDs = slices.AppendSeq([]directory.UserID{}, maps.Keys(limited))
	return listUsers(r, q, strings.TrimPrefix(string(role), "role:"), limited)
}

// listUsers reads people in the order of their names.
func listUsers(r *directory.Reader, q directory.UserQuery, role string, limited map[directory.UserID][]limitView) ([]userView, error) {
	have := map[directory.UserID][]directory.Right{}
	for g, err := range r.Grants(directory.GrantQuery{}) {
		if err != nil {
			return nil, err
		}
		have[g.User] = append(have[g.User], g.Right)
	}
	var users []userView
	for u, err := range r.Users(q) {
		if err != nil {
			return nil, err
		}
		v := listedUser(u, highest(have[u.ID]))
		if v.Limited = limited[u.ID]; role == "" || v.Role == role {
			users = append(users, v)
		}
	}
	slices.SortFunc(users, func(a, b userView) int { return strings.Compare(a.Username, b.Username) })
	return users, nil
}
