package daemon_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gatehouse/internal/daemon"
)

// journal collects what happened, in order.
type journal struct {
	mu      sync.Mutex
	entries []string
	changed chan struct{}
}

func newJournal() *journal { return &journal{changed: make(chan struct{}, 100)} }

func (j *journal) add(entry string) {
	j.mu.Lock()
	j.entries = append(j.entries, entry)
	j.mu.Unlock()
	j.changed <- struct{}{}
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.entries)
}

func (j *journal) wait(t *testing.T, entry string) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for !slices.Contains(j.all(), entry) {
		select {
		case <-j.changed:
		case <-deadline:
			t.Fatalf("no %q in %v", entry, j.all())
		}
	}
}

// manager writes what the service manager is told into the journal.
type manager struct{ *journal }

func (m manager) Ready() error     { m.add("READY"); return nil }
func (m manager) Reloading() error { m.add("RELOADING"); return nil }
func (m manager) Stopping() error  { m.add("STOPPING"); return nil }
func (m manager) Alive() error     { m.add("WATCHDOG"); return errors.New("not reached") }
func (m manager) Waiting(string, time.Duration) error {
	m.add("WAITING")
	return nil
}

// part runs until its context ends.
func (j *journal) part(name string) daemon.Part {
	return daemon.Part{
		Name: name,
		Run: func(ctx context.Context) error {
			<-ctx.Done()
			j.add("end " + name)
			return nil
		},
		Reload: func(context.Context) error {
			j.add("reload " + name)
			return errors.New("bad file")
		},
	}
}

// start runs a frame in the background and returns its signals and result.
func start(t *testing.T, f daemon.Frame, stages ...[]daemon.Part) (chan<- os.Signal, <-chan error) {
	t.Helper()
	signals := make(chan os.Signal, 2)
	f.Signals = signals
	f.Log = slog.New(slog.DiscardHandler)
	f.Registry = daemon.NewRegistry("1.2.3", "go1")
	result := make(chan error, 1)
	go func() { result <- f.Run(context.WithoutCancel(t.Context()), stages...) }()
	return signals, result
}

func TestOrderedLife(t *testing.T) {
	j := newJournal()
	signals, result := start(t, daemon.Frame{Manager: manager{j}}, []daemon.Part{j.part("store")}, []daemon.Part{j.part("ldapd")})
	j.wait(t, "READY")
	signals <- syscall.SIGHUP
	j.wait(t, "reload ldapd")
	signals <- syscall.SIGTERM
	if err := <-result; err != nil {
		t.Fatal(err)
	}
	want := "READY RELOADING reload store reload ldapd READY STOPPING end ldapd end store"
	if got := strings.ReplaceAll(strings.Join(j.all(), " "), "  ", " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestWatchdog(t *testing.T) {
	j := newJournal()
	signals, result := start(t, daemon.Frame{Manager: manager{j}, WatchdogEvery: time.Millisecond}, []daemon.Part{j.part("a")})
	j.wait(t, "WATCHDOG")
	signals <- syscall.SIGINT
	if err := <-result; err != nil {
		t.Fatal(err)
	}
}

func TestContextEndsTheFrame(t *testing.T) {
	j := newJournal()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f := daemon.Frame{Log: slog.New(slog.DiscardHandler), Registry: daemon.NewRegistry("", ""), Signals: make(chan os.Signal)}
	if err := f.Run(ctx, []daemon.Part{j.part("a")}); err != nil {
		t.Fatal(err)
	}
}

// A door that cannot go on takes the process down in order; the service
// manager starts it again.
func TestPartThatEnds(t *testing.T) {
	for name, failure := range map[string]error{"ldapd: broken": errors.New("broken"), "ldapd: ended by itself": nil} {
		j := newJournal()
		broken := daemon.Part{Name: "ldapd", Run: func(context.Context) error { return failure }}
		_, result := start(t, daemon.Frame{}, []daemon.Part{j.part("store")}, []daemon.Part{broken, j.part("idp")})
		if err := <-result; err == nil || err.Error() != name {
			t.Errorf("Run = %v, want %s", err, name)
		}
		if got := strings.Join(j.all(), " "); got != "end idp end store" {
			t.Errorf("ended: %s", got)
		}
	}
}

func TestDrainIsLimited(t *testing.T) {
	stuck := make(chan struct{})
	defer close(stuck)
	hanging := daemon.Part{Name: "idp", Run: func(context.Context) error { <-stuck; return nil }}
	for _, tt := range []struct {
		name   string
		drain  time.Duration
		second bool
		want   string
	}{
		{name: "by time", drain: 20 * time.Millisecond, want: "1 parts had not ended after 20ms"},
		{name: "by a second signal", drain: time.Hour, second: true, want: "1 parts had not ended after a second signal"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			signals, result := start(t, daemon.Frame{Drain: tt.drain}, []daemon.Part{hanging})
			signals <- syscall.SIGTERM
			if tt.second {
				signals <- syscall.SIGTERM
			}
			if err := <-result; err == nil || err.Error() != tt.want {
				t.Errorf("Run = %v, want %s", err, tt.want)
			}
		})
	}
}

func TestHealth(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var broken atomic.Bool
	broken.Store(true)
	j := newJournal()
	p := j.part("ldapd")
	p.Ready = func(context.Context) error {
		if broken.Load() {
			return errors.New("the directory is not loaded yet")
		}
		return nil
	}
	signals, result := start(t, daemon.Frame{Health: []net.Listener{l}, Manager: manager{j}}, []daemon.Part{p})
	base := "http://" + l.Addr().String()
	get(t, base+"/healthz", http.StatusOK, "alive")
	get(t, base+"/readyz", http.StatusServiceUnavailable, "ldapd: the directory is not loaded yet")
	if slices.Contains(j.all(), "READY") {
		t.Error("READY before every part was ready")
	}
	broken.Store(false)
	j.wait(t, "READY")
	get(t, base+"/readyz", http.StatusOK, "ready")
	get(t, base+"/metrics", http.StatusOK, `gatehouse_build_info{goversion="go1",version="1.2.3"} 1`)
	get(t, base+"/other", http.StatusNotFound, "")
	signals <- syscall.SIGTERM
	if err := <-result; err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("the listener is still open")
	}
}

func get(t *testing.T, url string, status int, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status || !strings.Contains(string(body), text) {
		t.Errorf("%s: %d %.200s, %v; want %d %s", url, resp.StatusCode, body, err, status, text)
	}
}

func TestNewLogger(t *testing.T) {
	for _, tt := range []struct{ level, format, want string }{
		{level: "info", format: "json", want: `"msg":"shown"`},
		{level: "info", format: "text", want: `msg=shown`},
		{level: "error", format: "text"},
	} {
		var b bytes.Buffer
		log, err := daemon.NewLogger(&b, tt.level, tt.format)
		if err != nil {
			t.Fatal(err)
		}
		log.Info("shown")
		if (tt.want == "") != (b.Len() == 0) || !strings.Contains(b.String(), tt.want) {
			t.Errorf("%s %s: %q, want %q", tt.level, tt.format, b.String(), tt.want)
		}
	}
	if _, err := daemon.NewLogger(io.Discard, "loud", "text"); err == nil {
		t.Error("no error for an unknown level")
	}
	if _, err := daemon.NewLogger(io.Discard, "info", "xml"); err == nil {
		t.Error("no error for an unknown format")
	}
}
