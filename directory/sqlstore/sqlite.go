package sqlstore

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"gatehouse/directory"
	"gatehouse/internal/hostlock"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteFile is the name of the database in the data directory.
const sqliteFile = "directory.db"

// sqliteFiles is a SQLite database: one file, its log, and the lock of its
// writers beside it.
type sqliteFiles struct {
	path  string
	locks *hostlock.Lock // opened by open
}

func sqliteDialect(path string) *dialect {
	return &dialect{
		locks:    locks{view: "BEGIN", update: "BEGIN IMMEDIATE", suffix: "", whole: true},
		in:       sqliteIn,
		rowKey:   "INTEGER",
		param:    func(int) string { return "?" },
		classify: classifySQLite,
		files:    &sqliteFiles{path: path},
	}
}

// sqliteIn gives a list as one JSON text. Bytes travel in hex.
func sqliteIn(column, param string, list any) (string, any) {
	switch l := list.(type) {
	case []int64:
		if len(l) == 1 {
			return column + " = " + param, l[0]
		}
	case []string:
		if len(l) == 1 {
			return column + " = " + param, l[0]
		}
	case [][]byte:
		if len(l) == 1 {
			return column + " = " + param, l[0]
		}
		texts := make([]string, len(l))
		for i, b := range l {
			texts[i] = hex.EncodeToString(b)
		}
		return column + " IN (SELECT unhex(value) FROM json_each(" + param + "))", encode(texts)
	}
	text, err := json.Marshal(list)
	if err != nil {
		panic(fmt.Sprintf("sqlstore: a list of %T: %v", list, err))
	}
	return column + " IN (SELECT value FROM json_each(" + param + "))", string(text)
}

func classifySQLite(err error) verdict {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return verdict{}
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return verdict{fault: faultUnique, column: sqliteColumn(e.Error())}
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR,
		sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_NOMEM:
		return verdict{fault: faultUnavailable}
	}
	return verdict{}
}

// sqliteColumn takes the first column out of
// "… UNIQUE constraint failed: users.name_key, … (2067)".
func sqliteColumn(msg string) string {
	_, rest, _ := strings.Cut(msg, "constraint failed: ")
	if i := strings.LastIndex(rest, "constraint failed: "); i >= 0 {
		rest = rest[i+len("constraint failed: "):]
	}
	rest, _, _ = strings.Cut(rest, " (")
	rest, _, _ = strings.Cut(rest, ",")
	return rest
}

func (f *sqliteFiles) remote() bool { return false }

func (f *sqliteFiles) catalogue() string {
	return "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'"
}

// create makes an empty database file and switches it to the write-ahead log,
// which it keeps.
func (f *sqliteFiles) create(ctx context.Context) error {
	file, err := os.OpenFile(f.path, os.O_CREATE|os.O_EXCL|os.O_RDWR|syscall.O_NOFOLLOW, 0o660)
	switch {
	case err == nil:
		// Not the umask but the group of the directory says who shares it.
		if err := errors.Join(file.Chmod(0o660), file.Close()); err != nil {
			return internal("create the database: %w", err)
		}
	case !errors.Is(err, fs.ErrExist):
		return internal("create the database: %w", err)
	}
	db, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(ctx, "PRAGMA journal_mode = WAL"); err != nil {
		return sqliteDialect(f.path).fail("switch to the write-ahead log", err)
	}
	return nil
}

func (f *sqliteFiles) open(context.Context) (*sql.DB, error) {
	info, err := os.Stat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, emptyError(f.path)
	case err != nil:
		return nil, unavailable("open the database", err)
	case !info.Mode().IsRegular():
		return nil, &directory.Error{Kind: directory.Invalid, Field: "database.url", Msg: f.path + " is not a file"}
	}
	if f.locks == nil {
		if f.locks, err = hostlock.Open(filepath.Join(filepath.Dir(f.path), "write.lock")); err != nil {
			return nil, unavailable("open the writers' lock", err)
		}
	}
	return openSQLite(f.path)
}

// openSQLite opens a file. synchronous=FULL: a commit is on the disk before it
// is answered. The busy timeout only ever waits for foreign tools and
// checkpoints, since writers take turns by the lock. temp_store=MEMORY: what a
// savepoint would restore is not written into a file. wal_autocheckpoint: 16 MiB of
// log, since a page that is written again and again is copied back once.
func openSQLite(path string) (*sql.DB, error) {
	q := url.Values{}
	for _, p := range []string{
		"busy_timeout(5000)", "synchronous(FULL)", "foreign_keys(ON)", "cache_size(-8192)",
		"journal_size_limit(67108864)", "temp_store(MEMORY)", "wal_autocheckpoint(4000)",
	} {
		q.Add("_pragma", p)
	}
	dsn := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, unavailable("open the database", err)
	}
	db.SetMaxIdleConns(-1) // the store keeps its own
	return db, nil
}

func (f *sqliteFiles) lock(ctx context.Context) (func(), error) { return f.locks.Lock(ctx) }

func (f *sqliteFiles) close() error {
	if f.locks == nil {
		return nil
	}
	err := f.locks.Close()
	f.locks = nil
	return err
}
