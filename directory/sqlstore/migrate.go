package sqlstore

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"gatehouse/directory"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migration is one step of the schema. Steps only expand: what version N no
// longer uses is dropped in N+2.
type migration struct {
	number  int64
	name    string
	minCode int64 // code of an older schema cannot run on this one
	text    string
}

// minCodeMark begins the line of a migration that raises min_code.
const minCodeMark = "-- min_code: "

// migrations returns the steps in order.
func migrations() ([]migration, error) {
	files, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		return nil, internal("list migrations: %w", err)
	}
	var out []migration
	for _, file := range files {
		text, err := fs.ReadFile(migrationFiles, file)
		if err != nil {
			return nil, internal("read a migration: %w", err)
		}
		m := migration{name: strings.TrimSuffix(path.Base(file), ".sql"), text: string(text), minCode: 1}
		digits, _, _ := strings.Cut(m.name, "_")
		if m.number, err = strconv.ParseInt(digits, 10, 64); err != nil || m.number != int64(len(out)+1) {
			return nil, internal("migration %s is out of order", m.name)
		}
		if _, rest, found := strings.Cut(m.text, minCodeMark); found {
			line, _, _ := strings.Cut(rest, "\n")
			if m.minCode, err = strconv.ParseInt(strings.TrimSpace(line), 10, 64); err != nil {
				return nil, internal("migration %s: %w", m.name, err)
			}
		}
		out = append(out, m)
	}
	return out, nil
}

// ErrEmpty is wrapped by what Open returns for a store that was never set up.
var ErrEmpty = errors.New("the store is empty")

func emptyError(where string) error {
	return &directory.Error{
		Kind: directory.Invalid, Entity: "store", Err: ErrEmpty,
		Msg: fmt.Sprintf("%s holds no directory yet: run gatehouse init", where),
	}
}

// schema is what a store says about itself.
type schema struct {
	number  int64
	minCode int64
}

// readSchema returns the schema of the store; number 0: it is empty.
func readSchema(c *conn) (schema, error) {
	var s schema
	var tables int64
	if _, err := c.row(c.d.files.catalogue(), nil, number(&tables)); err != nil || tables == 0 {
		return s, err
	}
	_, err := c.row("SELECT COALESCE(max(number), 0), COALESCE(max(min_code), 0) FROM schema_version", nil,
		number(&s.number), number(&s.minCode))
	return s, err
}

// checkSchema refuses a store that this code cannot use.
func checkSchema(c *conn) error {
	steps, err := migrations()
	if err != nil {
		return err
	}
	have, err := readSchema(c)
	if err != nil {
		return err
	}
	return fits(int64(len(steps)), have)
}

// fits says whether code of schema number code can use a store.
func fits(code int64, have schema) error {
	switch {
	case have.number == 0:
		return emptyError("the database")
	case have.number < code:
		return &directory.Error{
			Kind: directory.Invalid, Entity: "store",
			Msg: fmt.Sprintf("the store has schema %d, this version needs %d: run gatehouse migrate", have.number, code),
		}
	case code < have.minCode:
		return &directory.Error{
			Kind: directory.Invalid, Entity: "store",
			Msg: fmt.Sprintf("the store has schema %d, which needs code for schema %d or newer; this version is for schema %d: "+
				"install a newer version of gatehouse", have.number, have.minCode, code),
		}
	}
	return nil
}

// Migrate brings the store to the schema of this code, creating it when it is
// empty, and returns the names of the steps it took. Each is a transaction of
// its own. Nothing else may write meanwhile.
func Migrate(ctx context.Context, cfg Config) ([]string, error) {
	d, err := newDialect(cfg)
	if err != nil {
		return nil, err
	}
	if err := d.files.create(ctx); err != nil {
		return nil, err
	}
	return migrate(ctx, d, cfg.Now)
}

func migrate(ctx context.Context, d *dialect, now func() time.Time) ([]string, error) {
	if now == nil {
		now = time.Now
	}
	var done []string
	err := withConn(ctx, d, func(c *conn) error {
		unlock, err := d.files.lock(ctx)
		if err != nil {
			return unavailable("wait for the writers' lock", err)
		}
		defer unlock()
		steps, err := pending(ctx, c)
		if err != nil {
			return err
		}
		for _, m := range steps {
			if err := c.run(ctx, d.locks.update, func() error { return m.apply(c, now()) }); err != nil {
				return fmt.Errorf("migration %s: %w", m.name, err)
			}
			done = append(done, m.name)
		}
		return nil
	})
	return done, err
}

// Pending returns the names of the steps that Migrate would take. An empty
// store needs all of them.
func Pending(ctx context.Context, cfg Config) ([]string, error) {
	d, err := newDialect(cfg)
	if err != nil {
		return nil, err
	}
	var names []string
	err = withConn(ctx, d, func(c *conn) error {
		steps, err := pending(ctx, c)
		for _, m := range steps {
			names = append(names, m.name)
		}
		return err
	})
	if errors.Is(err, ErrEmpty) {
		steps, err := migrations()
		for _, m := range steps {
			names = append(names, m.name)
		}
		return names, err
	}
	return names, err
}

// Empty reports whether the store was never set up. It changes nothing.
func Empty(ctx context.Context, cfg Config) (bool, error) {
	d, err := newDialect(cfg)
	if err != nil {
		return false, err
	}
	var have schema
	err = withConn(ctx, d, func(c *conn) error {
		return c.run(ctx, d.locks.view, func() (err error) {
			have, err = readSchema(c)
			return err
		})
	})
	if errors.Is(err, ErrEmpty) {
		return true, nil
	}
	return err == nil && have.number == 0, err
}

// withConn runs fn with a connection of its own.
func withConn(ctx context.Context, d *dialect, fn func(*conn) error) (err error) {
	db, err := d.files.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close(), d.files.close()) }()
	c, err := newConn(ctx, db, d)
	if err != nil {
		return err
	}
	defer c.close()
	return fn(c)
}

// pending returns the steps that are missing. A store from newer code is an
// error when this code may not use it.
func pending(ctx context.Context, c *conn) ([]migration, error) {
	steps, err := migrations()
	if err != nil {
		return nil, err
	}
	var have schema
	err = c.run(ctx, c.d.locks.view, func() (err error) {
		have, err = readSchema(c)
		return err
	})
	if err != nil {
		return nil, err
	}
	if have.number >= int64(len(steps)) {
		return nil, fits(int64(len(steps)), have)
	}
	return steps[have.number:], nil
}

// apply runs the step's statements and records it.
func (m migration) apply(c *conn, now time.Time) error {
	if m.number == 1 {
		_, err := c.exec("CREATE TABLE schema_version (number BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, " +
			"min_code BIGINT NOT NULL, applied BIGINT NOT NULL)")
		if err != nil {
			return err
		}
	}
	text := strings.ReplaceAll(m.text, "BIGINT NOT NULL PRIMARY KEY", c.d.rowKey+" NOT NULL PRIMARY KEY")
	for _, statement := range statements(text) {
		if _, err := c.exec(statement); err != nil {
			first, _, _ := strings.Cut(statement, "\n")
			return fmt.Errorf("%s: %w", first, err)
		}
	}
	_, err := c.exec("INSERT INTO schema_version (number, name, min_code, applied) VALUES ($1, $2, $3, $4)",
		m.number, m.name, m.minCode, stamp(now))
	return err
}

// statements splits a migration, whose statements end with ";" at the end of a
// line.
func statements(text string) []string {
	var out []string
	for _, s := range strings.Split(text, ";\n") {
		var lines []string
		for line := range strings.Lines(s) {
			if trimmed := strings.TrimSpace(line); trimmed != "" && !strings.HasPrefix(trimmed, "--") {
				lines = append(lines, strings.TrimRight(line, "\n"))
			}
		}
		if len(lines) > 0 {
			out = append(out, strings.Join(lines, "\n"))
		}
	}
	return out
}
