package main

import (
	"github.com/spf13/cobra"

	"gatehouse/cmd/internal/core"
	"gatehouse/directory"
	"gatehouse/directory/credential"
)

func (t *tool) totpCommand() *cobra.Command {
	kinds := []directory.CredentialKind{directory.CredentialTOTP}
	return t.group(&cobra.Command{
		Use: "totp", Short: "Authenticator apps, which make one-time codes",
		Long: "Authenticator apps (TOTP): a code beside the password, where an app, a policy or the setting\n" +
			"require_mfa asks for one. At LDAP and RADIUS it is typed behind the password: secret;123456.",
	},
		t.totpCreate(),
		t.heldList(&cobra.Command{Use: "list USER", Short: "List a person's authenticators"}, kinds, "ID LABEL CREATED USED",
			func(v *heldView) []string { return []string{v.ID, v.Label, moment(v.Created), moment(v.LastUsed)} }),
		t.heldRemove(&cobra.Command{
			Use: "delete USER ID", Short: "Delete an authenticator",
			Example: "  gatehouse totp list alice\n  gatehouse totp delete alice ID",
		}, kinds, "authenticator", "Deleted the authenticator of %s with id %s."),
	)
}

func (t *tool) totpCreate() *cobra.Command {
	var label string
	c := &cobra.Command{
		Use: "create USER", Short: "Make an authenticator and print its otpauth address", Args: arguments(1, 1),
		Long: "Makes an authenticator for a person and prints the otpauth:// address that authenticator apps\n" +
			"read, as text or from a QR code. It is shown once.",
		Example: "  gatehouse totp create alice | qrencode -t ansiutf8",
		RunE: func(c *cobra.Command, args []string) error {
			return t.withCore(c.Context(), func(opened *core.Core) error {
				var made credential.TOTP
				var u directory.User
				_, err := opened.Directory.Write(c.Context(), t.operator(), func(w *directory.Writer) (err error) {
					if u, err = w.UserByName(directory.Person, args[0]); err != nil {
						return err
					}
					made, _, err = w.AddTOTP(u.ID, label)
					return err
				})
				if err != nil {
					return err
				}
				t.say("Added an authenticator for %s. Its address, which is shown once:", u.Username)
				return t.printSecret(directory.Secret(made.URI(opened.Config.Domain, u.Username)))
			})
		},
	}
	c.Flags().StringVar(&label, "label", "", "what the device is called")
	return c
}

func (t *tool) recoveryCodesCommand() *cobra.Command {
	kinds := []directory.CredentialKind{directory.CredentialRecoveryCode}
	return t.group(&cobra.Command{
		Use: "recovery-codes", Short: "Codes that stand for a lost second factor",
	}, &cobra.Command{
		Use: "create USER", Short: "Make ten recovery codes and print them", Args: arguments(1, 1),
		Long: "Makes ten codes, one a line, in place of those that the person had. Each is good for one\n" +
			"sign-in on the web beside the password. They are shown once.",
		RunE: func(c *cobra.Command, args []string) error {
			var codes []directory.Secret
			err := t.write(c, func(w *directory.Writer) error {
				u, err := w.UserByName(directory.Person, args[0])
				if err != nil {
					return err
				}
				codes, err = w.AddRecoveryCodes(u.ID)
				return err
			})
			if err != nil {
				return err
			}
			t.say("The recovery codes of %s, which are shown once:", args[0])
			for _, code := range codes {
				if err := t.printSecret(code); err != nil {
					return err
				}
			}
			return nil
		},
	},
		t.heldList(&cobra.Command{Use: "list USER", Short: "List the recovery codes that a person has left, without their values"},
			kinds, "ID CREATED", func(v *heldView) []string { return []string{v.ID, moment(v.Created)} }))
}
