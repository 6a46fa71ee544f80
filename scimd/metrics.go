package scimd

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what scimd counts. The labels are closed sets: the operations of
// operation and the outcomes of result.outcome.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_scimd_requests_total",
			Help: "SCIM requests by operation and outcome.",
		}, []string{"operation", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "gatehouse_scimd_request_duration_seconds",
			Help:    "Time to answer a SCIM request, by operation.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"operation"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gatehouse_scimd_requests_in_flight",
			Help: "SCIM requests being answered.",
		}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.seconds, m.inFlight} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) done(op operation, outcome string, d time.Duration) {
	m.requests.WithLabelValues(string(op), outcome).Inc()
	m.seconds.WithLabelValues(string(op)).Observe(d.Seconds())
}
