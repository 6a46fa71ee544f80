package directory

// SlowHashes returns how many passwords were checked by a slow hash.
func (d *Directory) SlowHashes() int64 { return d.hashed.Load() }
