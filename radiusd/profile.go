package radiusd

import (
	"net/netip"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/radiusd/wire"
)

const (
	ciscoAVPair            = 1
	fortinetHostPortAVPair = 42

	// shortest is the Session-Timeout that ends a session now.
	shortest = 1
)

// profile is what a make of NAS wants beyond RFC 5176.
type profile struct {
	// byAddress: the session is found by its Framed-IP-Address.
	byAddress bool
	// change is what a CoA-Request tells the NAS to do.
	change func(*wire.Encoder)
}

// profileOf returns the profile of a name; an unknown one is generic.
func profileOf(name string) profile {
	switch name {
	case schema.ProfileCisco:
		// Cisco: CoA Session Reauthenticate Command. "rerun" starts from the first
		// method instead of trusting the last one.
		return profile{change: func(e *wire.Encoder) {
			e.AddVendor(wire.VendorCisco, ciscoAVPair, []byte("subscriber:command=reauthenticate"))
			e.AddVendor(wire.VendorCisco, ciscoAVPair, []byte("subscriber:reauthenticate-type=rerun"))
		}}
	case schema.ProfileFortinet:
		return profile{byAddress: true, change: func(e *wire.Encoder) {
			e.AddVendor(wire.VendorFortinet, fortinetHostPortAVPair, []byte("action=reauth-port"))
		}}
	default:
		// RFC 5176 §3.6 lets a CoA-Request carry Session-Timeout; RFC 2865 §5.27: when
		// it is over, service ends.
		return profile{change: func(e *wire.Encoder) { e.AddUint32(wire.SessionTimeout, shortest) }}
	}
}

// naming says how much of a session a request names.
type naming int

const (
	inFull  naming = iota // NAS, person, session and device
	byID                  // Acct-Session-Id alone, else the device alone
	unnamed               // there is no other way
)

// next returns how to name the session after an answer to n, unnamed when the
// answer is the last word: a NAS that keeps the outer name of the person, sits
// behind address translation or is strict about attributes knows no session that
// is named in full.
func (n naming) next(cause uint32, row *directory.RADIUSSession) naming {
	if n != inFull || row.AcctSessionID == "" && row.CallingStationID == "" {
		return unnamed
	}
	switch cause {
	case causeUnsupportedAttribute, causeMissingAttribute, causeNASMismatch, causeInvalidRequest, causeInvalidValue,
		causeContextNotFound, causeMultipleSelection:
		return byID
	}
	return unnamed
}

// beginning starts a request of a code as the way to its NAS wants it.
type beginning = func(wire.Code) *wire.Encoder

// dynamicRequest builds the request that ends a session.
//
// RFC 5176 §3: it names the NAS and the session, and should name the person. §6.3:
// Event-Timestamp against replays.
func dynamicRequest(row *directory.RADIUSSession, calling string, coa schema.CoA, how naming, begin beginning, now time.Time) *wire.Encoder {
	p := profileOf(coa.Profile)
	code := wire.DisconnectRequest
	if coa.Verb == schema.CoAChange {
		code = wire.CoARequest
	}
	e := begin(code)
	add := func(t wire.Type, value string) {
		if value != "" {
			e.AddString(t, value)
		}
	}
	if how == inFull {
		nameNAS(e, row)
		add(wire.UserName, row.Username)
	}
	add(wire.AcctSessionID, row.AcctSessionID)
	if how == inFull || row.AcctSessionID == "" {
		add(wire.CallingStationID, calling)
	}
	if framed, err := netip.ParseAddr(row.FramedIP); err == nil && p.byAddress && framed.Is4() {
		e.Add(wire.FramedIPAddress, framed.AsSlice())
	}
	if code == wire.CoARequest {
		p.change(e)
	}
	e.AddUint32(wire.EventTimestamp, uint32(now.Unix()))
	return e
}

// nameNAS adds the NAS identification. An address that the NAS did not name, but
// only asked from, may be that of a translator and is left out where there is a name.
func nameNAS(e *wire.Encoder, row *directory.RADIUSSession) {
	if row.NASID != "" {
		e.AddString(wire.NASIdentifier, row.NASID)
		if row.NASIP == row.Peer {
			return
		}
	}
	switch addr, err := netip.ParseAddr(row.NASIP); {
	case err != nil:
	case addr.Is4():
		e.Add(wire.NASIPAddress, addr.AsSlice())
	default:
		e.Add(wire.NASIPv6Address, addr.AsSlice())
	}
}
