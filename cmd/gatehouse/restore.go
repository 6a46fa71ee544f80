package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"gatehouse/cmd/internal/core"
	"gatehouse/config"
	"gatehouse/directory"
	"gatehouse/directory/seal"
	"gatehouse/directory/sqlstore"
	"gatehouse/internal/hostlock"
)

func (t *tool) restoreCommand() *cobra.Command {
	var keepEnabled bool
	c := &cobra.Command{
		Use: "restore FILE", Short: "Put a backup in the place of the store; every daemon must be stopped",
		Long: "Puts a backup in the place of the store. Every daemon must be stopped, on every host. Sessions\n" +
			"and tokens end. People whose record was changed after the backup are held: disabled until\n" +
			"somebody has looked and enables them, because the change may have been a lockdown.\n" +
			"A SQLite file that is replaced is kept beside the new one; with PostgreSQL database.url must\n" +
			"name an empty database.",
		Example: "  gatehouse restore /var/backups/gatehouse-2027-01-31",
		Args:    arguments(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return t.restore(c.Context(), args[0], !keepEnabled)
		},
	}
	c.Flags().BoolVar(&keepEnabled, "keep-enabled", false, "do not hold people who were changed after the backup")
	return c
}

func (t *tool) restore(ctx context.Context, path string, hold bool) error {
	c, err := t.loadConfig()
	if err != nil {
		return err
	}
	f, header, payload, err := openBackup(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := t.mayRestore(c, header); err != nil {
		return err
	}
	if err := errors.Join(becomeOwner(c), os.MkdirAll(c.DataDir, 0o770)); err != nil {
		return err
	}
	if err := core.DropRoot(c); err != nil {
		return err
	}
	restored, err := t.replace(ctx, c, payload)
	if err != nil {
		return err
	}
	t.say("Restored the backup of %s. Changes made after that are missing.", moment(restoredAt(restored, header)))
	return t.withConfigured(ctx, c, func(opened *core.Core) error {
		if err := opened.Directory.RestoreChains(ctx, t.operator()); err != nil {
			return fmt.Errorf("begin the audit after the restore: %w", err)
		}
		if err := exportCA(ctx, opened); err != nil {
			return err
		}
		if !hold {
			restored.Newer = nil
		}
		return t.hold(ctx, opened.Directory, restored.Newer)
	})
}

func restoredAt(r sqlstore.Restored, h archiveHeader) time.Time {
	if r.At.IsZero() {
		return h.Created
	}
	return r.At
}

// mayRestore refuses a backup that this host could not use afterwards.
func (t *tool) mayRestore(c config.Config, h archiveHeader) error {
	if h.Engine != engine(c) {
		return refusef("the backup is of a %s store, and database.url names a %s one", h.Engine, engine(c))
	}
	if h.Domain != c.Domain || h.PublicURL != c.PublicURL {
		return refusef("the backup is of domain %s and public_url %s, the configuration says %s and %s; put those back for the restore",
			h.Domain, h.PublicURL, c.Domain, c.PublicURL)
	}
	var missing []string
	for _, key := range h.Keys {
		have, err := t.hasKey(c, key)
		if err != nil {
			return err
		}
		if !have {
			missing = append(missing, key.Purpose+" "+key.ID)
		}
	}
	if len(missing) > 0 {
		return refusef("the backup needs keys that are not in %s: %s; put them there first", c.KeyRings(""), strings.Join(missing, ", "))
	}
	return nil
}

func (t *tool) hasKey(c config.Config, key archiveKey) (bool, error) {
	purpose := seal.Purpose(key.Purpose)
	if !slices.Contains(seal.Purposes(), purpose) {
		return false, nil
	}
	ring, err := seal.Load(core.KeyDir(c, purpose), purpose, t.now)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(ring.Keys(), func(k *seal.Key) bool { return k.ID().String() == key.ID }), nil
}

// replace puts the backup in place while no process of this host has the store
// open.
func (t *tool) replace(ctx context.Context, c config.Config, payload io.Reader) (sqlstore.Restored, error) {
	lock, err := core.RunLock(c)
	if err != nil {
		return sqlstore.Restored{}, err
	}
	unlock, err := lock.TryLock()
	var busy *hostlock.BusyError
	if errors.As(err, &busy) {
		err = refusef("the store is in use%s; stop every daemon first", alive(busy.PID))
	}
	if err != nil {
		return sqlstore.Restored{}, errors.Join(err, lock.Close())
	}
	defer unlock()
	store, err := core.StoreConfig(t.options(c))
	if err != nil {
		return sqlstore.Restored{}, errors.Join(err, lock.Close())
	}
	restored, err := sqlstore.Restore(ctx, store, payload)
	return restored, errors.Join(err, lock.Close())
}

// alive names a process that runs. The last that took the lock may have ended
// while others hold it.
func alive(pid int) string {
	if pid <= 0 || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return ""
	}
	return fmt.Sprintf(" by process %d, and perhaps by others", pid)
}

// hold disables the people who were changed after the backup.
func (t *tool) hold(ctx context.Context, d *directory.Directory, names []string) error {
	var held []string
	_, err := d.Write(ctx, t.operator(), func(w *directory.Writer) error {
		held = nil
		for _, name := range names {
			u, err := w.UserByName(directory.Person, name)
			if directory.Is(err, directory.NotFound) {
				continue
			}
			if err != nil {
				return err
			}
			if u.Status != directory.Active {
				continue
			}
			if _, err := w.DisableUser(u.ID, "changed after the backup that was restored"); err != nil {
				return err
			}
			held = append(held, u.Username)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("hold people who were changed after the backup: %w", err)
	}
	if len(held) > 0 {
		t.say("Held, because they were changed after the backup: %s. Look why, then: gatehouse user enable NAME", strings.Join(held, ", "))
	}
	return nil
}
