package sqlstore

import "github.com/prometheus/client_golang/prometheus"

// metrics are the store's own measurements.
type metrics struct {
	commit   prometheus.Histogram
	lockWait prometheus.Histogram
	batch    prometheus.Histogram
}

// newMetrics registers the metrics with r, which may be nil.
func newMetrics(r prometheus.Registerer) (*metrics, error) {
	seconds := prometheus.ExponentialBuckets(0.0001, 4, 9)
	m := &metrics{
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gatehouse_store_commit_seconds", Help: "Time from taking the writers' lock to the commit of a batch.",
			Buckets: seconds,
		}),
		lockWait: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gatehouse_store_lock_wait_seconds", Help: "Time that a batch waited for the writers' lock of the host.",
			Buckets: seconds,
		}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gatehouse_store_batch_writes", Help: "Writes that one transaction carried.",
			Buckets: []float64{1, 2, 4, 8, 16, 32, 64},
		}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.commit, m.lockWait, m.batch} {
		if err := r.Register(c); err != nil {
			return nil, internal("register metrics: %w", err)
		}
	}
	return m, nil
}
