package core

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/config"
	"gatehouse/directory"
	"gatehouse/directory/seal"
	"gatehouse/directory/sqlstore"
	"gatehouse/internal/buildinfo"
	"gatehouse/internal/hostlock"
)

// Options say what is opened and for whom.
type Options struct {
	Config config.Config
	// Daemon is "ldapd", "radiusd", "scimd", "idp", Combined or CLI.
	Daemon   string
	Getenv   func(string) string
	Log      *slog.Logger
	Registry prometheus.Registerer // nil: no metrics
	Now      func() time.Time
	// Checkpoints takes those of the audit away; nil: they are logged only.
	Checkpoints directory.Courier
	// Renaming opens an installation whose recorded names are to be changed.
	Renaming bool
}

// The processes that are not a daemon of their own.
const (
	Combined = "gatehouse" // the four daemons in one process
	CLI      = "cli"
)

// Core is the core of a process. Close it after everything that uses it.
type Core struct {
	Config    config.Config
	Directory *directory.Directory
	Store     *sqlstore.Store
	Keys      directory.Keys

	linker   *directory.ChainLinker
	unfollow func() // ends following the GeoIP databases and the files of imported CAs; nil: none are
	unlock   func()
	lock     *hostlock.Lock
	close    func() error
}

// Open opens the core of an installation that Create has made.
func Open(ctx context.Context, o Options) (*Core, error) {
	keys, err := loadKeys(o)
	if err != nil {
		return nil, explainMissing(ctx, o, err)
	}
	c, err := open(ctx, o, keys)
	if err != nil {
		return nil, err
	}
	if err := c.checkRecorded(ctx, &o); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	if o.Daemon == CLI {
		return c, nil
	}
	if err := c.started(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// started writes that a daemon has started, and gives up the audit ring: it was
// needed for a chain that begins with this event, and who breaks into the daemon
// later must not find it.
func (c *Core) started(ctx context.Context) error {
	if err := c.Directory.Started(ctx, buildinfo.Version()); err != nil {
		return err
	}
	c.linker.Forget()
	delete(c.Keys, seal.Audit)
	return nil
}

// open opens without comparing what init recorded.
func open(ctx context.Context, o Options, keys directory.Keys) (_ *Core, err error) {
	c := &Core{Config: o.Config, Keys: keys}
	c.close = sync.OnceValue(c.release)
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	if err := DropRoot(o.Config); err != nil {
		return nil, err
	}
	if err := c.join(); err != nil {
		return nil, err
	}
	store, err := StoreConfig(o)
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("name this host: %w", err)
	}
	if c.linker, err = directory.NewLinker(keys, o.Daemon, host); err != nil {
		return nil, err
	}
	store.Linker = c.linker
	if err := os.MkdirAll(store.RuntimeDir, 0o770); err != nil {
		return nil, fmt.Errorf("make the runtime directory: %w", err)
	}
	if c.Store, err = sqlstore.Open(ctx, store); err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	locate, err := c.openGeoIP(ctx, o)
	if err != nil {
		return nil, err
	}
	authorities, err := c.openAuthorities(ctx, o)
	if err != nil {
		return nil, err
	}
	c.Directory, err = directory.Open(directory.Config{
		Store: c.Store, Keys: kept(keys, o.Daemon), Logger: o.Log, Now: o.Now,
		Daemon: o.Daemon, Instance: host, NoWeb: o.Daemon == "ldapd" || o.Daemon == "radiusd",
		PosixFirst: int64(o.Config.POSIX.First), PosixLast: int64(o.Config.POSIX.Last),
		SelfWritable: o.Config.SelfService.Writable, Peers: peers(o.Config.LDAP.Peers, o.Log), Metrics: o.Registry,
		AuditStrict: o.Config.Audit.Strict, AuditKeep: time.Duration(o.Config.Audit.KeepDays) * 24 * time.Hour,
		Checkpoints: o.Checkpoints, Locate: locate, Authorities: authorities,
	})
	if err != nil {
		return nil, fmt.Errorf("open the directory: %w", err)
	}
	return c, nil
}

// StoreConfig returns how o.Daemon reaches the store, without a linker. It
// holds the database password.
func StoreConfig(o Options) (sqlstore.Config, error) {
	url, err := o.Config.DatabaseURL(o.Daemon)
	if err != nil {
		return sqlstore.Config{}, err
	}
	return sqlstore.Config{
		URL: url, DataDir: o.Config.DataDir, RuntimeDir: o.Config.RuntimeDir(),
		Logger: o.Log, Registerer: o.Registry, Now: o.Now,
	}, nil
}

// RunLock opens the lock that every process of this host which has the store
// open shares. Who takes it alone knows that there is none: a restore does.
func RunLock(c config.Config) (*hostlock.Lock, error) {
	return hostlock.Open(filepath.Join(c.DataDir, "run.lock"))
}

// join takes this process's share of the run lock.
func (c *Core) join() (err error) {
	if c.lock, err = RunLock(c.Config); err != nil {
		return err
	}
	if c.unlock, err = c.lock.TryShare(); err != nil {
		return fmt.Errorf("the directory is being restored: %w", err)
	}
	return nil
}

// Close closes the directory and then the store. Later calls return the same.
func (c *Core) Close() error { return c.close() }

func (c *Core) release() error {
	var errs []error
	if c.Directory != nil {
		c.Directory.Close()
	}
	if c.unfollow != nil {
		c.unfollow()
	}
	if c.Store != nil {
		errs = append(errs, c.Store.Close())
	}
	if c.unlock != nil {
		c.unlock()
	}
	if c.lock != nil {
		errs = append(errs, c.lock.Close())
	}
	return errors.Join(errs...)
}

// explainMissing says what is really the matter when there are no keys: mostly
// that nothing was set up yet.
func explainMissing(ctx context.Context, o Options, cause error) error {
	if !errors.Is(cause, os.ErrNotExist) {
		return cause
	}
	store, err := StoreConfig(o)
	if err != nil {
		return err
	}
	empty, err := sqlstore.Empty(ctx, store)
	switch {
	case err != nil:
		return errors.Join(cause, err)
	case empty:
		return fmt.Errorf("%s holds no directory yet: run gatehouse init", o.Config.DataDir)
	default:
		return fmt.Errorf("%w; a directory cannot be used without its keys: put them back, or run gatehouse init --join", cause)
	}
}
