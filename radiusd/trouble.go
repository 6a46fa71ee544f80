package radiusd

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"gatehouse/directory"
)

const (
	// saidAgain is how long after a discarded packet the next of its kind from the
	// same client is only counted.
	saidAgain = 10 * time.Second
	// strangerAgain is that for addresses that no client has, of which maxStrangers
	// are told apart: anybody can send from anywhere.
	strangerAgain = time.Minute
	maxStrangers  = 16
	// maxTroubles wait for the audit at most; others are in the log alone.
	maxTroubles = 64
)

// troubles says what is wrong with packets that get no answer: in the log, and in
// the audit, where an operator looks later. Whoever sends a million of them causes
// a few lines.
type troubles struct {
	log *slog.Logger
	now func() time.Time
	out chan trouble // for the audit; nil: nobody reads it

	mu   sync.Mutex
	seen map[troubleKey]*counted
}

// trouble is a discarded packet and what an operator can do about it.
type trouble struct {
	why    discard
	peer   netip.Addr
	client *client // nil: unknown
	detail string
	count  int
}

// troubleKey is what is counted together. Of a client it is the client, of a
// stranger the address.
type troubleKey struct {
	why    discard
	client directory.RADIUSClientID
	peer   netip.Addr
}

type counted struct {
	until time.Time // said again after
	held  int       // not said since
}

func newTroubles(log *slog.Logger, now func() time.Time) troubles {
	return troubles{log: log, now: now, out: make(chan trouble, maxTroubles), seen: map[troubleKey]*counted{}}
}

// say is called for every discarded packet and never waits.
func (t *troubles) say(ctx context.Context, why discard, peer netip.Addr, c *client) {
	about := trouble{why: why, peer: peer.Unmap().WithZone(""), client: c}
	if about.count = t.due(&about); about.count == 0 {
		return
	}
	about.detail = about.advice()
	name := ""
	if c != nil {
		name = c.name
	}
	t.log.LogAttrs(ctx, slog.LevelWarn, "packet discarded", slog.String("reason", string(why)), slog.String("detail", about.detail),
		slog.String("peer", about.peer.String()), slog.String("client", name), slog.Int("packets", about.count))
	select {
	case t.out <- about:
	default: // the audit is busy; the log has it
	}
}

// due counts a packet and returns how many are to be told of now; 0: none.
func (t *troubles) due(about *trouble) int {
	now := t.now()
	key, again := troubleKey{why: about.why, peer: about.peer}, strangerAgain
	if about.client != nil {
		key, again = troubleKey{why: about.why, client: about.client.id}, saidAgain
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	have := t.seen[key]
	if have == nil && about.client == nil {
		if key = t.room(key, now); t.seen[key] != nil {
			have = t.seen[key]
		}
	}
	if have == nil {
		have = &counted{}
		t.seen[key] = have
	}
	have.held++
	if now.Before(have.until) {
		return 0
	}
	n := have.held
	have.held, have.until = 0, now.Add(again)
	return n
}

// room returns the key under which one more stranger is counted: its own, or with
// too many of them that of all others. t.mu is held.
func (t *troubles) room(key troubleKey, now time.Time) troubleKey {
	strangers := 0
	for k, have := range t.seen {
		switch {
		case k.client != 0:
		case !now.Before(have.until):
			delete(t.seen, k)
		default:
			strangers++
		}
	}
	if strangers >= maxStrangers {
		return troubleKey{why: key.why}
	}
	return key
}

// advice says what is wrong, and what to do.
func (t *trouble) advice() string {
	switch t.why {
	case unknownClient:
		return fmt.Sprintf("no RADIUS client has the address %[1]s: add it to radius_clients in site.yaml (networks: [%[1]s]) and run gatehouse apply", t.peer)
	case wrongSecret:
		return "the shared secret of " + t.client.name + " is another one on the NAS than here: enter the same on both"
	case noAuthenticator:
		return "the NAS sends no Message-Authenticator: switch it on or update the NAS (CVE-2024-3596), or set message_authenticator: auto for " + t.client.name
	case bareProxyState:
		return "a request with Proxy-State has no Message-Authenticator, which CVE-2024-3596 forges: update the proxy in front of " + t.client.name
	case bareEAP:
		return "EAP without Message-Authenticator (RFC 3579): the NAS or a proxy in front of " + t.client.name + " takes it out"
	case malformed:
		return "it is no RADIUS packet, or is damaged on the way"
	case unexpectedCode:
		return "this kind of packet is not for this port: are the authentication and the accounting port swapped on the NAS?"
	case overloaded:
		return "more requests wait than are worked on"
	case overLimit:
		return fmt.Sprintf("it sends more than %d requests a second: find out why, or raise rate_limit of %s", t.client.limit, t.client.name)
	case misplacedEAP, repeated, undecided, notReady, unanswerable, panicked:
	}
	return string(t.why)
}

// keepTroubles puts what is said into the audit, until ctx ends.
func (s *Server) keepTroubles(ctx context.Context) {
	for {
		select {
		case t := <-s.transport.troubles.out:
			if err := s.auditTrouble(ctx, &t); err != nil && ctx.Err() == nil {
				s.undecided.warn(ctx, "a discarded packet is not in the audit", slog.Any("err", err))
			}
		case <-ctx.Done():
			return
		}
	}
}

func (s *Server) auditTrouble(ctx context.Context, t *trouble) error {
	a := directory.Attempt{
		Protocol: directory.ProtocolRADIUS, Peer: t.peer, Relay: true,
		Context: map[string]string{directory.ContextFault: string(t.why)},
	}
	if t.client != nil {
		a.App, a.NAS, a.Context[directory.ContextNAS] = t.client.app, t.client.id, t.client.name
	}
	_, err := s.directory.Refuse(ctx, directory.Refusal{
		Attempt: a, Reason: directory.ReasonMethodNotAllowed, Check: directory.Check{Name: "packet", Detail: t.detail}, Count: t.count,
	})
	return err
}
