package main

import (
	"bufio"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gatehouse/cmd/internal/core"
	"gatehouse/config"
	"gatehouse/directory"
	"gatehouse/directory/seal"
)

// maxKeyLines is far more keys than an installation has.
const maxKeyLines = 1000

// join installs the keys of another host, and checks that they open the store
// that the configuration names.
func (t *tool) join(ctx context.Context, c config.Config, file string) error {
	keys, err := readKeys(file)
	if err != nil {
		return err
	}
	if err := becomeOwner(c); err != nil {
		return err
	}
	if c.IsSQLite() {
		return errors.New("a SQLite directory belongs to one host; further hosts need PostgreSQL (database.url)")
	}
	if err := os.MkdirAll(c.DataDir, 0o770); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	for _, key := range keys {
		dir := core.KeyDir(c, key.Purpose())
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make the key directory: %w", err)
		}
		if _, err := os.Stat(filepath.Join(dir, key.FileName())); err == nil {
			continue
		}
		if _, err := key.WriteFile(dir); err != nil {
			return err
		}
	}
	var chainKeys directory.Keys
	if c.IsPackaged() {
		if chainKeys, err = core.ChainKeys(t.options(c)); err != nil {
			return err
		}
	}
	opened, err := core.Open(ctx, t.options(c))
	if err != nil {
		return err
	}
	err = errors.Join(exportCA(ctx, opened), opened.Close(), core.BeginChains(ctx, t.options(c), chainKeys))
	if err == nil {
		t.say("This host has joined the directory of %s, with %s in %s.", c.Domain, plural(len(keys), "key"), c.KeyRings(""))
	}
	return err
}

// readKeys reads a file of keys, one a line.
func readKeys(path string) ([]*seal.Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--key-file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("--key-file: %w", err)
	}
	if info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("--key-file: %s can be read by others (mode %04o); chmod 600 it", path, info.Mode().Perm())
	}
	var keys []*seal.Key
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		if n > maxKeyLines {
			return nil, fmt.Errorf("--key-file: %s has more than %d lines", path, maxKeyLines)
		}
		if len(lines.Bytes()) == 0 {
			continue
		}
		key, err := seal.ParseKey(lines.Bytes())
		if err != nil {
			return nil, fmt.Errorf("--key-file: %s:%d: %w", path, n, err)
		}
		keys = append(keys, key)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("--key-file: %s: %w", path, err)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("--key-file: %s holds no key", path)
	}
	return keys, nil
}

// exportCA writes the certificate of the authority where clients look for it.
func exportCA(ctx context.Context, opened *core.Core) error {
	var der []byte
	err := opened.Directory.Read(ctx, directory.System("init"), func(r *directory.Reader) error {
		for key, err := range r.SigningKeys(directory.SigningKeyQuery{Use: "ca:server", State: directory.KeyActive}) {
			if err != nil {
				return err
			}
			der = key.Public
			return nil
		}
		return errors.New("the store holds no certificate authority")
	})
	if err != nil {
		return err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(opened.Config.CAFile(), text, 0o644); err != nil {
		return fmt.Errorf("export the CA certificate: %w", err)
	}
	return nil
}
