package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"gatehouse/cmd/internal/core"
	"gatehouse/config"
	"gatehouse/directory"
	"gatehouse/directory/seal"
	"gatehouse/internal/buildinfo"
)

func (t *tool) backupCommand() *cobra.Command {
	return &cobra.Command{
		Use: "backup FILE", Short: "Write a consistent copy of the store, while everything runs",
		Long: "Writes a consistent, checked copy of the store into a new file that only its owner reads. It\n" +
			"holds no key: without the keys it lists it is worthless, so keep a copy of those elsewhere.",
		Example: "  gatehouse backup /var/backups/gatehouse-$(date +%F)",
		Args:    arguments(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return t.backup(c.Context(), args[0])
		},
	}
}

func (t *tool) backup(ctx context.Context, path string) error {
	c, err := t.loadConfig()
	if err != nil {
		return err
	}
	// Before root is given up: the file may be where only root writes.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s is there already; a backup never replaces a file", path)
	}
	if err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	header := archiveHeader{
		Version: buildinfo.Version(), Created: t.now().UTC(), Engine: engine(c), Domain: c.Domain, PublicURL: c.PublicURL,
	}
	err = t.withConfigured(ctx, c, func(opened *core.Core) error {
		header.Keys = keysOf(opened.Keys)
		return writeArchive(f, header, func(w io.Writer) error { return opened.Store.Backup(ctx, w) })
	})
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		if left := os.Remove(path); left != nil {
			err = fmt.Errorf("%w; %s is incomplete, remove it", err, path)
		}
		return err
	}
	t.say("Wrote %s. It is not encrypted and holds personal data and password hashes.", path)
	t.say("To restore it these keys are needed, from %s:", c.KeyRings(""))
	for _, key := range header.Keys {
		t.say("  %s %s", key.Purpose, key.ID)
	}
	return nil
}

func engine(c config.Config) string {
	if c.IsSQLite() {
		return "sqlite"
	}
	return "postgres"
}

// keysOf lists every key of the rings.
func keysOf(rings directory.Keys) []archiveKey {
	var out []archiveKey
	for _, purpose := range seal.Purposes() {
		if rings[purpose] == nil {
			continue
		}
		for _, key := range rings[purpose].Keys() {
			out = append(out, archiveKey{Purpose: string(purpose), ID: key.ID().String()})
		}
	}
	return out
}
