package eap

import (
	"bytes"
	"crypto/tls"
	"fmt"

	"gatehouse/directory"
)

// ttls is the second phase of EAP-TTLS: the device speaks first (RFC 5281 §7.2).
func (s *session) ttls(conn *tls.Conn, keys keyMaterial) *step {
	b, err := s.receive(conn)
	if err != nil {
		return s.failed("inside EAP-TTLS", err)
	}
	inside, err := readAVPs(b)
	if err != nil {
		return s.broken(Protocol, "inside EAP-TTLS: %v", err)
	}
	name, hasName := inside[avpCode{code: avpUserName}]
	password, pap := inside[avpCode{code: avpUserPassword}]
	response, mschapv2 := inside[avpCode{vendorMicrosoft, avpMS2Response}]
	message, eap := inside[avpCode{code: avpEAPMessage}]
	switch {
	case eap && !pap && !mschapv2:
		return s.ttlsEAP(conn, string(name), message, keys)
	case hasName && pap && !mschapv2 && !eap:
		// RFC 5281 §11.2.5: padded with zeros to hide its length.
		proof := directory.PasswordProof{Password: directory.Secret(bytes.TrimRight(password, "\x00"))}
		dec, end := s.decide(s.method+"/pap", string(name), proof)
		if end != nil {
			return end
		}
		return s.allowed(dec, keys.msk())
	case hasName && mschapv2 && !pap && !eap:
		return s.ttlsMSCHAPv2(conn, string(name), response, inside[avpCode{vendorMicrosoft, avpMSChallenge}], keys)
	default:
		return s.broken(NoCommonMethod, "inside EAP-TTLS: neither PAP, MS-CHAPv2 nor EAP; use one of these on the device")
	}
}

// ttlsMSCHAPv2 is RFC 5281 §11.2.4. The challenge is nobody's choice: it comes of
// the tunnel.
func (s *session) ttlsMSCHAPv2(conn *tls.Conn, name string, response, challenge []byte, keys keyMaterial) *step {
	// RFC 5281 §11.1 and RFC 9427 §2.4: sixteen octets of challenge and one of
	// identifier.
	implicit, err := s.secrets.export("ttls challenge", nil, 17)
	if err != nil {
		return s.broken(NoExtendedMasterSecret, "%v", err)
	}
	if len(response) != 50 || !bytes.Equal(challenge, implicit[:16]) || response[0] != implicit[16] {
		return s.broken(Protocol, "inside EAP-TTLS: the MS-CHAPv2 challenge is not the one of this tunnel")
	}
	proof := directory.MSCHAPv2Proof{
		AuthenticatorChallenge: [16]byte(implicit), PeerChallenge: [16]byte(response[2:]), Response: [24]byte(response[26:]),
		UserName: hashedName(name),
	}
	dec, end := s.decide(s.method+"/mschapv2", name, proof)
	if end != nil {
		return end
	}
	success := append([]byte{response[0]}, dec.MSCHAPv2.AuthenticatorResponse...)
	if _, err := conn.Write(appendAVP(nil, avpCode{vendorMicrosoft, avpMS2Success}, success)); err != nil {
		return s.failed("inside EAP-TTLS", err)
	}
	return s.allowed(dec, keys.msk())
}

// ttlsEAP is RFC 5281 §11.2.1: EAP inside, begun by the identity.
func (s *session) ttlsEAP(conn *tls.Conn, name string, message []byte, keys keyMaterial) *step {
	p, ok := parse(message)
	if !ok || p.code != Response || p.typ != TypeIdentity {
		return s.broken(Protocol, "inside EAP-TTLS: EAP does not begin with an identity")
	}
	identity := string(p.data)
	if name != "" && s.door.Key(name) != s.door.Key(identity) {
		return s.broken(IdentityMismatch, "inside EAP-TTLS: two names, %q and %q", name, identity)
	}
	id := p.id
	dec, _, end := s.inner(identity, func(typ Type, data []byte) (Type, []byte, error) {
		id++
		request := packet{code: Request, id: id, typ: typ, data: data}.encode()
		if _, err := conn.Write(appendAVP(nil, avpCode{code: avpEAPMessage}, request)); err != nil {
			return 0, nil, err
		}
		b, err := s.receive(conn)
		if err != nil {
			return 0, nil, err
		}
		inside, err := readAVPs(b)
		if err != nil {
			return 0, nil, err
		}
		p, ok := parse(inside[avpCode{code: avpEAPMessage}])
		if !ok || p.code != Response || p.id != id {
			return 0, nil, fmt.Errorf("no response to EAP request %d", id)
		}
		return p.typ, p.data, nil
	})
	if end != nil {
		return end
	}
	return s.allowed(dec, keys.msk())
}
