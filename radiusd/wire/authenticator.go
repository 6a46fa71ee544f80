package wire

import "crypto/subtle"

// HasMessageAuthenticator reports whether p carries a Message-Authenticator.
func (p Packet) HasMessageAuthenticator() bool { return p.auth != 0 }

// VerifyRequest reports whether the Message-Authenticator of a request is
// right under k. It is false when there is none. The comparison takes
// constant time and covers exactly the Length octets.
func (p Packet) VerifyRequest(k *Key) bool {
	if p.auth == 0 {
		return false
	}
	nonce := p.Authenticator()
	// RFC 5176 §3.4 (and by analogy Accounting-Request): where the Request
	// Authenticator is itself a digest it counts as sixteen zero octets.
	if p.Code().hasZeroAuthenticator() {
		nonce = [16]byte{}
	}
	want := k.messageAuthenticator(p.raw, p.auth, nonce)
	return subtle.ConstantTimeCompare(want[:], p.raw[p.auth:p.auth+authSize]) == 1
}

// VerifyAccounting reports whether the Request Authenticator of an
// Accounting-Request, Disconnect-Request or CoA-Request is right under k.
//
// RFC 2866 §3: MD5(Code+Identifier+Length+16 zero octets+attributes+secret).
func (p Packet) VerifyAccounting(k *Key) bool {
	want := k.digest(p.raw, [16]byte{})
	return subtle.ConstantTimeCompare(want[:], p.raw[authOffset:authOffset+authSize]) == 1
}

// VerifyReply reports whether p is the answer to a request with the given
// Request Authenticator: the Response Authenticator is right and, when p
// carries a Message-Authenticator, that one too.
func (p Packet) VerifyReply(request [16]byte, k *Key) bool {
	want := k.digest(p.raw, request)
	ok := subtle.ConstantTimeCompare(want[:], p.raw[authOffset:authOffset+authSize])
	if p.auth != 0 {
		mac := k.messageAuthenticator(p.raw, p.auth, request)
		ok &= subtle.ConstantTimeCompare(mac[:], p.raw[p.auth:p.auth+authSize])
	}
	return ok == 1
}
