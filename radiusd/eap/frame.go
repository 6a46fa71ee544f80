package eap

import (
	"encoding/binary"
	"errors"
)

// The flags of EAP-TLS, EAP-TTLS and PEAP (RFC 5216 §3.1, RFC 5281 §9.1).
const (
	flagLength  = 0x80
	flagMore    = 0x40
	flagStart   = 0x20
	versionMask = 0x07
)

const (
	// maxMessage is the longest TLS message that is put together.
	maxMessage = 64 << 10
	// defaultFragment is the longest packet where the NAS states no MTU, and
	// maxFragment the longest where it does: in RADIUS it is less than 1,400 octets
	// of IP, which a VPN on the way carries in one piece. What a server with a chain
	// of two P-256 certificates says first fits, and takes one round.
	defaultFragment = 1000
	maxFragment     = 1280
	minFragment     = 100
)

var errFragment = errors.New("fragments do not add up")

// frame puts together what the peer sends in fragments, and takes apart what it
// gets. The zero value is ready to use.
type frame struct {
	in    []byte
	total int // announced length of the message under way; 0: none
	out   []byte
	sent  int // of out
}

// receive takes the data of one packet. whole is a complete message, not nil, and
// refers to data when that is all of it; nil: more has to come, or more has to be
// sent.
func (f *frame) receive(data []byte) (whole []byte, err error) {
	// RFC 5216 §3.2: an acknowledgement has no data, which may include the flags.
	var flags byte
	if len(data) > 0 {
		flags, data = data[0], data[1:]
	}
	if flags&(flagStart|versionMask) != 0 {
		return nil, errFragment // only a server starts, and version 0 was offered
	}
	if flags&flagLength != 0 {
		if len(data) < 4 {
			return nil, errFragment
		}
		total := int64(binary.BigEndian.Uint32(data))
		if data = data[4:]; total > maxMessage || f.total != 0 && int64(f.total) != total {
			return nil, errFragment
		}
		f.total = int(total)
	}
	if f.pending() {
		if len(data) > 0 || flags != 0 {
			return nil, errFragment // only an acknowledgement is due
		}
		return nil, nil
	}
	if len(f.in)+len(data) > maxMessage || f.total != 0 && len(f.in)+len(data) > f.total {
		return nil, errFragment
	}
	if flags&flagMore != 0 {
		if len(data) == 0 {
			return nil, errFragment // would go on for ever
		}
		f.in = append(f.in, data...)
		return nil, nil
	}
	if whole = data; len(f.in) > 0 {
		whole = append(f.in, data...)
	}
	if f.total != 0 && len(whole) != f.total {
		return nil, errFragment
	}
	f.in, f.total = nil, 0
	if whole == nil {
		whole = []byte{}
	}
	return whole, nil
}

// load sets the next message for the peer.
func (f *frame) load(message []byte) { f.out, f.sent = message, 0 }

// pending reports whether a part of the message is not yet sent.
func (f *frame) pending() bool { return f.sent < len(f.out) }

// send returns the data of the next packet of at most size octets: a fragment,
// or nothing but flags.
func (f *frame) send(size int) []byte {
	room := size - headerSize - 2
	data := make([]byte, 1, 1+min(room, len(f.out)-f.sent))
	if f.sent == 0 && len(f.out) > room {
		// RFC 5216 §2.1.5: the first fragment carries the length of the message.
		data[0] |= flagLength
		data = binary.BigEndian.AppendUint32(data, uint32(len(f.out)))
		room -= 4
	}
	n := min(room, len(f.out)-f.sent)
	data = append(data, f.out[f.sent:f.sent+n]...)
	if f.sent += n; f.pending() {
		data[0] |= flagMore
	} else {
		f.out, f.sent = nil, 0
	}
	return data
}

// fragmentSize is the longest packet for a device behind a link with this MTU; 0
// is unknown.
func fragmentSize(mtu int) int {
	if mtu <= 0 {
		return defaultFragment
	}
	// The link carries the packet in an EAPOL frame with a header of its own.
	return max(min(mtu-6, maxFragment), minFragment)
}
