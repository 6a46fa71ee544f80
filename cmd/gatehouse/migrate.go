package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"gatehouse/cmd/internal/core"
	"gatehouse/config"
	"gatehouse/directory"
	"gatehouse/directory/sqlstore"
)

func (t *tool) migrateCommand() *cobra.Command {
	var dryRun bool
	c := &cobra.Command{
		Use: "migrate", Short: "Bring the store to the schema of this version", Args: arguments(0, 0),
		Long: "Brings the store to the schema of this version. Daemons of the version before go on working\n" +
			"on it, so it may run while they do. Make a backup first. In an installed package it also begins\n" +
			"the audit of this host's daemons, which they cannot do themselves.",
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := t.loadConfig()
			if err != nil {
				return err
			}
			if err := becomeOwner(cfg); err != nil {
				return err
			}
			var keys directory.Keys
			if cfg.IsPackaged() && !dryRun {
				if keys, err = core.ChainKeys(t.options(cfg)); err != nil {
					return err
				}
			}
			if err := core.DropRoot(cfg); err != nil {
				return err
			}
			if err := t.migrate(c.Context(), cfg, dryRun); err != nil {
				return err
			}
			return core.BeginChains(c.Context(), t.options(cfg), keys)
		},
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "print the steps and take none")
	return c
}

func (t *tool) migrate(ctx context.Context, c config.Config, dryRun bool) error {
	store, err := core.StoreConfig(t.options(c))
	if err != nil {
		return err
	}
	empty, err := sqlstore.Empty(ctx, store)
	if err != nil {
		return fmt.Errorf("look into the store: %w", err)
	}
	if empty {
		return fmt.Errorf("%s holds no directory yet: run gatehouse init", c.DataDir)
	}
	if dryRun {
		return t.printSteps(sqlstore.Pending(ctx, store))
	}
	return t.printSteps(sqlstore.Migrate(ctx, store))
}

func (t *tool) printSteps(steps []string, err error) error {
	for _, step := range steps {
		if err := t.print("%s", step); err != nil {
			return err
		}
	}
	if err == nil && len(steps) == 0 {
		t.say("The store has the schema of this version.")
	}
	return err
}
