package eap

import (
	"crypto/hmac"
	"crypto/sha1" // PEAPv0 prescribes SHA-1.
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"gatehouse/directory"
)

// peap is the second phase of PEAPv0: the server speaks first.
//
// draft-kamath-pppext-peapv0 §1.1: inside the tunnel packets have no EAP header,
// except those of type 33.
func (s *session) peap(conn *tls.Conn, keys keyMaterial) *step {
	if s.pipe.unsent() {
		// The end of a TLS 1.2 handshake is acknowledged before the tunnel is used.
		if _, err := s.pipe.next(); err != nil {
			return s.failed("inside PEAP", err)
		}
	}
	ask := func(typ Type, data []byte) (Type, []byte, error) {
		if _, err := conn.Write(append([]byte{byte(typ)}, data...)); err != nil {
			return 0, nil, err
		}
		b, err := s.receive(conn)
		if err == nil && len(b) == 0 {
			err = errors.New("an empty response")
		}
		if err != nil {
			return 0, nil, err
		}
		return Type(b[0]), b[1:], nil
	}
	typ, identity, err := ask(TypeIdentity, nil)
	if err != nil {
		return s.failed("inside PEAP", err)
	}
	if typ != TypeIdentity {
		return s.broken(Protocol, "inside PEAP: no identity, but type %d", typ)
	}
	s.named = string(identity)
	dec, isk, end := s.inner(string(identity), ask)
	if end != nil {
		return end
	}
	return s.result(conn, dec, newBinding(keys, isk), keys)
}

// binding are the keys that tie the second phase to the tunnel.
type binding struct {
	ipmk [40]byte
	cmk  [20]byte
}

// newBinding is [MS-PEAP] §3.1.5.5.2.1.
func newBinding(keys keyMaterial, isk [32]byte) (b binding) {
	k := prfPlus(keys[:40], "Inner Methods Compound Keys", isk[:], 60)
	copy(b.ipmk[:], k)
	copy(b.cmk[:], k[40:])
	return b
}

// resumedBinding are those of a tunnel without a second phase.
func resumedBinding(keys keyMaterial) (b binding) {
	copy(b.ipmk[:], keys[:])
	copy(b.cmk[:], keys[40:])
	return b
}

// msk are the session keys of a device that binds.
func (b *binding) msk() [64]byte {
	return [64]byte(prfPlus(b.ipmk[:], "Session Key Generating Function", []byte{0}, 128))
}

// prfPlus is PRF+ of [MS-PEAP] §3.1.5.5.2.2 for version 0.
func prfPlus(key []byte, label string, seed []byte, size int) []byte {
	var out, last []byte
	mac := hmac.New(sha1.New, key)
	for n := byte(1); len(out) < size; n++ {
		mac.Reset()
		mac.Write(last)
		mac.Write([]byte(label))
		mac.Write(seed)
		mac.Write([]byte{n, 0, 0})
		last = mac.Sum(nil)
		out = append(out, last...)
	}
	return out[:size]
}

// The TLVs inside PEAP ([MS-PEAP] §2.2.8).
const (
	tlvResult   = 3
	tlvBinding  = 12
	tlvMask     = 0x3fff
	tlvRequired = 0x8000

	resultSuccess = 1
	bindingSize   = 56 // of its value: four octets, nonce, MAC
	bindingReply  = 1
	maxTLVs       = 16
)

// result tells the device that it is let in, and offers to bind the phases. A
// device that does not know how to leaves that out.
func (s *session) result(conn *tls.Conn, dec directory.Decision, b binding, keys keyMaterial) *step {
	var nonce [32]byte
	if _, err := io.ReadFull(s.server.config.Rand, nonce[:]); err != nil {
		return s.denied(directory.Decision{}, err)
	}
	tlvs := makeTLV(tlvRequired|tlvResult, []byte{0, resultSuccess})
	tlvs = append(tlvs, b.tlv(0, nonce)...)
	request := packet{code: Request, id: nonce[0], typ: TypeTLV, data: tlvs}.encode()
	if _, err := conn.Write(request); err != nil {
		return s.failed("inside PEAP", err)
	}
	reply, err := s.receive(conn)
	if err != nil {
		return s.failed("inside PEAP", err)
	}
	bound, err := b.agreed(reply, nonce[0])
	if err != nil {
		return s.failed("inside PEAP", err)
	}
	if bound {
		return s.allowed(dec, b.msk())
	}
	return s.allowed(dec, keys.msk())
}

func makeTLV(typ uint16, value []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, typ)
	b = binary.BigEndian.AppendUint16(b, uint16(len(value)))
	return append(b, value...)
}

// tlv makes the Crypto-Binding TLV.
func (b *binding) tlv(kind byte, nonce [32]byte) []byte {
	value := append([]byte{0, 0, 0, kind}, nonce[:]...)
	tlv := makeTLV(tlvBinding, append(value, make([]byte, sha1.Size)...))
	mac := b.mac(tlv)
	return append(tlv[:len(tlv)-sha1.Size], mac...)
}

// mac is the Compound MAC of a Crypto-Binding TLV, which has zeros in its place.
func (b *binding) mac(tlv []byte) []byte {
	h := hmac.New(sha1.New, b.cmk[:])
	h.Write(tlv)
	h.Write([]byte{byte(TypePEAP)})
	return h.Sum(nil)
}

// agreed reads what the device answers to the result, and whether it has bound
// the phases. An error: it does not agree, or binds another tunnel.
func (b *binding) agreed(reply []byte, id byte) (bound bool, err error) {
	p, ok := parse(reply)
	if !ok || p.code != Response || p.typ != TypeTLV || p.id != id {
		return false, errors.New("no answer to the result")
	}
	tlvs, err := parseTLVs(p.data)
	if err != nil {
		return false, err
	}
	agreed := false
	for _, t := range tlvs {
		switch t.typ {
		case tlvResult:
			if len(t.value) != 2 || binary.BigEndian.Uint16(t.value) != resultSuccess {
				return false, errors.New("the device says that it failed")
			}
			agreed = true
		case tlvBinding:
			if !b.binds(t) {
				return false, errors.New("the device has bound another tunnel to this one")
			}
			bound = true
		}
	}
	if !agreed {
		return false, errors.New("the answer has no result")
	}
	return bound, nil
}

// binds checks the Crypto-Binding TLV of a device.
func (b *binding) binds(t tlv) bool {
	if len(t.value) != bindingSize || t.value[3] != bindingReply {
		return false
	}
	zeroed := append([]byte{}, t.raw...)
	clear(zeroed[len(zeroed)-sha1.Size:])
	return hmac.Equal(b.mac(zeroed), t.value[bindingSize-sha1.Size:])
}

// tlv is one of them.
type tlv struct {
	typ   uint16 // without flags
	value []byte
	raw   []byte
}

func parseTLVs(b []byte) (list []tlv, err error) {
	for len(b) > 0 {
		if len(b) < 4 || len(list) == maxTLVs {
			return nil, errors.New("TLVs do not add up")
		}
		end := 4 + int(binary.BigEndian.Uint16(b[2:]))
		if end > len(b) {
			return nil, fmt.Errorf("a TLV of %d octets in %d", end, len(b))
		}
		list = append(list, tlv{binary.BigEndian.Uint16(b) & tlvMask, b[4:end:end], b[:end:end]})
		b = b[end:]
	}
	return list, nil
}
