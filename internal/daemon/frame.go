package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	defaultDrain  = 20 * time.Second
	reloadTimeout = 10 * time.Second
	readyTimeout  = 2 * time.Second
	readyPoll     = 10 * time.Millisecond
	waitingEvery  = 5 * time.Second
)

// Part is one thing that runs until its context ends.
type Part struct {
	Name string
	// Run serves until ctx ends, drains, and returns nil. A part that returns
	// earlier ends the process.
	Run func(ctx context.Context) error
	// Ready returns nil when the part can do its work, else what is missing.
	// It may be called at any time from several goroutines. Nil: always ready.
	Ready func(ctx context.Context) error
	// Reload reads again what may change without a restart. On an error the
	// part goes on with what it had. Nil: there is nothing.
	Reload func(ctx context.Context) error
}

// Manager is the service manager of the machine.
type Manager interface {
	Ready() error
	Reloading() error
	Stopping() error
	Alive() error
	Waiting(what string, atLeast time.Duration) error
}

// Frame is what the parts of a process run in.
type Frame struct {
	Log      *slog.Logger
	Registry *prometheus.Registry
	// Health are the listeners of /healthz, /readyz and /metrics; they are
	// closed by Run. None is off.
	Health []net.Listener
	// Manager is told about the state of the process. Nil: nobody.
	Manager Manager
	// WatchdogEvery is how often the Manager wants to hear that we are alive; 0
	// is never.
	WatchdogEvery time.Duration
	// Drain is how long the end may take in all; 0 is 20 s.
	Drain time.Duration
	// Signals are SIGTERM and SIGINT (end; the second one at once) and SIGHUP
	// (reload). Nil: those of the process.
	Signals <-chan os.Signal
}

// Run runs the stages until ctx ends, a signal ends them or a part returns. It
// returns nil after an orderly end.
func (f Frame) Run(ctx context.Context, stages ...[]Part) error {
	if f.Signals == nil {
		signals := make(chan os.Signal, 4)
		signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
		defer signal.Stop(signals)
		f.Signals = signals
	}
	if f.Drain == 0 {
		f.Drain = defaultDrain
	}
	r := &run{Frame: f, began: time.Now(), ended: make(chan result), quit: make(chan struct{})}
	defer close(r.quit)
	r.start(ctx, stages)
	health := r.serveHealth(ctx)
	err := r.loop(ctx)
	return errors.Join(err, r.drain(), health())
}

// run is one Run of a Frame.
type run struct {
	Frame
	began    time.Time
	stages   []*stage
	ended    chan result
	quit     chan struct{} // closed when nobody reads ended any more
	draining atomic.Bool
}

// stage is a running stage.
type stage struct {
	parts   []Part
	cancel  context.CancelFunc
	running int
}

// result is how a part of a stage ended.
type result struct {
	stage *stage
	name  string
	err   error
}

func (r *run) start(ctx context.Context, stages [][]Part) {
	// ctx begins the end; that it reaches the stages in order is up to drain.
	base := context.WithoutCancel(ctx)
	for _, parts := range stages {
		stageCtx, cancel := context.WithCancel(base)
		s := &stage{parts: parts, cancel: cancel, running: len(parts)}
		r.stages = append(r.stages, s)
		for _, p := range parts {
			go func() {
				select {
				case r.ended <- result{stage: s, name: p.Name, err: p.Run(stageCtx)}:
				case <-r.quit:
				}
			}()
		}
	}
}

// loop runs until something asks for the end. The error is that of a part.
func (r *run) loop(ctx context.Context) error {
	starting, watchdog, waiting := time.NewTicker(readyPoll), ticker(r.WatchdogEvery), time.NewTicker(waitingEvery)
	defer starting.Stop()
	defer waiting.Stop()
	defer watchdog.Stop()
	missing := errors.New("the parts have not started yet")
	for {
		select {
		case <-ctx.Done():
			return nil
		case s := <-r.Signals:
			if s != syscall.SIGHUP {
				r.Log.Info("stopping", "reason", s.String())
				return nil
			}
			r.reload(ctx)
		case e := <-r.ended:
			e.stage.running--
			if e.err == nil {
				e.err = errors.New("ended by itself")
			}
			return fmt.Errorf("%s: %w", e.name, e.err)
		case <-watchdog.C:
			r.tell(Manager.Alive)
		case <-starting.C:
			if missing = r.ready(ctx); missing == nil {
				starting.Stop()
				waiting.Stop()
				r.Log.Info("ready", "dur", time.Since(r.began))
				r.tell(Manager.Ready)
				go r.settle()
			}
		case <-waiting.C:
			r.Log.Warn("not ready yet", "err", missing)
			r.tell(func(m Manager) error { return m.Waiting(missing.Error(), 3*waitingEvery) })
		}
	}
}

// ticker is time.NewTicker for which 0 is never.
func ticker(every time.Duration) *time.Ticker {
	if every > 0 {
		return time.NewTicker(every)
	}
	t := time.NewTicker(time.Hour)
	t.Stop()
	return t
}

// tell tells the service manager; when it cannot be reached we serve anyway.
func (r *run) tell(what func(Manager) error) {
	if r.Manager == nil {
		return
	}
	if err := what(r.Manager); err != nil {
		r.Log.Warn("service manager not reached", "err", err)
	}
}

// settle brings the memory of the process down to what it serves with.
func (r *run) settle() {
	if err := settle(); err != nil {
		r.Log.Warn("memory of the start not given back", "err", err)
	}
}

// ready returns what is missing for the parts to do their work.
func (r *run) ready(ctx context.Context) error {
	if r.draining.Load() {
		return errors.New("stopping")
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	var missing []error
	for _, s := range r.stages {
		for _, p := range s.parts {
			if p.Ready == nil {
				continue
			}
			if err := p.Ready(ctx); err != nil {
				missing = append(missing, fmt.Errorf("%s: %w", p.Name, err))
			}
		}
	}
	return errors.Join(missing...)
}

func (r *run) reload(ctx context.Context) {
	r.tell(Manager.Reloading)
	ctx, cancel := context.WithTimeout(ctx, reloadTimeout)
	defer cancel()
	for _, s := range r.stages {
		for _, p := range s.parts {
			if p.Reload == nil {
				continue
			}
			if err := p.Reload(ctx); err != nil {
				r.Log.Error("reload", "part", p.Name, "err", err)
			}
		}
	}
	r.Log.Info("reloaded")
	r.tell(Manager.Ready)
}

// drain ends the stages, the last first. A second signal ends the wait.
func (r *run) drain() error {
	r.draining.Store(true)
	r.tell(Manager.Stopping)
	deadline := time.NewTimer(r.Drain)
	defer deadline.Stop()
	var errs []error
	for i := len(r.stages) - 1; i >= 0; i-- {
		s := r.stages[i]
		s.cancel()
		for s.running > 0 {
			select {
			case e := <-r.ended:
				e.stage.running--
				if e.err != nil {
					errs = append(errs, fmt.Errorf("%s: %w", e.name, e.err))
				}
			case signal := <-r.Signals:
				if signal != syscall.SIGHUP {
					return errors.Join(append(errs, r.cut("a second signal"))...)
				}
			case <-deadline.C:
				return errors.Join(append(errs, r.cut(r.Drain.String()))...)
			}
		}
	}
	r.Log.Info("stopped")
	return errors.Join(errs...)
}

// cut ends every stage at once and says who was still busy.
func (r *run) cut(after string) error {
	busy := 0
	for _, s := range r.stages {
		s.cancel()
		busy += s.running
	}
	return fmt.Errorf("%d parts had not ended after %s", busy, after)
}
