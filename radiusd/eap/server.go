package eap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/schema"
)

// Door asks the directory on behalf of the request that is being answered.
type Door interface {
	// Authenticate decides about name and what was shown by method.
	Authenticate(ctx context.Context, method, name string, proof directory.Proof) (directory.Decision, error)
	// Authorize decides about somebody who resumes what they were let in by
	// before. The door fills in what it knows of the request.
	Authorize(ctx context.Context, method string, a directory.Admission) (directory.Decision, error)
	// Key returns the key of a name, as the directory compares names, without a
	// realm of ours; "" is nobody's.
	Key(name string) string
	// Abandoned is told of a conversation in which the device fell silent. The
	// answer has Fault, Detail and what is known of the device; there is nobody to
	// send it to.
	Abandoned(ctx context.Context, a Answer)
}

// Config is what a Server is made of. All of it is required.
type Config struct {
	// Certificate returns what devices know this server by.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// Devices returns the authorities that are named to devices in EAP-TLS, so
	// that these choose a certificate of ours; the directory judges it.
	Devices func() *x509.CertPool
	Now     func() time.Time
	Rand    io.Reader
}

// Server runs conversations. Make it with New; it is safe for concurrent use.
type Server struct {
	config  Config
	tickets *tickets
	runners runners

	mu    sync.Mutex
	table *table
}

// New makes a Server.
func New(c Config) (*Server, error) {
	if c.Certificate == nil || c.Devices == nil || c.Now == nil || c.Rand == nil {
		return nil, errors.New("eap: Certificate, Devices, Now and Rand are required")
	}
	return &Server{config: c, tickets: newTickets(c.Now, c.Rand), table: newTable()}, nil
}

// Round is one Access-Request of a conversation.
type Round struct {
	Client  directory.RADIUSClientID
	Station string // Calling-Station-Id; empty: unknown
	State   []byte // as sent by the client; empty: the conversation begins
	Packet  []byte // from the peer; is kept, and must not be changed
	MTU     int    // of the link to the device; 0: unknown
	Methods []string
	// LegacyTLS permits TLS 1.2 without Extended Master Secret.
	LegacyTLS bool
	Door      Door
}

// Verdict is what becomes of a round.
type Verdict int

// The verdicts.
const (
	Discarded Verdict = iota // no answer: it is no answer to what was asked
	Challenge                // go on: Packet and State
	Accepted                 // Packet, Decision, MSK
	Rejected                 // Packet; with Decision when the directory has decided
	Undecided                // no answer: Err says why
)

// Answer is the end of a round.
type Answer struct {
	Verdict  Verdict
	Packet   []byte
	State    []byte
	Decision directory.Decision
	Reason   directory.Reason // of a rejection that was made here
	Fault    Fault            // of a rejection that was made here
	Detail   string           // why, for the log and the audit
	Err      error
	Method   string   // that was spoken: "eap-ttls/pap"
	Identity string   // outer one: a name that nobody has proved
	Named    string   // that the device says inside, which nobody has proved either; empty: none yet
	MSK      [64]byte // RFC 3748 §7.10
}

// Respond answers one round.
func (s *Server) Respond(ctx context.Context, r Round) Answer {
	p, ok := parse(r.Packet)
	if !ok || p.code != Response {
		return Answer{Detail: "not an EAP response"}
	}
	if len(r.State) == 0 {
		return s.begin(ctx, &r, p)
	}
	c, answer := s.take(&r, p)
	if c == nil {
		return answer
	}
	return s.proceed(ctx, &r, c, p)
}

// begin starts a conversation with the identity of the peer.
func (s *Server) begin(ctx context.Context, r *Round, p packet) Answer {
	if p.typ != TypeIdentity {
		return refused(p.id, ConversationLost, "the conversation does not begin with an identity, or its State was lost")
	}
	c := &conversation{
		origin: origin{r.Client, r.Station}, identity: string(p.data), id: p.id, until: s.config.Now().Add(maxLife),
		offers: r.Methods,
	}
	return s.proceed(ctx, r, c, p)
}

// take finds the conversation that a round belongs to; nil: the answer says why
// there is none. A State is good for one round.
func (s *Server) take(r *Round, p packet) (*conversation, Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var state [stateSize]byte
	if len(r.State) == stateSize {
		state = [stateSize]byte(r.State)
	}
	c := s.table.byState[state]
	switch {
	case c == nil || !s.config.Now().Before(c.until):
		return nil, refused(p.id, ConversationLost, "no such conversation is under way; it took too long, or was given up for others")
	case c.origin != (origin{r.Client, r.Station}):
		// What another client or device has seen is not theirs to go on with.
		return nil, refused(p.id, ConversationLost, "the State belongs to another client or device")
	case p.id != c.id:
		// RFC 3748 §4.1: a response with another identifier is discarded.
		return nil, Answer{Detail: fmt.Sprintf("identifier %d, %d was asked", p.id, c.id), Identity: c.identity}
	}
	if c.lost != nil {
		return nil, Answer{Verdict: Undecided, Err: c.lost, Identity: c.identity}
	}
	s.table.remove(c)
	return c, Answer{}
}

// refused is a rejection that the directory has not decided.
func refused(id byte, f Fault, detail string) Answer {
	return Answer{Verdict: Rejected, Packet: verdictPacket(Failure, id), Reason: f.Reason(), Fault: f, Detail: detail}
}

// proceed lets a conversation take its next step and puts it back when it goes
// on.
func (s *Server) proceed(ctx context.Context, r *Round, c *conversation, p packet) Answer {
	c.rounds++
	c.octets += len(r.Packet)
	step := c.limits()
	if step == nil {
		step = c.step(ctx, s, r, p)
	}
	answer := Answer{Identity: c.identity, Method: c.method()}
	switch {
	case step.err != nil:
		answer.Verdict, answer.Err = Undecided, step.err
		s.lose(c, step.err)
	case step.refusal != "":
		answer = refused(p.id, step.fault, step.refusal)
		answer.Identity, answer.Named, answer.Method = c.identity, c.named(), c.method()
	case step.done && step.decision.Allowed():
		answer.Verdict, answer.Packet = Accepted, verdictPacket(Success, p.id)
		answer.Decision, answer.MSK, answer.Method = step.decision, step.msk, step.method
	case step.done:
		answer.Verdict, answer.Packet = Rejected, verdictPacket(Failure, p.id)
		answer.Decision, answer.Reason, answer.Method = step.decision, step.decision.Reason, step.method
	default:
		state, err := s.await(c, p.id+1)
		if err != nil {
			answer.Verdict, answer.Err = Undecided, err
			break
		}
		answer.Verdict, answer.State = Challenge, state
		answer.Packet = packet{code: Request, id: c.id, typ: step.typ, data: step.data}.encode()
		return answer
	}
	c.close()
	return answer
}

// await puts a conversation back, under a new State.
func (s *Server) await(c *conversation, id byte) ([]byte, error) {
	var state [stateSize]byte
	if _, err := io.ReadFull(s.config.Rand, state[:]); err != nil {
		return nil, fmt.Errorf("make a State: %w", err)
	}
	c.id, c.state = id, state
	s.mu.Lock()
	evicted := s.table.add(c)
	s.mu.Unlock()
	for _, old := range evicted {
		old.close()
	}
	return state[:], nil
}

// lose keeps a conversation that could not be decided under the State that it
// had: asked again, the answer is no rejection.
func (s *Server) lose(c *conversation, err error) {
	if c.lost = err; c.state == [stateSize]byte{} {
		return // the first round has none
	}
	s.mu.Lock()
	evicted := s.table.add(c)
	s.mu.Unlock()
	for _, old := range evicted {
		old.close()
	}
}

const sweepEvery = 5 * time.Second

// Run gives up conversations that last too long, until ctx ends; then all of
// them.
func (s *Server) Run(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			for _, silent := range s.sweep(s.config.Now()) {
				silent.report(ctx)
			}
		case <-ctx.Done():
			s.sweep(s.config.Now().Add(2 * maxLife))
			s.runners.stop()
			return
		}
	}
}

// sweep gives up the conversations that have lasted too long and returns those
// that a device has left.
func (s *Server) sweep(now time.Time) (silent []silence) {
	s.mu.Lock()
	old := s.table.expired(now)
	for _, c := range old {
		s.table.remove(c)
	}
	s.mu.Unlock()
	for _, c := range old {
		if left, ok := c.silence(now); ok {
			silent = append(silent, left)
		}
		c.close()
	}
	return silent
}

// Open returns how many conversations are under way.
func (s *Server) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.table.all.count
}

// typeOf returns the EAP type of a method of a RADIUS client; 0: it is none.
func typeOf(method string) Type {
	switch method {
	case schema.MethodEAPTLS:
		return TypeTLS
	case schema.MethodEAPTTLS:
		return TypeTTLS
	case schema.MethodPEAP:
		return TypePEAP
	case schema.MethodEAPMSCHAPv2:
		return TypeMSCHAPv2
	default:
		return 0
	}
}
