package directory

import (
	"context"
	"net/netip"
	"time"

	"gatehouse/directory/policy"
)

// The keys of Attempt.Context and Admission.Context that policies read. An
// absent key is an absent value, and a rule that needs it denies.
const (
	ContextUserAgent = "user_agent" // what the browser calls itself; may be empty
	ContextMethod    = "method"     // how they prove themselves: "pap", "eap-tls" …
	ContextSSID      = "ssid"       // of the wireless network
	ContextMAC       = "mac"        // of the device: 00-10-A4-23-19-C0
	ContextPortType  = "port_type"  // of the NAS: "Wireless-802.11", "Ethernet", "Virtual" …
	ContextNAS       = "nas"        // name of the RADIUS client
	ContextNASIP     = "nas_ip"     // by which the NAS names itself
	ContextFault     = "fault"      // which of the usual mistakes a refusal is about; no policy reads it
)

// admission is who wants to go where, when and how: what decides beside the
// user's own rows. Deciding changes nothing.
type admission struct {
	app         string // slug; empty: only the user's own status decides
	at          time.Time
	protocol    Protocol
	client      netip.Addr // the person's device; invalid: unknown
	peer        netip.Addr
	authTime    time.Time // when they proved who they are; zero: unknown
	deviceKnown bool
	context     map[string]string
	explain     bool // somebody asks why: decide nothing early, and say what each policy saw
}

// admission returns how an attempt wants to enter at t, once its proof was right.
func (a *Attempt) admission(t time.Time) admission {
	return admission{
		app: a.App, at: t, protocol: a.Protocol, client: a.Client, peer: a.Peer, authTime: t,
		deviceKnown: a.DeviceKnown, context: a.Context,
	}
}

func (a *Admission) admission(t time.Time) admission {
	return admission{
		app: a.App, at: t, protocol: a.Protocol, client: a.Client, peer: a.Peer, authTime: a.AuthTime,
		deviceKnown: a.DeviceKnown, context: a.Context,
	}
}

// input lays out what the app's policies read of somebody who wants to enter.
func (d *Directory) input(ctx context.Context, a *access, dec *Decision, s *subject, to *admission) (*policy.Input, error) {
	in := &policy.Input{
		User: policy.User{Username: s.user.Username, Created: s.user.Created, Person: s},
		Request: policy.Request{
			IP: a.device(to), Peer: to.peer.Unmap().WithZone(""), Protocol: string(to.protocol), App: to.app, Time: to.at,
			Method: to.context[ContextMethod], SSID: to.context[ContextSSID], MAC: to.context[ContextMAC],
			PortType: to.context[ContextPortType], NAS: nasOf(to),
		},
		Session: policy.Session{AuthTime: to.authTime, DeviceKnown: to.deviceKnown, Factors: texts(dec.Factors)},
	}
	if a.reads.factors {
		for _, f := range Factors() {
			if proves(dec.Factors, f, a.appPasswords(to.protocol)) {
				in.Session.Counted = append(in.Session.Counted, string(f))
			}
		}
	}
	if agent, ok := to.context[ContextUserAgent]; ok {
		in.Request.UserAgent = &agent
	}
	if a.reads.geo {
		in.Geo = d.place(in.Request.IP)
	}
	if a.reads.lastLogin {
		var err error
		if in.User.LastLogin, err = d.lastLogin(ctx, s.user.ID); err != nil {
			return nil, err
		}
	}
	if c := dec.Imported; c != nil {
		in.Request.Certificate = &policy.Certificate{Serial: c.Serial, Subject: c.Subject, Label: c.Authority}
	}
	if a.reads.certificate && dec.Certificate != "" {
		c, found, err := d.certificate(ctx, dec.Certificate)
		if err != nil {
			return nil, err
		}
		if found {
			in.Request.Certificate = &policy.Certificate{Serial: c.Serial, Subject: c.Subject, Label: c.Label}
		}
	}
	return in, nil
}

// device returns the address of the person's device, invalid when it is not
// known: a server of the app that binds for its users has an address of its own.
func (a *access) device(to *admission) netip.Addr {
	if to.protocol == ProtocolLDAP && a.isFrontEnd(to.peer) {
		return netip.Addr{}
	}
	return to.client.Unmap().WithZone("")
}

func (a *access) isFrontEnd(peer netip.Addr) bool {
	peer = peer.Unmap().WithZone("")
	for _, p := range a.frontEnds {
		if p.Contains(peer) {
			return true
		}
	}
	return false
}

func nasOf(to *admission) *policy.NAS {
	if to.protocol != ProtocolRADIUS {
		return nil
	}
	n := &policy.NAS{Name: to.context[ContextNAS]}
	n.IP, _ = netip.ParseAddr(to.context[ContextNASIP])
	return n
}

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

// place looks up where an address is. The zero Place says why nobody knows.
func (d *Directory) place(ip netip.Addr) policy.Geo {
	if !ip.IsValid() {
		return policy.Geo{Why: "the address of the person's device is not known here"}
	}
	if d.config.Locate == nil {
		return policy.Geo{Why: "there is no GeoIP database"}
	}
	return policy.Geo(d.config.Locate(ip))
}

// lastLogin returns when a user was last let in; zero: never.
func (d *Directory) lastLogin(ctx context.Context, id UserID) (t time.Time, err error) {
	err = d.read(ctx, func(r *Reader) error {
		row, _, err := one(r.tx.Activity.Find(ActivityQuery{Users: []UserID{id}}))
		t = row.LastLogin
		return err
	})
	return t, err
}

// subject is a user as policies see them.
type subject struct {
	*principal
	in []Group
}

// Groups returns the names of all groups.
func (s *subject) Groups() []string {
	out := make([]string, len(s.in))
	for i := range s.in {
		out[i] = s.in[i].Name
	}
	return out
}

// InGroup compares names as everywhere else, whatever their case.
func (s *subject) InGroup(key string) bool {
	for i := range s.in {
		if s.in[i].NameKey == key {
			return true
		}
	}
	return false
}

// Attribute returns the values of an attribute.
func (s *subject) Attribute(key string) []string {
	if v := s.user.Profile[key]; len(v) > 0 {
		return v
	}
	return s.user.Attrs[key]
}

// Factors returns the factors that are enrolled.
func (s *subject) Factors() []string { return texts(s.enrolled()) }
