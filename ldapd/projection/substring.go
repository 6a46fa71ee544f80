package projection

import (
	"bytes"

	"gatehouse/ldapd/wire"
)

// pieces is a substring assertion in normal form, one after the other in buf.
type pieces struct {
	list []piece
}

type piece struct {
	kind wire.PieceKind
	v    []byte
}

// appendFramed appends v as a substring assertion sees it. RFC 4518 §2.6.1: a prepared string begins and ends with a
// space, so that "alice *" finds Alice Liddell and Alice, and not Alicetown. It reports false as appendNormal does.
func (r rule) appendFramed(dst, v []byte) ([]byte, bool) {
	if r == telephone || r == octets {
		return r.appendNormal(dst, v)
	}
	dst = append(dst, ' ')
	from := len(dst)
	dst, ok := r.appendNormal(dst, v)
	return append(doubleSpaces(dst, from), ' '), ok
}

// doubleSpaces makes each space in dst[from:] two, so that two neighbouring pieces can each have one.
func doubleSpaces(dst []byte, from int) []byte {
	n := bytes.Count(dst[from:], []byte(" "))
	if n == 0 {
		return dst
	}
	end := len(dst)
	dst = append(dst, make([]byte, n)...)
	for i, o := end-1, len(dst)-1; o > i; i-- {
		dst[o] = dst[i]
		if o--; dst[i] == ' ' {
			dst[o] = ' '
			o--
		}
	}
	return dst
}

// appendPiece appends a piece of a substring assertion to be found in what appendFramed made.
func (r rule) appendPiece(dst []byte, kind wire.PieceKind, v []byte) ([]byte, bool) {
	if r == telephone || r == octets {
		return r.appendNormal(dst, v)
	}
	first, last := wire.IsSpace(v)
	start := len(dst)
	if kind == wire.PieceInitial || first {
		dst = append(dst, ' ')
	}
	body := len(dst)
	dst, ok := r.appendNormal(dst, v)
	if len(dst) == body {
		return append(dst[:start], ' '), ok // only spaces
	}
	dst = doubleSpaces(dst, body)
	if kind == wire.PieceFinal || last {
		dst = append(dst, ' ')
	}
	return dst, ok
}

// in reports whether the pieces are in v, in order and apart.
func (p *pieces) in(v []byte) bool {
	for _, one := range p.list {
		switch one.kind {
		case wire.PieceInitial:
			if !bytes.HasPrefix(v, one.v) {
				return false
			}
			v = v[len(one.v):]
		case wire.PieceFinal:
			return bytes.HasSuffix(v, one.v)
		default:
			at := bytes.Index(v, one.v)
			if at < 0 {
				return false
			}
			v = v[at+len(one.v):]
		}
	}
	return true
}
