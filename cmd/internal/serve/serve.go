package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/cmd/internal/core"
	"gatehouse/config"
	"gatehouse/internal/buildinfo"
	"gatehouse/internal/certs"
	"gatehouse/internal/daemon"
	"gatehouse/internal/listen"
	"gatehouse/internal/sdnotify"
)

// certificateEvery is how often the server certificate is looked at.
const certificateEvery = time.Hour

// Daemons returns the names of the four daemons, in the order they start.
func Daemons() []string { return []string{"ldapd", "radiusd", "scimd", "idp"} }

// Options say what runs in this process.
type Options struct {
	Config config.Config
	// Daemon is one of Daemons, or core.Combined for all of them.
	Daemon string
	Getenv func(string) string
	Log    *slog.Logger
	Now    func() time.Time
	// Signals are those of daemon.Frame; nil: those of the process.
	Signals <-chan os.Signal
	// SignedIn is called after each sign-in on the web with the username; nil:
	// nobody wants to know.
	SignedIn func(username string)
}

// Run serves until ctx ends or a signal comes, and returns nil after an orderly
// end. The directory must be initialised.
func Run(ctx context.Context, o Options) (err error) {
	p, doors, err := assemble(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	notifier := sdnotify.New(o.Getenv)
	return daemon.Frame{
		Log: o.Log, Registry: p.registry, Health: p.health, Signals: o.Signals,
		Manager: notifier, WatchdogEvery: notifier.WatchdogEvery(),
	}.Run(ctx, []daemon.Part{p.watchCertificate()}, doors)
}

// assemble opens the sockets and the core and builds the daemons. Nothing is
// answered before they run.
func assemble(ctx context.Context, o Options) (_ *process, _ []daemon.Part, err error) {
	if err := refuseOpenDemonstration(o.Config); err != nil {
		return nil, nil, err
	}
	inherited, err := listen.Passed(o.Getenv)
	if err != nil {
		return nil, nil, err
	}
	p := &process{
		Options: o, sockets: listen.New(inherited),
		registry: daemon.NewRegistry(buildinfo.Version(), buildinfo.GoVersion()),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if err := p.openSockets(ctx); err != nil {
		return nil, nil, err
	}
	options := core.Options{Config: o.Config, Daemon: o.Daemon, Getenv: o.Getenv, Log: o.Log, Registry: p.registry, Now: o.Now}
	if p.core, err = core.Open(ctx, options); err != nil {
		return nil, nil, err
	}
	if p.certificate, err = p.core.Certificate(ctx, options); err != nil {
		return nil, nil, err
	}
	if err := p.registry.Register(expiry(p.certificate)); err != nil {
		return nil, nil, err
	}
	doors, err := p.doors()
	return p, doors, err
}

// process is what the daemons of a process share.
type process struct {
	Options
	sockets     *listen.Sockets
	registry    *prometheus.Registry
	core        *core.Core
	certificate *certs.Source

	streams map[string][]net.Listener
	packets map[string][]net.PacketConn
	health  []net.Listener
	opened  []io.Closer
}

// close closes the core, and the sockets that no server has closed.
func (p *process) close() error {
	err := p.closeSockets()
	if p.core != nil {
		err = errors.Join(err, p.core.Close())
	}
	return err
}

// runs reports whether the daemon runs in this process.
func (p *process) runs(name string) bool {
	return p.Daemon == core.Combined || p.Daemon == name
}

func (p *process) watchCertificate() daemon.Part {
	return daemon.Part{
		Name:   "certificate",
		Run:    func(ctx context.Context) error { p.certificate.Watch(ctx, certificateEvery); return nil },
		Reload: p.certificate.Reload,
	}
}

func expiry(source *certs.Source) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gatehouse_certificate_expiry_timestamp_seconds",
		Help: "When the server certificate ends, in seconds since 1970.",
	}, func() float64 { return float64(source.NotAfter().Unix()) })
}

// demonstrationMark is the file by which `make run` marks its data directory.
const demonstrationMark = "demonstration"

// refuseOpenDemonstration keeps a directory with passwords that were printed on
// a terminal from being reached by others.
func refuseOpenDemonstration(c config.Config) error {
	if _, err := os.Stat(c.DataDir + "/" + demonstrationMark); err != nil {
		return nil
	}
	if key, address := c.FirstOpenListener(); key != "" {
		return fmt.Errorf("%s holds the demonstration directory and %s is %s: it listens on loopback addresses only", c.DataDir, key, address)
	}
	return nil
}

// unclaimed refuses sockets that would accept connections nobody serves.
func (p *process) unclaimed() error {
	if names := p.sockets.Unclaimed(); len(names) > 0 {
		return fmt.Errorf("systemd passed sockets that %s does not serve: %s", p.Daemon, strings.Join(names, ", "))
	}
	return nil
}
