package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gatehouse/cmd/internal/core"
	"gatehouse/directory"
)

func (t *tool) serviceAccountCommand() *cobra.Command {
	return t.group(&cobra.Command{
		Use: "service-account", Short: "Accounts of programs",
		Long: "Accounts of programs: cn=NAME,ou=services,… in LDAP. They never sign in on the web and may do\n" +
			"what their grants say.",
	}, t.serviceAccountAdd(), t.serviceAccountList(), t.serviceAccountShow(), t.serviceAccountDelete())
}

// serviceAccountView is a service account as JSON: the keys of site.yaml and
// what the directory adds.
type serviceAccountView struct {
	Name     string            `json:"name"`
	Grants   []directory.Right `json:"grants"`
	Networks []string          `json:"networks,omitempty"`
	Profile  string            `json:"ldap_profile,omitempty"`
	Status   directory.Status  `json:"status"`
	Source   string            `json:"source"`
	UID      string            `json:"uid"`
	Created  time.Time         `json:"created"`
	Updated  time.Time         `json:"updated"`
}

func viewServiceAccount(r *directory.Reader, u directory.User) (serviceAccountView, error) {
	v := serviceAccountView{
		Name: u.Username, Grants: []directory.Right{}, Networks: u.Networks, Status: u.Status, Source: u.Source,
		UID: u.UID, Created: u.Created, Updated: u.Updated, Profile: u.Attrs.First(directory.AttrLDAPProfile),
	}
	for g, err := range r.Grants(directory.GrantQuery{Users: []directory.UserID{u.ID}}) {
		if err != nil {
			return v, err
		}
		v.Grants = append(v.Grants, g.Right)
	}
	return v, nil
}

func (v serviceAccountView) grants() string {
	out := make([]string, len(v.Grants))
	for i, g := range v.Grants {
		out[i] = string(g)
	}
	return strings.Join(out, ",")
}

func (t *tool) serviceAccountAdd() *cobra.Command {
	var grants, networks []string
	var file, profile string
	c := &cobra.Command{
		Use: "add NAME", Short: "Add a service account and print its password", Args: arguments(1, 1),
		Long: "Adds a service account. Its password is made and printed, unless --password-file gives one.\n" +
			"Grants: read:directory, read:app:SLUG, read:samba, write:password, write:attributes,\n" +
			"write:members, write:entries, sync, api:read, api:write.",
		Example: "  gatehouse service-account add nextcloud --grant read:directory --network 10.0.5.0/24",
		RunE: func(c *cobra.Command, args []string) error {
			var given directory.Secret
			if file != "" {
				var err error
				if given, err = t.readSecret("password-file", file, ""); err != nil {
					return err
				}
			}
			account := directory.User{Kind: directory.ServiceAccount, Username: args[0], Networks: networks, Attrs: directory.Attributes{}}
			account.Attrs.Set(directory.AttrLDAPProfile, profile)
			return t.addServiceAccount(c, account, grants, given)
		},
	}
	f := c.Flags()
	f.StringArrayVar(&grants, "grant", nil, "what it may do; may be repeated")
	f.StringArrayVar(&networks, "network", nil, "`network` it may come from; may be repeated")
	f.StringVar(&file, "password-file", "", "`file` that holds the password; - is standard input")
	f.StringVar(&profile, "ldap-profile", "", "how LDAP entries look to it: rfc2307bis, rfc2307, vcenter, ad-lite, samba")
	return c
}

func (t *tool) addServiceAccount(c *cobra.Command, account directory.User, grants []string, given directory.Secret) error {
	return t.withCore(c.Context(), func(opened *core.Core) error {
		ctx, d := c.Context(), opened.Directory
		hash, err := t.hash(ctx, d, given)
		if err != nil {
			return err
		}
		var made directory.Secret
		_, err = d.Write(ctx, t.operator(), func(w *directory.Writer) error {
			u, err := w.CreateUser(account)
			if err != nil {
				return err
			}
			for _, g := range grants {
				if err := w.Grant(u.ID, directory.Right(g), time.Time{}); err != nil {
					return err
				}
			}
			if hash != nil {
				return w.SetPassword(u.ID, *hash)
			}
			made, _, err = w.AddGenerated(directory.NewGenerated{User: u.ID, Kind: directory.CredentialServicePassword})
			return err
		})
		if err != nil {
			return err
		}
		t.say("Added service account %s: cn=%s,ou=services,%s", account.Username, account.Username, opened.Config.BaseDN())
		if hash != nil {
			return nil
		}
		t.say("Its password, which is shown once:")
		return t.printSecret(made)
	})
}

func (t *tool) serviceAccountList() *cobra.Command {
	return listCommand(t, &cobra.Command{Use: "list", Short: "List service accounts"}, listing[serviceAccountView]{
		head: "NAME GRANTS NETWORKS STATUS",
		find: func(r *directory.Reader) ([]serviceAccountView, error) {
			q := directory.UserQuery{Kind: directory.ServiceAccount, Sort: directory.SortUsername}
			return collect(r.Users(q), func(u directory.User) (serviceAccountView, error) { return viewServiceAccount(r, u) })
		},
		row: func(v *serviceAccountView) []string {
			return []string{v.Name, v.grants(), strings.Join(v.Networks, ","), string(v.Status)}
		},
	})
}

func (t *tool) serviceAccountShow() *cobra.Command {
	return showCommand(t, &cobra.Command{
		Use: "show NAME", Short: "Show a service account",
	}, func(r *directory.Reader, name string) (serviceAccountView, error) {
		u, err := r.UserByName(directory.ServiceAccount, name)
		if err != nil {
			return serviceAccountView{}, err
		}
		return viewServiceAccount(r, u)
	})
}

func (v serviceAccountView) facts() []fact {
	return []fact{
		{"name", v.Name},
		{"grants", v.grants()},
		{"networks", strings.Join(v.Networks, ", ")},
		{"status", string(v.Status)},
		{"source", v.Source},
		{"uid", v.UID},
		{"created", moment(v.Created)},
		{"updated", moment(v.Updated)},
	}
}

func (t *tool) serviceAccountDelete() *cobra.Command {
	return t.deleteCommand(&cobra.Command{
		Use: "delete NAME", Short: "Delete a service account",
	}, "Deleted service account %s.", func(w *directory.Writer, name string) error {
		u, err := w.UserByName(directory.ServiceAccount, name)
		if err != nil {
			return err
		}
		return w.DeleteUser(u.ID)
	})
}
