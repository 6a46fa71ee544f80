package directory

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds on what one decision puts into the audit: a stranger chooses some of
// it, and a policy may have much to say.
const (
	maxAuditName   = 320
	maxAuditText   = 256
	maxAuditChecks = 64
)

// The verbs of decisions in the audit.
const (
	verbAuthenticate = "authenticate"
	verbAuthorize    = "authorize"
)

// AttemptDetail is what the audit keeps of a decision beside the columns of its
// Event: enough to say later why it was made, and never a secret.
type AttemptDetail struct {
	Peer       string            // who connected, when it is not Event.IP
	Device     string            // Calling-Station-Id or known-device id
	NAS        RADIUSClientID    // that asked
	Context    map[string]string // "ssid", "method", "user_agent" …
	Factors    []Factor          // that were proved
	Credential CredentialID      // that matched; its id, not its value
	Checks     []Check           // in order
}

// attemptEvent is the audit of a decision about an attempt.
func attemptEvent(a *Attempt, dec *Decision, now time.Time) Event {
	e := decisionEvent(dec, now, a.Protocol, a.Client, a.Peer)
	e.Verb, e.App = verbAuthenticate, a.App
	if !dec.Allowed() {
		e.Name = shortText(a.Name, maxAuditName)
	}
	e.Detail = appendDetail(make([]byte, 0, 256), &AttemptDetail{
		Peer: otherPeer(a.Client, a.Peer), Device: a.Device, NAS: a.NAS, Context: a.Context,
		Factors: dec.Factors, Credential: dec.Credential, Checks: dec.Trace,
	})
	return e
}

// admissionEvent is the audit of a decision about somebody who was
// authenticated before.
func admissionEvent(a *Admission, dec *Decision, now time.Time) Event {
	e := decisionEvent(dec, now, a.Protocol, a.Client, a.Peer)
	e.Verb, e.App = verbAuthorize, a.App
	e.Detail = appendDetail(make([]byte, 0, 256), &AttemptDetail{
		Peer: otherPeer(a.Client, a.Peer), Context: a.Context, Factors: dec.Factors, Checks: dec.Trace,
	})
	return e
}

func decisionEvent(dec *Decision, now time.Time, door Protocol, client, peer netip.Addr) Event {
	e := Event{
		At: now, Via: string(door), Entity: "user", Outcome: string(dec.Outcome), Reason: dec.Reason, Count: 1,
	}
	if dec.decoy() {
		e.Outcome = string(Deny)
	}
	if dec.about != nil {
		e.Ref, e.Name = int64(dec.about.ID), dec.about.Username
	}
	switch {
	case client.IsValid():
		e.IP = client.String()
	case peer.IsValid():
		e.IP = peer.String()
	}
	if dec.Allowed() {
		e.Ref, e.Name = int64(dec.User.ID), dec.User.Username
		e.Actor = "person:" + dec.User.Username
		if dec.User.Kind == ServiceAccount {
			e.Actor = "service:" + dec.User.Username
		}
	}
	return e
}

func otherPeer(client, peer netip.Addr) string {
	if !client.IsValid() || !peer.IsValid() || client == peer {
		return ""
	}
	return peer.String()
}

// shortText cuts what somebody typed to what is worth keeping.
func shortText(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// detailJSON is AttemptDetail as appendDetail writes it.
type detailJSON struct {
	Peer       string            `json:"peer"`
	Device     string            `json:"device"`
	NAS        int64             `json:"nas,string"`
	Context    map[string]string `json:"context"`
	Factors    []Factor          `json:"factors"`
	Credential int64             `json:"credential,string"`
	Checks     [][]string        `json:"checks"`
}

// Attempt reads the detail of a decision; ok is false when the event is of
// something else.
func (e *Event) Attempt() (d AttemptDetail, ok bool, err error) {
	if e.Verb != verbAuthenticate && e.Verb != verbAuthorize {
		return d, false, nil
	}
	var j detailJSON
	if len(e.Detail) > 0 {
		if err := json.Unmarshal(e.Detail, &j); err != nil {
			return d, true, fmt.Errorf("read the detail of audit event %d: %w", e.ID, err)
		}
	}
	d = AttemptDetail{
		Peer: j.Peer, Device: j.Device, NAS: RADIUSClientID(j.NAS), Context: j.Context,
		Factors: j.Factors, Credential: CredentialID(j.Credential),
	}
	for _, c := range j.Checks {
		c = append(c, "", "", "")[:3]
		d.Checks = append(d.Checks, Check{Name: c[0], Outcome: c[1], Detail: c[2]})
	}
	return d, true, nil
}

// appendDetail writes d as JSON without what is empty. By hand: it is on the
// path of every sign-in, where reflection would cost more than the rest of it.
func appendDetail(b []byte, d *AttemptDetail) []byte {
	b = append(b, '{')
	b = appendMember(b, "peer", d.Peer)
	b = appendMember(b, "device", d.Device)
	if d.NAS != 0 {
		b = appendMember(b, "nas", strconv.FormatInt(int64(d.NAS), 10))
	}
	if len(d.Context) > 0 {
		b = append(appendKey(b, "context"), '{')
		for k, v := range d.Context {
			b = appendMember(b, k, v)
		}
		b = append(b, '}')
	}
	if len(d.Factors) > 0 {
		b = append(appendKey(b, "factors"), '[')
		for _, f := range d.Factors {
			b = appendText(appendComma(b), string(f))
		}
		b = append(b, ']')
	}
	if d.Credential != 0 {
		b = appendMember(b, "credential", strconv.FormatInt(int64(d.Credential), 10))
	}
	return append(appendChecks(b, d.Checks), '}')
}

func appendChecks(b []byte, checks []Check) []byte {
	if len(checks) == 0 {
		return b
	}
	b = append(appendKey(b, "checks"), '[')
	for i := range checks {
		if i == maxAuditChecks {
			b = append(appendComma(b), `["…","skip"]`...)
			break
		}
		c := &checks[i]
		b = append(appendComma(b), '[')
		b = appendText(b, c.Name)
		b = appendText(append(b, ','), c.Outcome)
		if c.Detail != "" {
			b = appendText(append(b, ','), c.Detail)
		}
		b = append(b, ']')
	}
	return append(b, ']')
}

// appendMember adds a member to an object, unless its value is empty.
func appendMember(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	return appendText(appendKey(b, key), value)
}

func appendKey(b []byte, key string) []byte { return append(appendText(appendComma(b), key), ':') }

// appendComma separates an element from the one before it.
func appendComma(b []byte) []byte {
	switch b[len(b)-1] {
	case '{', '[':
		return b
	default:
		return append(b, ',')
	}
}

// appendText adds a JSON string (RFC 8259 §7), cut to maxAuditText.
func appendText(b []byte, s string) []byte {
	s = shortText(s, maxAuditText)
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			continue
		}
		if c >= utf8.RuneSelf {
			if r, size := utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || size > 1 {
				i += size - 1
				continue
			}
		}
		b = append(b, s[start:i]...)
		start = i + 1
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			const hex = "0123456789abcdef"
			b = append(b, `\u00`...)
			b = append(b, hex[c>>4], hex[c&15])
		default: // no UTF-8
			b = append(b, "\uFFFD"...)
		}
	}
	return append(append(b, s[start:]...), '"')
}
