package wire

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // RFC 2865 §3 prescribes MD5.
	"crypto/subtle"
)

// HasMessageAuthenticator reports whether p carries a Message-Authenticator.
func (p Packet) HasMessageAuthenticator() bool { return p.auth != 0 }

// VerifyRequest reports whether the Message-Authenticator of a request is
// right for secret. It is false when there is none. The comparison takes
// constant time and covers exactly the Length octets.
func (p Packet) VerifyRequest(secret []byte) bool {
	if p.auth == 0 {
		return false
	}
	nonce := p.Authenticator()
	// RFC 5176 §3.4 (and by analogy Accounting-Request): where the Request
	// Authenticator is itself a digest it counts as sixteen zero octets.
	if p.Code().hasZeroAuthenticator() {
		nonce = [16]byte{}
	}
	want := messageAuthenticator(p.raw, p.auth, nonce, secret)
	return subtle.ConstantTimeCompare(want[:], p.raw[p.auth:p.auth+authSize]) == 1
}

// VerifyAccounting reports whether the Request Authenticator of an
// Accounting-Request, Disconnect-Request or CoA-Request is right for secret.
//
// RFC 2866 §3: MD5(Code+Identifier+Length+16 zero octets+attributes+secret).
func (p Packet) VerifyAccounting(secret []byte) bool {
	want := digest(p.raw, [16]byte{}, secret)
	return subtle.ConstantTimeCompare(want[:], p.raw[authOffset:authOffset+authSize]) == 1
}

// VerifyReply reports whether p is the answer to a request with the given
// Request Authenticator: the Response Authenticator is right and, when p
// carries a Message-Authenticator, that one too.
func (p Packet) VerifyReply(request [16]byte, secret []byte) bool {
	want := digest(p.raw, request, secret)
	ok := subtle.ConstantTimeCompare(want[:], p.raw[authOffset:authOffset+authSize])
	if p.auth != 0 {
		mac := messageAuthenticator(p.raw, p.auth, request, secret)
		ok &= subtle.ConstantTimeCompare(mac[:], p.raw[p.auth:p.auth+authSize])
	}
	return ok == 1
}

// messageAuthenticator computes HMAC-MD5 over raw with nonce in the
// Authenticator field and zeros at offset at (RFC 3579 §3.2).
func messageAuthenticator(raw []byte, at int, nonce [16]byte, secret []byte) [16]byte {
	var out, zero [authSize]byte
	mac := hmac.New(md5.New, secret)
	mac.Write(raw[:authOffset])
	mac.Write(nonce[:])
	mac.Write(raw[headerSize:at])
	mac.Write(zero[:])
	mac.Write(raw[at+authSize:])
	mac.Sum(out[:0])
	return out
}

// digest computes MD5(Code+Identifier+Length+nonce+attributes+secret), the
// Response Authenticator of RFC 2865 §3.
func digest(raw []byte, nonce [16]byte, secret []byte) [16]byte {
	var out [authSize]byte
	h := md5.New() //nolint:gosec // RFC 2865 §3 prescribes MD5.
	h.Write(raw[:authOffset])
	h.Write(nonce[:])
	h.Write(raw[headerSize:])
	h.Write(secret)
	h.Sum(out[:0])
	return out
}
