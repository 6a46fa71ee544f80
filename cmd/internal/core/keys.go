package core

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gatehouse/config"
	"gatehouse/directory"
	"gatehouse/directory/seal"
)

const maxKeyFile = 1024

// purposes returns the rings that a daemon holds. Everybody seals network
// passwords, so everybody holds at least the public half of those.
func purposes(daemon string) []seal.Purpose {
	common := []seal.Purpose{seal.Lookup, seal.Audit, seal.Jobs, seal.Clients, seal.TOTP, seal.Network}
	switch daemon {
	case Combined, CLI:
		return seal.Purposes()
	case "idp":
		return append(common, seal.Signing, seal.CA)
	case "ldapd":
		return append(common, seal.Samba)
	default:
		return common
	}
}

// kept returns the keys that a process goes on with: the audit ring leads to
// every earlier hour of every audit chain, and only the command line reads those.
func kept(keys directory.Keys, daemon string) directory.Keys {
	if daemon == CLI {
		return keys
	}
	out := maps.Clone(keys)
	delete(out, seal.Audit)
	return out
}

// opensNetwork reports whether the daemon may read network passwords.
func opensNetwork(daemon string) bool {
	return daemon == "radiusd" || daemon == Combined || daemon == CLI
}

// KeyDir returns where the files of one purpose are, outside of a unit's
// credentials: in a package each purpose has a directory of its own, which
// LoadCredential= can name.
func KeyDir(c config.Config, purpose seal.Purpose) string {
	if c.IsPackaged() {
		return filepath.Join(c.KeyRings(""), string(purpose))
	}
	return c.KeyRings("")
}

func loadKeys(o Options) (directory.Keys, error) {
	keys := directory.Keys{}
	for _, purpose := range purposes(o.Daemon) {
		ring, err := loadRing(o, purpose)
		if purpose == seal.Audit && errors.Is(err, os.ErrNotExist) {
			continue // the chains of this host have begun; only `audit verify` needs it
		}
		if err != nil {
			return nil, fmt.Errorf("load keys: %w", err)
		}
		if purpose == seal.Network && !opensNetwork(o.Daemon) {
			if ring, err = publicRing(ring, o.Now); err != nil {
				return nil, fmt.Errorf("load keys: %w", err)
			}
		}
		keys[purpose] = ring
	}
	return keys, nil
}

func loadRing(o Options, purpose seal.Purpose) (*seal.Ring, error) {
	if dir := o.Getenv("CREDENTIALS_DIRECTORY"); dir != "" {
		return loadCredentials(dir, purpose, o.Now)
	}
	return seal.Load(KeyDir(o.Config, purpose), purpose, o.Now)
}

// loadCredentials reads what LoadCredential=PURPOSE:DIRECTORY gives a unit:
// files named PURPOSE_FILE, which only the unit can read.
func loadCredentials(dir string, purpose seal.Purpose, now func() time.Time) (*seal.Ring, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var keys []*seal.Key
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), string(purpose)+"_") {
			continue
		}
		key, err := readCredential(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("no %s key in %s: %w", purpose, dir, os.ErrNotExist)
	}
	return seal.NewRing(purpose, dir, now, keys...)
}

func readCredential(path string) (*seal.Key, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(file, maxKeyFile))
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	key, err := seal.ParseKey(text)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return key, nil
}

// publicRing keeps only the public halves of a ring.
func publicRing(ring *seal.Ring, now func() time.Time) (*seal.Ring, error) {
	var public []*seal.Key
	for _, key := range ring.Keys() {
		public = append(public, key.Public())
	}
	return seal.NewRing(ring.Purpose(), "the public keys", now, public...)
}

// createKeys makes a key of every purpose and writes it below the key
// directory. Nothing is replaced.
func createKeys(c config.Config, now func() time.Time) (directory.Keys, error) {
	keys := directory.Keys{}
	for _, purpose := range seal.Purposes() {
		key, err := seal.NewKey(purpose, rand.Reader, now())
		if err != nil {
			return nil, fmt.Errorf("make keys: %w", err)
		}
		dir := KeyDir(c, purpose)
		if err := writeKey(key, dir); err != nil {
			return nil, err
		}
		if public := key.Public(); public != nil && c.IsPackaged() {
			// The units that may only seal get this directory.
			if err := writeKey(public, dir+"-public"); err != nil {
				return nil, err
			}
		}
		if keys[purpose], err = seal.NewRing(purpose, dir, now, key); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

func writeKey(key *seal.Key, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make keys: %w", err)
	}
	_, err := key.WriteFile(dir)
	return err
}

// A key check is a known value sealed under a ring and kept as a setting, so
// that a process notices keys of another installation before it starts.
const (
	keyCheckPrefix = "key_check:"
	keyCheckValue  = "gatehouse"
)

func keyCheckPlace(p seal.Purpose) seal.Place {
	return seal.Place{Table: "settings", Column: "value", Row: keyCheckPrefix + string(p)}
}

// RecordKeys writes the key checks of keys: at init, and after a rotation.
func RecordKeys(w *directory.Writer, keys directory.Keys) error {
	for purpose, ring := range keys {
		sealed, err := ring.Seal(keyCheckPlace(purpose), []byte(keyCheckValue))
		if err != nil {
			return err
		}
		if err := w.SetSetting(keyCheckPrefix+string(purpose), base64.StdEncoding.EncodeToString(sealed)); err != nil {
			return err
		}
	}
	return nil
}

// checkKeys opens the key checks.
func checkKeys(r *directory.Reader, keys directory.Keys) error {
	for purpose, ring := range keys {
		text, found, err := r.Setting(keyCheckPrefix + string(purpose))
		if err != nil {
			return err
		}
		sealed, decodeErr := base64.StdEncoding.DecodeString(text)
		if !found || decodeErr != nil {
			return fmt.Errorf("the store does not say which %s key it was made with", purpose)
		}
		_, err = ring.Open(keyCheckPlace(purpose), sealed)
		var missing *seal.MissingKeyError
		if errors.As(err, &missing) && missing.Public {
			continue // the right key, of which this process has the public half
		}
		if err != nil {
			return fmt.Errorf("the keys are not those of this directory: %w", err)
		}
	}
	return nil
}
