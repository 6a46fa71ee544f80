package core

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/seal"
	"gatehouse/directory/sqlstore"
)

// ChainKeys loads the keys with which audit chains begin. Only root and the
// migration unit can read them, so this comes before DropRoot.
func ChainKeys(o Options) (directory.Keys, error) {
	keys := directory.Keys{}
	for _, purpose := range []seal.Purpose{seal.Lookup, seal.Audit} {
		ring, err := loadRing(o, purpose)
		if purpose == seal.Audit && errors.Is(err, os.ErrNotExist) {
			continue // kept elsewhere: then the chains of this host must have begun
		}
		if err != nil {
			return nil, fmt.Errorf("load keys: %w", err)
		}
		keys[purpose] = ring
	}
	return keys, nil
}

// BeginChains begins the audit chains of the daemons of this host that have
// none: packaged daemons do not hold the audit ring and could not.
func BeginChains(ctx context.Context, o Options, keys directory.Keys) (err error) {
	if keys[seal.Audit] == nil {
		return nil
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("name this host: %w", err)
	}
	config, err := StoreConfig(o)
	if err != nil {
		return err
	}
	if config.Linker, err = directory.NewLinker(keys, CLI, host); err != nil {
		return err
	}
	store, err := sqlstore.Open(ctx, config)
	if err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return beginChains(ctx, store, host, o.Now())
}

func beginChains(ctx context.Context, store *sqlstore.Store, host string, now time.Time) error {
	missing := map[string]bool{}
	for _, daemon := range []string{"ldapd", "radiusd", "scimd", "idp"} {
		missing[directory.ChainName(daemon, host)] = true
	}
	err := store.View(ctx, func(tx *directory.Tx) error {
		for c, err := range tx.Chains.Find(directory.ChainQuery{}) {
			if err != nil {
				return err
			}
			if len(c.State) > 0 {
				delete(missing, c.Name)
			}
		}
		return nil
	})
	if err != nil || len(missing) == 0 {
		return err
	}
	err = store.Record(ctx, func(tx *directory.Tx) error {
		for name := range missing {
			e := directory.Event{
				At: now, Actor: "system:" + CLI, Via: CLI, Verb: "audit.begin", Entity: "audit chain", Name: name, Outcome: "ok", Chain: name,
			}
			if err := tx.Events.Insert(e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("begin the audit chains of this host: %w", err)
	}
	return nil
}
