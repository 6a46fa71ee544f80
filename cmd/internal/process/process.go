package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/cmd/internal/core"
	"gatehouse/config"
	"gatehouse/directory/seal"
	"gatehouse/internal/buildinfo"
	"gatehouse/internal/certs"
	"gatehouse/internal/daemon"
	"gatehouse/internal/listen"
	"gatehouse/internal/sdnotify"
)

// certificateEvery is how often the server certificate is looked at.
const certificateEvery = time.Hour

// Door is one protocol server.
type Door struct {
	// Name is "ldapd", "radiusd", "scimd" or "idp".
	Name string
	// Sockets are the configuration keys that it listens on.
	Sockets func(config.Config) []Socket
	// Build makes the server and what the frame runs; its name is the Door's.
	Build func(*Process) (daemon.Part, error)
}

// Socket is a configuration key and its addresses.
type Socket struct {
	Key       string
	Addresses []string
	Packets   bool        // UDP
	Mode      fs.FileMode // of the unix socket at the only address, a path; 0: not one
}

// Options say what runs in this process.
type Options struct {
	Config config.Config
	// Daemon is the name of the only Door, or core.Combined.
	Daemon string
	Getenv func(string) string
	Log    *slog.Logger
	Now    func() time.Time
	// Signals are those of daemon.Frame; nil: those of the process.
	Signals <-chan os.Signal
}

// Run serves until ctx ends or a signal comes, and returns nil after an orderly
// end. The directory must be initialised.
func Run(ctx context.Context, o Options, doors ...Door) (err error) {
	p, parts, err := assemble(ctx, o, doors)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	notifier := sdnotify.New(o.Getenv)
	watchers := []daemon.Part{watchCertificate("certificate", p.Certificate)}
	if p.EAPCertificate != nil {
		watchers = append(watchers, watchCertificate("eap certificate", p.EAPCertificate))
	}
	return daemon.Frame{
		Log: o.Log, Registry: p.Registry, Health: p.health, Signals: o.Signals,
		Manager: notifier, WatchdogEvery: notifier.WatchdogEvery(),
	}.Run(ctx, watchers, parts)
}

// assemble opens the sockets and the core and builds the daemons. Nothing is
// answered before they run.
func assemble(ctx context.Context, o Options, doors []Door) (_ *Process, _ []daemon.Part, err error) {
	if err := refuseOpenDemonstration(o.Config); err != nil {
		return nil, nil, err
	}
	inherited, err := listen.Passed(o.Getenv)
	if err != nil {
		return nil, nil, err
	}
	p := &Process{
		Options: o, sockets: listen.New(inherited),
		Registry: daemon.NewRegistry(buildinfo.Version(), buildinfo.GoVersion()),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if err := p.openSockets(ctx, doors); err != nil {
		return nil, nil, err
	}
	options := core.Options{Config: o.Config, Daemon: o.Daemon, Getenv: o.Getenv, Log: o.Log, Registry: p.Registry, Now: o.Now}
	if options.Checkpoints, err = p.courier(); err != nil {
		return nil, nil, err
	}
	if p.Core, err = core.Open(ctx, options); err != nil {
		return nil, nil, err
	}
	if p.Certificate, err = p.Core.Certificate(ctx, options); err != nil {
		return nil, nil, err
	}
	if err := p.Registry.Register(expiry(p.Certificate)); err != nil {
		return nil, nil, err
	}
	if o.Daemon == "radiusd" || p.Core.Keys[seal.CA] != nil {
		// Who holds the CA renews it for radiusd.
		if p.EAPCertificate, err = p.Core.EAPCertificate(ctx, options); err != nil {
			return nil, nil, err
		}
	}
	parts, err := p.build(doors)
	return p, parts, err
}

// Process is what the doors of a process share.
type Process struct {
	Options
	Core        *core.Core
	Registry    *prometheus.Registry
	Certificate *certs.Source
	// EAPCertificate is what devices know the network by; nil where nobody asks.
	EAPCertificate *certs.Source

	sockets *listen.Sockets
	streams map[string][]net.Listener
	packets map[string][]net.PacketConn
	health  []net.Listener
	opened  []io.Closer
}

// Streams returns the listeners of a key.
func (p *Process) Streams(key string) []net.Listener { return slices.Clone(p.streams[key]) }

// Packets returns the UDP sockets of a key.
func (p *Process) Packets(key string) []net.PacketConn { return slices.Clone(p.packets[key]) }

func (p *Process) build(doors []Door) ([]daemon.Part, error) {
	var parts []daemon.Part
	for _, door := range doors {
		part, err := door.Build(p)
		if err != nil {
			return nil, fmt.Errorf("start %s: %w", door.Name, err)
		}
		part.Name = door.Name
		parts = append(parts, part)
	}
	return parts, nil
}

// close closes the core, and the sockets that no server has closed.
func (p *Process) close() error {
	err := p.closeSockets()
	if p.Core != nil {
		err = errors.Join(err, p.Core.Close())
	}
	return err
}

func watchCertificate(name string, source *certs.Source) daemon.Part {
	return daemon.Part{
		Name:   name,
		Run:    func(ctx context.Context) error { source.Watch(ctx, certificateEvery); return nil },
		Reload: source.Reload,
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
func (p *Process) unclaimed() error {
	if names := p.sockets.Unclaimed(); len(names) > 0 {
		return fmt.Errorf("systemd passed sockets that %s does not serve: %s", p.Daemon, strings.Join(names, ", "))
	}
	return nil
}
