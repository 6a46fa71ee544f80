package eap

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// silence is a conversation in which the device has stopped answering, and the
// door of the last round.
type silence struct {
	door   Door
	answer Answer
}

// report tells the door.
func (s *silence) report(ctx context.Context) { s.door.Abandoned(ctx, s.answer) }

// silence describes where the device has stopped; false: it had not taken up a
// method yet, or it was not the device. The method must be parked.
func (c *conversation) silence(now time.Time) (silence, bool) {
	s := c.session
	if s == nil || s.door == nil || c.lost != nil {
		return silence{}, false
	}
	a := Answer{Fault: DeviceSilent, Identity: c.identity, Named: s.named, Method: s.method}
	switch stale := outdated(s.shown, now); {
	case s.frame.pending():
		a.Detail = fmt.Sprintf("the device stopped after %d of %d octets of the server's certificate: fragments are lost; "+
			"lower the MTU of the NAS (Framed-MTU) or let IP fragments pass", s.frame.sent, len(s.frame.out))
	case s.open || s.shown == nil:
		a.Detail = "the device stopped answering in the middle of " + s.method + ": out of reach, or it waits for a person to type something"
	case stale != "":
		a.Fault, a.Detail = ServerCertificate, "the device stopped answering; "+stale
	default:
		a.Detail = "the device stopped at the server's certificate: it waits for a person to accept it, does not trust its CA, or its answer is too large for the MTU"
	}
	a.Reason = a.Fault.Reason()
	return silence{s.door, a}, true
}

// typeNames names the types that a device would take, a few of them.
//
// RFC 3748 §5.3.1: 0 is none.
func typeNames(types []byte) []string {
	types = slices.DeleteFunc(slices.Clone(types), func(t byte) bool { return t == 0 })
	if len(types) == 0 {
		return []string{"no other type"}
	}
	var names []string
	for _, t := range types[:min(len(types), maxNamed)] {
		names = append(names, Type(t).String())
	}
	return names
}

const maxNamed = 6

// String names a type for people; most of those that devices offer are not done here.
func (t Type) String() string {
	switch t {
	case TypeGTC:
		return "EAP-GTC"
	case TypeTLS:
		return "EAP-TLS"
	case TypeTTLS:
		return "EAP-TTLS"
	case TypePEAP:
		return "PEAP"
	case TypeMSCHAPv2:
		return "EAP-MSCHAPv2"
	case TypeIdentity, TypeNAK, TypeTLV:
	}
	if name, known := map[Type]string{4: "EAP-MD5", 17: "LEAP", 18: "EAP-SIM", 23: "EAP-AKA", 43: "EAP-FAST", 50: "EAP-AKA'", 52: "EAP-PWD", 55: "TEAP"}[t]; known {
		return name
	}
	return fmt.Sprintf("type %d", t)
}
