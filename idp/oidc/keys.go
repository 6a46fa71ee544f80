package oidc

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"gatehouse/directory"
)

// keyUse is the use of our signing keys in the store.
const keyUse = "oidc"

// A key signs for keyPeriod. Its successor is published keyAhead before, so that
// clients that cache the key set know it in time, and a retired key stays
// published until keyLife after it was made.
const (
	keyPeriod = 90 * 24 * time.Hour
	keyAhead  = 24 * time.Hour
	keyLife   = 120 * 24 * time.Hour
)

// keySet is the keys at one moment. It is never changed.
type keySet struct {
	byKID  map[string]*signingKey // published
	active map[string]*signingKey // by algorithm, able to sign
	jwks   []byte                 // the published keys as a JWK Set (RFC 7517 §5)
}

// keyring holds the current keys and loads them again when they change.
type keyring struct {
	d    *directory.Directory
	log  *slog.Logger
	by   directory.Actor
	make func(alg string) (crypto.Signer, error)

	mu      sync.Mutex
	current *keySet
}

func newKeyring(d *directory.Directory, log *slog.Logger) *keyring {
	return &keyring{d: d, log: log, by: directory.System("idp"), make: makeKey}
}

// set returns the current keys. In a new installation it makes the first ones.
func (k *keyring) set(ctx context.Context) (*keySet, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current != nil {
		return k.current, nil
	}
	rows, err := k.rows(ctx)
	if err != nil {
		return nil, err
	}
	for _, alg := range []string{ES256, RS256} {
		if stateOf(rows, alg, directory.KeyActive) == nil {
			if err := k.add(ctx, alg, directory.KeyActive); err != nil {
				return nil, fmt.Errorf("make the first signing keys: %w", err)
			}
			rows = nil
		}
	}
	if rows == nil {
		if rows, err = k.rows(ctx); err != nil {
			return nil, err
		}
	}
	set, err := k.open(rows)
	if err != nil {
		return nil, fmt.Errorf("load signing keys: %w", err)
	}
	k.current = set
	return set, nil
}

// forget makes the next set read the store again.
func (k *keyring) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.current = nil
}

func (k *keyring) rows(ctx context.Context) ([]directory.SigningKey, error) {
	var rows []directory.SigningKey
	err := k.d.Read(ctx, k.by, func(r *directory.Reader) error {
		rows = rows[:0]
		for row, err := range r.SigningKeys(directory.SigningKeyQuery{Use: keyUse}) {
			if err != nil {
				return err
			}
			rows = append(rows, row)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read signing keys: %w", err)
	}
	return rows, nil
}

func (k *keyring) open(rows []directory.SigningKey) (*keySet, error) {
	set := &keySet{byKID: make(map[string]*signingKey), active: make(map[string]*signingKey)}
	published := struct {
		Keys []jwk `json:"keys"`
	}{Keys: []jwk{}}
	for _, row := range rows {
		active := row.State == directory.KeyActive
		if !active && !row.NotAfter.IsZero() && k.d.Now().After(row.NotAfter) {
			continue
		}
		var private []byte
		var err error
		if active {
			if private, err = k.d.PrivateKey(row); err != nil {
				return nil, err
			}
		}
		key, err := newSigningKey(row.KID, row.Alg, private, row.Public)
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", row.KID, err)
		}
		j, err := newJWK(key.public)
		if err != nil {
			return nil, err
		}
		j.Use, j.Alg, j.KID = "sig", row.Alg, row.KID
		published.Keys = append(published.Keys, j)
		set.byKID[row.KID] = key
		if active && set.active[row.Alg] == nil { // rows come newest first
			set.active[row.Alg] = key
		}
	}
	var err error
	if set.jwks, err = json.Marshal(published); err != nil {
		return nil, fmt.Errorf("encode key set: %w", err)
	}
	return set, nil
}

// stateOf returns the newest key of an algorithm in a state; nil: there is none.
func stateOf(rows []directory.SigningKey, alg string, state directory.KeyState) *directory.SigningKey {
	for i := range rows {
		if rows[i].Alg == alg && rows[i].State == state {
			return &rows[i]
		}
	}
	return nil
}

// add makes a key pair and stores it, unless another process was faster.
func (k *keyring) add(ctx context.Context, alg string, state directory.KeyState) error {
	signer, err := k.make(alg)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(signer)
	if err != nil {
		return fmt.Errorf("encode private key: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		return fmt.Errorf("encode public key: %w", err)
	}
	kid, err := thumbprint(signer.Public())
	if err != nil {
		return err
	}
	now := k.d.Now()
	n := directory.NewSigningKey{
		KID: kid, Use: keyUse, Alg: alg, State: state, Private: private, Public: public,
		NotBefore: now, NotAfter: now.Add(keyLife),
	}
	if state == directory.KeyNext {
		n.NotBefore = now.Add(keyAhead)
	}
	_, err = k.d.Write(ctx, k.by, func(w *directory.Writer) error {
		for row, err := range w.SigningKeys(directory.SigningKeyQuery{Use: keyUse, State: state}) {
			if err != nil {
				return err
			}
			if row.Alg == alg {
				return nil
			}
		}
		return w.AddSigningKey(n)
	})
	if err != nil {
		return fmt.Errorf("store signing key: %w", err)
	}
	return nil
}

// rotate publishes a successor for each key whose time is nearly over, and lets
// the successor sign once it has been known long enough.
func (k *keyring) rotate(ctx context.Context) error {
	rows, err := k.rows(ctx)
	if err != nil {
		return err
	}
	now := k.d.Now()
	for _, alg := range []string{ES256, RS256} {
		active, next := stateOf(rows, alg, directory.KeyActive), stateOf(rows, alg, directory.KeyNext)
		switch {
		case active == nil:
		case next == nil && now.After(active.NotBefore.Add(keyPeriod-keyAhead)):
			if err := k.add(ctx, alg, directory.KeyNext); err != nil {
				return err
			}
		case next != nil && !now.Before(next.NotBefore):
			if err := k.promote(ctx, active.KID, next.KID); err != nil {
				return err
			}
			k.log.Info("signing key changed", "alg", alg, "kid", next.KID)
		}
	}
	return nil
}

func (k *keyring) promote(ctx context.Context, active, next string) error {
	_, err := k.d.Write(ctx, k.by, func(w *directory.Writer) error {
		if err := w.SetKeyState(next, directory.KeyActive); err != nil {
			return err
		}
		return w.SetKeyState(active, directory.KeyRetired)
	})
	if err != nil {
		return fmt.Errorf("promote signing key %s: %w", next, err)
	}
	return nil
}

func makeKey(alg string) (crypto.Signer, error) {
	if alg == ES256 {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("make a P-256 key: %w", err)
		}
		return key, nil
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make an RSA key: %w", err)
	}
	return key, nil
}
