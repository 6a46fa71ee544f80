package main

import (
	"github.com/spf13/cobra"

	"gatehouse/directory"
)

func (t *tool) networkPasswordCommand() *cobra.Command {
	kinds := []directory.CredentialKind{directory.CredentialNetworkPassword, directory.CredentialSambaPassword}
	return t.group(&cobra.Command{
		Use: "network-password", Short: "Passwords that people type into devices for Wi-Fi and VPN",
		Long: "Network passwords: made by us, one for each device. They open the network (RADIUS) and nothing\n" +
			"else, and are what PEAP and MS-CHAPv2 need. --kind samba makes the one password of a person\n" +
			"whose NT hash a Samba server may read; it opens no door of ours.",
	},
		t.networkPasswordCreate(),
		t.heldList(&cobra.Command{Use: "list USER", Short: "List a person's network passwords"}, kinds, "ID KIND LABEL CREATED USED EXPIRES",
			func(v *heldView) []string {
				return []string{v.ID, v.Kind, v.Label, moment(v.Created), moment(v.LastUsed), moment(v.Expires)}
			}),
		t.heldRemove(&cobra.Command{
			Use: "revoke USER ID", Short: "Revoke a network password",
			Long: "Revokes a network password by the id that the list shows, from the next sign-in or resumption on.",
		}, kinds, "network password", "Revoked the network password of %s with id %s."),
	)
}

func (t *tool) networkPasswordCreate() *cobra.Command {
	var label, kind, expires string
	c := &cobra.Command{
		Use: "create USER", Short: "Make a network password and print it", Args: arguments(1, 1),
		Example: "  gatehouse network-password create alice --label phone\n" +
			"  gatehouse network-password create alice --label guest --expires 8h",
		RunE: func(c *cobra.Command, args []string) error {
			n := directory.NewNetworkPassword{Label: label, Kind: directory.CredentialNetworkPassword}
			switch {
			case label == "":
				return usagef("which device is it for? use --label")
			case kind == "samba":
				n.Kind = directory.CredentialSambaPassword
			case kind != "network":
				return usagef("--kind %q is neither network nor samba", kind)
			}
			var err error
			if n.Expires, err = t.parseTime("expires", expires); err != nil {
				return err
			}
			return t.createSecret(c, args[0], "Added a network password for %s. It is shown once:", func(w *directory.Writer, u directory.User) (directory.Secret, error) {
				n.User = u.ID
				made, _, err := w.AddNetworkPassword(n)
				return made, err
			})
		},
	}
	f := c.Flags()
	f.StringVar(&label, "label", "", "what the device is called")
	f.StringVar(&kind, "kind", "network", "network, or samba: replaces the person's Samba password")
	f.StringVar(&expires, "expires", "", "`time`, date or duration after which it opens nothing")
	return c
}
