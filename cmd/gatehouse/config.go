package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"gatehouse/cmd/internal/core"
	"gatehouse/config"
	"gatehouse/directory"
)

func (t *tool) configCommand() *cobra.Command {
	return t.group(&cobra.Command{Use: "config", Short: "The configuration, gatehouse.yaml"},
		t.configCheck(), t.configDescribe(), t.configRename())
}

func (t *tool) configCheck() *cobra.Command {
	return &cobra.Command{
		Use: "check", Short: "Check the configuration file", Args: arguments(0, 0),
		RunE: func(*cobra.Command, []string) error {
			path := t.configFile
			if path == "" {
				path = config.Find()
			}
			c, err := config.Load(path, t.environ)
			if err != nil {
				return err
			}
			if path == "" {
				path = "there is no gatehouse.yaml; the built-in defaults"
			}
			t.say("%s: fine. Domain %s, public_url %s, data in %s.", path, c.Domain, c.PublicURL, c.DataDir)
			return nil
		},
	}
}

func (t *tool) configDescribe() *cobra.Command {
	return &cobra.Command{
		Use: "describe", Short: "Print every key with its default and what it means", Args: arguments(0, 0),
		RunE: func(*cobra.Command, []string) error { return config.Describe(t.out) },
	}
}

func (t *tool) configRename() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use: "rename", Short: "Take over a changed domain or public_url", Args: arguments(0, 0),
		Long: "The domain and public_url are recorded when a directory is set up, because clients know them;\n" +
			"daemons refuse to start when the configuration says otherwise. This command shows what the new\n" +
			"values change, and with --yes records them.",
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := t.loadConfig()
			if err != nil {
				return err
			}
			return t.rename(c.Context(), cfg, yes)
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do it")
	return c
}

func (t *tool) rename(ctx context.Context, c config.Config, yes bool) error {
	if err := becomeOwner(c); err != nil {
		return err
	}
	options := t.options(c)
	options.Renaming = true
	opened, err := core.Open(ctx, options)
	if err != nil {
		return err
	}
	return errors.Join(t.renameOpened(ctx, opened, yes), opened.Close())
}

func (t *tool) renameOpened(ctx context.Context, opened *core.Core, yes bool) error {
	c := opened.Config
	var domain, publicURL string
	err := opened.Directory.Read(ctx, t.operator(), func(r *directory.Reader) (err error) {
		if domain, _, err = r.Setting(directory.SettingDomain); err != nil {
			return err
		}
		publicURL, _, err = r.Setting(directory.SettingPublicURL)
		return err
	})
	if err != nil {
		return err
	}
	if domain == c.Domain && publicURL == c.PublicURL {
		t.say("The configuration says what is recorded: domain %s, public_url %s.", domain, publicURL)
		return nil
	}
	if domain != c.Domain {
		t.say("domain: %s becomes %s. Every LDAP name ends in %s from then on: change the base and bind DNs of LDAP clients.",
			domain, c.Domain, c.BaseDN())
	}
	if publicURL != c.PublicURL {
		t.say("public_url: %s becomes %s. It is in every token: change the issuer in OpenID Connect clients and the address "+
			"of SCIM sources. Everybody signs in again.", publicURL, c.PublicURL)
	}
	t.say("The server certificate is renewed with the new names when idp, or gatehouse serve, starts.")
	if !yes {
		t.say("Nothing was changed. Do it with: gatehouse config rename --yes")
		return nil
	}
	_, err = opened.Directory.Write(ctx, t.operator(), func(w *directory.Writer) error {
		if err := w.SetSetting(directory.SettingDomain, c.Domain); err != nil {
			return err
		}
		return w.SetSetting(directory.SettingPublicURL, c.PublicURL)
	})
	if err == nil {
		t.say("Recorded. Restart the daemons.")
	}
	return err
}
