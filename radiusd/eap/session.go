package eap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"runtime/debug"
	"strings"

	"gatehouse/directory"
)

// session runs one method with a device: on a goroutine that reads and writes as
// if it had a connection, woken by the rounds.
type session struct {
	server   *Server
	typ      Type
	identity string // outer
	pipe     *pipe
	started  bool
	frame    frame

	// What follows belongs to the goroutine while it works and to the round while
	// it does not.
	ctx     context.Context   // of the round
	door    Door              // of the round
	method  string            // as far as it is known: "eap-ttls", then "eap-ttls/pap"
	named   string            // the name that the device says inside, whoever proved it
	shown   *x509.Certificate // what the server was known by; nil: not yet
	open    bool              // the tunnel stands
	alert   tls.AlertError    // by which the device has given up the handshake; 0: it has not
	secrets tunnelKeys
	resume  resumption
	end     *step // of the conversation; nil: it goes on
}

func newSession(s *Server, typ Type, method, identity string, legacy bool) *session {
	return &session{
		server: s, typ: typ, identity: identity, pipe: newPipe(), method: method,
		resume: resumption{tickets: s.tickets, typ: typ}, secrets: tunnelKeys{legacy: legacy},
	}
}

func (s *session) methodName() string { return s.method }

// framed reports whether the method is carried in fragments.
func (s *session) framed() bool { return s.typ != TypeMSCHAPv2 }

// step takes the data of one packet of the device.
func (s *session) step(ctx context.Context, r *Round, data []byte) *step {
	s.ctx, s.door = ctx, r.Door
	if s.framed() {
		whole, err := s.frame.receive(data)
		switch {
		case err != nil:
			return refuse(Protocol, "%v", err)
		case whole == nil:
			return s.reply(r.MTU)
		}
		data = whole
	}
	if s.end != nil {
		return s.end // the last of what there was to say has arrived
	}
	if alert, ok := bareAlert(data); ok && !s.open {
		s.alert = alert
	}
	if !s.started {
		// A goroutine and its buffers are worth a whole first message.
		s.started = true
		s.server.runners.run(s)
	}
	out, ended := s.pipe.exchange(data)
	if ended && len(out) == 0 {
		return s.end
	}
	s.frame.load(out)
	return s.reply(r.MTU)
}

// reply makes the next request.
func (s *session) reply(mtu int) *step {
	if !s.framed() {
		out := s.frame.out
		s.frame.load(nil)
		return &step{typ: s.typ, data: out}
	}
	return &step{typ: s.typ, data: s.frame.send(fragmentSize(mtu))}
}

// run runs the method.
func (s *session) run(w *runner) {
	s.pipe.begin()
	defer s.pipe.end()
	defer func() {
		if v := recover(); v != nil {
			s.pipe.discard()
			s.end = &step{err: fmt.Errorf("%s panicked: %v\n%s", s.method, v, debug.Stack())}
		}
	}()
	if s.typ == TypeMSCHAPv2 {
		s.end = s.bare()
		return
	}
	s.end = s.tunnel(w.tls())
}

// decide asks the directory about a name that was proved or not by method.
func (s *session) decide(method, name string, proof directory.Proof) (directory.Decision, *step) {
	s.method, s.named = method, name
	dec, err := s.door.Authenticate(s.ctx, method, name, proof)
	return dec, s.denied(dec, err)
}

// denied ends the conversation unless the decision lets the device in; nil: it
// does. What was to be said is not said: a stranger learns nothing.
func (s *session) denied(dec directory.Decision, err error) *step {
	if err == nil && dec.Allowed() {
		return nil
	}
	s.pipe.discard()
	s.resume.settle(nil)
	if err != nil {
		return &step{err: err}
	}
	return &step{done: true, decision: dec, method: s.method}
}

// broken ends a conversation that a device does not hold to the rules of.
func (s *session) broken(f Fault, format string, args ...any) *step {
	s.pipe.discard()
	s.resume.settle(nil)
	return refuse(f, format, args...)
}

// failed is broken for an error of the tunnel, which may say that the device has
// given up.
func (s *session) failed(where string, err error) *step {
	if _, alert := alertOf(err); !alert {
		return s.broken(Protocol, "%s: %v", where, err)
	}
	f, detail := diagnose(err, s.shown, s.server.config.Now())
	return s.broken(f, "%s: %s", where, detail)
}

// allowed ends a conversation well.
func (s *session) allowed(dec directory.Decision, msk [64]byte) *step {
	p := proven{
		user: dec.User.ID, epoch: dec.User.Epoch, factors: dec.Factors, credential: dec.Credential,
		version: dec.Version, certificate: dec.Certificate, method: s.method, at: s.server.config.Now(),
	}
	if s.resume.resumes {
		p.at = s.resume.proven.at // resuming does not prolong
	}
	if s.secrets.weak() {
		// RFC 7627 §5.3: a session without Extended Master Secret is not resumed.
		s.resume.settle(nil)
	} else {
		s.resume.settle(&p)
	}
	return &step{done: true, decision: dec, msk: msk, method: s.method}
}

// hashedName is the part of a name that MS-CHAPv2 hashes.
//
// RFC 2759 §4: the name without a domain before a backslash.
func hashedName(name string) string { return name[strings.LastIndexByte(name, '\\')+1:] }
