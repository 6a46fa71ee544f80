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
	Attributes  directory.Attributes `json:"attributes,omitempty"`
	Status      directory.Status     `json:"status"`
	Groups      []string             `json:"groups,omitempty"`
	Credentials []credentialView     `json:"credentials,omitempty"`
	UIDNumber   int64                `json:"uid_number,omitempty"`
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
func (t *tool) viewUser(r *directory.Reader, u directory.User) (userView, error) {
	have, err := rolesOf(r, u.ID)
	if err != nil {
		return userView{}, err
	}
	v := listedUser(u, highest(have))
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
		if c.Kind != directory.CredentialPreviousPassword {
			v.Credentials = append(v.Credentials, credentialView{Kind: c.Kind, Label: c.Label, Created: c.Created, Expires: c.Expires})
		}
	}
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
	return t.jsonFlag(&cobra.Command{
		Use: "show NAME", Short: "Show a person", Args: arguments(1, 1),
		Example: "  gatehouse user show jane\n  gatehouse user show jane@example.com --json",
		RunE: func(c *cobra.Command, args []string) error {
			var v userView
			err := t.read(c, func(r *directory.Reader) error {
				u, err := r.UserByName(directory.Person, args[0])
				if err != nil {
					return err
				}
				v, err = t.viewUser(r, u)
				return err
			})
			if err != nil {
				return err
			}
			if t.json {
				return t.printJSON(v)
			}
			return t.facts(v.facts()...)
		},
	})
}

func (v *userView) facts() []fact {
	out := []fact{
		{"username", v.Username}, {"name", v.display}, {"status", string(v.Status)}, {"role", v.Role},
		{"emails", strings.Join(v.Emails, ", ")}, {"groups", strings.Join(v.Groups, ", ")},
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
	var group, status, role string
	c := t.jsonFlag(&cobra.Command{
		Use: "list", Short: "List people", Args: arguments(0, 0),
		Example: "  gatehouse user list --group staff\n  gatehouse user list --status disabled --json",
		RunE: func(c *cobra.Command, _ []string) error {
			q := directory.UserQuery{}
			switch s := directory.Status(status); s {
			case "":
			case directory.Active, directory.Disabled, directory.LockedDown:
				q.Statuses = []directory.Status{s}
			case directory.Deleted:
				return usagef("deleted people are not listed")
			default:
				return usagef("--status %q is none of active, disabled, locked_down", status)
			}
			wanted, err := parseRole(role)
			if err != nil {
				return err
			}
			var users []userView
			err = t.read(c, func(r *directory.Reader) error {
				if group != "" {
					g, err := r.GroupByName(group)
					if err != nil {
						return err
					}
					q.MemberOf = g.ID
				}
				users, err = listUsers(r, q, strings.TrimPrefix(string(wanted), "role:"))
				return err
			})
			if err != nil {
				return err
			}
			return t.printUsers(users)
		},
	})
	c.Flags().StringVar(&group, "group", "", "only direct members of this `group`")
	c.Flags().StringVar(&status, "status", "", "only active, disabled or locked_down")
	c.Flags().StringVar(&role, "role", "", "only with this role")
	return c
}

// listUsers reads people in the order of their names.
func listUsers(r *directory.Reader, q directory.UserQuery, role string) ([]userView, error) {
	have := map[directory.UserID][]directory.Right{}
	for g, err := range r.Grants(directory.GrantQuery{}) {
		if err != nil {
			return nil, err
		}
		have[g.User] = append(have[g.User], g.Right)
	}
	users := []userView{}
	for u, err := range r.Users(q) {
		if err != nil {
			return nil, err
		}
		if v := listedUser(u, highest(have[u.ID])); role == "" || v.Role == role {
			users = append(users, v)
		}
	}
	slices.SortFunc(users, func(a, b userView) int { return strings.Compare(a.Username, b.Username) })
	return users, nil
}

func (t *tool) printUsers(users []userView) error {
	if t.json {
		return t.printJSON(users)
	}
	rows := make([][]string, len(users))
	for i, u := range users {
		email := ""
		if len(u.Emails) > 0 {
			email = u.Emails[0]
		}
		rows[i] = []string{u.Username, u.display, email, string(u.Status), u.Role}
	}
	return t.table("USERNAME NAME EMAIL STATUS ROLE", rows)
}
