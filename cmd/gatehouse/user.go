package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gatehouse/cmd/internal/core"
	"gatehouse/directory"
)

func (t *tool) userCommand() *cobra.Command {
	return t.group(&cobra.Command{Use: "user", Short: "People"},
		t.userAdd(), t.userShow(), t.userList(), t.userEdit(), t.userSetPassword(),
		t.userDisable(), t.userEnable(), t.userLockdown(), t.userUnlock(), t.userDelete(), t.userUndelete())
}

// profileFlags are the properties of a person on the command line.
type profileFlags struct {
	givenName, familyName, displayName string
	emails, attributes                 []string
	role, expires                      string
	breakGlass                         bool
}

func (p *profileFlags) register(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&p.givenName, "given-name", "", "given name")
	f.StringVar(&p.familyName, "family-name", "", "family name")
	f.StringVar(&p.displayName, "display-name", "", "name as it is shown")
	f.StringArrayVar(&p.emails, "email", nil, "`address`; the first is the primary one; may be repeated")
	f.StringArrayVar(&p.attributes, "attribute", nil, "`KEY=VALUE`; repeated for several values; KEY= removes")
	f.StringVar(&p.role, "role", "", "owner, admin, helpdesk, auditor or none")
	f.BoolVar(&p.breakGlass, "break-glass", false, "the owner for emergencies: enters by the web only, with two factors, whatever policies\nsay; every use raises an alarm, and only this command changes the account")
	f.StringVar(&p.expires, "expires", "", "`time` from which the person is refused; or never")
}

// change is the profile flags, checked.
type change struct {
	attributes directory.Attributes // no values: remove
	emails     []directory.Email    // nil: unchanged
	expires    *time.Time
	role       *directory.Right // empty: none
	breakGlass *bool
}

// parse checks the flags that were given.
func (p *profileFlags) parse(t *tool, c *cobra.Command) (change, error) {
	var out change
	var err error
	if out.attributes, err = parseAttributes(p.attributes); err != nil {
		return out, err
	}
	for flag, key := range map[string]string{"given-name": "givenName", "family-name": "familyName", "display-name": "displayName"} {
		if c.Flags().Changed(flag) {
			value, err := c.Flags().GetString(flag)
			if err != nil {
				return out, err
			}
			out.attributes[key] = []string{value}
		}
	}
	if c.Flags().Changed("email") {
		out.emails = []directory.Email{}
		for _, address := range p.emails {
			if address != "" {
				out.emails = append(out.emails, directory.Email{Address: address, Verified: true, Primary: len(out.emails) == 0})
			}
		}
	}
	if c.Flags().Changed("expires") {
		var at time.Time
		if p.expires != "never" {
			if at, err = t.parseTime("expires", p.expires); err != nil {
				return out, err
			}
		}
		out.expires = &at
	}
	if c.Flags().Changed("role") {
		role, err := parseRole(p.role)
		if err != nil {
			return out, err
		}
		out.role = &role
	}
	return out, p.parseBreakGlass(c, &out)
}

// parseBreakGlass makes who is for emergencies an owner.
func (p *profileFlags) parseBreakGlass(c *cobra.Command, out *change) error {
	if !c.Flags().Changed("break-glass") {
		return nil
	}
	out.breakGlass = &p.breakGlass
	if !p.breakGlass {
		return nil
	}
	owner := directory.RoleOwner
	if out.role != nil && *out.role != owner {
		return usagef("a break-glass account is an owner; --role %s does not go with it", p.role)
	}
	out.role = &owner
	return nil
}

// rights writes the role and the mark of the account for emergencies.
func (c *change) rights(w *directory.Writer, id directory.UserID) error {
	if c.breakGlass != nil && !*c.breakGlass {
		if err := w.Revoke(id, directory.BreakGlass); err != nil {
			return err
		}
	}
	if c.role != nil {
		if err := setRole(w, id, *c.role); err != nil {
			return err
		}
	}
	if c.breakGlass == nil || !*c.breakGlass {
		return nil
	}
	return w.Grant(id, directory.BreakGlass, time.Time{})
}

// parseAttributes reads KEY=VALUE pairs; a KEY= alone stands for no values.
func parseAttributes(pairs []string) (directory.Attributes, error) {
	out := directory.Attributes{}
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, usagef("--attribute %q is not KEY=VALUE", pair)
		}
		if value == "" {
			out[key] = append(out[key], []string{}...) // stays nil, and is there
			continue
		}
		out[key] = append(out[key], value)
	}
	return out, nil
}

func parseRole(s string) (directory.Right, error) {
	if s == "none" || s == "" {
		return "", nil
	}
	role := directory.Right("role:" + s)
	for _, known := range roles() {
		if role == known {
			return role, nil
		}
	}
	return "", usagef("--role %q is none of owner, admin, helpdesk, auditor, none", s)
}

// roles are the roles of people, highest first.
func roles() []directory.Right {
	return []directory.Right{directory.RoleOwner, directory.RoleAdmin, directory.RoleHelpdesk, directory.RoleAuditor}
}

// apply writes the change into u.
func (c *change) apply(u *directory.User) {
	for key, values := range c.attributes {
		delete(u.Attrs, key)
		u.Profile.Set(key, values...)
	}
	if c.emails != nil {
		u.Emails = c.emails
	}
	if c.expires != nil {
		u.Expires = *c.expires
	}
}

// setRole makes role the only one that the user has; empty: none.
func setRole(w *directory.Writer, id directory.UserID, role directory.Right) error {
	have, err := rightsOf(w.Reader, id)
	if err != nil {
		return err
	}
	for _, r := range have {
		if r == role || !r.IsRole() {
			continue
		}
		if err := w.Revoke(id, r); err != nil {
			return err
		}
	}
	if role == "" || slices.Contains(have, role) {
		return nil
	}
	return w.Grant(id, role, time.Time{})
}

func rightsOf(r *directory.Reader, id directory.UserID) ([]directory.Right, error) {
	var out []directory.Right
	for g, err := range r.Grants(directory.GrantQuery{Users: []directory.UserID{id}}) {
		if err != nil {
			return nil, err
		}
		out = append(out, g.Right)
	}
	return out, nil
}

func (t *tool) userAdd() *cobra.Command {
	var profile profileFlags
	var passwordFile string
	var disabled bool
	c := t.jsonFlag(&cobra.Command{
		Use: "add NAME", Short: "Add a person", Args: arguments(1, 1),
		Example: "  gatehouse user add jane --given-name Jane --family-name Doe --email jane@example.com\n" +
			"  gatehouse user add root-admin --role owner --password-file ./password\n" +
			"  gatehouse user add emergency --break-glass --password-file ./sealed-envelope",
		RunE: func(c *cobra.Command, args []string) error {
			set, err := profile.parse(t, c)
			if err != nil {
				return err
			}
			var password directory.Secret
			if passwordFile != "" {
				if password, err = t.readSecret("password-file", passwordFile, ""); err != nil {
					return err
				}
			}
			return t.addUser(c, args[0], set, disabled, password)
		},
	})
	profile.register(c)
	c.Flags().StringVar(&passwordFile, "password-file", "", "`file` that holds the password; - is standard input")
	c.Flags().BoolVar(&disabled, "disabled", false, "refused everywhere until enabled")
	return c
}

func (t *tool) addUser(c *cobra.Command, name string, set change, disabled bool, password directory.Secret) error {
	return t.withCore(c.Context(), func(opened *core.Core) error {
		ctx, d := c.Context(), opened.Directory
		hash, err := t.hash(ctx, d, password)
		if err != nil {
			return err
		}
		var view userView
		_, err = d.Write(ctx, t.operator(), func(w *directory.Writer) error {
			u := directory.User{Username: name, Profile: directory.Attributes{}}
			if disabled {
				u.Status = directory.Disabled
			}
			set.apply(&u)
			u, err := w.CreateUser(u)
			if err != nil {
				return err
			}
			if hash != nil {
				if err := w.SetPassword(u.ID, *hash); err != nil {
					return err
				}
			}
			if err := set.rights(w, u.ID); err != nil {
				return err
			}
			view, err = viewUser(w.Reader, u)
			return err
		})
		if err != nil {
			return err
		}
		if hash == nil {
			return t.changedUser(view, "Added %s, who has no password yet: gatehouse user set-password %[1]s", view.Username)
		}
		return t.changedUser(view, "Added %s.", view.Username)
	})
}

// changedUser says what was done, and shows the person when JSON is wanted.
func (t *tool) changedUser(v userView, format string, args ...any) error {
	t.say(format, args...)
	if !t.json {
		return nil
	}
	return t.printJSON(v)
}

// person is a transaction that changes the person of that name.
func person(name string, fn func(*directory.Writer, directory.User) error) func(*directory.Writer) error {
	return func(w *directory.Writer) error {
		u, err := w.UserByName(directory.Person, name)
		if err != nil {
			return err
		}
		return fn(w, u)
	}
}

func (t *tool) userEdit() *cobra.Command {
	var profile profileFlags
	var username string
	c := t.jsonFlag(&cobra.Command{
		Use: "edit NAME", Short: "Change a person; what is not given stays", Args: arguments(1, 1),
		Example: "  gatehouse user edit jane --family-name Miller --attribute title=Engineer\n" +
			"  gatehouse user edit jane --username jmiller\n" +
			"  gatehouse user edit jane --role none --expires 2027-01-31",
		RunE: func(c *cobra.Command, args []string) error {
			set, err := profile.parse(t, c)
			if err != nil {
				return err
			}
			if c.Flags().NFlag() == 0 || c.Flags().Changed("username") && username == "" {
				return usagef("nothing to change; see %s --help", c.CommandPath())
			}
			var view userView
			err = t.write(c, person(args[0], func(w *directory.Writer, u directory.User) error {
				u, err := w.UpdateUser(u.ID, func(u *directory.User) error {
					if username != "" {
						u.Username = username
					}
					set.apply(u)
					return nil
				})
				if err != nil {
					return err
				}
				if err := set.rights(w, u.ID); err != nil {
					return err
				}
				view, err = viewUser(w.Reader, u)
				return err
			}))
			if err != nil {
				return err
			}
			return t.changedUser(view, "Changed %s.", view.Username)
		},
	})
	profile.register(c)
	c.Flags().StringVar(&username, "username", "", "the new username; the old one is held for 180 days")
	return c
}

func (t *tool) userSetPassword() *cobra.Command {
	var file string
	var generate, mustChange bool
	c := &cobra.Command{
		Use: "set-password NAME", Short: "Give a person a new password", Args: arguments(1, 1),
		Long: "Gives a person a new password, from --password-file, by a prompt, or as the first line of\n" +
			"standard input. Sessions that are open end.\n" +
			"With --must-change the password opens nothing until the person has changed it, which\n" +
			"can be done over LDAP: by signing in on a machine with sssd, or with ldappasswd.",
		Example: "  gatehouse user set-password jane\n" +
			"  gatehouse user set-password jane --generate --must-change",
		RunE: func(c *cobra.Command, args []string) error {
			password, err := t.newPassword(args[0], file, generate)
			if err != nil {
				return err
			}
			err = t.writePassword(c, args[0], password, nil, func(w *directory.Writer, u directory.User) error {
				if mustChange {
					return w.RequirePasswordChange(u.ID)
				}
				return nil
			})
			if err != nil {
				return err
			}
			t.say("Changed the password of %s.", args[0])
			if generate {
				return t.printSecret(password)
			}
			return nil
		},
	}
	passwordFlags(c, &file, &generate)
	c.Flags().BoolVar(&mustChange, "must-change", false, "it opens nothing until the person has changed it")
	return c
}

func passwordFlags(c *cobra.Command, file *string, generate *bool) {
	c.Flags().StringVar(file, "password-file", "", "`file` that holds the password; - is standard input")
	c.Flags().BoolVar(generate, "generate", false, "make a password and print it")
}

func (t *tool) newPassword(who, file string, generate bool) (directory.Secret, error) {
	switch {
	case generate && file != "":
		return "", usagef("--generate and --password-file exclude each other")
	case generate:
		return makePassword()
	}
	return t.readSecret("password-file", file, fmt.Sprintf("New password for %s", who))
}

// writePassword gives a person a password. before and after, which may be nil,
// run in the same transaction.
func (t *tool) writePassword(c *cobra.Command, name string, password directory.Secret, before, after func(*directory.Writer, directory.User) error) error {
	return t.withCore(c.Context(), func(opened *core.Core) error {
		hash, err := opened.Directory.HashPassword(c.Context(), password)
		if err != nil {
			return err
		}
		_, err = opened.Directory.Write(c.Context(), t.operator(), person(name, func(w *directory.Writer, u directory.User) error {
			steps := []func(*directory.Writer, directory.User) error{
				before, func(w *directory.Writer, u directory.User) error { return w.SetPassword(u.ID, hash) }, after,
			}
			for _, step := range steps {
				if step == nil {
					continue
				}
				if err := step(w, u); err != nil {
					return err
				}
			}
			return nil
		}))
		return err
	})
}
