package core

import (
	"context"
	"errors"
	"fmt"
	"os"

	"gatehouse/directory"
	"gatehouse/directory/sqlstore"
)

// ErrInitialised says that Create found a directory.
var ErrInitialised = errors.New("this directory is initialised already")

// Create makes everything that an installation begins with: the data directory,
// the key rings, the store at the newest schema, the recorded names, the CA
// and the server certificate; finish adds the first people in the same
// transaction (it may run twice). The CA certificate is exported to
// Config.CAFile.
func Create(ctx context.Context, o Options, finish func(*directory.Writer) error) (*Core, error) {
	if err := os.MkdirAll(o.Config.DataDir, 0o770); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	if err := refuseSecond(ctx, o); err != nil {
		return nil, err
	}
	keys, err := createKeys(o.Config, o.Now)
	if err != nil {
		return nil, err
	}
	if err := DropRoot(o.Config); err != nil {
		return nil, err
	}
	store, err := StoreConfig(o)
	if err != nil {
		return nil, err
	}
	if _, err := sqlstore.Migrate(ctx, store); err != nil {
		return nil, fmt.Errorf("create the store: %w", err)
	}
	c, err := open(ctx, o, keys)
	if err != nil {
		return nil, err
	}
	if err := c.fill(ctx, o, finish); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// refuseSecond refuses a store that holds something, and keys that may be
// those of another one.
func refuseSecond(ctx context.Context, o Options) error {
	store, err := StoreConfig(o)
	if err != nil {
		return err
	}
	empty, err := sqlstore.Empty(ctx, store)
	if err != nil {
		return fmt.Errorf("look into the store: %w", err)
	}
	if !empty {
		return ErrInitialised
	}
	dir := o.Config.KeyRings("")
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("look for keys: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s holds keys already, and the store is empty: they may belong to a backup; move them away first", dir)
	}
	return nil
}

func (c *Core) fill(ctx context.Context, o Options, finish func(*directory.Writer) error) error {
	authority, pairs, err := newIdentities(o.Config, o.Now())
	if err != nil {
		return err
	}
	operator := directory.Actor{Kind: directory.ActorOperator, Name: "init", Via: CLI}
	_, err = c.Directory.Write(ctx, operator, func(w *directory.Writer) error {
		if err := w.Bootstrap(o.Config.Domain, o.Config.PublicURL); err != nil {
			return err
		}
		if err := RecordKeys(w, c.Keys); err != nil {
			return err
		}
		for _, pair := range pairs {
			if err := w.AddSigningKey(pair); err != nil {
				return err
			}
		}
		return finish(w)
	})
	if err != nil {
		return fmt.Errorf("set up the directory: %w", err)
	}
	if o.Config.IsPackaged() {
		if err := BeginChains(ctx, o, c.Keys); err != nil {
			return err
		}
	}
	return authority.Export(o.Config.CAFile())
}
