package stage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Domain is the domain of every directory that New makes; BaseDN is its name
// in LDAP.
const (
	Domain = "example.com"
	BaseDN = "dc=example,dc=com"
)

// Gatehouse is one installation: a folder with a configuration and a data
// directory, and the processes that serve it. Not safe for concurrent use,
// except CLI.
type Gatehouse struct {
	Dir       string // holds gatehouse.yaml
	Config    string // path of gatehouse.yaml
	Data      string // the data directory
	PublicURL string // the issuer; also where /scim/v2 is forwarded from
	LDAP      string // host:port, LDAP with StartTLS
	LDAPS     string
	Auth      string // host:port, RADIUS authentication
	Acct      string // host:port, RADIUS accounting
	RadSec    string // host:port, RADIUS over TLS
	SCIM      string // host:port of scimd's own listener, plain HTTP
	Metrics   map[string]string

	binaries string
	running  map[string]*Process
}

// AllInOne is the name under which `gatehouse serve` runs and listens for
// metrics.
const AllInOne = "gatehouse"

// New chooses ports and writes gatehouse.yaml into dir. database is a value of
// database.url, "" for SQLite in the data directory.
func New(dir, binaries, database string) (*Gatehouse, error) {
	if database == "" {
		database = "sqlite:"
	}
	names := append([]string{"ldap", "ldaps", "auth", "acct", "radsec", "scim", "web", AllInOne}, Daemons()...)
	addr := make(map[string]string, len(names))
	taken := make(map[int]bool, len(names))
	for len(addr) < len(names) {
		port, err := FreePort()
		if err != nil {
			return nil, err
		}
		if !taken[port] {
			taken[port] = true
			addr[names[len(addr)]] = Loopback(port)
		}
	}
	g := &Gatehouse{
		Dir:       dir,
		Config:    filepath.Join(dir, "gatehouse.yaml"),
		Data:      filepath.Join(dir, "data"),
		PublicURL: strings.Replace("https://"+addr["web"], "127.0.0.1", "localhost", 1),
		LDAP:      addr["ldap"], LDAPS: addr["ldaps"], Auth: addr["auth"], Acct: addr["acct"], RadSec: addr["radsec"], SCIM: addr["scim"],
		Metrics:  map[string]string{},
		binaries: binaries,
		running:  map[string]*Process{},
	}
	for _, name := range append(Daemons(), AllInOne) {
		g.Metrics[name] = addr[name]
	}
	return g, os.WriteFile(g.Config, []byte(g.yaml(database, addr["web"])), 0o600)
}

func (g *Gatehouse) yaml(database, web string) string {
	return fmt.Sprintf(`domain: %s
public_url: %s
data_dir: %s
database: {url: %q}
log: {level: info, format: text}
ldap: {listen: [%q], listen_tls: [%q]}
radius: {listen_auth: [%q], listen_acct: [%q], listen_tls: [%q]}
scim: {listen: [%q], listen_tls: [], upstream: "http://%s"}
idp: {listen_tls: [%q], listen: []}
metrics: {listen: %q, ldapd: %q, radiusd: %q, scimd: %q, idp: %q}
`, Domain, g.PublicURL, g.Data, database, g.LDAP, g.LDAPS, g.Auth, g.Acct, g.RadSec, g.SCIM, g.SCIM, web,
		g.Metrics[AllInOne], g.Metrics["ldapd"], g.Metrics["radiusd"], g.Metrics["scimd"], g.Metrics["idp"])
}

// CAFile is the certificate of the built-in CA.
func (g *Gatehouse) CAFile() string { return filepath.Join(g.Data, "ca.pem") }

// Result is what a command line left behind.
type Result struct {
	Stdout, Stderr string
	Code           int
}

func (r Result) String() string {
	return fmt.Sprintf("exit code %d\nstdout: %s\nstderr: %s", r.Code, r.Stdout, r.Stderr)
}

// Run runs a client to its end. An exit code other than 0 is a Result, not an
// error.
func Run(ctx context.Context, stdin string, env []string, name string, args ...string) (Result, error) {
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return Result{}, fmt.Errorf("run %s: %w", name, err)
	}
	return Result{Stdout: out.String(), Stderr: errs.String(), Code: cmd.ProcessState.ExitCode()}, nil
}

// CLI runs `gatehouse args… --config F` with stdin.
func (g *Gatehouse) CLI(ctx context.Context, stdin string, args ...string) (Result, error) {
	return Run(ctx, stdin, nil, filepath.Join(g.binaries, "gatehouse"), append(args, "--config", g.Config)...)
}

// Launch starts one daemon, or with AllInOne `gatehouse serve`, and returns at
// once.
func (g *Gatehouse) Launch(name string) (*Process, error) {
	args := []string{"--config", g.Config}
	if name == AllInOne {
		args = append([]string{"serve"}, args...)
	}
	cmd := exec.Command(filepath.Join(g.binaries, name), args...)
	cmd.Dir = g.Dir
	return Start(name, cmd)
}

// Start is StartWithin 20 seconds.
func (g *Gatehouse) Start(ctx context.Context, names ...string) error {
	return g.StartWithin(ctx, 20*time.Second, names...)
}

// StartWithin starts the named daemons together and waits until each is ready.
func (g *Gatehouse) StartWithin(ctx context.Context, patience time.Duration, names ...string) error {
	for _, name := range names {
		p, err := g.Launch(name)
		if err != nil {
			return err
		}
		g.running[name] = p
	}
	for _, name := range names {
		if err := g.Ready(ctx, name, patience); err != nil {
			return err
		}
	}
	return nil
}

// Ready waits for a running daemon's /readyz.
func (g *Gatehouse) Ready(ctx context.Context, name string, timeout time.Duration) error {
	p := g.running[name]
	err := Poll(ctx, timeout, func() error {
		if !p.Running() {
			return fmt.Errorf("%s has ended", name)
		}
		return httpOK(ctx, "http://"+g.Metrics[name]+"/readyz")
	})
	if err != nil {
		return fmt.Errorf("%s is not ready: %w\n%s", name, err, p.Log())
	}
	return nil
}

// Process is the running daemon of that name, nil when it was never started.
func (g *Gatehouse) Process(name string) *Process { return g.running[name] }

// Stop ends the named daemons with SIGTERM; each must exit with code 0 within
// ten seconds.
func (g *Gatehouse) Stop(names ...string) error {
	var errs []error
	for _, name := range names {
		if p := g.running[name]; p != nil {
			errs = append(errs, p.Stop(syscall.SIGTERM, 10*time.Second))
			delete(g.running, name)
		}
	}
	return errors.Join(errs...)
}

// Logs is the output of the running daemons, each under its name.
func (g *Gatehouse) Logs() string {
	var b strings.Builder
	for name, p := range g.running {
		fmt.Fprintf(&b, "--- %s\n%s", name, p.Log())
	}
	return b.String()
}
