package radiusd

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/radiusd/wire"
)

const (
	// promptFor is how long somebody has to type a code.
	promptFor = 2 * time.Minute
	// maxPrompts bounds the conversations that are kept. Only right passwords
	// begin one.
	maxPrompts = 10_000
	// stateSize is the length of State: 128 random bits, new for each round.
	stateSize = 16
)

// promptText is what the person reads (RFC 2865 §5.18).
const promptText = "Enter the code from your authenticator app."

// prompt is a conversation in which a password was right and a code was asked for.
type prompt struct {
	client  directory.RADIUSClientID
	station string
	name    string
	user    directory.UserID
	epoch   int64
	proved  []directory.Factor
	resumed directory.Resumed
	until   time.Time
}

// prompts are the conversations of this process, by State. A NAS stays with the
// server that has asked (RFC 2865 §4.4).
type prompts struct {
	mu   sync.Mutex
	open map[[stateSize]byte]prompt
}

// begin keeps a conversation and returns its State. Where nothing was proved there
// is nothing to keep, and the State is one that nobody knows.
func (p *prompts) begin(c prompt, now time.Time) [stateSize]byte {
	var state [stateSize]byte
	_, _ = rand.Read(state[:]) // never fails
	if c.user == 0 {
		return state
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil {
		p.open = map[[stateSize]byte]prompt{}
	}
	for old, have := range p.open {
		if len(p.open) < maxPrompts && now.Before(have.until) {
			break // the iteration begins anywhere: one look a round keeps the map clean in time
		}
		delete(p.open, old)
	}
	p.open[state] = c
	return state
}

// take ends the round that a State belongs to. One of another client, station or
// name, one that is over and one that was used before prove nothing.
func (p *prompts) take(state []byte, client directory.RADIUSClientID, station, name string, now time.Time) prompt {
	if len(state) != stateSize {
		return prompt{}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok := p.open[[stateSize]byte(state)]
	delete(p.open, [stateSize]byte(state))
	if !ok || c.client != client || c.station != station || c.name != name || !now.Before(c.until) {
		return prompt{}
	}
	return c
}

// answerPrompt decides a request that brings a State of ours back: what is in
// User-Password is the code.
func (s *Server) answerPrompt(ctx context.Context, r *request, name string, state []byte, code directory.Secret) {
	c := s.prompts.take(state, r.client.id, station(r.packet), name, s.now())
	a := s.attempt(r, schema.MethodPAP, name, directory.CodeProof{Code: code})
	a.User, a.Epoch, a.Proved, a.Resumed = c.user, c.epoch, c.proved, c.resumed
	dec, err := s.directory.Authenticate(ctx, a)
	s.conclude(ctx, r, visit{name: name, method: schema.MethodPAP}, &dec, err)
}

// askCode sends an Access-Challenge (RFC 2865 §4.4), at the time at which a denial
// would leave, and whether or not the password was right.
func (s *Server) askCode(ctx context.Context, r *request, v visit, dec *directory.Decision) {
	now := s.now()
	state := s.prompts.begin(prompt{
		client: r.client.id, station: station(r.packet), name: v.name, user: dec.User.ID, epoch: dec.User.Epoch, proved: dec.Factors,
		resumed: directory.Resumed{Credential: dec.Credential, Version: dec.Version}, until: now.Add(promptFor),
	}, now)
	e := wire.NewReply(nil, wire.AccessChallenge, r.packet, true)
	e.AddString(wire.ReplyMessage, promptText)
	e.Add(wire.State, state[:])
	// RFC 2865 §5.27: how long the NAS waits for the person.
	e.AddUint32(wire.SessionTimeout, uint32(promptFor/time.Second))
	echoProxyState(e, r.packet)
	s.logAccess(ctx, r, v, string(dec.Outcome), dec.Reason)
	s.answerAt(r, e, dec.LeaveAt)
}
