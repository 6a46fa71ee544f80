package main

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"layeh.com/radius"
	"layeh.com/radius/rfc2759"
	"layeh.com/radius/rfc3079"
)

// The packet types and attributes (RFC 2865, 2866, 2869, 3579) that are sent or
// read.
const (
	accessRequest      = 1
	accessAccept       = 2
	accessReject       = 3
	accountingRequest  = 4
	accountingResponse = 5
	accessChallenge    = 11

	userName             = 1
	userPassword         = 2
	nasIPAddress         = 4
	nasPort              = 5
	framedMTU            = 12
	stateOf              = 24
	class                = 25
	vendorSpecific       = 26
	calledStationID      = 30
	callingStationID     = 31
	acctStatusType       = 40
	acctInputOctets      = 42
	acctOutputOctets     = 43
	acctSessionID        = 44
	acctSessionTime      = 46
	acctTerminateCause   = 49
	nasPortType          = 61
	eapMessage           = 79
	messageAuthenticator = 80
)

// The attributes of Microsoft (RFC 2548).
const (
	microsoft       = 311
	msCHAPChallenge = 11
	msMPPESendKey   = 16
	msMPPERecvKey   = 17
	msCHAP2Response = 25
	msCHAP2Success  = 26
)

// wireless is the NAS-Port-Type of IEEE 802.11 (RFC 2865 §5.41).
const wireless = 19

// packet is a RADIUS packet.
type packet []byte

// newPacket begins a packet with a random Request Authenticator.
func newPacket(code byte) packet {
	p := make(packet, 20, 192)
	p[0] = code
	_, _ = rand.Read(p[4:]) // never fails
	return p
}

func (p packet) add(kind byte, value []byte) packet {
	return append(append(p, kind, byte(2+len(value))), value...)
}

func (p packet) addText(kind byte, value string) packet { return p.add(kind, []byte(value)) }

func (p packet) addNumber(kind byte, n uint32) packet {
	return p.add(kind, binary.BigEndian.AppendUint32(nil, n))
}

func (p packet) addMicrosoft(kind byte, value []byte) packet {
	b := binary.BigEndian.AppendUint32(nil, microsoft)
	return p.add(vendorSpecific, append(append(b, kind, byte(2+len(value))), value...))
}

// authenticate ends an Access-Request with its Message-Authenticator.
func (p packet) authenticate(secret string) packet {
	p = p.add(messageAuthenticator, make([]byte, 16))
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	p.seal(p[1], secret)
	return p
}

// seal sets the identifier and then the Message-Authenticator, which is the
// last attribute (RFC 2869 §5.14).
func (p packet) seal(identifier byte, secret string) {
	p[1] = identifier
	mac := p[len(p)-16:]
	clear(mac)
	h := hmac.New(md5.New, []byte(secret))
	h.Write(p)
	h.Sum(mac[:0])
}

// digest ends an Accounting-Request with its Request Authenticator (RFC 2866 §3).
func (p packet) digest(identifier byte, secret string) packet {
	p[1] = identifier
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	clear(p[4:20])
	sum := md5.Sum(append(slices.Clone(p), secret...))
	copy(p[4:], sum[:])
	return p
}

// attributes yields type and value of each attribute until one does not fit.
func (p packet) attributes(yield func(byte, []byte) bool) {
	for at := 20; at+2 <= len(p); {
		end := at + int(p[at+1])
		if end < at+2 || end > len(p) || !yield(p[at], p[at+2:end]) {
			return
		}
		at = end
	}
}

// value joins the values of the attributes of a type, as RFC 3579 §3.1 has it for
// EAP-Message; nil: there is none.
func (p packet) value(kind byte) (joined []byte) {
	for k, v := range p.attributes {
		if k == kind {
			joined = append(joined, v...)
		}
	}
	return joined
}

// ofMicrosoft is the value of an attribute of Microsoft's; nil: there is none.
func (p packet) ofMicrosoft(kind byte) []byte {
	for k, v := range p.attributes {
		if k == vendorSpecific && len(v) > 6 && binary.BigEndian.Uint32(v) == microsoft && v[4] == kind {
			return v[6:]
		}
	}
	return nil
}

// answers checks that p was made by who shares the secret, for this request: the
// Message-Authenticator, when there is one, and the Response Authenticator.
func (p packet) answers(request packet, secret string) error {
	mac := -1
	at := 20
	for k, v := range p.attributes {
		if k == messageAuthenticator && len(v) == 16 {
			mac = at + 2
		}
		at += 2 + len(v)
	}
	signed := slices.Clone(p)
	copy(signed[4:20], request[4:20])
	if sum := md5.Sum(append(slices.Clone(signed), secret...)); !hmac.Equal(sum[:], p[4:20]) {
		return errors.New("the Response Authenticator is wrong")
	}
	if mac < 0 {
		return nil
	}
	clear(signed[mac : mac+16])
	h := hmac.New(md5.New, []byte(secret))
	h.Write(signed)
	if !hmac.Equal(h.Sum(nil), p[mac:mac+16]) {
		return errors.New("the Message-Authenticator is wrong")
	}
	return nil
}

// carries checks the two session keys of an Access-Accept. Their names are those
// of the server.
func (p packet) carries(recv, send []byte, request packet, secret string) error {
	for _, k := range []struct {
		kind byte
		want []byte
	}{{msMPPERecvKey, recv}, {msMPPESendKey, send}} {
		got, _, err := radius.TunnelPassword(p.ofMicrosoft(k.kind), []byte(secret), request[4:20])
		if err != nil {
			return fmt.Errorf("MPPE key %d: %w", k.kind, err)
		}
		if !hmac.Equal(got, k.want) {
			return fmt.Errorf("MPPE key %d is not the one of this device", k.kind)
		}
	}
	return nil
}

// hide encrypts a password (RFC 2865 §5.2).
func hide(password, secret string, authenticator []byte) []byte {
	padded := make([]byte, (max(len(password), 1)+15)/16*16)
	copy(padded, password)
	previous := authenticator
	for at := 0; at < len(padded); at += 16 {
		key := md5.Sum(append([]byte(secret), previous...))
		for i, k := range key {
			padded[at+i] ^= k
		}
		previous = padded[at : at+16]
	}
	return padded
}

// papRequest asks by a password. Without a station it comes from no device.
func papRequest(identifier byte, secret, name, password, station string) packet {
	p := newPacket(accessRequest)
	p[1] = identifier
	p = p.addText(userName, name).add(userPassword, hide(password, secret, p[4:20]))
	p = p.add(nasIPAddress, []byte{127, 0, 0, 1})
	if station != "" {
		p = p.addText(callingStationID, station)
	}
	return p.authenticate(secret)
}

// identityRequest begins EAP for nobody in particular.
func identityRequest(secret string) packet {
	p := newPacket(accessRequest).addText(userName, "anonymous").add(nasIPAddress, []byte{127, 0, 0, 1})
	return p.add(eapMessage, append([]byte{eapResponse, 0, 0, 14, typeIdentity}, "anonymous"...)).authenticate(secret)
}

// chap is what a person answers to one challenge (RFC 2759), and what must come
// back.
type chap struct {
	name                string
	challenge, response []byte
	success             string
	recv, send          []byte
}

// newCHAP answers a challenge of an authenticator by a name and its password.
func newCHAP(challenge []byte, name, password string) (c chap, err error) {
	var peer [16]byte
	_, _ = rand.Read(peer[:]) // never fails
	nt, err := rfc2759.GenerateNTResponse(challenge, peer[:], []byte(name), []byte(password))
	if err != nil {
		return c, err
	}
	c = chap{name: name, challenge: challenge}
	// RFC 2759 §4: Peer-Challenge, eight reserved octets, NT-Response.
	c.response = append(append(peer[:], make([]byte, 8)...), nt...)
	if c.success, err = rfc2759.GenerateAuthenticatorResponse(challenge, peer[:], nt, []byte(name), []byte(password)); err != nil {
		return c, err
	}
	// What a server receives with is what the device sends with.
	if c.recv, err = rfc3079.MakeKey(nt, []byte(password), false); err != nil {
		return c, err
	}
	c.send, err = rfc3079.MakeKey(nt, []byte(password), true)
	return c, err
}

// request asks by the answer to the challenge (RFC 2548 §2.3.2).
func (c *chap) request(identifier byte, secret string) packet {
	p := newPacket(accessRequest)
	p[1] = identifier
	p = p.addText(userName, c.name).add(nasIPAddress, []byte{127, 0, 0, 1})
	p = p.addMicrosoft(msCHAPChallenge, c.challenge).addMicrosoft(msCHAP2Response, append([]byte{identifier, 0}, c.response...))
	return p.authenticate(secret)
}

// accepted checks what the server proves of itself, and the keys.
func (c *chap) accepted(request, answer packet, secret string) error {
	if got := answer.ofMicrosoft(msCHAP2Success); len(got) < 1 || string(got[1:]) != c.success {
		return fmt.Errorf("MS-CHAP2-Success %q, want %q", got, c.success)
	}
	return answer.carries(c.recv, c.send, request, secret)
}
