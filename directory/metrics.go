package directory

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// guessMetrics measure guessing and the work that it makes.
type guessMetrics struct {
	failures prometheus.Counter
	refused  *prometheus.CounterVec
	unshared prometheus.Counter
	waited   prometheus.Histogram
}

// newGuessMetrics registers the metrics with r, which may be nil.
func newGuessMetrics(r prometheus.Registerer, d *Directory) (*guessMetrics, error) {
	m := &guessMetrics{
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_limiter_failures_total", Help: "Failed sign-ins that count as a guess.",
		}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_limiter_refused_total", Help: "Sign-ins refused without looking at the password.",
		}, []string{"reason"}),
		unshared: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_limiter_unshared_total", Help: "Attempts counted by this process alone, since the store took no writes.",
		}),
		waited: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gatehouse_hash_wait_seconds", Help: "Time that a password waited for its turn to be hashed.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
		}),
	}
	for _, why := range []refusedWhy{refusedPair, refusedSource, refusedTurn, refusedHashing} {
		m.refused.WithLabelValues(string(why))
	}
	if r == nil {
		return m, nil
	}
	gauge := func(name, help string, read func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read)
	}
	for _, c := range []prometheus.Collector{
		m.failures, m.refused, m.unshared, m.waited,
		gauge("gatehouse_limiter_entries", "Accounts and sources that this process remembers.", func() float64 { return float64(d.limiter.size()) }),
		gauge("gatehouse_hashes_running", "Password hashes that are being computed.", func() float64 { running, _ := d.hashes.load(); return float64(running) }),
		gauge("gatehouse_hashes_waiting", "Passwords that wait to be hashed.", func() float64 { _, waiting := d.hashes.load(); return float64(waiting) }),
	} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}
