package sqlstore

import (
	"bytes"
	"database/sql/driver"
	"errors"
	"io"
	"iter"
	"strconv"
	"strings"

	"gatehouse/directory"
)

// table is the one implementation of directory.Table. Each noun describes
// itself by its columns, the fields of its row and the conditions of its query.
type table[R, Q any] struct {
	c      *conn
	name   string
	entity string // for errors: "user", "group" …
	// columns are separated by spaces, the primary key first.
	columns string
	keys    int // how many columns are the primary key
	// fields returns where the columns of a row are, in their order.
	fields func(*R) []field
	// where adds conditions, order and paging of a query.
	where func(*Q, *selection)

	names []string
	read  string // SELECT … FROM …
}

// ready splits the columns once per connection.
func (t *table[R, Q]) ready() *table[R, Q] {
	t.names = strings.Fields(t.columns)
	t.read = "SELECT " + strings.Join(t.names, ", ") + " FROM " + t.name
	return t
}

func (t *table[R, Q]) selection(q *Q) *selection {
	s := &selection{d: t.c.d}
	t.where(q, s)
	return s
}

// Find yields what q selects.
func (t *table[R, Q]) Find(q Q) iter.Seq2[R, error] { return t.find(q, "") }

// Take yields what q selects and locks it.
func (t *table[R, Q]) Take(q Q) iter.Seq2[R, error] { return t.find(q, t.c.d.locks.suffix) }

func (t *table[R, Q]) find(q Q, suffix string) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		s := t.selection(&q)
		if s.none {
			return
		}
		query := t.findText(s, suffix)
		each(t.c, query, s.args, t.fields)(yield)
	}
}

func (t *table[R, Q]) findText(s *selection, suffix string) string {
	var b strings.Builder
	b.WriteString(t.read)
	s.writeWhere(&b, true)
	s.writeOrder(&b)
	b.WriteString(suffix)
	return b.String()
}

// Count counts what q selects, without its paging.
func (t *table[R, Q]) Count(q Q) (int, error) {
	s := t.selection(&q)
	if s.none {
		return 0, nil
	}
	paging := len(s.args)
	if s.after != "" {
		paging -= strings.Count(s.after, "$")
	}
	var b strings.Builder
	b.WriteString("SELECT count(*) FROM " + t.name)
	s.writeWhere(&b, false)
	var n int64
	_, err := t.c.row(b.String(), s.args[:paging], number(&n))
	return int(n), err
}

// Update replaces the row with the same primary key.
func (t *table[R, Q]) Update(row R) error {
	if err := t.c.writable(); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("UPDATE " + t.name)
	word := " SET "
	for i, name := range t.names[t.keys:] {
		b.WriteString(word + name + " = $" + strconv.Itoa(t.keys+i+1))
		word = ", "
	}
	word = " WHERE "
	for i, name := range t.names[:t.keys] {
		b.WriteString(word + name + " = $" + strconv.Itoa(i+1))
		word = " AND "
	}
	return t.exactly(t.c.exec(b.String(), values(t.fields(&row))...))
}

// Amend replaces what of a row differs from was.
func (t *table[R, Q]) Amend(was, row R) error {
	if err := t.c.writable(); err != nil {
		return err
	}
	before, after := t.fields(&was), t.fields(&row)
	var args []any
	var b strings.Builder
	b.WriteString("UPDATE " + t.name)
	set := func(word string, i int, v any) {
		args = append(args, v)
		b.WriteString(word + t.names[i] + " = $" + strconv.Itoa(len(args)))
	}
	word := " SET "
	for i := t.keys; i < len(after); i++ {
		if v := after[i].value(); !equalValues(before[i].value(), v) {
			set(word, i, v)
			word = ", "
		}
	}
	if len(args) == 0 {
		return nil
	}
	word = " WHERE "
	for i := range t.keys {
		set(word, i, after[i].value())
		word = " AND "
	}
	return t.exactly(t.c.exec(b.String(), args...))
}

// equalValues compares what two fields give to the driver.
func equalValues(a, b any) bool {
	x, isBytes := a.([]byte)
	y, areBytes := b.([]byte)
	if isBytes || areBytes {
		return isBytes == areBytes && bytes.Equal(x, y)
	}
	return a == b
}

// exactly is the error of a change of one row.
func (t *table[R, Q]) exactly(n int64, err error) error {
	if err == nil && n == 0 {
		return &directory.Error{Kind: directory.NotFound, Entity: t.entity, Msg: "it no longer exists"}
	}
	return err
}

// Delete removes what q selects.
func (t *table[R, Q]) Delete(q Q) (int, error) {
	if err := t.c.writable(); err != nil {
		return 0, err
	}
	s := t.selection(&q)
	if s.none || !s.restricted {
		return 0, nil
	}
	var b strings.Builder
	b.WriteString("DELETE FROM " + t.name)
	if s.limit > 0 || s.offset > 0 || s.after != "" {
		// SQLite is built without DELETE … LIMIT, PostgreSQL has none.
		key := strings.Join(t.names[:t.keys], ", ")
		b.WriteString(" WHERE (" + key + ") IN (SELECT " + key + " FROM " + t.name)
		s.writeWhere(&b, true)
		s.writeOrder(&b)
		b.WriteString(")")
	} else {
		s.writeWhere(&b, false)
	}
	n, err := t.c.exec(b.String(), s.args...)
	return int(n), err
}

// Insert adds rows.
func (t *table[R, Q]) Insert(rows ...R) error {
	if err := t.c.writable(); err != nil {
		return err
	}
	return insert(t.c, t.name, t.names, len(rows), func(i int) []field { return t.fields(&rows[i]) })
}

// copyFrom is from how many rows on COPY is cheaper than INSERT.
const copyFrom = 64

// insertParams is about how many parameters one INSERT of several rows has.
// SQLite finds each by a walk over all, so more of them are slower, not faster.
const insertParams = 300

// insert adds n rows in as few statements as there can be.
func insert(c *conn, name string, columns []string, n int, row func(i int) []field) error {
	if n >= copyFrom && c.d.load != nil {
		return copyRows(c, name, columns, n, row)
	}
	i := 0
	// Two sizes, so that there are two prepared statements and not one per n.
	for _, size := range []int{insertParams / len(columns), 1} {
		if n-i < size {
			continue
		}
		query := c.d.insertText(name, columns, size)
		args := make([]driver.NamedValue, 0, size*len(columns))
		for ; n-i >= size; args = args[:0] {
			for range size {
				for _, f := range row(i) {
					args = append(args, driver.NamedValue{Ordinal: len(args) + 1, Value: f.value()})
				}
				i++
			}
			if _, err := c.execNamed(query, args); err != nil {
				return err
			}
		}
	}
	return nil
}

func copyRows(c *conn, name string, columns []string, n int, row func(int) []field) error {
	const chunk = 10_000 // rows that are held in memory
	for i := 0; i < n; {
		batch := make([][]any, 0, min(chunk, n-i))
		for ; i < n && len(batch) < chunk; i++ {
			batch = append(batch, values(row(i)))
		}
		if _, _, err := c.ready("SELECT 1"); err != nil {
			return err
		}
		if err := c.d.load(c.statementContext(), c.dc, name, columns, batch); err != nil {
			return c.failed("write", err)
		}
	}
	return nil
}

func (d *dialect) insertText(name string, columns []string, rows int) string {
	var b strings.Builder
	b.WriteString("INSERT INTO " + name + " (" + strings.Join(columns, ", ") + ") VALUES ")
	n := 0
	for i := range rows {
		if i > 0 {
			b.WriteString(", ")
		}
		for j := range columns {
			if j == 0 {
				b.WriteString("(")
			} else {
				b.WriteString(", ")
			}
			n++
			b.WriteString(d.param(n))
		}
		b.WriteByte(')')
	}
	return b.String()
}

func values(fields []field) []any {
	out := make([]any, len(fields))
	for i, f := range fields {
		out[i] = f.value()
	}
	return out
}

// cursor reads rows one by one into the same memory.
type cursor[R any] struct {
	c      *conn
	rows   driver.Rows // nil: read to the end
	done   func()
	dest   []driver.Value
	fields []field
	row    R
	read   int
	rest   []R // read ahead, because the connection was needed
	err    error
}

func openCursor[R any](c *conn, query string, args []any, fields func(*R) []field) (*cursor[R], error) {
	rows, done, err := c.query(query, args)
	if err != nil {
		return nil, err
	}
	cur := &cursor[R]{c: c, rows: rows, done: done}
	cur.fields = fields(&cur.row)
	cur.dest = make([]driver.Value, len(cur.fields))
	c.active = cur
	return cur, nil
}

// next makes the next row the current one.
func (cur *cursor[R]) next() bool {
	if len(cur.rest) > 0 {
		cur.row, cur.rest = cur.rest[0], cur.rest[1:]
		return true
	}
	return cur.fetch()
}

func (cur *cursor[R]) fetch() bool {
	if cur.rows == nil || cur.err != nil {
		return false
	}
	if cur.read++; cur.read%progressEvery == 0 {
		cur.c.progress()
		if err := cur.c.ctx.Err(); err != nil {
			return cur.stop(err)
		}
	}
	switch err := cur.rows.Next(cur.dest); {
	case errors.Is(err, io.EOF):
		cur.close()
		return false
	case err != nil:
		return cur.stop(err)
	}
	for i, f := range cur.fields {
		if err := f.scan(cur.dest[i]); err != nil {
			return cur.stop(err)
		}
	}
	return true
}

func (cur *cursor[R]) stop(err error) bool {
	cur.err = cur.c.failed("read rows", err)
	cur.close()
	return false
}

// spill reads what is left.
func (cur *cursor[R]) spill() error {
	for cur.fetch() {
		cur.rest = append(cur.rest, cur.row)
	}
	return cur.err
}

func (cur *cursor[R]) close() {
	if cur.rows == nil {
		return
	}
	cur.done()
	cur.rows = nil
	if cur.c.active == spiller(cur) {
		cur.c.active = nil
	}
}

// each yields the rows of a query.
func each[R any](c *conn, query string, args []any, fields func(*R) []field) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		var zero R
		cur, err := openCursor(c, query, args, fields)
		if err != nil {
			yield(zero, err)
			return
		}
		defer cur.close()
		for cur.next() {
			if !yield(cur.row, nil) {
				return
			}
		}
		if cur.err != nil {
			yield(zero, cur.err)
		}
	}
}

// rowsOf returns all rows of a query.
func rowsOf[R any](c *conn, query string, args []any, fields func(*R) []field) ([]R, error) {
	var out []R
	for row, err := range each(c, query, args, fields) {
		if err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, nil
}
