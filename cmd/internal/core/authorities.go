package core

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/config"
	"gatehouse/directory/authority"
)

// authoritiesEvery is how often the files of imported CAs are looked at.
const authoritiesEvery = 3 * time.Second

// openAuthorities loads the imported CAs of daemons that let devices in, and
// follows their files until the core is closed. nil: there is none.
func (c *Core) openAuthorities(ctx context.Context, o Options) (*authority.Set, error) {
	if o.Daemon != "radiusd" && o.Daemon != Combined || len(o.Config.RADIUS.Authorities) == 0 {
		return nil, nil
	}
	s, err := authority.Open(Imported(o.Config), o.Log, o.Now)
	if err != nil {
		return nil, fmt.Errorf("radius.authorities: %w", err)
	}
	if o.Registry != nil {
		if err := o.Registry.Register(authorityHealth{s}); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	tick := time.NewTicker(authoritiesEvery)
	var following sync.WaitGroup
	following.Go(func() { s.Follow(ctx, tick.C) })
	before := c.unfollow
	c.unfollow = func() {
		stop()
		tick.Stop()
		following.Wait()
		if before != nil {
			before()
		}
	}
	return s, nil
}

// Imported returns the imported CAs of a configuration.
func Imported(c config.Config) (out []authority.Config) {
	for _, a := range c.RADIUS.Authorities {
		out = append(out, a.Imported())
	}
	return out
}

// authorityHealth is the metrics of imported CAs.
type authorityHealth struct{ set *authority.Set }

func (authorityHealth) next() *prometheus.Desc {
	return prometheus.NewDesc("gatehouse_authority_crl_next_update_timestamp_seconds",
		"When the first revocation list of an imported CA is due, in seconds since 1970; 0: there is none.", []string{"authority"}, nil)
}

func (authorityHealth) failed() *prometheus.Desc {
	return prometheus.NewDesc("gatehouse_authority_crl_failed",
		"1 when a revocation list of an imported CA is missing or not in force.", []string{"authority"}, nil)
}

// Describe is part of prometheus.Collector.
func (h authorityHealth) Describe(out chan<- *prometheus.Desc) {
	out <- h.next()
	out <- h.failed()
}

// Collect is part of prometheus.Collector.
func (h authorityHealth) Collect(out chan<- prometheus.Metric) {
	for _, a := range h.set.Health() {
		next, failed := 0.0, 0.0
		if !a.Next.IsZero() {
			next = float64(a.Next.Unix())
		}
		if a.Problem != "" {
			failed = 1
		}
		out <- prometheus.MustNewConstMetric(h.next(), prometheus.GaugeValue, next, a.Name)
		out <- prometheus.MustNewConstMetric(h.failed(), prometheus.GaugeValue, failed, a.Name)
	}
}
