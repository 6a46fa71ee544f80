package wire

import (
	"errors"
	"io"
)

// ErrTooLarge says that a PDU announces more octets than Reader.Next was told to accept.
var ErrTooLarge = &Error{Code: ProtocolError, Fatal: true, Msg: "message larger than this server accepts"}

const (
	readerMin = 2 << 10
	// readerKeep is the largest buffer that an idle connection keeps.
	readerKeep = 64 << 10
)

// Reader cuts PDUs out of a byte stream. It reads into one buffer that grows with the data that arrived, never with
// the length that was announced.
type Reader struct {
	src        io.Reader
	buf        []byte
	start, end int
}

// NewReader returns a Reader over src.
func NewReader(src io.Reader) *Reader { return &Reader{src: src} }

// Reset goes on reading from src and forgets what was buffered.
func (r *Reader) Reset(src io.Reader) { r.src, r.start, r.end = src, 0, 0 }

// Buffered returns how many octets after the last PDU have been read already.
func (r *Reader) Buffered() int { return r.end - r.start }

// Ready reports whether Next would return without reading from the source.
func (r *Reader) Ready(limit int) bool {
	n, err := r.frame(limit)
	return err != nil || n > 0 && n <= r.end-r.start
}

// Next returns the next PDU, header included, valid until the following call. A PDU of more than limit octets is
// ErrTooLarge and is not read. io.EOF means that the peer closed between two PDUs; io.ErrUnexpectedEOF within one.
func (r *Reader) Next(limit int) ([]byte, error) {
	for {
		n, err := r.frame(limit)
		if err != nil {
			return nil, err
		}
		if have := r.end - r.start; n > 0 && n <= have {
			pdu := r.buf[r.start : r.start+n : r.start+n]
			r.start += n
			return pdu, nil
		}
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
}

// frame returns the size of the PDU at the front of the buffer, 0 when the header is incomplete.
func (r *Reader) frame(limit int) (int, error) {
	b := r.buf[r.start:r.end]
	// RFC 4511 §4.1.1: a peer that does not speak LDAP is recognised by its first octet.
	if len(b) > 0 && b[0] != tagSequence {
		return 0, malformed("not an LDAP message")
	}
	_, n, size, err := header(b)
	if err != nil || n == 0 {
		return 0, err
	}
	if size > limit-n {
		return 0, ErrTooLarge
	}
	return n + size, nil
}

func (r *Reader) fill() error {
	if r.start == r.end {
		r.start, r.end = 0, 0
		if len(r.buf) > readerKeep {
			r.buf = nil
		}
	}
	if r.end == len(r.buf) {
		r.makeRoom()
	}
	n, err := r.src.Read(r.buf[r.end:])
	r.end += n
	if n > 0 {
		return nil
	}
	if errors.Is(err, io.EOF) && r.end > r.start {
		return io.ErrUnexpectedEOF
	}
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

// makeRoom moves the unread octets to the front, into a buffer of twice the size when they fill more than half.
func (r *Reader) makeRoom() {
	have := r.end - r.start
	dst := r.buf
	if have*2 > len(r.buf) || len(r.buf) == 0 {
		dst = make([]byte, max(readerMin, 2*len(r.buf)))
	}
	copy(dst, r.buf[r.start:r.end])
	r.buf, r.start, r.end = dst, 0, have
}
