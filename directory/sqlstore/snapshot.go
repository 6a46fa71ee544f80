package sqlstore

import (
	"fmt"
	"iter"
	"strconv"
	"strings"

	"gatehouse/directory"
)

// snapshot is directory.Snapshot. A cell that the driver hands over costs more
// than the database's own work on it, so only those are read that are asked
// for, and the members of a group are one.
type snapshot struct{ c *conn }

// Users yields users by id.
func (s snapshot) Users() iter.Seq2[directory.User, error] {
	return each(s.c, "SELECT id, uid, kind, username, status, expires, profile,"+
		" CASE WHEN kind = 'service' THEN attrs ELSE '{}' END, created, updated FROM users"+
		" WHERE status <> 'deleted' ORDER BY id", nil, func(u *directory.User) []field {
		return []field{
			number(&u.ID), text(&u.UID), text(&u.Kind), text(&u.Username), text(&u.Status), micros(&u.Expires),
			attributes(&u.Profile), attributes(&u.Attrs), micros(&u.Created), micros(&u.Updated),
		}
	})
}

// Emails yields addresses by user.
func (s snapshot) Emails() iter.Seq2[directory.EmailRow, error] {
	return each(s.c, "SELECT user_id, address, is_primary FROM emails ORDER BY user_id, order_, address_key", nil,
		func(e *directory.EmailRow) []field {
			return []field{number(&e.User), text(&e.Address), flag(&e.Primary)}
		})
}

// PosixIDs yields numbers.
func (s snapshot) PosixIDs() iter.Seq2[directory.PosixID, error] {
	return each(s.c, "SELECT number, owner_uid FROM posix_ids WHERE released = 0 ORDER BY number", nil,
		func(p *directory.PosixID) []field { return []field{number(&p.Number), text(&p.OwnerUID)} })
}

// Passwords yields what may be known of passwords.
func (s snapshot) Passwords() iter.Seq2[directory.Credential, error] {
	return each(s.c, "SELECT user_id, kind, created, params FROM credentials WHERE kind IN ('password', 'service_password')"+
		" ORDER BY user_id", nil, func(c *directory.Credential) []field {
		return []field{number(&c.User), text(&c.Kind), micros(&c.Created), rawJSON(&c.Params)}
	})
}

// Members yields the members of each group that has some.
func (s snapshot) Members() iter.Seq2[directory.GroupMembers, error] {
	const always = "CASE WHEN starts = 0 AND ends = 0 THEN "
	return each(s.c, "SELECT group_id, coalesce(string_agg("+always+"CAST(user_id AS TEXT) END, ','), ''),"+
		" sum("+always+"0 ELSE 1 END) FROM group_users GROUP BY group_id ORDER BY group_id", nil,
		func(m *directory.GroupMembers) []field {
			return []field{number(&m.Group), idList[directory.UserID]{&m.Users}, number(&m.Timed)}
		})
}

// idList is ids in decimal, separated by commas.
type idList[T ~int64] struct{ p *[]T }

func (f idList[T]) scan(src any) error {
	s, ok := src.(string)
	if !ok {
		return wrongType("list of ids", src)
	}
	*f.p = nil
	if s == "" {
		return nil
	}
	ids := make([]T, 0, strings.Count(s, ",")+1)
	for id := range strings.SplitSeq(s, ",") {
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			return fmt.Errorf("read a list of ids: %w", err)
		}
		ids = append(ids, T(n))
	}
	*f.p = ids
	return nil
}

func (f idList[T]) value() any { return "" } // never written
