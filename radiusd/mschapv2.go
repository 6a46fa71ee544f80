package radiusd

import (
	"context"
	"strings"

	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/radiusd/eap"
	"gatehouse/radiusd/wire"
)

// ofMicrosoft returns the first value of an attribute of Microsoft's.
func ofMicrosoft(p wire.Packet, t byte) []byte {
	for typ, v := range p.VendorAttributes(wire.VendorMicrosoft) {
		if typ == t {
			return v
		}
	}
	return nil
}

func hasMSCHAPv2(p wire.Packet) bool { return ofMicrosoft(p, wire.MSCHAP2Response) != nil }

// mschapv2 decides a response to a challenge that the NAS has made.
func (s *Server) mschapv2(ctx context.Context, r *request, name string) {
	challenge, response := ofMicrosoft(r.packet, wire.MSCHAPChallenge), ofMicrosoft(r.packet, wire.MSCHAP2Response)
	// RFC 2548 §2.3.3: Ident, Flags, Peer-Challenge, eight reserved octets, Response.
	if len(challenge) != 16 || len(response) != 50 {
		s.refuse(ctx, r, visit{name: name, method: schema.MethodMSCHAPv2, fault: eap.Protocol, detail: "MS-CHAP-Challenge or MS-CHAP2-Response of wrong size"})
		return
	}
	proof := directory.MSCHAPv2Proof{
		AuthenticatorChallenge: [16]byte(challenge), PeerChallenge: [16]byte(response[2:]), Response: [24]byte(response[26:]),
		// RFC 2759 §4: a domain before the name is not hashed.
		UserName: name[strings.LastIndexByte(name, '\\')+1:],
	}
	dec, err := s.directory.Authenticate(ctx, s.attempt(r, schema.MethodMSCHAPv2, name, proof))
	also := func(e *wire.Encoder) {
		success := append([]byte{response[0]}, dec.MSCHAPv2.AuthenticatorResponse...)
		e.AddVendor(wire.VendorMicrosoft, wire.MSCHAP2Success, success)
		s.addKeys(e, r, dec.MSCHAPv2.RecvKey[:], dec.MSCHAPv2.SendKey[:])
	}
	s.conclude(ctx, r, visit{name: name, method: schema.MethodMSCHAPv2, also: also}, &dec, err)
}
