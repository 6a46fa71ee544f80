package main

import (
	"github.com/spf13/cobra"

	"gatehouse/directory"
)

func (t *tool) appPasswordCommand() *cobra.Command {
	kinds := []directory.CredentialKind{directory.CredentialAppPassword}
	return t.group(&cobra.Command{
		Use: "app-password", Short: "Passwords that open one app, for programs that keep them",
		Long: "App passwords: made by us, for one app or protocol and one device. They open nothing else, never\n" +
			"the web, and who enters by one can change nothing. Whether one counts as a second factor\n" +
			"is said by the app (app_passwords: counts-as-factor).",
	},
		t.appPasswordCreate(),
		t.heldList(&cobra.Command{Use: "list USER", Short: "List a person's app passwords"}, kinds, "ID LABEL APP PROTOCOL CREATED USED EXPIRES",
			func(v *heldView) []string {
				return []string{v.ID, v.Label, v.App, string(v.Protocol), moment(v.Created), moment(v.LastUsed), moment(v.Expires)}
			}),
		t.heldRemove(&cobra.Command{
			Use: "revoke USER ID", Short: "Revoke an app password; connections that it opened end",
			Long: "Revokes an app password by the id that the list shows; the password itself begins with gh_ID_.",
		}, kinds, "app password", "Revoked the app password of %s with id %s."),
	)
}

func (t *tool) appPasswordCreate() *cobra.Command {
	var app, label, protocol, expires string
	c := &cobra.Command{
		Use: "create USER", Short: "Make an app password and print it", Args: arguments(1, 1),
		Example: "  gatehouse app-password create alice --app mail --label \"Alice's phone\"\n" +
			"  gatehouse app-password create alice --app mail --protocol ldap --label backup --expires 2027-01-31",
		RunE: func(c *cobra.Command, args []string) error {
			if label == "" {
				return usagef("which device is it for? use --label")
			}
			if app == "" && protocol == "" {
				return usagef("which app is it for? use --app, or --protocol for every app of one")
			}
			until, err := t.parseTime("expires", expires)
			if err != nil {
				return err
			}
			n := directory.NewGenerated{
				Kind: directory.CredentialAppPassword, Label: label, Protocol: directory.Protocol(protocol), Expires: until,
			}
			return t.createSecret(c, args[0], "Added an app password for %s. It is shown once:", func(w *directory.Writer, u directory.User) (directory.Secret, error) {
				n.User = u.ID
				if app != "" {
					a, err := w.AppBySlug(app)
					if err != nil {
						return "", err
					}
					n.App = a.ID
				}
				made, _, err := w.AddGenerated(n)
				return made, err
			})
		},
	}
	f := c.Flags()
	f.StringVar(&app, "app", "", "the app's `slug`")
	f.StringVar(&label, "label", "", "what the device or program is called")
	f.StringVar(&protocol, "protocol", "", "only by this protocol: ldap or radius")
	f.StringVar(&expires, "expires", "", "`time`, date or duration after which it opens nothing")
	return c
}
