package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"gatehouse/cmd/internal/core"
	"gatehouse/config"
	"gatehouse/directory"
	"gatehouse/directory/credential"
)

func (t *tool) initCommand() *cobra.Command {
	var admin, passwordFile, keyFile string
	var join bool
	c := &cobra.Command{
		Use: "init", Short: "Set up this machine: keys, certificate authority, database, first administrator",
		Long: "Sets up this machine: the data directory, the keys, the certificate authority, the database\n" +
			"and the first administrator, whose password is asked for or made and printed once.\n\n" +
			"With --join it prepares a further host for a directory that exists: it installs the keys of\n" +
			"the first host (the files of its key directory in one file) and makes nothing else.",
		Example: "  gatehouse init --admin alice\n" +
			"  gatehouse init --admin alice --admin-password-file ./password\n" +
			"  gatehouse init --join --key-file ./keys",
		Args: arguments(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := t.loadConfig()
			if err != nil {
				return err
			}
			if join != (keyFile != "") {
				return usagef("--join and --key-file belong together")
			}
			if join {
				return t.join(c.Context(), cfg, keyFile)
			}
			return t.init(c.Context(), cfg, admin, passwordFile)
		},
	}
	f := c.Flags()
	f.StringVar(&admin, "admin", "admin", "username of the first administrator")
	f.StringVar(&passwordFile, "admin-password-file", "", "`file` that holds the administrator's password; - is standard input")
	f.BoolVar(&join, "join", false, "use the keys of another host")
	f.StringVar(&keyFile, "key-file", "", "`file` that holds the keys of the other host")
	return c
}

func (t *tool) init(ctx context.Context, c config.Config, admin, passwordFile string) error {
	var given directory.Secret
	var err error
	if passwordFile != "" || t.terminal != nil {
		given, err = t.readSecret("admin-password-file", passwordFile, "Password for "+admin)
		if err != nil {
			return err
		}
	}
	password, err := t.create(ctx, c, admin, given)
	if err != nil {
		return err
	}
	t.say("Set up the directory of %s in %s.", c.Domain, c.DataDir)
	t.say("Keys: %s. A backup is worthless without them: keep a copy somewhere else.", c.KeyRings(""))
	t.say("Certificate authority: %s. Give it to every LDAP, RADIUS and web client.", c.CAFile())
	t.say("Next: gatehouse serve, or start the daemons; then gatehouse doctor.")
	if given != "" {
		t.say("Administrator: %s.", admin)
		return nil
	}
	t.say("Administrator: %s. The password, which is shown once:", admin)
	return t.printSecret(password)
}

// create makes the installation with its first administrator and returns the
// administrator's password, which is made when none is given.
func (t *tool) create(ctx context.Context, c config.Config, admin string, given directory.Secret) (directory.Secret, error) {
	if err := becomeOwner(c); err != nil {
		return "", err
	}
	password := given
	if password == "" {
		var err error
		if password, err = makePassword(); err != nil {
			return "", err
		}
	}
	// There is no directory yet that could hash it.
	encoded, err := credential.DefaultParams().Hash(rand.Reader, password.Reveal())
	if err != nil {
		return "", fmt.Errorf("the administrator's password: %w", err)
	}
	hash, err := directory.ImportedHash(directory.Secret(encoded))
	if err != nil {
		return "", err
	}
	made, err := core.Create(ctx, t.options(c), func(w *directory.Writer) error {
		u, err := w.CreateUser(directory.User{Username: admin})
		if err != nil {
			return err
		}
		if err := w.SetPassword(u.ID, hash); err != nil {
			return err
		}
		return w.Grant(u.ID, directory.RoleOwner, time.Time{})
	})
	if errors.Is(err, core.ErrInitialised) {
		return "", fmt.Errorf("%s: %w; nothing was changed", c.DataDir, err)
	}
	if err != nil {
		return "", err
	}
	return password, made.Close()
}
