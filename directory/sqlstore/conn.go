package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"sync"
	"time"

	"gatehouse/directory"
)

const (
	// maxStatements bounds the prepared statements of one connection. The texts
	// are few, since lists are one parameter; beyond it a text is prepared anew.
	maxStatements = 400
	// stall ends a statement of a remote database that makes no progress.
	stall = 5 * time.Second
	// idleMost is how many connections are kept for the next reader.
	idleMost = 16
	// progressEvery is how many rows count as progress.
	progressEvery = 512
)

const rollback = "ROLLBACK"

var errTxOver = errors.New("the transaction is over")

// conn is a connection with its prepared statements and the transaction that
// runs on it. It speaks to the driver itself: database/sql keeps the pool and
// opens connections, but its row loop costs as much as SQLite's own work. One
// goroutine at a time uses it.
type conn struct {
	d     *dialect
	sc    *sql.Conn
	dc    driver.Conn
	stmts map[string]driver.Stmt
	tx    directory.Tx

	ctx    context.Context
	timer  *time.Timer // ends ctx when a remote database stalls
	open   bool
	err    error // the first failure; nothing runs after it
	active spiller
	write  *writeState // nil in a View
}

// spiller is a cursor that can read the rest of its rows at once, because the
// connection is needed for something else.
type spiller interface {
	spill() error
	close()
}

func newConn(ctx context.Context, db *sql.DB, d *dialect) (*conn, error) {
	sc, err := db.Conn(ctx)
	if err != nil {
		return nil, d.fail("connect", err)
	}
	c := &conn{d: d, sc: sc, stmts: map[string]driver.Stmt{}}
	c.tx = newTx(c)
	return c, nil
}

// close ends the connection and its statements.
func (c *conn) close() {
	_ = c.sc.Raw(func(any) error {
		for _, s := range c.stmts {
			_ = s.Close()
		}
		return driver.ErrBadConn // so that it does not go back to the pool
	})
	_ = c.sc.Close()
}

// run gives fn the connection, inside a transaction that begin starts. It
// commits when fn returns nil, and rolls back otherwise.
func (c *conn) run(ctx context.Context, begin string, fn func() error) error {
	return c.plain(ctx, func() error {
		if _, err := c.exec(begin); err != nil {
			return err
		}
		committed := false
		defer func() {
			if !committed {
				c.rollback()
			}
		}()
		if err := fn(); err != nil {
			return err
		}
		if c.err != nil {
			return c.err
		}
		c.endCursor()
		if _, err := c.exec("COMMIT"); err != nil {
			return err
		}
		committed = true
		return nil
	})
}

// plain gives fn the connection without a transaction.
func (c *conn) plain(ctx context.Context, fn func() error) error {
	return c.sc.Raw(func(dc any) error {
		c.dc = dc.(driver.Conn)
		stop := c.start(ctx)
		defer stop()
		return fn()
	})
}

// head reads the position of the feed, without a transaction of its own.
func (c *conn) head(ctx context.Context) (h directory.Head, err error) {
	err = c.plain(ctx, func() error {
		h, err = readHead(c)
		return err
	})
	return h, err
}

// usable reports whether the connection is alive and in no transaction.
func (c *conn) usable() bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return c.sc.Raw(func(dc any) error {
		if r, ok := dc.(driver.SessionResetter); ok {
			return r.ResetSession(ctx)
		}
		return nil
	}) == nil
}

// start makes the connection ready for a transaction under ctx.
func (c *conn) start(ctx context.Context) (stop func()) {
	c.open, c.err, c.active = true, nil, nil
	if !c.d.files.remote() {
		c.ctx = ctx
		return func() { c.open, c.ctx, c.write = false, nil, nil }
	}
	ctx, cancel := context.WithCancel(ctx)
	c.ctx = ctx
	c.timer = time.AfterFunc(stall, cancel)
	return func() {
		c.timer.Stop()
		cancel()
		c.open, c.ctx, c.timer, c.write = false, nil, nil, nil
	}
}

// rollback ends the transaction, whatever state it is in.
func (c *conn) rollback() {
	c.endCursor()
	c.err = nil
	_, _ = c.exec(rollback)
}

func (c *conn) endCursor() {
	if c.active != nil {
		c.active.close()
		c.active = nil
	}
}

// statementContext is what a statement runs under.
func (c *conn) statementContext() context.Context {
	if c.timer == nil {
		return context.WithoutCancel(c.ctx)
	}
	return c.ctx
}

// progress says that a remote database is alive.
func (c *conn) progress() {
	if c.timer != nil {
		c.timer.Reset(stall)
	}
}

// ready prepares a statement, after it has made the connection free.
func (c *conn) ready(query string) (driver.Stmt, bool, error) {
	switch {
	case !c.open:
		return nil, false, internal("%w", errTxOver)
	case c.err != nil:
		return nil, false, c.err
	case c.ctx.Err() != nil && query != rollback:
		return nil, false, c.failed("begin a statement", context.Cause(c.ctx))
	}
	if c.active != nil {
		a := c.active
		c.active = nil
		if err := a.spill(); err != nil {
			return nil, false, c.failed("read rows", err)
		}
	}
	c.progress()
	if s := c.stmts[query]; s != nil {
		return s, true, nil
	}
	s, err := c.dc.(driver.ConnPrepareContext).PrepareContext(c.statementContext(), query)
	if err != nil {
		return nil, false, c.failed("prepare a statement", err)
	}
	keep := len(c.stmts) < maxStatements
	if keep {
		c.stmts[query] = s
	}
	return s, keep, nil
}

// failed keeps the first failure of the transaction and returns it.
func (c *conn) failed(doing string, err error) error {
	if c.err == nil {
		c.err = c.d.fail(doing, err)
	}
	return c.err
}

func named(args []any) []driver.NamedValue {
	out := make([]driver.NamedValue, len(args))
	for i, a := range args {
		out[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	return out
}

// exec runs a statement and says how many rows it touched.
func (c *conn) exec(query string, args ...any) (int64, error) { return c.execNamed(query, named(args)) }

// execNamed is exec. It does not keep args.
func (c *conn) execNamed(query string, args []driver.NamedValue) (int64, error) {
	s, kept, err := c.ready(query)
	if err != nil {
		return 0, err
	}
	if !kept {
		defer func() { _ = s.Close() }()
	}
	res, err := s.(driver.StmtExecContext).ExecContext(c.statementContext(), args)
	if err != nil {
		return 0, c.failed("write", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, c.failed("count what was written", err)
	}
	return n, nil
}

// query runs a statement that yields rows. done must be called when they were
// read.
func (c *conn) query(query string, args []any) (rows driver.Rows, done func(), err error) {
	s, kept, err := c.ready(query)
	if err != nil {
		return nil, nil, err
	}
	rows, err = s.(driver.StmtQueryContext).QueryContext(c.statementContext(), named(args))
	if err != nil {
		if !kept {
			_ = s.Close()
		}
		return nil, nil, c.failed("read", err)
	}
	return rows, func() {
		_ = rows.Close()
		if !kept {
			_ = s.Close()
		}
	}, nil
}

// row runs a statement that yields at most one row and scans it.
func (c *conn) row(query string, args []any, into ...field) (bool, error) {
	rows, done, err := c.query(query, args)
	if err != nil {
		return false, err
	}
	defer done()
	dest := make([]driver.Value, len(into))
	switch err := rows.Next(dest); {
	case errors.Is(err, io.EOF):
		return false, nil
	case err != nil:
		return false, c.failed("read a row", err)
	}
	for i, f := range into {
		if err := f.scan(dest[i]); err != nil {
			return false, c.failed("read a row", err)
		}
	}
	return true, nil
}

// pool keeps connections for readers.
type pool struct {
	db   *sql.DB
	d    *dialect
	slot chan struct{} // one per connection that may be in use

	mu     sync.Mutex
	idle   []*conn
	closed bool
}

func newPool(db *sql.DB, d *dialect, most int) *pool {
	return &pool{db: db, d: d, slot: make(chan struct{}, most)}
}

// get returns a connection, an idle one when there is one.
func (p *pool) get(ctx context.Context) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, unavailable("get a database connection", err)
	}
	select {
	case p.slot <- struct{}{}:
	case <-ctx.Done():
		return nil, unavailable("wait for a database connection", context.Cause(ctx))
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		<-p.slot
		return nil, unavailable("get a database connection", errClosed)
	}
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return c, nil
	}
	p.mu.Unlock()
	c, err := newConn(ctx, p.db, p.d)
	if err != nil {
		<-p.slot
		return nil, err
	}
	return c, nil
}

// put gives a connection back. A broken one is closed, and with all also those
// that are idle.
func (p *pool) put(c *conn, broken, all bool) {
	var drop []*conn
	p.mu.Lock()
	if all {
		drop, p.idle = p.idle, nil
	}
	if broken || p.closed || len(p.idle) >= idleMost {
		drop = append(drop, c)
	} else {
		p.idle = append(p.idle, c)
	}
	p.mu.Unlock()
	for _, c := range drop {
		c.close()
	}
	<-p.slot
}

// close waits for the connections in use and closes all.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	for range cap(p.slot) {
		p.slot <- struct{}{}
	}
	for range cap(p.slot) {
		<-p.slot // whoever comes later is told that it is closed
	}
	for _, c := range p.idle {
		c.close()
	}
	p.idle = nil
}
