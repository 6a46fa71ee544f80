package stage

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Postgres is a private PostgreSQL cluster on loopback.
type Postgres struct {
	dir  string
	bin  string
	port int
	proc *Process
}

// NewPostgres makes and starts a cluster below dir. PostgreSQL refuses to run
// as root, so then it runs as the user postgres, who must be able to enter dir.
func NewPostgres(ctx context.Context, dir string) (*Postgres, error) {
	bins, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(bins) == 0 {
		return nil, fmt.Errorf("no PostgreSQL below /usr/lib/postgresql: run test/install-clients")
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	p := &Postgres{dir: filepath.Join(dir, "cluster"), bin: bins[len(bins)-1], port: port}
	cred, err := Unprivileged("postgres")
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		return nil, err
	}
	if cred != nil {
		if err := os.Chown(p.dir, int(cred.Uid), int(cred.Gid)); err != nil {
			return nil, err
		}
	}
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, "initdb"), "-D", p.dir, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	cmd.Dir, cmd.SysProcAttr = p.dir, &syscall.SysProcAttr{Credential: cred}
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return p, p.Start(ctx)
}

// Unprivileged is the account a server runs under when the caller is root, nil
// when the caller is not.
func Unprivileged(name string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// Start starts the stopped or killed cluster and waits until it accepts
// connections.
func (p *Postgres) Start(ctx context.Context) error {
	cred, err := Unprivileged("postgres")
	if err != nil {
		return err
	}
	return Poll(ctx, 30*time.Second, func() error {
		if p.proc == nil || !p.proc.Running() {
			// After a kill the old processes may still hold the shared memory.
			cmd := exec.Command(filepath.Join(p.bin, "postgres"), "-D", p.dir,
				"-c", "listen_addresses=127.0.0.1", "-c", "port="+strconv.Itoa(p.port),
				"-c", "unix_socket_directories="+p.dir, "-c", "max_connections=200")
			cmd.Dir, cmd.SysProcAttr = p.dir, &syscall.SysProcAttr{Credential: cred}
			if p.proc, err = Start("postgres", cmd); err != nil {
				return err
			}
		}
		conn, err := p.connect(ctx, "postgres")
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	})
}

func (p *Postgres) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return pgx.Connect(ctx, p.url("postgres", database))
}

func (p *Postgres) url(role, database string) string {
	return fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable", role, Loopback(p.port), database)
}

// Database makes an empty database with an owner of the same name, who is no
// superuser, and returns its URL.
func (p *Postgres) Database(ctx context.Context, name string) (string, error) {
	conn, err := p.connect(ctx, "postgres")
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	id := pgx.Identifier{name}.Sanitize()
	for _, sql := range []string{"CREATE ROLE " + id + " LOGIN", "CREATE DATABASE " + id + " OWNER " + id} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return "", fmt.Errorf("make database %s: %w", name, err)
		}
	}
	return p.url(name, name), nil
}

// SignIn makes a role and lets it in only as a line of pg_hba.conf says, with the
// settings of libldap in ldaprc. It holds for sessions that begin a moment later.
func (p *Postgres) SignIn(ctx context.Context, role, line, ldaprc string) error {
	hba := filepath.Join(p.dir, "pg_hba.conf")
	old, err := os.ReadFile(hba)
	if err != nil {
		return err
	}
	if err := os.WriteFile(hba, append([]byte(line+"\n"), old...), 0o600); err != nil {
		return err
	}
	// PostgreSQL runs in its data directory, where libldap looks for this file. It runs
	// as another user when the caller is root.
	if err := os.WriteFile(filepath.Join(p.dir, "ldaprc"), []byte(ldaprc), 0o644); err != nil {
		return err
	}
	conn, err := p.connect(ctx, "postgres")
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "CREATE ROLE "+pgx.Identifier{role}.Sanitize()+" LOGIN"); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "SELECT pg_reload_conf()")
	return err
}

// Try signs a role in with a password.
func (p *Postgres) Try(ctx context.Context, role, password string) error {
	config, err := pgx.ParseConfig(p.url(role, "postgres"))
	if err != nil {
		return err
	}
	config.Password = password
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// Stop shuts the cluster down and cuts its clients off (a "fast" shutdown).
func (p *Postgres) Stop() error { return p.proc.Stop(syscall.SIGINT, 30*time.Second) }

// Kill sends SIGKILL to the postmaster, as the kernel does when memory runs out.
func (p *Postgres) Kill() error { return p.proc.Kill() }
