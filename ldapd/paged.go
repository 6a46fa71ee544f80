package ldapd

import (
	"crypto/sha256"
	"encoding/binary"
)

// A cookie of paged results (RFC 2696) is the position after the last entry that was sent, with a MAC over it, the
// search and the asker. It holds no state of this process: it is good on every host of the installation and after a
// restart, for the same search by the same identity.
const (
	cookieVersion = 1
	cookieMAC     = 16
	cookieSize    = 1 + 8 + cookieMAC
)

// cookie makes the cookie of a position.
func (op *operation) cookie(position uint64) []byte {
	b := make([]byte, 1, cookieSize)
	b[0] = cookieVersion
	b = binary.BigEndian.AppendUint64(b, position)
	return append(b, op.c.s.paging.Sum(b, op.searchDigest())[:cookieMAC]...)
}

// position reads a cookie; ok is false when it was not made for this search, or not by us.
func (op *operation) position(cookie []byte) (position uint64, ok bool) {
	if len(cookie) != cookieSize || cookie[0] != cookieVersion {
		return 0, false
	}
	body, mac := cookie[:9], cookie[9:]
	if !op.c.s.paging.Verify(mac, body, op.searchDigest()) {
		return 0, false
	}
	return binary.BigEndian.Uint64(body[1:]), true
}

// searchDigest stands for everything that must stay the same from page to page (RFC 2696 §3).
func (op *operation) searchDigest() []byte {
	s := &op.m.Search
	h := sha256.New()
	field := func(b []byte) {
		var size [4]byte
		binary.BigEndian.PutUint32(size[:], uint32(len(b)))
		h.Write(size[:])
		h.Write(b)
	}
	field(s.Base)
	field([]byte{byte(s.Scope)})
	field([]byte(s.Filter.String()))
	if op.who != nil {
		field([]byte(op.who.dn))
	}
	return h.Sum(nil)
}
