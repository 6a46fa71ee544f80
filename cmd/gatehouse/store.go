package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"gatehouse/cmd/internal/core"
	"gatehouse/config"
	"gatehouse/directory"
)

// loadConfig reads the configuration that the command line names.
func (t *tool) loadConfig() (config.Config, error) {
	path := t.configFile
	if path == "" {
		path = config.Find()
	}
	return config.Load(path, t.environ)
}

// options say how the command line opens an installation.
func (t *tool) options(c config.Config) core.Options {
	return core.Options{
		Config: c, Daemon: core.CLI, Getenv: t.getenv, Now: t.now,
		Log: slog.New(slog.NewTextHandler(t.errs, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
}

// withCore opens the installation for fn, as an account that leaves no file
// behind which the daemons could not use.
func (t *tool) withCore(ctx context.Context, fn func(*core.Core) error) error {
	c, err := t.loadConfig()
	if err != nil {
		return err
	}
	return t.withConfigured(ctx, c, fn)
}

func (t *tool) withConfigured(ctx context.Context, c config.Config, fn func(*core.Core) error) error {
	if err := becomeOwner(c); err != nil {
		return err
	}
	opened, err := core.Open(ctx, t.options(c))
	if err != nil {
		return err
	}
	err = fn(opened)
	return errors.Join(err, opened.Close())
}

// read runs fn on a snapshot of the directory.
func (t *tool) read(c *cobra.Command, fn func(*directory.Reader) error) error {
	return t.withCore(c.Context(), func(opened *core.Core) error {
		return opened.Directory.Read(c.Context(), t.operator(), fn)
	})
}

// write runs fn in one transaction. It may run twice: what it says to the
// operator is said afterwards.
func (t *tool) write(c *cobra.Command, fn func(*directory.Writer) error) error {
	return t.withCore(c.Context(), func(opened *core.Core) error {
		_, err := opened.Directory.Write(c.Context(), t.operator(), fn)
		return err
	})
}

// hash hashes a password, which must happen before a transaction.
func (t *tool) hash(ctx context.Context, d *directory.Directory, password directory.Secret) (*directory.PasswordHash, error) {
	if password == "" {
		return nil, nil
	}
	h, err := d.HashPassword(ctx, password)
	if err != nil {
		return nil, fmt.Errorf("hash the password: %w", err)
	}
	return &h, nil
}
