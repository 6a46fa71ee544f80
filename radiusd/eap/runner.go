package eap

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"sync"
)

// maxResting bounds the runners that wait for work.
const maxResting = 128

// runners are the goroutines that run methods. One that has ended a method takes
// another: its stack has its size by then, and its TLS configuration is made. It
// is safe for concurrent use.
type runners struct {
	mu      sync.Mutex
	resting []*runner // the last one to rest is the first to work
	stopped bool
}

// runner runs one method after the other.
type runner struct {
	work    chan *session
	session *session // that runs
	config  *tls.Config
	made    configuration // of which config is
}

// configuration is what the TLS of conversations differs in.
type configuration struct {
	devices *x509.CertPool // nil: no certificate is asked for
	legacy  bool
}

// run lets a runner run s.
func (r *runners) run(s *session) {
	r.mu.Lock()
	var w *runner
	if last := len(r.resting) - 1; last >= 0 {
		w = r.resting[last]
		r.resting = slices.Delete(r.resting, last, last+1)
	}
	r.mu.Unlock()
	if w == nil {
		w = &runner{work: make(chan *session, 1)}
		go r.keep(w)
	}
	w.work <- s
}

// keep is the goroutine.
func (r *runners) keep(w *runner) {
	for s := range w.work {
		w.session = s
		s.run(w)
		w.session = nil
		if !r.rest(w) {
			return
		}
	}
}

// rest lets w wait for work; false: enough do.
func (r *runners) rest(w *runner) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped || len(r.resting) == maxResting {
		return false
	}
	r.resting = append(r.resting, w)
	return true
}

// stop ends those that rest, now and later.
func (r *runners) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
	for _, w := range r.resting {
		close(w.work)
	}
	r.resting = nil
}

// tls is the TLS of the conversation that runs.
func (w *runner) tls() *tls.Config {
	server := w.session.server
	of := configuration{legacy: w.session.secrets.legacy}
	if w.session.typ == TypeTLS {
		of.devices = server.config.Devices()
	}
	if w.config != nil && w.made == of {
		return w.config
	}
	c := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) { return w.session.certificateFor(hello) },
		Time:           server.config.Now,
		WrapSession: func(cs tls.ConnectionState, s *tls.SessionState) ([]byte, error) {
			return w.session.resume.wrap(cs, s)
		},
		UnwrapSession: func(identity []byte, cs tls.ConnectionState) (*tls.SessionState, error) {
			return w.session.resume.unwrap(identity, cs)
		},
	}
	if of.legacy {
		c.KeyLogWriter = w
	}
	if of.devices != nil {
		// The directory judges the certificate: TLS only makes sure of the key.
		c.ClientAuth, c.ClientCAs = tls.RequireAnyClientCert, of.devices
	}
	w.config, w.made = c, of
	return c
}

// Write takes what tls.Config.KeyLogWriter gets.
func (w *runner) Write(line []byte) (int, error) { return w.session.secrets.Write(line) }
