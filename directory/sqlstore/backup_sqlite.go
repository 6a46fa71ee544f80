package sqlstore

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"gatehouse/directory"
	"gatehouse/internal/hostlock"
)

// sqliteMagic begins every SQLite file.
const sqliteMagic = "SQLite format 3\x00"

// backup copies the database into a file beside it, checks the copy and writes
// it to w.
func (f *sqliteFiles) backup(ctx context.Context, c *conn, w io.Writer) error {
	dir, err := os.MkdirTemp(filepath.Dir(f.path), ".backup-")
	if err != nil {
		return internal("make room for the backup: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	copied := filepath.Join(dir, sqliteFile)
	err = c.plain(ctx, func() error {
		_, err := c.exec("VACUUM INTO $1", copied)
		return err
	})
	if err != nil {
		return err
	}
	if err := withoutAuditKeys(ctx, copied); err != nil {
		return err
	}
	if err := checkSQLite(ctx, copied); err != nil {
		return err
	}
	file, err := os.Open(copied)
	if err != nil {
		return internal("read the copy: %w", err)
	}
	defer func() { _ = file.Close() }()
	if _, err := io.Copy(w, file); err != nil {
		return internal("write the backup: %w", err)
	}
	return nil
}

// withoutAuditKeys overwrites the keys of the audit chains in a copy: with one
// that is kept for years, everything since could be forged.
func withoutAuditKeys(ctx context.Context, path string) error {
	return onSQLite(ctx, path, func(c *conn) error {
		var mode string
		if _, err := c.row("PRAGMA journal_mode = DELETE", nil, text(&mode)); err != nil {
			return err
		}
		var on int64
		if _, err := c.row("PRAGMA secure_delete = ON", nil, number(&on)); err != nil {
			return err
		}
		_, err := c.exec("UPDATE audit_chains SET state = NULL")
		return err
	})
}

// checkSQLite returns an error unless the file is whole.
func checkSQLite(ctx context.Context, path string) error {
	return onSQLite(ctx, path, func(c *conn) error {
		var answer string
		if _, err := c.row("PRAGMA integrity_check", nil, text(&answer)); err != nil {
			return err
		}
		if answer != "ok" {
			return internal("the copy is damaged: %s", answer)
		}
		return nil
	})
}

// onSQLite runs fn on a file of its own, outside of a transaction.
func onSQLite(ctx context.Context, path string, fn func(*conn) error) error {
	d := sqliteDialect(path)
	db, err := openSQLite(path)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	c, err := newConn(ctx, db, d)
	if err != nil {
		return err
	}
	defer c.close()
	return c.plain(ctx, func() error { return fn(c) })
}

// restore writes the backup beside the database, makes it ready and renames it.
func (f *sqliteFiles) restore(ctx context.Context, _ *dialect, r io.Reader, finish func(*conn) error) (err error) {
	beside := f.path + ".restoring"
	if err := writeBeside(beside, r); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			removeSQLite(beside)
		}
	}()
	if err := checkSQLite(ctx, beside); err != nil {
		return err
	}
	lock, err := hostlock.Open(filepath.Join(filepath.Dir(f.path), "write.lock"))
	if err != nil {
		return unavailable("open the writers' lock", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	unlock, err := lock.Lock(ctx)
	if err != nil {
		return unavailable("wait for the writers' lock", err)
	}
	defer unlock()
	if err := prepareSQLite(ctx, beside, finish); err != nil {
		return err
	}
	return f.replace(ctx, beside)
}

func writeBeside(path string, r io.Reader) error {
	removeSQLite(path) // of a restore that was interrupted
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR|syscall.O_NOFOLLOW, 0o660)
	if err != nil {
		return internal("write the database: %w", err)
	}
	defer func() { _ = file.Close() }()
	magic := make([]byte, len(sqliteMagic))
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != sqliteMagic {
		return &directory.Error{Kind: directory.Invalid, Entity: "backup", Msg: "it is not a backup of a SQLite store", Err: err}
	}
	if _, err := file.Write(magic); err != nil {
		return internal("write the database: %w", err)
	}
	if _, err := io.Copy(file, r); err != nil {
		return internal("write the database: %w", err)
	}
	if err := errors.Join(file.Chmod(0o660), file.Sync()); err != nil {
		return internal("write the database: %w", err)
	}
	return nil
}

// prepareSQLite migrates and settles the new file, and leaves it without a log.
func prepareSQLite(ctx context.Context, path string, finish func(*conn) error) error {
	d := sqliteDialect(path)
	d.files = &lockedFiles{sqliteFiles{path: path}}
	if err := d.files.create(ctx); err != nil {
		return err
	}
	if _, err := migrate(ctx, d, nil); err != nil {
		return err
	}
	return withConn(ctx, d, func(c *conn) error {
		err := c.run(ctx, d.locks.update, func() error {
			if err := checkSchema(c); err != nil {
				return err
			}
			c.write = &writeState{c: c}
			return finish(c)
		})
		if err != nil {
			return err
		}
		return c.plain(ctx, func() error {
			_, err := c.exec("PRAGMA wal_checkpoint(TRUNCATE)")
			return err
		})
	})
}

// lockedFiles is a SQLite file whose writers' lock is held already.
type lockedFiles struct{ sqliteFiles }

func (*lockedFiles) lock(context.Context) (func(), error) { return func() {}, nil }

// replace puts the new file in the place of the database. The old one must have
// no log when that happens: SQLite would apply it to the new one.
func (f *sqliteFiles) replace(ctx context.Context, beside string) error {
	if _, err := os.Stat(f.path); err == nil {
		if err := f.fold(ctx); err != nil {
			return err
		}
		kept := f.path + ".before-restore"
		if err := os.Remove(kept); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return internal("keep the old database: %w", err)
		}
		if err := os.Link(f.path, kept); err != nil {
			return internal("keep the old database: %w", err)
		}
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(f.path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return internal("remove the old log: %w", err)
		}
	}
	if err := os.Rename(beside, f.path); err != nil {
		return internal("replace the database: %w", err)
	}
	dir, err := os.Open(filepath.Dir(f.path))
	if err != nil {
		return internal("replace the database: %w", err)
	}
	defer func() { _ = dir.Close() }()
	if err := dir.Sync(); err != nil {
		return internal("replace the database: %w", err)
	}
	return nil
}

// fold moves the old database's log into its file, so that it is kept whole. A
// database that is too damaged for that is kept as it is.
func (f *sqliteFiles) fold(ctx context.Context) error {
	d := sqliteDialect(f.path)
	err := withConn(ctx, d, func(c *conn) error {
		return c.plain(ctx, func() error {
			_, err := c.exec("PRAGMA wal_checkpoint(TRUNCATE)")
			return err
		})
	})
	if directory.Is(err, directory.Unavailable) {
		return err
	}
	return nil
}

func removeSQLite(path string) {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(path + suffix)
	}
}
