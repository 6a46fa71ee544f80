package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"gatehouse/cmd/internal/core"
	"gatehouse/cmd/internal/process"
	"gatehouse/cmd/internal/serve"
	"gatehouse/config"
	"gatehouse/directory"
	"gatehouse/directory/sqlstore"
	"gatehouse/internal/daemon"
)

// initialAdmin is the first administrator of a directory that serve makes.
const initialAdmin = "admin"

func (t *tool) serveCommand() *cobra.Command {
	var dataDir string
	c := &cobra.Command{
		Use: "serve", Short: "Run all four daemons in this process",
		Long: "Runs the LDAP, RADIUS, SCIM and sign-in servers in this process until it gets SIGTERM or\n" +
			"SIGINT; SIGHUP reads the certificate again. An empty data directory is set up first: the\n" +
			"administrator's password goes to the terminal, or to the file initial-admin in the data\n" +
			"directory, which the first sign-in removes.",
		Example: "  gatehouse serve\n  gatehouse serve --data-dir ./trying-out",
		Args:    arguments(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := t.loadConfig()
			if err != nil {
				return err
			}
			if dataDir != "" {
				if cfg.DataDir, err = filepath.Abs(dataDir); err != nil {
					return fmt.Errorf("--data-dir: %w", err)
				}
			}
			return t.serve(c.Context(), cfg)
		},
	}
	c.Flags().StringVar(&dataDir, "data-dir", "", "`directory` in the place of data_dir")
	return c
}

func (t *tool) serve(ctx context.Context, c config.Config) error {
	if err := becomeOwner(c); err != nil {
		return err
	}
	if err := t.prepare(ctx, c); err != nil {
		return err
	}
	log, err := daemon.NewLogger(t.errs, c.Log.Level, c.Log.Format)
	if err != nil {
		return err
	}
	o := process.Options{Config: c, Getenv: t.getenv, Log: log, Now: t.now}
	return serve.Run(ctx, o, forgetInitialAdmin(c, log))
}

// prepare sets up an empty directory. A packaged installation is set up by hand.
func (t *tool) prepare(ctx context.Context, c config.Config) error {
	if c.IsPackaged() {
		return nil
	}
	store, err := core.StoreConfig(t.options(c))
	if err != nil {
		return err
	}
	empty, err := sqlstore.Empty(ctx, store)
	if err != nil {
		return fmt.Errorf("look into the store: %w", err)
	}
	if !empty {
		return nil
	}
	return t.setUp(ctx, c)
}

// setUp is init without anybody to ask.
func (t *tool) setUp(ctx context.Context, c config.Config) error {
	password, err := t.create(ctx, c, initialAdmin, "")
	if err != nil {
		return err
	}
	t.say("Set up the directory of %s in %s. Keep a copy of %s somewhere else.", c.Domain, c.DataDir, c.KeyRings(""))
	if t.terminal != nil {
		t.say("Sign in at %s as %s with the password %s, which is shown once.", c.PublicURL, initialAdmin, password.Reveal())
		return nil
	}
	if err := writeInitialAdmin(c, password); err != nil {
		return err
	}
	t.say("Sign in at %s as %s; the password is in %s until then.", c.PublicURL, initialAdmin, initialAdminFile(c))
	return nil
}

func initialAdminFile(c config.Config) string { return filepath.Join(c.DataDir, "initial-admin") }

func writeInitialAdmin(c config.Config, password directory.Secret) error {
	f, err := os.OpenFile(initialAdminFile(c), os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("write the administrator's password: %w", err)
	}
	_, err = fmt.Fprintf(f, "username: %s\npassword: %s\n", initialAdmin, password.Reveal())
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write the administrator's password: %w", err)
	}
	return nil
}

// forgetInitialAdmin returns what removes the file with the first password when
// its owner has signed in; nil when there is no file.
func forgetInitialAdmin(c config.Config, log *slog.Logger) func(username string) {
	text, err := os.ReadFile(initialAdminFile(c))
	if err != nil {
		return nil
	}
	line, _, _ := strings.Cut(string(text), "\n")
	admin := strings.TrimPrefix(line, "username: ")
	return func(username string) {
		if username != admin {
			return
		}
		if err := os.Remove(initialAdminFile(c)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			log.Error("the file with the first administrator's password was not removed", "err", err)
		}
	}
}
