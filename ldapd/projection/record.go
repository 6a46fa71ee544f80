package projection

import (
	"encoding/binary"
	"time"

	"gatehouse/ldapd/wire"
)

// record is an entry with what does not depend on other entries:
//
//	u32 size  u16 flags  u32 created (seconds)  u32 posix number  u32 slot  i64 modified (microseconds)
//	u32 change of the password (seconds)  16 UUID
//
// and then attributes in the order of their ids, each as id, uvarint size, and the values as they stand in a
// PartialAttribute. Attributes that follow from others are not stored; see values.go.
type record []byte

const (
	offFlags    = 4
	offCreated  = 6
	offNumber   = 10
	offSlot     = 14
	offModified = 18
	offPassword = 26
	offUUID     = 30
	offBlobs    = 46
)

func (r record) flags() flags   { return flags(binary.LittleEndian.Uint16(r[offFlags:])) }
func (r record) number() uint32 { return binary.LittleEndian.Uint32(r[offNumber:]) }
func (r record) slot() uint32   { return binary.LittleEndian.Uint32(r[offSlot:]) }
func (r record) created() int64 { return int64(binary.LittleEndian.Uint32(r[offCreated:])) * 1e6 }

func (r record) password() int64    { return int64(binary.LittleEndian.Uint32(r[offPassword:])) * 1e6 }
func (r record) modified() int64    { return int64(binary.LittleEndian.Uint64(r[offModified:])) }
func (r record) uuid() []byte       { return r[offUUID:offBlobs:offBlobs] }
func (r record) setSlot(s uint32)   { binary.LittleEndian.PutUint32(r[offSlot:], s) }
func (r record) setFlags(f flags)   { binary.LittleEndian.PutUint16(r[offFlags:], uint16(f)) }
func (r record) setNumber(n uint32) { binary.LittleEndian.PutUint32(r[offNumber:], n) }

// setPassword notes when the password was changed.
func (r record) setPassword(t time.Time) {
	if s := t.Unix(); s > 0 {
		binary.LittleEndian.PutUint32(r[offPassword:], uint32(s))
	}
}

// newRecord begins a record.
func newRecord(dst record, created, modified time.Time, id [16]byte) record {
	dst = append(dst[:0], make([]byte, offBlobs)...)
	if s := created.Unix(); s > 0 {
		binary.LittleEndian.PutUint32(dst[offCreated:], uint32(s))
	}
	if !modified.IsZero() {
		binary.LittleEndian.PutUint64(dst[offModified:], uint64(modified.UnixMicro()))
	}
	copy(dst[offUUID:], id[:])
	return dst
}

// appendBlob adds an attribute with its encoded values.
func (r record) appendBlob(a attrID, values []byte) record {
	r = append(r, byte(a))
	r = binary.AppendUvarint(r, uint64(len(values)))
	return append(r, values...)
}

// finish writes the size.
func (r record) finish() record {
	binary.LittleEndian.PutUint32(r, uint32(len(r)))
	return r
}

// nextBlob cuts the first attribute off blobs.
func nextBlob(blobs []byte) (a attrID, values, rest []byte) {
	size, n := uint64(blobs[1]), 1
	if size >= 0x80 {
		size, n = binary.Uvarint(blobs[1:])
	}
	end := 1 + n + int(size)
	return attrID(blobs[0]), blobs[1+n : end : end], blobs[end:]
}

// find returns the encoded values of a stored attribute, nil when there is none.
func (r record) find(want attrID) []byte {
	for rest := []byte(r[offBlobs:]); len(rest) > 0; {
		var a attrID
		var values []byte
		if a, values, rest = nextBlob(rest); a == want {
			return values
		}
	}
	return nil
}

// name returns the username, the name of a group or the slug of an app.
func (r record) name() []byte {
	a := attrUID
	switch r.flags().kind() {
	case kindGroup, kindPrimary:
		a = attrCN
	case kindApp:
		a = attrApp
	case kindDomain:
		a = attrSambaDomainName
	}
	v, _ := nextValue(r.find(a))
	return v
}

// nextValue cuts the first value off the values of an attribute.
func nextValue(values []byte) (v, rest []byte) {
	if len(values) < 2 {
		return nil, nil
	}
	size, head := int(values[1]), 2
	if size >= 0x80 {
		octets := size & 0x7f
		size = 0
		for _, o := range values[2 : 2+octets] {
			size = size<<8 | int(o)
		}
		head += octets
	}
	return values[head : head+size : head+size], values[head+size:]
}

func appendValue[T string | []byte](dst []byte, v T) []byte { return wire.AppendOctets(dst, v) }
