package radiusd

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"log/slog"

	"gatehouse/directory"
	"gatehouse/directory/name"
	"gatehouse/radiusd/eap"
	"gatehouse/radiusd/wire"
)

// maxEAP is the longest EAP packet that is put together from EAP-Messages.
const maxEAP = wire.MaxLength

// eap answers one round of an EAP conversation. outer is the name that the NAS
// was told: it is logged and nothing else.
func (s *Server) eap(ctx context.Context, r *request, outer string) {
	state, _ := r.packet.Lookup(wire.State)
	mtu, _ := r.packet.Uint32(wire.FramedMTU)
	answer := s.conversations.Respond(ctx, eap.Round{
		Client: r.client.id, Station: station(r.packet), State: state, Packet: eapMessage(r.packet),
		MTU: int(min(mtu, maxEAP)), Methods: r.client.methods, LegacyTLS: r.client.legacyTLS, Door: door{s, r},
	})
	switch answer.Verdict {
	case eap.Challenge:
		s.challenge(r, &answer)
	case eap.Accepted:
		also := func(e *wire.Encoder) {
			addEAP(e, answer.Packet)
			// RFC 5247 §1.2: the first half of the MSK is what the NAS receives with.
			s.addKeys(e, r, answer.MSK[:32], answer.MSK[32:])
		}
		s.accept(ctx, r, visit{name: answer.Decision.User.Username, method: answer.Method, also: also}, &answer.Decision)
	case eap.Rejected:
		v := visit{name: outer, method: answer.Method, fault: answer.Fault, detail: answer.Detail}
		if answer.Fault != "" {
			if answer.Named != "" {
				v.name = clean(answer.Named)
			}
			s.refuse(ctx, r, v)
			return
		}
		v.detail = failing(answer.Decision.Trace)
		s.logAccess(ctx, r, v, string(directory.Deny), answer.Reason)
		s.reject(r, answer.Decision.LeaveAt)
	case eap.Undecided:
		s.failed(ctx, r, visit{name: outer, method: answer.Method}, answer.Err)
	case eap.Discarded:
		s.undecided.warn(ctx, "EAP packet discarded",
			slog.String("client", r.client.name), slog.String("user", outer), slog.String("detail", answer.Detail))
		s.transport.drop(r, misplacedEAP)
	}
}

// challengeSize is enough for all of most challenges but the EAP packet.
const challengeSize = 96

// challenge asks the device for its next packet.
func (s *Server) challenge(r *request, answer *eap.Answer) {
	e := wire.NewReply(make([]byte, 0, challengeSize+len(answer.Packet)), wire.AccessChallenge, r.packet, true)
	addEAP(e, answer.Packet)
	e.Add(wire.State, answer.State)
	echoProxyState(e, r.packet)
	b, err := e.Finish(r.key)
	if err != nil {
		s.transport.drop(r, unanswerable)
		return
	}
	s.transport.answer(r, b)
}

// eapMessage puts an EAP packet together.
//
// RFC 3579 §3.1: the EAP-Messages of a packet are one after the other.
func eapMessage(p wire.Packet) []byte {
	size := 0
	for t, v := range p.Attributes() {
		if t == wire.EAPMessage {
			size += len(v)
		}
	}
	b := make([]byte, 0, size)
	for t, v := range p.Attributes() {
		if t == wire.EAPMessage {
			b = append(b, v...)
		}
	}
	return b
}

// addEAP takes an EAP packet apart.
func addEAP(e *wire.Encoder, packet []byte) {
	for len(packet) > wire.MaxValue {
		e.Add(wire.EAPMessage, packet[:wire.MaxValue])
		packet = packet[wire.MaxValue:]
	}
	e.Add(wire.EAPMessage, packet)
}

// addKeys hides the session keys under the secret of the client.
func (s *Server) addKeys(e *wire.Encoder, r *request, recv, send []byte) {
	var salt [2]byte
	_, _ = rand.Read(salt[:]) // never fails
	e.AddMPPEKeys(recv, send, r.key, binary.BigEndian.Uint16(salt[:]))
}

// door lets an EAP method ask the directory about the request under way.
type door struct {
	server  *Server
	request *request
}

// Authenticate is part of eap.Door.
func (d door) Authenticate(ctx context.Context, method, name string, proof directory.Proof) (directory.Decision, error) {
	return d.server.directory.Authenticate(ctx, d.server.attempt(d.request, method, name, proof))
}

// Authorize is part of eap.Door.
func (d door) Authorize(ctx context.Context, method string, a directory.Admission) (directory.Decision, error) {
	a.Entering = true
	dec, err := d.server.directory.Authorize(ctx, d.server.admission(d.request, method, a))
	if err != nil {
		return dec, fmt.Errorf("decide a resumed tunnel: %w", err)
	}
	if !dec.Allowed() {
		dec.LeaveAt = nextTick(d.request.received, d.server.now())
	}
	return dec, nil
}

// Abandoned is part of eap.Door.
func (d door) Abandoned(ctx context.Context, a eap.Answer) {
	v := visit{name: clean(a.Identity), method: a.Method, fault: a.Fault, detail: a.Detail}
	if a.Named != "" {
		v.name = clean(a.Named)
	}
	if _, err := d.server.refused(ctx, d.request, v); err != nil {
		d.server.undecided.warn(ctx, "a conversation that was left is not in the audit", slog.Any("err", err))
	}
	d.server.logAccess(ctx, d.request, v, string(directory.Deny), a.Reason)
}

// Key is part of eap.Door.
func (d door) Key(typed string) string { return name.Login(d.request.client.local(typed)) }
