package radiusd

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/directory"
	"gatehouse/radiusd/wire"
)

// discard says why a packet got no answer. The set is closed: it is a label.
type discard string

const (
	unknownClient   discard = "unknown_client"
	malformed       discard = "malformed"
	unexpectedCode  discard = "unexpected_code"             // for this port
	wrongSecret     discard = "wrong_authenticator"         // Message-Authenticator or Request Authenticator
	noAuthenticator discard = "no_message_authenticator"    // and the client must send one
	bareProxyState  discard = "proxy_state_unauthenticated" // Proxy-State without Message-Authenticator
	bareEAP         discard = "eap_unauthenticated"         // EAP-Message without Message-Authenticator
	misplacedEAP    discard = "eap_misplaced"               // no response to what was asked
	repeated        discard = "repeated_in_flight"          // its first copy is being handled
	overloaded      discard = "overloaded"                  // queue or replay memory of the client full
	overLimit       discard = "rate_limited"                // more than rate_limit of the client
	undecided       discard = "undecided"                   // an error: the NAS fails over
	notReady        discard = "not_ready"                   // before the clients are known; Status-Server while nothing can be decided
	unanswerable    discard = "unanswerable"                // the answer could not be built
	panicked        discard = "panic"                       // a bug, logged with its stack
)

func discards() []discard {
	return []discard{
		unknownClient, malformed, unexpectedCode, wrongSecret, noAuthenticator, bareProxyState, bareEAP, misplacedEAP,
		repeated, overloaded, overLimit, undecided, notReady, unanswerable, panicked,
	}
}

// metrics are the counters of one server. The maps are filled once and then
// only read.
type metrics struct {
	requests  map[wire.Code]prometheus.Counter
	answers   map[wire.Code]prometheus.Counter
	discarded map[discard]prometheus.Counter
	repeats   prometheus.Counter
	sockets   prometheus.Counter
	seconds   prometheus.Histogram

	disconnects       map[directory.DisconnectOutcome]prometheus.Counter
	disconnectSeconds prometheus.Histogram
	disconnectIgnored prometheus.Counter
	connections       prometheus.Gauge
	connected         prometheus.Counter
	disconnected      map[ending]prometheus.Counter
}

// newMetrics registers the server's metrics. waiting gives the number of
// queued requests and clients that of known prefixes' owners.
func newMetrics(r prometheus.Registerer, waiting, clients func() float64) (*metrics, error) {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_radiusd_requests_total", Help: "Requests that were authentic and not repeated, by code.",
	}, []string{"code"})
	answers := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_radiusd_answers_total", Help: "Answers by code, without repetitions.",
	}, []string{"code"})
	discarded := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_radiusd_discarded_total", Help: "Packets that got no answer, by reason.",
	}, []string{"reason"})
	disconnects := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_radiusd_disconnects_total", Help: "Tries to end a session at its NAS, by outcome.",
	}, []string{"outcome"})
	disconnected := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_radiusd_connections_ended_total", Help: "Connections of RADIUS over TLS that ended, by reason.",
	}, []string{"reason"})
	m := &metrics{
		disconnects: make(map[directory.DisconnectOutcome]prometheus.Counter),
		disconnectSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gatehouse_radiusd_disconnect_seconds", Help: "Time from the wish to end a session to the answer of its NAS.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 3600},
		}),
		disconnectIgnored: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_radiusd_disconnect_ignored_total", Help: "Packets at the socket of a Disconnect-Request that were no answer to it.",
		}),
		requests:  make(map[wire.Code]prometheus.Counter),
		answers:   make(map[wire.Code]prometheus.Counter),
		discarded: make(map[discard]prometheus.Counter),
		connections: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gatehouse_radiusd_connections", Help: "Connections of RADIUS over TLS whose client is known.",
		}),
		connected: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_radiusd_connections_total", Help: "Accepted connections of RADIUS over TLS.",
		}),
		disconnected: make(map[ending]prometheus.Counter),
		repeats: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_radiusd_repeated_answers_total", Help: "Answers sent again because the request was.",
		}),
		sockets: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_radiusd_socket_errors_total", Help: "Failed reads and writes of sockets.",
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gatehouse_radiusd_request_seconds", Help: "Time from receipt to answer; denials wait for their tick.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
		}),
	}
	for _, c := range []wire.Code{wire.AccessRequest, wire.AccountingRequest, wire.StatusServer} {
		m.requests[c] = requests.WithLabelValues(c.String())
	}
	for _, c := range []wire.Code{wire.AccessAccept, wire.AccessReject, wire.AccessChallenge, wire.AccountingResponse} {
		m.answers[c] = answers.WithLabelValues(c.String())
	}
	for _, d := range discards() {
		m.discarded[d] = discarded.WithLabelValues(string(d))
	}
	for _, o := range disconnectOutcomes() {
		m.disconnects[o] = disconnects.WithLabelValues(string(o))
	}
	for _, e := range endings() {
		m.disconnected[e] = disconnected.WithLabelValues(string(e))
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{
		disconnects, m.disconnectSeconds, m.disconnectIgnored, requests, answers, discarded, m.repeats, m.sockets, m.seconds,
		m.connections, m.connected, disconnected,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "gatehouse_radiusd_waiting_requests", Help: "Requests that wait for a worker.",
		}, waiting),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "gatehouse_radiusd_clients", Help: "Clients (NAS) that are known.",
		}, clients),
	} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}
