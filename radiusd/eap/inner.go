package eap

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"

	"gatehouse/directory"
)

// asker sends an EAP request and returns the response to it.
type asker func(typ Type, data []byte) (Type, []byte, error)

// The messages of EAP-MSCHAPv2 (draft-kamath-pppext-eap-mschapv2 §2).
const (
	msChallenge = 1
	msResponse  = 2
	msSuccess   = 3
)

const (
	msHeader     = 4 // OpCode, MS-CHAPv2-ID, MS-Length
	msValueSize  = 49
	serverName   = "gatehouse"
	gtcPrompt    = "Password"
	gtcMaxAnswer = 1024
)

// inner authenticates the holder of a name by a method inside a tunnel:
// EAP-MSCHAPv2, or EAP-GTC for a device that wants it. There is one try: the
// method does not change after a failure. isk is what the method adds to the
// keys, zeros for EAP-GTC.
func (s *session) inner(name string, ask asker) (dec directory.Decision, isk [32]byte, end *step) {
	dec, isk, wanted, end := s.mschapv2(s.method+"/eap-mschapv2", name, ask)
	if wanted == nil {
		return dec, isk, end
	}
	if bytes.IndexByte(wanted, byte(TypeGTC)) < 0 {
		return dec, isk, s.broken(NoCommonMethod, "inside %s: the device would take %s; use EAP-MSCHAPv2 or EAP-GTC", s.method, strings.Join(typeNames(wanted), ", "))
	}
	typ, answer, err := ask(TypeGTC, []byte(gtcPrompt))
	if err != nil || typ != TypeGTC || len(answer) > gtcMaxAnswer {
		return dec, isk, s.broken(Protocol, "inside %s: no EAP-GTC answer: type %d, %v", s.method, typ, err)
	}
	dec, end = s.decide(s.method+"/gtc", name, directory.PasswordProof{Password: directory.Secret(answer)})
	return dec, isk, end
}

// mschapv2 is EAP-MSCHAPv2. wanted, when it is not nil, is what a device asks for
// instead.
func (s *session) mschapv2(method, identity string, ask asker) (dec directory.Decision, isk [32]byte, wanted []byte, end *step) {
	var challenge [17]byte // and an identifier
	if _, err := io.ReadFull(s.server.config.Rand, challenge[:]); err != nil {
		return dec, isk, nil, s.denied(dec, err)
	}
	id := challenge[16]
	typ, b, err := ask(TypeMSCHAPv2, msMessage(msChallenge, id, append([]byte{16}, challenge[:16]...), serverName))
	switch {
	case err != nil:
		return dec, isk, nil, s.failed(method, err)
	case typ == TypeNAK:
		return dec, isk, append([]byte{}, b...), nil
	}
	proof, name, ok := msProof(b, id)
	if typ != TypeMSCHAPv2 || !ok {
		return dec, isk, nil, s.broken(Protocol, "%s: no response to the challenge", method)
	}
	if s.door.Key(name) != s.door.Key(identity) {
		return dec, isk, nil, s.broken(IdentityMismatch, "%s: two names, %q and %q", method, identity, name)
	}
	proof.AuthenticatorChallenge = [16]byte(challenge[:])
	if dec, end = s.decide(method, identity, proof); end != nil {
		return dec, isk, nil, end
	}
	success := msMessage(msSuccess, id, nil, dec.MSCHAPv2.AuthenticatorResponse+" M=OK")
	typ, b, err = ask(TypeMSCHAPv2, success)
	if err != nil || typ != TypeMSCHAPv2 || len(b) == 0 || b[0] != msSuccess {
		return dec, isk, nil, s.broken(Protocol, "%s: the device does not agree that it was successful: %v", method, err)
	}
	// What the server receives with, then what it sends with.
	copy(isk[:16], dec.MSCHAPv2.RecvKey[:])
	copy(isk[16:], dec.MSCHAPv2.SendKey[:])
	return dec, isk, nil, nil
}

// msMessage makes a message of the server.
func msMessage(code, id byte, value []byte, text string) []byte {
	b := []byte{code, id}
	b = binary.BigEndian.AppendUint16(b, uint16(msHeader+len(value)+len(text)))
	b = append(b, value...)
	return append(b, text...)
}

// msProof reads the response of a device, and the name in it.
func msProof(b []byte, id byte) (p directory.MSCHAPv2Proof, name string, ok bool) {
	const fixed = msHeader + 1 + msValueSize
	if len(b) < fixed || b[0] != msResponse || b[1] != id || int(binary.BigEndian.Uint16(b[2:])) != len(b) || b[msHeader] != msValueSize {
		return p, "", false
	}
	value := b[msHeader+1 : fixed]
	p.PeerChallenge, p.Response = [16]byte(value), [24]byte(value[24:])
	name = string(b[fixed:])
	p.UserName = hashedName(name)
	return p, name, true
}

// bare is EAP-MSCHAPv2 without a tunnel (IKEv2).
func (s *session) bare() *step {
	// A NAK does not get here: the conversation answers it.
	dec, isk, _, end := s.mschapv2(s.method, s.identity, func(_ Type, data []byte) (Type, []byte, error) {
		if _, err := s.pipe.Write(data); err != nil {
			return 0, nil, err
		}
		b, err := s.pipe.next()
		return TypeMSCHAPv2, b, err
	})
	if end != nil {
		return end
	}
	var msk [64]byte
	copy(msk[:], isk[:])
	return s.allowed(dec, msk)
}
