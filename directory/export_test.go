package directory

import "context"

// Forget does at once what is done every hour.
func (d *Directory) Forget(ctx context.Context) error { return d.forget(ctx) }

// SlowHashes returns how many passwords were checked by a slow hash.
func (d *Directory) SlowHashes() int64 { return d.hashed.Load() }
