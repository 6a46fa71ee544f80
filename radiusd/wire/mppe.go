package wire

import (
	"encoding/binary"
	"fmt"
)

// The attributes of Microsoft that carry MS-CHAPv2 and session keys (RFC 2548).
const (
	MSCHAPChallenge byte = 11 // RFC 2548 §2.1.2
	MSMPPESendKey   byte = 16 // RFC 2548 §2.4.2
	MSMPPERecvKey   byte = 17 // RFC 2548 §2.4.3
	MSCHAP2Response byte = 25 // RFC 2548 §2.3.3
	MSCHAP2Success  byte = 26 // RFC 2548 §2.3.3
)

// AddMPPEKeys appends the two session keys, hidden under the shared secret, with
// sixteen random bits for the salts. The names are those of the server: recv is
// what the device sends with.
func (e *Encoder) AddMPPEKeys(recv, send []byte, k *Key, random uint16) {
	if e.clear {
		// RFC 9765 §5.1.4: what was hidden is a plain string.
		e.AddVendor(VendorMicrosoft, MSMPPERecvKey, recv)
		e.AddVendor(VendorMicrosoft, MSMPPESendKey, send)
		return
	}
	// RFC 2548 §2.4.2: the first bit of a salt is set, and salts in one packet
	// differ.
	e.addMPPEKey(MSMPPERecvKey, recv, k, random|0x8000)
	e.addMPPEKey(MSMPPESendKey, send, k, (random^1)|0x8000)
}

func (e *Encoder) addMPPEKey(t byte, key []byte, k *Key, salt uint16) {
	if e.err == nil && len(key) > 0xff {
		e.err = fmt.Errorf("vendor %d attribute %d: key of %d octets", VendorMicrosoft, t, len(key))
		return
	}
	plain := make([]byte, (1+len(key)+15)/16*16)
	plain[0] = byte(len(key))
	copy(plain[1:], key)
	value := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(plain)), salt)
	hidden := value[2 : 2+len(plain)]
	// b1 = MD5(secret+authenticator+salt): the chain begins with eighteen octets.
	first := append(append([]byte{}, e.buf[authOffset:headerSize]...), value...)
	xorChain(hidden, plain, hidden, first, k.secret)
	e.AddVendor(VendorMicrosoft, t, value[:2+len(plain)])
}
