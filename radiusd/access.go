package radiusd

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/radiusd/eap"
	"gatehouse/radiusd/wire"
)

// decideWithin bounds one decision. A NAS has asked again, or another server,
// long before.
const decideWithin = 10 * time.Second

// access decides one Access-Request.
func (s *Server) access(ctx context.Context, r *request) {
	ctx = s.patience.bound(ctx)
	name := text(r.packet, wire.UserName)
	switch m := methodOf(r.packet); {
	case m == methodEAP:
		s.eap(ctx, r, name)
	case name == "":
		s.refuse(ctx, r, visit{name: name, method: m, fault: eap.Protocol, detail: "the request has no User-Name"})
	case m == "":
		s.refuse(ctx, r, visit{name: name, method: m, fault: eap.NoCommonMethod, detail: proofless(r.packet)})
	case !r.client.allows(m):
		s.refuse(ctx, r, visit{name: name, method: m, fault: eap.NoCommonMethod, detail: m + " is not among the methods of " + r.client.name +
			": add it to methods in radius_clients, or set the NAS to " + strings.Join(r.client.methods, ", ")})
	case m == schema.MethodMSCHAPv2:
		s.mschapv2(ctx, r, name)
	default:
		s.pap(ctx, r, name)
	}
}

// methodEAP stands for all that is carried in EAP-Message.
const methodEAP = "eap"

// methodOf tells the method by the attributes that carry it; "": none that is
// understood.
func methodOf(p wire.Packet) string {
	// RFC 2865 §4.1, CHAP-Password, not done: it needs the password in clear.
	switch {
	case p.Has(wire.CHAPPassword):
		return ""
	case p.Has(wire.EAPMessage):
		// RFC 3579 §3.1: with it there is no other proof in the packet.
		if p.Has(wire.UserPassword) {
			return ""
		}
		return methodEAP
	case p.Has(wire.UserPassword):
		return schema.MethodPAP
	case hasMSCHAPv2(p):
		return schema.MethodMSCHAPv2
	default:
		return ""
	}
}

// proofless says why a request has no proof that is understood.
func proofless(p wire.Packet) string {
	switch {
	case p.Has(wire.CHAPPassword):
		return "the NAS sends CHAP, which needs the password in clear: set it to PAP, MS-CHAPv2 or EAP"
	case p.Has(wire.EAPMessage):
		return "the request has a User-Password beside EAP"
	default:
		return "the request has neither a password nor EAP (Authorize-Only and MAC authentication are not done)"
	}
}

// pap decides a password in clear.
func (s *Server) pap(ctx context.Context, r *request, name string) {
	password, err := r.packet.Password(r.key)
	if err != nil {
		s.refuse(ctx, r, visit{name: name, method: schema.MethodPAP, fault: eap.Protocol, detail: err.Error()})
		return
	}
	if state, ok := r.packet.Lookup(wire.State); ok && r.client.challenge {
		s.answerPrompt(ctx, r, name, state, directory.Secret(password))
		return
	}
	a := s.attempt(r, schema.MethodPAP, name, directory.PasswordProof{Password: directory.Secret(password)})
	a.Challenge = r.client.challenge
	if !r.packet.HasMessageAuthenticator() && garbled(password) {
		// RFC 2865 §5.2: under another secret the password comes out as noise.
		a.Hints = map[directory.Reason]string{directory.ReasonWrongPassword: garbledHint, directory.ReasonUnknownUser: garbledHint}
	}
	dec, err := s.directory.Authenticate(ctx, a)
	s.conclude(ctx, r, visit{name: name, method: schema.MethodPAP}, &dec, err)
}

// garbled reports whether a password is none that somebody types.
func garbled(password []byte) bool {
	return !utf8.Valid(password) || bytes.ContainsFunc(password, unicode.IsControl)
}

const garbledHint = "the password came out as noise: the shared secret is another one on the NAS than here"

// visit is how somebody came, for the answer and the log.
type visit struct {
	name   string // as the request says; after EAP, of whoever was let in
	method string
	fault  eap.Fault           // of what was refused without a decision
	reason directory.Reason    // of what was refused without a decision; empty: that of fault
	detail string              // why it was refused
	also   func(*wire.Encoder) // what the method adds to an Access-Accept; nil: nothing
}

// conclude answers as the directory has decided.
func (s *Server) conclude(ctx context.Context, r *request, v visit, dec *directory.Decision, err error) {
	switch {
	case err != nil:
		s.failed(ctx, r, v, err)
	case dec.Allowed():
		s.accept(ctx, r, v, dec)
	case dec.Outcome == directory.Challenge:
		s.askCode(ctx, r, v, dec)
	default:
		v.detail = failing(dec.Trace)
		s.logAccess(ctx, r, v, string(dec.Outcome), dec.Reason)
		s.reject(r, dec.LeaveAt)
	}
}

// failing returns what the checks that failed say.
func failing(trace []directory.Check) string {
	var said []string
	for _, c := range trace {
		if c.Outcome == "fail" && c.Detail != "" {
			said = append(said, c.Detail)
		}
	}
	return strings.Join(said, "; ")
}

// refuse rejects what the directory was not asked about, because of v.detail.
func (s *Server) refuse(ctx context.Context, r *request, v visit) {
	dec, err := s.refused(ctx, r, v)
	if err != nil {
		s.failed(ctx, r, v, err)
		return
	}
	s.logAccess(ctx, r, v, string(directory.Deny), dec.Reason)
	s.reject(r, dec.LeaveAt)
}

// refused puts a refusal into the audit.
func (s *Server) refused(ctx context.Context, r *request, v visit) (directory.Decision, error) {
	a := s.attempt(r, v.method, v.name, nil)
	a.Context[directory.ContextFault] = string(v.fault)
	return s.directory.Refuse(ctx, directory.Refusal{
		Attempt: a, Reason: cmp.Or(v.reason, v.fault.Reason()), Check: directory.Check{Name: cmp.Or(v.method, "method"), Detail: v.detail},
	})
}

// attempt describes a request to the core. The NAS is a relay: it speaks for
// everybody behind it, so it is never the source of guesses.
func (s *Server) attempt(r *request, method, name string, proof directory.Proof) directory.Attempt {
	a := directory.Attempt{
		Name: r.client.local(name), Proof: proof, App: r.client.app, Protocol: directory.ProtocolRADIUS,
		Received: r.received, Peer: r.id.from.Addr().Unmap(), Client: device(r.packet), Relay: true,
		Device: station(r.packet), NAS: r.client.id, Unhurried: true, NetworkOnly: r.client.networkOnly,
		Context: details(r, method),
	}
	if realm := r.client.foreign(name); realm != "" {
		a.Hints = map[directory.Reason]string{directory.ReasonUnknownUser: fmt.Sprintf("%q is no realm of %s: where its people are ours, add it to realms in radius_clients", realm, r.client.name)}
	}
	return a
}

// details are what policies and the audit may know of a request.
func details(r *request, method string) map[string]string {
	about := map[string]string{
		directory.ContextNAS: r.client.name, directory.ContextNASIP: nasAddress(r.packet, r.id.from), directory.ContextMethod: method,
	}
	if network := ssid(text(r.packet, wire.CalledStationID)); network != "" {
		about[directory.ContextSSID] = network
	}
	if id := station(r.packet); isMAC(id) {
		about[directory.ContextMAC] = id
	}
	if n, ok := r.packet.Uint32(wire.NASPortType); ok {
		about[directory.ContextPortType] = portType(n)
	}
	return about
}

// accept sends the Access-Accept after its session was stored.
func (s *Server) accept(ctx context.Context, r *request, v visit, dec *directory.Decision) {
	row := s.session(r, dec)
	known, again := s.recent.find(placeOf(&row), row.Accepted)
	if !again {
		var err error
		if row.ID, err = s.directory.NewID(); err != nil {
			s.failed(ctx, r, v, err)
			return
		}
		row.Admission = admissionOf(r, v.method, dec)
		known.class = s.classes.of(&row)
	}
	answer, err := acceptPacket(r, dec, known.class, v.also)
	if err != nil {
		// A reply rule that cannot be applied fails closed: nobody gets in with
		// less than the rules say.
		s.log.LogAttrs(ctx, slog.LevelError, "reply could not be built; rejected",
			slog.String("client", r.client.name), slog.String("user", dec.User.Username), slog.Any("err", err))
		v.fault, v.reason, v.detail = brokenReply, directory.ReasonPolicy, err.Error()
		s.refuse(ctx, r, v)
		return
	}
	if !again {
		ok, err := s.open(ctx, r, v.method, dec, row)
		if err != nil {
			s.failed(ctx, r, v, err)
			return
		}
		if !ok {
			s.logAccess(ctx, r, v, string(directory.Deny), directory.ReasonDisabled)
			s.reject(r, nextTick(r.received, s.now()))
			return
		}
		s.recent.add(&row, known.class)
		if r.client.maxDevices > 0 {
			s.reviewer.mark(row.User)
		}
	}
	s.logAccess(ctx, r, v, string(dec.Outcome), dec.Reason)
	s.transport.answer(r, answer)
}

// brokenReply is the fault of a reply rule that cannot be applied.
const brokenReply eap.Fault = "reply_rule"

// open stores a new session and reports whether the decision still holds. A
// disable looks for open sessions in its own transaction; one that came too
// early to see this row is seen here.
func (s *Server) open(ctx context.Context, r *request, method string, dec *directory.Decision, row directory.RADIUSSession) (bool, error) {
	seq, err := s.opener.open(ctx, row)
	if err != nil {
		return false, err
	}
	if seq != dec.Seq {
		now, err := s.directory.Authorize(ctx, s.admission(r, method, directory.Admission{
			User: dec.User.ID, Epoch: dec.User.Epoch, Factors: dec.Factors,
			Resumed: directory.Resumed{Credential: dec.Credential, Version: dec.Version, Certificate: dec.Certificate, Imported: dec.Imported},
		}))
		if err != nil || !now.Allowed() {
			return false, err
		}
		if r.client.terms(&now, row.CallingStationID) != row.Terms {
			s.reviewer.mark(row.User) // the answer is about to say what no longer counts
		}
	}
	return true, nil
}

// admission completes what is asked about somebody who was let in before.
func (s *Server) admission(r *request, method string, a directory.Admission) directory.Admission {
	a.App, a.Protocol, a.Peer, a.Client = r.client.app, directory.ProtocolRADIUS, r.id.from.Addr().Unmap(), device(r.packet)
	a.Resumed.NetworkOnly, a.Context = r.client.networkOnly, details(r, method)
	a.AuthTime = r.received
	return a
}

// session makes the row of a session that is about to be accepted, without its id
// and admission, which only a new one needs.
func (s *Server) session(r *request, dec *directory.Decision) directory.RADIUSSession {
	now, device := s.now(), station(r.packet)
	_, lasts := r.client.grant(dec, device, r.received)
	return directory.RADIUSSession{
		Client: r.client.id, User: dec.User.ID, Username: dec.User.Username, Epoch: dec.User.Epoch,
		State: directory.RADIUSAccepted, CallingStationID: device,
		CalledStationID: text(r.packet, wire.CalledStationID), NASIP: nasAddress(r.packet, r.id.from), NASPort: nasPort(r.packet),
		Instance: s.instance, LocalAddr: r.local.String(), Accepted: now, Updated: now,
		NASID: text(r.packet, wire.NASIdentifier), Peer: r.id.from.Addr().Unmap().String(),
		Terms: r.client.terms(dec, device), Expires: now.Add(lasts + recentFor), Until: dec.Until,
	}
}

// reject sends an Access-Reject at a time that says nothing of what was
// computed. It holds nothing that a stranger could learn from: the client's
// attributes are the same whatever the reason.
func (s *Server) reject(r *request, at time.Time) {
	e := wire.NewReply(nil, wire.AccessReject, r.packet, true)
	eap, ok := r.packet.Lookup(wire.EAPMessage)
	for _, a := range r.client.onReject {
		// RFC 3579 §2.6.5: no Reply-Message beside an EAP-Message.
		if !ok || a.vendor != 0 {
			a.add(e)
		}
	}
	if ok && len(eap) >= 2 {
		// RFC 3579 §2.6.3: a reject of an EAP conversation carries EAP-Failure
		// (RFC 3748 §4.2) with the identifier of the response.
		e.Add(wire.EAPMessage, []byte{4, eap[1], 0, 4})
	}
	echoProxyState(e, r.packet)
	s.answerAt(r, e, at)
}

// answerAt sends an answer, not before a time.
func (s *Server) answerAt(r *request, e *wire.Encoder, at time.Time) {
	b, err := e.Finish(r.key)
	if err != nil {
		s.transport.drop(r, unanswerable)
		return
	}
	wait := at.Sub(s.now())
	if wait <= 0 {
		s.transport.answer(r, b)
		return
	}
	time.AfterFunc(wait, func() { s.transport.answer(r, b) })
}

// nextTick is when a denial leaves that the core did not make: the next full
// second after receipt.
func nextTick(received, now time.Time) time.Time {
	spent := max(now.Sub(received), 0)
	return received.Add(spent.Truncate(time.Second) + time.Second)
}

// failed ends a request that could not be decided.
func (s *Server) failed(ctx context.Context, r *request, v visit, err error) {
	if render(directory.KindOf(err)) == reject {
		s.logAccess(ctx, r, v, string(directory.Deny), directory.Reason(directory.KindOf(err).String()))
		s.reject(r, nextTick(r.received, s.now()))
		return
	}
	s.undecided.warn(ctx, "access could not be decided; no answer",
		slog.String("client", r.client.name), slog.String("user", v.name), slog.Any("err", err))
	s.transport.drop(r, undecided)
}

// logAccess writes the one line of a decided request. Who got in is in the audit
// and among the sessions, so here it is a detail.
func (s *Server) logAccess(ctx context.Context, r *request, v visit, outcome string, reason directory.Reason) {
	level := slog.LevelInfo
	if outcome == string(directory.Allow) {
		level = slog.LevelDebug
	}
	if !s.log.Enabled(ctx, level) {
		return
	}
	s.log.LogAttrs(ctx, level, "access", slog.String("outcome", outcome), slog.String("reason", string(reason)),
		slog.String("method", v.method), slog.String("detail", v.detail),
		slog.String("user", v.name), slog.String("client", r.client.name), slog.String("peer", r.id.from.String()),
		slog.String("station", station(r.packet)), slog.Duration("took", s.now().Sub(r.received)))
}
