package wire

import (
	"bytes"
	"crypto/md5" // RFC 2865 §5.2 prescribes MD5.
	"errors"
)

// MaxPassword is the longest password a User-Password can carry.
const MaxPassword = 128

// ErrPassword means that a User-Password is not 16 to 128 octets in blocks of
// sixteen, or a password is longer than MaxPassword.
var ErrPassword = errors.New("user-password of wrong size")

// Password returns the clear text of the User-Password of a request, as a new
// slice; without the attribute the error is ErrPassword.
func (p Packet) Password(k *Key) ([]byte, error) {
	value, _ := p.Lookup(UserPassword)
	if !p.clear {
		return RevealPassword(value, p.Authenticator(), k)
	}
	// RFC 9765 §5.1.1: 1 to 128 octets, not hidden and not padded.
	if len(value) == 0 || len(value) > MaxPassword {
		return nil, ErrPassword
	}
	return bytes.Clone(value), nil
}

// RevealPassword returns the clear text of a User-Password value as a new
// slice, without its zero padding. A wrong secret yields a wrong password, not
// an error: the method has no check of its own.
//
// RFC 2865 §5.2: b1 = MD5(secret+authenticator), p1 = c1 xor b1,
// b2 = MD5(secret+c1), and so on.
func RevealPassword(value []byte, authenticator [16]byte, k *Key) ([]byte, error) {
	if len(value) < 16 || len(value) > MaxPassword || len(value)%16 != 0 {
		return nil, ErrPassword
	}
	out := make([]byte, len(value))
	xorBlocks(out, value, value, authenticator, k.secret)
	// RFC 2865 §5.2: the password is padded at the end with nulls.
	return bytes.TrimRight(out, "\x00"), nil
}

// HidePassword returns the User-Password value for password.
func HidePassword(password []byte, authenticator [16]byte, k *Key) ([]byte, error) {
	if len(password) > MaxPassword {
		return nil, ErrPassword
	}
	out := make([]byte, max(16, (len(password)+15)/16*16))
	copy(out, password)
	xorBlocks(out, out, out, authenticator, k.secret)
	return out, nil
}

// xorBlocks writes in xor the key stream to out; chain is the side that
// carries the hidden text, whose previous block keys the next one.
func xorBlocks(out, in, chain []byte, authenticator [16]byte, secret []byte) {
	xorChain(out, in, chain, authenticator[:], secret)
}

// xorChain is xorBlocks with a beginning of any length.
func xorChain(out, in, chain, previous, secret []byte) {
	h := md5.New()
	var stream [16]byte
	for at := 0; at < len(in); at += 16 {
		h.Reset()
		h.Write(secret)
		h.Write(previous)
		h.Sum(stream[:0])
		for i := range stream {
			out[at+i] = in[at+i] ^ stream[i]
		}
		previous = chain[at : at+16]
	}
}
