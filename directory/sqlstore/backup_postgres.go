package sqlstore

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"

	"gatehouse/directory"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// A backup of PostgreSQL is a first line, then a section per table: a line of
// JSON that names it, its rows as COPY writes them in pieces with their length
// (big-endian, 4 bytes) in front, and a piece of no length. The last line holds
// the SHA-256 of everything before it.
const (
	postgresMagic = "gatehouse postgres backup 1\n"
	pieceMost     = 1 << 20
	lineMost      = 64 << 10
)

// section is the line in front of a table's rows, or the last line.
type section struct {
	Table   string   `json:"table,omitempty"`
	Columns []string `json:"columns,omitempty"`
	SHA256  string   `json:"sha256,omitempty"`
}

// parents are the tables that others refer to, and so are restored first.
func parents() []string { return []string{"users", "groups", "apps"} }

// tables lists the tables of the store with their columns, parents first.
func (f *postgresFiles) tables(c *conn) ([]section, error) {
	type column struct{ table, name string }
	columns, err := rowsOf(c, "SELECT table_name::text, column_name::text FROM information_schema.columns"+
		" WHERE table_schema = current_schema() AND table_name <> 'schema_version' ORDER BY table_name, ordinal_position", nil,
		func(r *column) []field { return []field{text(&r.table), text(&r.name)} })
	if err != nil {
		return nil, err
	}
	var out []section
	for _, col := range columns {
		if n := len(out); n == 0 || out[n-1].Table != col.table {
			out = append(out, section{Table: col.table})
		}
		last := &out[len(out)-1]
		last.Columns = append(last.Columns, col.name)
	}
	rank := func(s section) int {
		if i := slices.Index(parents(), s.Table); i >= 0 {
			return i
		}
		return len(parents())
	}
	slices.SortStableFunc(out, func(a, b section) int { return rank(a) - rank(b) })
	return out, nil
}

// copyWords is the COPY statement of a table, without its direction.
func (s section) copyWords() string {
	columns := make([]string, len(s.Columns))
	for i, name := range s.Columns {
		columns[i] = pgx.Identifier{name}.Sanitize()
	}
	return "COPY " + pgx.Identifier{s.Table}.Sanitize() + " (" + strings.Join(columns, ", ") + ") "
}

// backup writes all tables as one snapshot sees them.
func (f *postgresFiles) backup(ctx context.Context, c *conn, w io.Writer) error {
	sum := sha256.New()
	buffered := bufio.NewWriterSize(io.MultiWriter(w, sum), pieceMost)
	err := c.run(ctx, c.d.locks.view, func() error {
		tables, err := f.tables(c)
		if err != nil {
			return err
		}
		if _, err := buffered.WriteString(postgresMagic); err != nil {
			return internal("write the backup: %w", err)
		}
		for _, t := range tables {
			if t.Table == "audit_chains" {
				// With a key of the audit that is kept for years, everything since could
				// be forged.
				t.Columns = slices.DeleteFunc(t.Columns, func(column string) bool { return column == "state" })
			}
			if err := writeSection(buffered, t); err != nil {
				return err
			}
			pg := c.dc.(*stdlib.Conn).Conn().PgConn()
			if _, err := pg.CopyTo(c.ctx, &pieceWriter{w: buffered, c: c}, t.copyWords()+"TO STDOUT"); err != nil {
				return c.failed("copy "+t.Table, err)
			}
			if _, err := buffered.Write(make([]byte, 4)); err != nil {
				return internal("write the backup: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return internal("write the backup: %w", err)
	}
	last := bufio.NewWriter(w)
	if err := writeSection(last, section{SHA256: hex.EncodeToString(sum.Sum(nil))}); err != nil {
		return err
	}
	if err := last.Flush(); err != nil {
		return internal("write the backup: %w", err)
	}
	return nil
}

func writeSection(w io.Writer, s section) error {
	if _, err := io.WriteString(w, encode(s)+"\n"); err != nil {
		return internal("write the backup: %w", err)
	}
	return nil
}

// pieceWriter writes what COPY gives with its length in front.
type pieceWriter struct {
	w io.Writer
	c *conn
}

func (p *pieceWriter) Write(b []byte) (int, error) {
	p.c.progress()
	written := 0
	for piece := range slices.Chunk(b, pieceMost) {
		if err := binary.Write(p.w, binary.BigEndian, uint32(len(piece))); err != nil {
			return written, err
		}
		n, err := p.w.Write(piece)
		if written += n; err != nil {
			return written, err
		}
	}
	return written, nil
}

// restore fills an empty database from a backup, in one transaction.
func (f *postgresFiles) restore(ctx context.Context, d *dialect, r io.Reader, finish func(*conn) error) error {
	in := &backupReader{r: bufio.NewReaderSize(r, pieceMost), sum: sha256.New()}
	if err := in.magic(); err != nil {
		return err
	}
	err := withConn(ctx, d, func(c *conn) error {
		return c.run(ctx, d.locks.view, func() error {
			have, err := readSchema(c)
			if err == nil && have.number > 0 {
				err = &directory.Error{
					Kind: directory.Exists, Entity: "store",
					Msg: f.name + " is not empty: restore into a new database",
				}
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	if _, err := migrate(ctx, d, nil); err != nil {
		return err
	}
	return withConn(ctx, d, func(c *conn) error {
		return c.run(ctx, d.locks.update, func() error {
			if err := f.fill(c, in); err != nil {
				return err
			}
			c.write = &writeState{c: c}
			return finish(c)
		})
	})
}

// fill copies every section of the backup into its table.
func (f *postgresFiles) fill(c *conn, in *backupReader) error {
	known, err := f.tables(c)
	if err != nil {
		return err
	}
	if _, err := c.exec("DELETE FROM feed"); err != nil {
		return err
	}
	for {
		s, err := in.section()
		if err != nil {
			return err
		}
		if s.Table == "" {
			return in.check(s)
		}
		if !slices.ContainsFunc(known, func(k section) bool { return k.Table == s.Table }) {
			return broken("it has a table %q, which this version does not know", s.Table)
		}
		pg := c.dc.(*stdlib.Conn).Conn().PgConn()
		if _, err := pg.CopyFrom(c.ctx, &pieceReader{in: in, c: c}, s.copyWords()+"FROM STDIN"); err != nil {
			if in.err != nil {
				return in.err
			}
			return c.failed("fill "+s.Table, err)
		}
	}
}

func broken(format string, args ...any) error {
	return &directory.Error{Kind: directory.Invalid, Entity: "backup", Msg: fmt.Sprintf(format, args...)}
}

// backupReader reads a backup and sums it up on the way.
type backupReader struct {
	r   *bufio.Reader
	sum hash.Hash
	err error
}

func (in *backupReader) magic() error {
	b := make([]byte, len(postgresMagic))
	if _, err := io.ReadFull(in.r, b); err != nil || string(b) != postgresMagic {
		return broken("it is not a backup of a PostgreSQL store")
	}
	in.sum.Write(b)
	return nil
}

// section reads the next line. The last one is not part of the sum.
func (in *backupReader) section() (section, error) {
	var s section
	var line []byte
	for len(line) == 0 || line[len(line)-1] != '\n' {
		b, err := in.r.ReadByte()
		if err != nil {
			return s, broken("it is cut off")
		}
		if line = append(line, b); len(line) > lineMost {
			return s, broken("a line is too long")
		}
	}
	if err := json.Unmarshal(line, &s); err != nil {
		return s, broken("a section cannot be read")
	}
	if s.Table != "" {
		in.sum.Write(line)
	}
	return s, nil
}

func (in *backupReader) check(s section) error {
	if s.SHA256 != hex.EncodeToString(in.sum.Sum(nil)) {
		return broken("its checksum is wrong")
	}
	return nil
}

// pieceReader gives the rows of one section.
type pieceReader struct {
	in    *backupReader
	c     *conn
	piece []byte
	ended bool
}

func (p *pieceReader) Read(b []byte) (int, error) {
	p.c.progress()
	if len(p.piece) == 0 && !p.ended {
		if err := p.next(); err != nil {
			p.in.err = err
			return 0, err
		}
	}
	if p.ended {
		return 0, io.EOF
	}
	n := copy(b, p.piece)
	p.piece = p.piece[n:]
	return n, nil
}

func (p *pieceReader) next() error {
	var head [4]byte
	if _, err := io.ReadFull(p.in.r, head[:]); err != nil {
		return broken("it is cut off")
	}
	p.in.sum.Write(head[:])
	size := binary.BigEndian.Uint32(head[:])
	switch {
	case size == 0:
		p.ended = true
		return nil
	case size > pieceMost:
		return broken("a piece is too long")
	}
	p.piece = make([]byte, size)
	if _, err := io.ReadFull(p.in.r, p.piece); err != nil {
		return broken("it is cut off")
	}
	p.in.sum.Write(p.piece)
	return nil
}
