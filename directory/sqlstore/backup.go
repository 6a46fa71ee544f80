package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"gatehouse/directory"
)

// Backup writes a consistent copy of everything, without stopping anybody: a
// checked SQLite file, or with PostgreSQL a format of our own. Only Restore of
// the same engine reads it.
func (s *Store) Backup(ctx context.Context, w io.Writer) error {
	c, err := s.viewConn(ctx)
	if err != nil {
		return err
	}
	defer s.views.put(c, true, false) // it may have been left in any state
	return s.d.files.backup(ctx, c, w)
}

// epochLeap is what Restore adds to every epoch: more than a user can have used
// since the backup, so that no artefact of that time opens anything.
const epochLeap = 1 << 20

// Restored says what a Restore brought back.
type Restored struct {
	// At is when the last change in the backup was made; what came later is
	// missing.
	At time.Time
	// Newer are the usernames that the replaced store had changed after At, as
	// far as it could be read.
	Newer []string
}

// Restore replaces the store with a backup, which is written beside it, checked
// and only then put in its place; the replaced SQLite file stays as
// directory.db.before-restore. A PostgreSQL database must be empty. Every
// process that uses the store must have been stopped.
//
// Sessions and tokens are ended, epochs leap and the feed begins a new epoch, so
// that nothing that was ended since the backup opens a door again. Posix numbers
// given since the backup stay taken.
func Restore(ctx context.Context, cfg Config, r io.Reader) (Restored, error) {
	var out Restored
	d, err := newDialect(cfg)
	if err != nil {
		return out, err
	}
	now := time.Now
	if cfg.Now != nil {
		now = cfg.Now
	}
	old, err := readOld(ctx, d)
	if err != nil {
		cfg.logger().WarnContext(ctx, "the store that is replaced cannot be read", "error", err)
	}
	err = d.files.restore(ctx, d, r, func(c *conn) error {
		var last int64
		if _, err := c.row("SELECT COALESCE(max(at), 0) FROM changes", nil, number(&last)); err != nil {
			return err
		}
		if last > 0 {
			out.At = time.UnixMicro(last).UTC()
		}
		out.Newer = old.newer(out.At)
		return settle(c, old, now())
	})
	return out, err
}

// oldStore is what must outlive the store that is replaced.
type oldStore struct {
	epoch int64
	posix []directory.PosixID
	users []directory.User
}

// readOld reads the store that is to be replaced; there may be none.
func readOld(ctx context.Context, d *dialect) (oldStore, error) {
	var old oldStore
	err := withConn(ctx, d, func(c *conn) error {
		return c.run(ctx, d.locks.view, func() error {
			if have, err := readSchema(c); err != nil || have.number == 0 {
				return err
			}
			head, err := readHead(c)
			if err != nil {
				return err
			}
			old.epoch = head.Epoch
			for p, err := range c.tx.PosixIDs.Find(directory.PosixIDQuery{}) {
				if err != nil {
					return err
				}
				old.posix = append(old.posix, p)
			}
			q := directory.UserQuery{Kind: directory.AnyKind, Sort: directory.SortUpdated, Desc: true, Limit: 1000}
			for u, err := range c.tx.Users.Find(q) {
				if err != nil {
					return err
				}
				old.users = append(old.users, u)
			}
			return nil
		})
	})
	if errors.Is(err, ErrEmpty) {
		err = nil
	}
	return old, err
}

func (old oldStore) newer(than time.Time) []string {
	var out []string
	for _, u := range old.users {
		if u.Updated.After(than) {
			out = append(out, u.Username)
		}
	}
	slices.Sort(out)
	return out
}

// settle makes a store that was brought back safe to open.
func settle(c *conn, old oldStore, now time.Time) error {
	for _, statement := range []string{
		"DELETE FROM sessions", "DELETE FROM session_apps", "DELETE FROM tokens", "DELETE FROM invitations",
		"UPDATE jobs SET lease_owner = '', lease_until = 0",
		"UPDATE audit_chains SET state = NULL, since = 0",
		fmt.Sprintf("UPDATE users SET epoch = epoch + %d", epochLeap),
	} {
		if _, err := c.exec(statement); err != nil {
			return err
		}
	}
	head, err := readHead(c)
	if err != nil {
		return err
	}
	if _, err := c.exec("UPDATE feed SET epoch = $1 WHERE one = 1", max(head.Epoch, old.epoch)+1); err != nil {
		return err
	}
	for _, p := range old.posix {
		if p.Released.IsZero() {
			p.Released = now
		}
		// A number that the backup has too keeps its owner there.
		_, err := c.exec("INSERT INTO posix_ids (number, owner_uid, released) VALUES ($1, $2, $3)"+
			" ON CONFLICT (number) DO NOTHING", p.Number, p.OwnerUID, stamp(p.Released))
		if err != nil {
			return err
		}
	}
	return nil
}
