package projection

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are counted where changes are applied; the gauges are read when they are asked for.
type metrics struct {
	lag     prometheus.Histogram
	changes prometheus.Counter
	loads   prometheus.Counter
	loading prometheus.Gauge
}

func newMetrics(x *Index, reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gatehouse_ldapd_projection_lag_seconds", Help: "Time from a change of the directory until searches see it.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 30},
		}),
		changes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_ldapd_projection_changes_total", Help: "Changes of the directory that were applied.",
		}),
		loads: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_ldapd_projection_loads_total", Help: "Complete loads of the directory.",
		}),
		loading: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gatehouse_ldapd_projection_load_seconds", Help: "How long the last complete load took.",
		}),
	}
	if reg == nil {
		return m, nil
	}
	gauge := func(name, help string, labels prometheus.Labels, value func(Stats) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels},
			func() float64 { return value(x.Stats()) })
	}
	entries := func(kind string, n func(Stats) int) prometheus.Collector {
		return gauge("gatehouse_ldapd_projection_entries", "Entries in the projection.", prometheus.Labels{"kind": kind},
			func(s Stats) float64 { return float64(n(s)) })
	}
	var errs []error
	for _, c := range []prometheus.Collector{
		m.lag, m.changes, m.loads, m.loading,
		entries("user", func(s Stats) int { return s.Users }),
		entries("service", func(s Stats) int { return s.Services }),
		entries("group", func(s Stats) int { return s.Groups }),
		gauge("gatehouse_ldapd_projection_memberships", "Direct memberships in force.", nil, func(s Stats) float64 { return float64(s.Members) }),
		gauge("gatehouse_ldapd_projection_bytes", "Memory of entries and indexes, about.", nil, func(s Stats) float64 { return float64(s.Bytes) }),
		gauge("gatehouse_ldapd_projection_stale_seconds", "For how long the database has not answered.", nil, func(s Stats) float64 {
			if s.StaleSince.IsZero() {
				return 0
			}
			return x.c.Now().Sub(s.StaleSince).Seconds()
		}),
	} {
		errs = append(errs, reg.Register(c))
	}
	return m, errors.Join(errs...)
}
