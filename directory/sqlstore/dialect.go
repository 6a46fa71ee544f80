package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
)

// dialect is all that differs between the two engines. An eighth field needs a
// reason as good as these.
type dialect struct {
	// locks: SQLite has one lock for the whole file, taken when a transaction
	// begins; PostgreSQL locks rows, by a suffix of the statement that reads them.
	locks locks

	// in: "= ANY" over an array does not exist in SQLite, which takes the list as
	// one JSON text instead. Either way a list is one parameter, so that the
	// number of prepared statements does not grow with the length of lists.
	in func(column, param string, list any) (condition string, arg any)

	// load: COPY is many times faster than INSERT and only exists in PostgreSQL.
	// nil: there is no such thing.
	load func(ctx context.Context, dc driver.Conn, table string, columns []string, rows [][]any) error

	// rowKey: the type of a primary key of one number. SQLite orders the rows of a
	// table by a hidden number and keeps any other key in a second tree; one that is
	// called INTEGER, and nothing else, is that number. PostgreSQL's INTEGER is too
	// short.
	rowKey string

	// param: the n-th parameter of an INSERT of many rows. The SQLite driver finds
	// $n by its name, in a time that grows with n: a third of the cost of a row
	// went there. Its ? has no name; PostgreSQL has only $n.
	param func(n int) string

	// classify: both say by their own codes that a value is taken, that a race
	// was lost, or that the database is gone.
	classify func(error) verdict

	// files: a database is opened, backed up and restored in wholly different
	// ways.
	files files
}

// locks are the words that begin and lock.
type locks struct {
	view   string // begins a read-only snapshot
	update string // begins a writing transaction
	suffix string // of a SELECT whose rows are to be changed
	whole  bool   // a writer locks the whole database, so one at a time is all there can be
}

// files opens, copies and replaces databases.
type files interface {
	// open opens the database for readers and writers. It does not create one.
	open(ctx context.Context) (*sql.DB, error)
	// create makes what open needs to succeed, when it is missing.
	create(ctx context.Context) error
	// remote says that the database is reached over a network: statements then
	// get a context that can end them. A local file answers at once, and an
	// interrupted statement would roll back the whole batch.
	remote() bool
	// catalogue is the query that counts the tables called schema_version.
	catalogue() string
	// backup writes a checked copy of everything.
	backup(ctx context.Context, c *conn, w io.Writer) error
	// restore replaces everything with a copy that backup wrote. finish runs in a
	// transaction on the new database before it takes effect.
	restore(ctx context.Context, d *dialect, r io.Reader, finish func(*conn) error) error
	// lock takes the lock that orders the writers of all processes of the host,
	// and returns what releases it.
	lock(ctx context.Context) (func(), error)
	// close releases what open took beside the database.
	close() error
}
