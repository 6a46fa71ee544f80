package ldapd

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/ldapd/wire"
)

// ending says why a connection ended. The set is closed: it is a label.
type ending string

const (
	endUnbind     ending = "unbind"
	endClient     ending = "client_closed"
	endIdle       ending = "idle"
	endMalformed  ending = "malformed"
	endTooLarge   ending = "too_large"
	endHandshake  ending = "handshake"
	endSlow       ending = "slow_reader"
	endRevoked    ending = "revoked" // the account behind it may no longer be used
	endStopping   ending = "stopping"
	endLimit      ending = "limit"       // too many connections
	endPerAddress ending = "per_address" // too many from one address
	endProxy      ending = "proxy"       // a load balancer did not say whose connection it is
	endBug        ending = "bug"         // logged with its stack
)

func endings() []ending {
	return []ending{
		endUnbind, endClient, endIdle, endMalformed, endTooLarge, endHandshake, endSlow, endRevoked, endStopping,
		endLimit, endPerAddress, endProxy, endBug,
	}
}

func operations() []wire.Op {
	return []wire.Op{
		wire.OpBindRequest, wire.OpUnbindRequest, wire.OpSearchRequest, wire.OpModifyRequest, wire.OpAddRequest,
		wire.OpDeleteRequest, wire.OpModifyDNRequest, wire.OpCompareRequest, wire.OpAbandonRequest, wire.OpExtendedRequest,
	}
}

// maxCode is the largest result code that is counted by itself.
const maxCode = int(wire.AssertionFailed)

// operationMetrics counts one operation. Counters appear when a code is first used and are then found without a map.
type operationMetrics struct {
	seconds prometheus.Observer
	codes   [maxCode + 1]atomic.Pointer[prometheus.Counter]
}

type metrics struct {
	open       map[ListenerKind]prometheus.Gauge
	accepted   map[ListenerKind]prometheus.Counter
	ended      map[ending]prometheus.Counter
	total      *prometheus.CounterVec
	operations map[wire.Op]*operationMetrics
	entries    prometheus.Counter
	panics     prometheus.Counter
	running    prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	open := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "gatehouse_ldapd_connections", Help: "Open connections, by kind of listener.",
	}, []string{"listener"})
	accepted := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_ldapd_connections_total", Help: "Accepted connections, by kind of listener.",
	}, []string{"listener"})
	ended := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_ldapd_connections_ended_total", Help: "Connections that ended, by reason.",
	}, []string{"reason"})
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "gatehouse_ldapd_operation_seconds", Help: "Time from receipt to answer; refused binds wait for their tick.",
		Buckets: []float64{10e-6, 50e-6, 250e-6, 1e-3, 5e-3, 25e-3, 100e-3, 500e-3, 2.5, 10},
	}, []string{"operation"})
	m := &metrics{
		open: map[ListenerKind]prometheus.Gauge{}, accepted: map[ListenerKind]prometheus.Counter{},
		ended: map[ending]prometheus.Counter{}, operations: map[wire.Op]*operationMetrics{},
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_ldapd_operations_total", Help: "Operations by result code (RFC 4511 appendix A).",
		}, []string{"operation", "code"}),
		entries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_ldapd_entries_total", Help: "Entries sent.",
		}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_ldapd_panics_total", Help: "Operations that ended in a bug and were answered with other(80).",
		}),
		running: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gatehouse_ldapd_background_operations", Help: "Operations that run beside their connection.",
		}),
	}
	for _, c := range []prometheus.Collector{open, accepted, ended, seconds, m.total, m.entries, m.panics, m.running} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	for _, k := range []ListenerKind{Plain, TLS, Unix} {
		m.open[k], m.accepted[k] = open.WithLabelValues(k.String()), accepted.WithLabelValues(k.String())
	}
	for _, e := range endings() {
		m.ended[e] = ended.WithLabelValues(string(e))
	}
	for _, o := range operations() {
		m.operations[o] = &operationMetrics{seconds: seconds.WithLabelValues(o.String())}
	}
	return m, nil
}

// count records one finished operation. code is negative when there is no answer (unbind, abandon, abandoned).
func (m *metrics) count(op wire.Op, code wire.ResultCode, took time.Duration, entries int) {
	o := m.operations[op]
	o.seconds.Observe(took.Seconds())
	if entries > 0 {
		m.entries.Add(float64(entries))
	}
	if code < 0 {
		m.total.WithLabelValues(op.String(), "none").Inc()
		return
	}
	if int(code) > maxCode {
		code = wire.Other
	}
	c := o.codes[code].Load()
	if c == nil {
		made := m.total.WithLabelValues(op.String(), strconv.Itoa(int(code)))
		c = &made
		o.codes[code].Store(c)
	}
	(*c).Inc()
}
