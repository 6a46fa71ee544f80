package sqlstore

import (
	"context"
	"encoding/json"
	"time"

	"gatehouse/directory"
)

const headQuery = "SELECT seq, epoch FROM feed WHERE one = 1"

// feed is directory.Feed.
type feed struct{ c *conn }

// Head returns the position that the transaction sees, its own changes left out.
func (f feed) Head() (directory.Head, error) {
	if w := f.c.write; w != nil && w.locked {
		return w.head, nil
	}
	return readHead(f.c)
}

func readHead(c *conn) (directory.Head, error) {
	var h directory.Head
	found, err := c.row(headQuery, nil, number(&h.Seq), number(&h.Epoch))
	if err == nil && !found {
		err = internal("the feed has no row")
	}
	return h, err
}

// Append adds a change.
func (f feed) Append(ch directory.Change) error {
	if err := f.appendable(); err != nil {
		return err
	}
	f.c.write.pending = append(f.c.write.pending, ch)
	return nil
}

// Restart begins a new epoch.
func (f feed) Restart() error {
	if err := f.appendable(); err != nil {
		return err
	}
	f.c.write.head.Epoch++
	f.c.write.restarted = true
	return nil
}

func (f feed) appendable() error {
	if err := f.c.writable(); err != nil {
		return err
	}
	if !f.c.write.feedAllowed {
		return internal("a change of the feed in a Record")
	}
	return nil
}

func changeFields(ch *directory.Change) []field {
	return []field{
		number(&ch.Seq), number(&ch.N), micros(&ch.At), text(&ch.Kind), number(&ch.Ref), number(&ch.Rev),
		userList{&ch.Users},
	}
}

// userList keeps nil (unknown: read again) and empty (nobody) apart.
type userList struct{ p *[]directory.UserID }

func (f userList) scan(src any) error {
	s, ok := src.(string)
	if !ok {
		return wrongType("list", src)
	}
	*f.p = nil
	if s == "" {
		return nil
	}
	return json.Unmarshal([]byte(s), f.p)
}

func (f userList) value() any {
	if *f.p == nil {
		return ""
	}
	return encode(*f.p)
}

// Changes returns the changes of at most most transactions after a position.
func (s *Store) Changes(ctx context.Context, after directory.Seq, most int) ([]directory.Change, error) {
	var out []directory.Change
	read := func(c *conn) (err error) {
		out, err = rowsOf(c, "SELECT seq, n, at, kind, ref, rev, users FROM changes"+
			" WHERE seq > $1 AND seq <= $2 ORDER BY seq, n", []any{int64(after), int64(after) + int64(most)}, changeFields)
		return err
	}
	// The next change alone proves that none is missing. That takes one statement,
	// and every door waits for it after a change.
	if err := s.read(ctx, "", read); err != nil {
		return nil, err
	}
	if len(out) > 0 && out[0].Seq == after+1 {
		return out, nil
	}
	err := s.view(ctx, func(c *conn) error {
		out = nil
		head, err := readHead(c)
		if err != nil || head.Seq <= after {
			return err
		}
		if err := read(c); err != nil {
			return err
		}
		if len(out) == 0 || out[0].Seq != after+1 {
			return directory.ErrSeqTrimmed
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Trim removes changes made before t, in small transactions, and says how many
// were removed. A reader that is further behind gets ErrSeqTrimmed and loads
// everything again.
func (s *Store) Trim(ctx context.Context, t time.Time) (int, error) {
	const step = 2000
	total := 0
	for {
		n := int64(0)
		err := s.maintain(ctx, func(c *conn) (err error) {
			n, err = c.exec("DELETE FROM changes WHERE (seq, n) IN (SELECT seq, n FROM changes"+
				" WHERE at < $1 ORDER BY seq, n LIMIT $2)", stamp(t), int64(step))
			return err
		})
		total += int(n)
		if err != nil || n < step {
			return total, err
		}
	}
}
