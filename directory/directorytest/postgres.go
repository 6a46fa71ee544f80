package directorytest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/sqlstore"

	_ "github.com/jackc/pgx/v5/stdlib" // for CREATE DATABASE
)

// OpenPostgres returns a new, empty store on PostgreSQL, in a database of the
// test's own. It is closed when the test ends.
func OpenPostgres(t testing.TB) directory.Store {
	t.Helper()
	return Open(t, PostgresConfig(t))
}

// PostgresConfig returns the configuration of a migrated store that nobody has
// opened, in a cluster that all tests of the process share.
func PostgresConfig(t testing.TB) sqlstore.Config {
	t.Helper()
	p, err := sharedPostgres()
	if err != nil {
		t.Fatalf("these tests need PostgreSQL (Debian: postgresql): %v", err)
	}
	cfg := sqlstore.Config{URL: p.Database(t), DataDir: t.TempDir(), RuntimeDir: t.TempDir()}
	migrate(t, cfg)
	return cfg
}

// sharedPostgres starts one cluster per test process, at first use.
//
// starting a cluster takes seconds, a process needs one
var sharedPostgres = sync.OnceValues(func() (*Postgres, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return newPostgres(ctx)
})

// Postgres is a private cluster on a free port of 127.0.0.1. It ends with the
// test process, however that ends.
type Postgres struct {
	bin    string // where initdb and postgres are
	dir    string
	port   int
	run    *syscall.SysProcAttr // as whom; root may not run PostgreSQL
	lease  io.Closer            // closing it stops the server
	server *exec.Cmd
}

// StartPostgres starts a cluster for one test, which may Stop and Start it.
func StartPostgres(t testing.TB) *Postgres {
	t.Helper()
	p, err := newPostgres(t.Context())
	if err != nil {
		t.Fatalf("this test needs PostgreSQL (Debian: postgresql): %v", err)
	}
	t.Cleanup(func() {
		p.Stop(t)
		if err := os.RemoveAll(p.dir); err != nil {
			t.Errorf("remove the cluster: %v", err)
		}
	})
	return p
}

func newPostgres(ctx context.Context) (*Postgres, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(found) == 0 {
		return nil, errors.New("there is no /usr/lib/postgresql/*/bin")
	}
	slices.Sort(found)
	p := &Postgres{bin: found[len(found)-1], run: &syscall.SysProcAttr{}}
	if p.dir, err = os.MkdirTemp("", "gatehouse-postgres-"); err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 {
		if err := p.become("postgres"); err != nil {
			return nil, err
		}
	}
	if p.port, err = freePort(ctx); err != nil {
		return nil, err
	}
	initdb := p.command(ctx, "initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8",
		"-D", filepath.Join(p.dir, "data"))
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return p, p.start(ctx)
}

// become makes the cluster run as an account of the system.
func (p *Postgres) become(name string) error {
	u, err := user.Lookup(name)
	if err != nil {
		return err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return err
	}
	p.run.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(p.dir, int(uid), int(gid))
}

func (p *Postgres) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, name), args...)
	cmd.SysProcAttr, cmd.Dir = p.run, p.dir
	return cmd
}

func freePort(ctx context.Context) (int, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// keeper runs the server and stops it when its own standard input ends, which
// it does when the test process has gone.
const keeper = `"$1" -D "$2" -p "$3" -c unix_socket_directories= -c listen_addresses=127.0.0.1 -c max_connections=200 \
	-c fsync=off -c log_min_messages=fatal -c deadlock_timeout=100ms </dev/null & server=$!
read line
kill -INT $server
wait $server
if test "$line" != keep; then rm -rf "$4"; fi`

func (p *Postgres) start(ctx context.Context) error {
	cmd := exec.Command("/bin/sh", "-c", keeper, "keeper", // it outlives the test that starts it
		filepath.Join(p.bin, "postgres"), filepath.Join(p.dir, "data"), strconv.Itoa(p.port), p.dir)
	cmd.SysProcAttr, cmd.Dir = p.run, p.dir
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.lease, p.server = in, cmd
	return p.await(ctx)
}

// await polls until the server takes connections.
func (p *Postgres) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	db, err := sql.Open("pgx", p.URL("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if err = db.PingContext(ctx); err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the server did not start: %w", err)
		}
	}
}

// URL names a database of the cluster.
func (p *Postgres) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", p.port, database)
}

// Database makes an empty database and returns its URL.
func (p *Postgres) Database(t testing.TB) string {
	t.Helper()
	db, err := sql.Open("pgx", p.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	name := fmt.Sprintf("t%d", time.Now().UnixNano())
	if _, err := db.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatalf("create a database: %v", err)
	}
	return p.URL(name)
}

// Stop stops the server at once and keeps its data. Connections break.
func (p *Postgres) Stop(t testing.TB) {
	t.Helper()
	if p.server == nil {
		return
	}
	_, _ = io.WriteString(p.lease.(io.Writer), "keep\n")
	_ = p.lease.Close()
	if err := p.server.Wait(); err != nil {
		t.Errorf("stop PostgreSQL: %v", err)
	}
	p.server = nil
}

// Start starts the server again.
func (p *Postgres) Start(t testing.TB) {
	t.Helper()
	if err := p.start(t.Context()); err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
}
