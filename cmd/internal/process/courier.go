package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/config"
	"gatehouse/directory"
	"gatehouse/internal/egress"
	"gatehouse/internal/syslog"
)

// courier takes checkpoints of the audit to where the configuration says.
type courier struct {
	ways []*way
	last prometheus.Gauge
	now  func() time.Time
}

// way is one destination.
type way struct {
	send      func(ctx context.Context, e *directory.Event, line []byte) error
	mu        sync.Mutex
	delivered int64 // id of the last event that arrived, so that a retry for another destination does not repeat it
}

// courier returns what the configuration asks for; nil: checkpoints are only
// logged.
func (p *Process) courier() (directory.Courier, error) {
	c := &courier{now: p.Now, last: prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gatehouse_audit_checkpoint_timestamp_seconds",
		Help: "When a checkpoint of the audit last arrived at every destination, in seconds since 1970.",
	})}
	if err := p.Registry.Register(c.last); err != nil {
		return nil, err
	}
	urls := p.Config.Audit.Checkpoints
	if len(urls) == 0 {
		return nil, nil //nolint:nilnil // there is none
	}
	token, err := p.Config.WebhookToken()
	if err != nil {
		return nil, err
	}
	client := egress.New(egress.Policy{Private: true, Listeners: p.listeners()})
	for _, url := range urls {
		w, err := newWay(url, p.Daemon, token, client)
		if err != nil {
			return nil, fmt.Errorf("audit.checkpoints: %w", err)
		}
		c.ways = append(c.ways, w)
	}
	return c, nil
}

func newWay(url, app, token string, client *egress.Client) (*way, error) {
	if strings.HasPrefix(url, "https:") {
		return &way{send: webhook(url, token, client.Do)}, nil
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("name this host: %w", err)
	}
	s, err := syslog.Parse(url, host, app, os.Getpid())
	if err != nil {
		return nil, err
	}
	return &way{send: func(ctx context.Context, e *directory.Event, line []byte) error {
		return s.Send(ctx, e.At, "audit", string(bytes.TrimSpace(line)))
	}}, nil
}

// webhook posts a line of JSON.
func webhook(url, token string, do func(*http.Request) (*egress.Answer, error)) func(context.Context, *directory.Event, []byte) error {
	return func(ctx context.Context, _ *directory.Event, line []byte) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(line))
		if err != nil {
			return errors.New("the webhook's URL is not one")
		}
		req.Header.Set("Content-Type", "application/x-ndjson")
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		answer, err := do(req)
		if err != nil {
			return err
		}
		if answer.Status < 200 || answer.Status > 299 {
			return fmt.Errorf("the webhook at %s answered %d", req.URL.Host, answer.Status)
		}
		return nil
	}
}

// Deliver is directory.Courier.
func (c *courier) Deliver(ctx context.Context, events []directory.Event) error {
	var failed []error
	for i := range events {
		line, err := events[i].Line()
		if err != nil {
			return err
		}
		for _, w := range c.ways {
			failed = append(failed, w.deliver(ctx, &events[i], line))
		}
	}
	if err := errors.Join(failed...); err != nil {
		return err
	}
	c.last.Set(float64(c.now().Unix()))
	return nil
}

func (w *way) deliver(ctx context.Context, e *directory.Event, line []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.delivered == e.ID {
		return nil
	}
	if err := w.send(ctx, e, line); err != nil {
		return err
	}
	w.delivered = e.ID
	return nil
}

// listeners are the addresses that this process answers at. Of the other daemons
// the configuration knows.
func (p *Process) listeners() []netip.AddrPort {
	var out []netip.AddrPort
	for _, all := range p.streams {
		for _, l := range all {
			if a, ok := l.Addr().(*net.TCPAddr); ok {
				out = append(out, a.AddrPort())
			}
		}
	}
	return append(out, config.ListenAddresses(p.Config)...)
}
