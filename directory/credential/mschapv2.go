package credential

import (
	"crypto/des"
	"crypto/sha1" // RFC 2759 and RFC 3079 prescribe SHA-1 and DES.
	"encoding/hex"
	"math/bits"
	"strings"
)

// MSCHAPv2 is one exchange of MS-CHAPv2: what the two sides chose, and the name
// that the client hashed, without a domain.
type MSCHAPv2 struct {
	AuthenticatorChallenge, PeerChallenge [16]byte
	UserName                              string
}

// Response returns the NT-Response that a client computes who knows the NT hash
// (RFC 2759 §8.1).
func (m MSCHAPv2) Response(ntHash [16]byte) (response [24]byte) {
	challenge := m.challengeHash()
	// RFC 2759 §8.5: the hash, padded to 21 octets, is three DES keys.
	var key [21]byte
	copy(key[:], ntHash[:])
	for i := range 3 {
		encryptDES(response[8*i:8*i+8], challenge[:], key[7*i:7*i+7])
	}
	return response
}

// challengeHash is RFC 2759 §8.2.
func (m MSCHAPv2) challengeHash() [8]byte {
	h := sha1.New()
	h.Write(m.PeerChallenge[:])
	h.Write(m.AuthenticatorChallenge[:])
	h.Write([]byte(m.UserName))
	return [8]byte(h.Sum(nil))
}

// AuthenticatorResponse returns "S=" and forty hexadecimal digits, by which the
// server shows that it knows the NT hash too (RFC 2759 §8.7).
func (m MSCHAPv2) AuthenticatorResponse(ntHash [16]byte, response [24]byte) string {
	hashHash := md4Sum(ntHash[:])
	challenge := m.challengeHash()
	h := sha1.New()
	h.Write(hashHash[:])
	h.Write(response[:])
	h.Write([]byte("Magic server to client signing constant"))
	digest := h.Sum(nil)
	h.Reset()
	h.Write(digest)
	h.Write(challenge[:])
	h.Write([]byte("Pad to make it do more than one iteration"))
	return "S=" + strings.ToUpper(hex.EncodeToString(h.Sum(nil)))
}

// MSCHAPv2Keys returns the two master keys of 128 bits that follow from an
// exchange, as the server names them: recv is what the client sends with.
func MSCHAPv2Keys(ntHash [16]byte, response [24]byte) (recv, send [16]byte) {
	hashHash := md4Sum(ntHash[:])
	// RFC 3079 §3.3: GetMasterKey.
	h := sha1.New()
	h.Write(hashHash[:])
	h.Write(response[:])
	h.Write([]byte("This is the MPPE Master Key"))
	master := [16]byte(h.Sum(nil))
	return startKey(master, magicClientSends), startKey(master, magicServerSends)
}

const (
	magicClientSends = "On the client side, this is the send key; on the server side, it is the receive key."
	magicServerSends = "On the client side, this is the receive key; on the server side, it is the send key."
)

// startKey is GetAsymmetricStartKey of RFC 3079 §3.3.
func startKey(master [16]byte, magic string) [16]byte {
	var pad1, pad2 [40]byte
	for i := range pad2 {
		pad2[i] = 0xf2
	}
	h := sha1.New()
	h.Write(master[:])
	h.Write(pad1[:])
	h.Write([]byte(magic))
	h.Write(pad2[:])
	return [16]byte(h.Sum(nil))
}

// encryptDES encrypts one block under a key of 56 bits (RFC 2759 §8.6).
func encryptDES(out, in, key []byte) {
	var bits56 uint64
	for _, b := range key {
		bits56 = bits56<<8 | uint64(b)
	}
	var spread [8]byte
	for i := range spread {
		seven := byte(bits56>>(49-7*i)) << 1
		// The low bit is parity, which crypto/des ignores.
		spread[i] = seven | byte(^bits.OnesCount8(seven)&1)
	}
	block, err := des.NewCipher(spread[:])
	if err != nil {
		panic("credential: DES with eight octets of key: " + err.Error())
	}
	block.Encrypt(out, in)
}
