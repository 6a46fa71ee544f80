package ldapd

import (
	"crypto/sha256"
	"encoding/binary"
)

// A cookie of paged results (RFC 2696) is the position after the last entry that was sent, with a MAC over it, the
// search and the asker. It holds no state of this process: it is good on every host of the installation and after a
// restart, for the same search by the same identity.
const (
	cookiePlain  = 1 // the position alone
	cookieSorted = 2 // and the key of the entry in the order of a sort
	cookieMAC    = 16
	cookieHead   = 1 + 8
)

// place is where a page ends: behind an entry, in a sorted search behind its key as well.
type place struct {
	position uint64
	key      []byte // nil: not sorted
}

// cookie makes the cookie of a place.
func (op *operation) cookie(p place) []byte {
	b := []byte{cookiePlain}
	if p.key != nil {
		b[0] = cookieSorted
	}
	b = append(binary.BigEndian.AppendUint64(b, p.position), p.key...)
	return append(b, op.c.s.paging.Sum(b, op.searchDigest())[:cookieMAC]...)
}

// place reads a cookie; ok is false when it was not made for this search, or not by us.
func (op *operation) place(cookie []byte) (p place, ok bool) {
	n := len(cookie) - cookieMAC
	if n < cookieHead {
		return p, false
	}
	body, mac := cookie[:n], cookie[n:]
	if !op.c.s.paging.Verify(mac, body, op.searchDigest()) {
		return p, false
	}
	p.position = binary.BigEndian.Uint64(body[1:])
	switch {
	case body[0] == cookieSorted:
		p.key = body[cookieHead:]
	case body[0] != cookiePlain || n != cookieHead:
		return p, false
	}
	return p, true
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
	if op.ask != nil {
		for _, k := range op.ask.sort {
			field(k.Attr)
			field(k.Rule)
			field([]byte{truthOctet(k.Reverse)})
		}
	}
	return h.Sum(nil)
}

func truthOctet(b bool) byte {
	if b {
		return 1
	}
	return 0
}
