package sqlstore

import (
	"strconv"
	"strings"
	"time"
)

// selection collects what a query asks for: conditions with their arguments,
// order and paging.
type selection struct {
	d          *dialect
	conditions []string
	args       []any
	restricted bool   // by something the caller said, not by a default
	none       bool   // an empty list was given: nothing can match
	after      string // keyset condition, part of the paging
	order      string
	limit      int
	offset     int
}

// param adds an argument and returns its placeholder.
func (s *selection) param(v any) string {
	s.args = append(s.args, v)
	return "$" + strconv.Itoa(len(s.args))
}

// always adds a condition that is there by default.
func (s *selection) always(condition string) {
	s.conditions = append(s.conditions, condition)
}

// where adds a condition with one argument, written as "?".
func (s *selection) where(condition string, arg any) {
	s.restricted = true
	s.conditions = append(s.conditions, strings.Replace(condition, "?", s.param(arg), 1))
}

// in adds "column is one of list". wrap holds it where "?" stands; empty: no
// wrap.
func (s *selection) in(column, wrap string, n int, list any) {
	s.restricted = true
	if n == 0 {
		s.none = true
		return
	}
	param := "$" + strconv.Itoa(len(s.args)+1)
	condition, arg := s.d.in(column, param, list)
	s.args = append(s.args, arg)
	if wrap != "" {
		condition = strings.Replace(wrap, "?", condition, 1)
	}
	s.conditions = append(s.conditions, condition)
}

// same restricts column to v, unless v is empty.
func same[T ~string](s *selection, column string, v T) {
	if v != "" {
		s.where(column+" = ?", clean(string(v)))
	}
}

// sameID restricts column to v, unless v is 0.
func sameID[T ~int64](s *selection, column string, v T) {
	if v != 0 {
		s.where(column+" = ?", int64(v))
	}
}

// sameBytes restricts column to v, unless v is empty.
func sameBytes(s *selection, column string, v []byte) {
	if len(v) > 0 {
		s.where(column+" = ?", v)
	}
}

// anyID restricts column to list, unless list is nil.
func anyID[T ~int64](s *selection, column, wrap string, list []T) {
	if list == nil {
		return
	}
	ids := make([]int64, len(list))
	for i, v := range list {
		ids[i] = int64(v)
	}
	s.in(column, wrap, len(ids), ids)
}

// anyText restricts column to list, unless list is nil.
func anyText[T ~string](s *selection, column, wrap string, list []T) {
	if list == nil {
		return
	}
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = clean(string(v))
	}
	s.in(column, wrap, len(texts), texts)
}

// anyBytes restricts column to list, unless list is nil.
func anyBytes(s *selection, column string, list [][]byte) {
	if list != nil {
		s.in(column, "", len(list), list)
	}
}

// anyKey restricts a column of name keys to list, unless list is nil.
func anyKey(s *selection, column string, list []string) {
	if list == nil {
		return
	}
	keys := make([][]byte, len(list))
	for i, k := range list {
		keys[i] = []byte(k)
	}
	s.in(column, "", len(keys), keys)
}

// prefix restricts a column of name keys to those that begin with p.
func prefix(s *selection, column, p string) {
	if p == "" {
		return
	}
	s.where(column+" >= ?", []byte(p))
	// No byte of UTF-8 is 0xff, so this is above every key with the prefix.
	s.where(column+" < ?", append([]byte(p), 0xff))
}

// since restricts a time column to t or later, unless t is zero.
func since(s *selection, column string, t time.Time) {
	if !t.IsZero() {
		s.where(column+" >= ?", stamp(t))
	}
}

// before restricts a time column that is set to earlier than t, unless t is zero.
func before(s *selection, column string, t time.Time) {
	if !t.IsZero() {
		s.where("("+column+" <> 0 AND "+column+" < ?)", stamp(t))
	}
}

// page sets the limits; 0 is none.
func (s *selection) page(limit, offset int) { s.limit, s.offset = limit, offset }

// writeWhere appends the conditions, with the keyset when paged.
func (s *selection) writeWhere(b *strings.Builder, paged bool) {
	word := " WHERE "
	for _, c := range s.conditions {
		b.WriteString(word)
		b.WriteString(c)
		word = " AND "
	}
	if paged && s.after != "" {
		b.WriteString(word)
		b.WriteString(s.after)
	}
}

// writeOrder appends order and paging. PostgreSQL takes OFFSET without LIMIT,
// SQLite does not, so there always is one when there is the other. The CAST hides
// the parameter from SQLite's planner: a bare one makes it plan the statement
// again at every use, since another limit might want another plan.
func (s *selection) writeOrder(b *strings.Builder) {
	if s.order != "" {
		b.WriteString(" ORDER BY ")
		b.WriteString(s.order)
	}
	limit := int64(s.limit)
	if limit == 0 && s.offset > 0 {
		limit = 1 << 62
	}
	if limit > 0 {
		b.WriteString(" LIMIT ")
		b.WriteString("CAST(" + s.param(limit) + " AS BIGINT)")
	}
	if s.offset > 0 {
		b.WriteString(" OFFSET ")
		b.WriteString("CAST(" + s.param(int64(s.offset)) + " AS BIGINT)")
	}
}
