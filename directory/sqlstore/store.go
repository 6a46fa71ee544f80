package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"sync"
	"time"

	"gatehouse/directory"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// headLimit is how long the freshness barrier waits for a database.
	headLimit = 2 * time.Second
	// viewWait is how long a View waits for a connection.
	viewWait = 2 * time.Second
	// viewsMost is how many Views run at once in a process.
	viewsMost = 32
)

// Config says which database to use.
type Config struct {
	URL        string                // "sqlite:" (DataDir/directory.db), "sqlite:FILE" or "postgres://…"
	DataDir    string                // of this installation; holds the SQLite file and the writers' lock
	RuntimeDir string                // where doorbells hang; empty: other processes are not woken
	Linker     directory.Linker      // nil: audit events are numbered, not linked
	Logger     *slog.Logger          // nil: silent
	Registerer prometheus.Registerer // nil: no metrics
	Now        func() time.Time      // nil: time.Now
}

func (cfg Config) logger() *slog.Logger {
	if cfg.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return cfg.Logger
}

// Store is a directory.Store. Its methods are safe for concurrent use.
type Store struct {
	d       *dialect
	db      *sql.DB
	views   *pool
	log     *slog.Logger
	now     func() time.Time
	linker  directory.Linker
	metrics *metrics
	events  eventIDs
	bell    *bell

	ctx    context.Context // ends when the store was closed
	cancel context.CancelFunc
	update *writer
	record *writer // the same as update where one writer is all there can be

	headTurn chan struct{} // guards headConn
	headConn *conn
	closing  sync.Once
}

// Open opens an existing store for use. A store that was never set up, that
// needs to be migrated or that needs newer code is an error that says so; Open
// changes nothing. ctx bounds the opening only.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	d, err := newDialect(cfg)
	if err != nil {
		return nil, err
	}
	db, err := d.files.open(ctx)
	if err != nil {
		return nil, err
	}
	s := &Store{
		d: d, db: db, views: newPool(db, d, viewsMost), log: cfg.logger(),
		now: cfg.Now, linker: cfg.Linker, headTurn: make(chan struct{}, 1),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if err := s.view(ctx, checkSchema); err != nil {
		return nil, errors.Join(err, s.closeFiles())
	}
	if s.metrics, err = newMetrics(cfg.Registerer); err != nil {
		return nil, errors.Join(err, s.closeFiles())
	}
	if s.bell, err = newBell(cfg.RuntimeDir); err != nil {
		return nil, errors.Join(err, s.closeFiles())
	}
	// The store outlives the call that opened it.
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.update = newWriter(s, true)
	s.record = s.update
	if !d.locks.whole {
		s.record = newWriter(s, false)
	}
	return s, nil
}

func (s *Store) closeFiles() error {
	s.views.close()
	return errors.Join(s.db.Close(), s.d.files.close())
}

// Close waits for running transactions and closes the store.
func (s *Store) Close() error {
	var err error
	s.closing.Do(func() {
		s.update.close()
		s.record.close()
		s.cancel()
		s.headTurn <- struct{}{}
		if s.headConn != nil {
			s.headConn.close()
			s.headConn = nil
		}
		<-s.headTurn
		err = errors.Join(s.bell.close(), s.closeFiles())
	})
	return err
}

// View runs fn in a snapshot.
func (s *Store) View(ctx context.Context, fn func(*directory.Tx) error) error {
	return s.view(ctx, func(c *conn) error { return fn(&c.tx) })
}

func (s *Store) view(ctx context.Context, fn func(*conn) error) error {
	return s.read(ctx, s.d.locks.view, fn)
}

// read gives fn a connection, in a transaction that begin starts; "": in none,
// for a single statement, which may run twice.
func (s *Store) read(ctx context.Context, begin string, fn func(*conn) error) error {
	c, err := s.viewConn(ctx)
	if err != nil {
		return err
	}
	began := false
	run := func() (err error) {
		broken, all := true, false
		defer func() { s.views.put(c, broken, all) }()
		if begin == "" {
			err = c.plain(ctx, func() error { return fn(c) })
		} else {
			err = c.run(ctx, begin, func() error {
				began = true
				return fn(c)
			})
		}
		broken = err != nil && !c.usable()
		all = broken && ctx.Err() == nil // the idle ones broke for the same reason
		return err
	}
	if err = run(); err == nil || began || !directory.Is(err, directory.Unavailable) || ctx.Err() != nil {
		return err
	}
	// The connection had broken while it was idle, and with it all idle ones.
	if c, err = s.viewConn(ctx); err != nil {
		return err
	}
	return run()
}

func (s *Store) viewConn(ctx context.Context) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, viewWait)
	defer cancel()
	return s.views.get(ctx)
}

// Update runs fn in a transaction that may change the directory.
func (s *Store) Update(ctx context.Context, fn func(*directory.Tx) error) (directory.Head, error) {
	return s.update.do(ctx, &request{fn: fn, feed: true})
}

// Bulk runs fn in a transaction of its own that may change thousands of rows.
func (s *Store) Bulk(ctx context.Context, fn func(*directory.Tx) error) (directory.Head, error) {
	return s.update.do(ctx, &request{fn: fn, feed: true, bulk: true})
}

// Record runs fn in a transaction that the feed does not carry.
func (s *Store) Record(ctx context.Context, fn func(*directory.Tx) error) error {
	_, err := s.record.do(ctx, &request{fn: fn})
	return err
}

// maintain is Record for the store's own statements.
func (s *Store) maintain(ctx context.Context, fn func(*conn) error) error {
	return s.Record(ctx, func(tx *directory.Tx) error { return fn(tx.Feed.(feed).c) })
}

// Head returns the newest position of the feed. It has a connection of its own
// and no transaction: it is asked before every decision.
func (s *Store) Head(ctx context.Context) (directory.Head, error) {
	if s.d.files.remote() {
		limited, cancel := context.WithTimeout(ctx, headLimit)
		defer cancel()
		ctx = limited
	}
	select {
	case s.headTurn <- struct{}{}:
	case <-ctx.Done():
		return directory.Head{}, unavailable("read the feed", context.Cause(ctx))
	}
	defer func() { <-s.headTurn }()
	had := s.headConn != nil
	h, err := s.readHead(ctx)
	if err != nil && had && s.headConn == nil && ctx.Err() == nil {
		return s.readHead(ctx) // it had broken while it was idle
	}
	return h, err
}

func (s *Store) readHead(ctx context.Context) (h directory.Head, err error) {
	if s.ctx.Err() != nil {
		return h, unavailable("read the feed", errClosed)
	}
	if s.headConn == nil {
		if s.headConn, err = newConn(ctx, s.db, s.d); err != nil {
			s.headConn = nil
			return h, err
		}
	}
	if h, err = s.headConn.head(ctx); err != nil {
		s.headConn.close()
		s.headConn = nil
	}
	return h, err
}

// Wait returns when a process of this host has written, or ctx has ended.
func (s *Store) Wait(ctx context.Context) { s.bell.wait(ctx) }
