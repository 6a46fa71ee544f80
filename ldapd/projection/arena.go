package projection

import "encoding/binary"

const (
	chunkSize = 1 << 20
	refUnit   = 4  // records begin at multiples of it
	chunkBits = 18 // of a reference, for the place in a chunk
)

// ref is where a record is; 0 is nowhere.
type ref uint32

// arena keeps records. What was written is never changed, so a record may be read while others are added, by whoever
// got it under the lock of the state.
type arena struct {
	chunks [][]byte
	fill   []uint32 // octets that are in use, by chunk
	live   []uint32 // of them in records that are not dead, by chunk
	free   []uint32 // numbers of chunks that are nil
	at     uint32   // the chunk that is being filled
	bytes  int
}

// open makes chunk at the one to fill, with room for size octets.
func (a *arena) open(size int) {
	c := make([]byte, max(chunkSize, size+refUnit))
	a.bytes += len(c)
	if n := len(a.free); n > 0 {
		a.at = a.free[n-1]
		a.free = a.free[:n-1]
		a.chunks[a.at], a.fill[a.at], a.live[a.at] = c, 0, 0
	} else {
		a.at = uint32(len(a.chunks))
		a.chunks, a.fill, a.live = append(a.chunks, c), append(a.fill, 0), append(a.live, 0)
	}
	if a.at == 0 {
		a.fill[0] = refUnit // so that no record has the reference 0
	}
}

// put copies a record in.
func (a *arena) put(r record) ref {
	size := (len(r) + refUnit - 1) &^ (refUnit - 1)
	if len(a.chunks) == 0 || int(a.fill[a.at])+size > len(a.chunks[a.at]) {
		a.open(size)
	}
	at := a.fill[a.at]
	copy(a.chunks[a.at][at:], r)
	a.fill[a.at] += uint32(size)
	a.live[a.at] += uint32(size)
	return ref(a.at<<chunkBits | at/refUnit)
}

func (a *arena) get(r ref) record {
	c := a.chunks[r>>chunkBits]
	at := uint32(r&(1<<chunkBits-1)) * refUnit
	end := at + binary.LittleEndian.Uint32(c[at:])
	return record(c[at:end:end])
}

// drop counts a record as dead.
func (a *arena) drop(r ref) {
	a.live[r>>chunkBits] -= (uint32(len(a.get(r))) + refUnit - 1) &^ (refUnit - 1)
}

// sparse returns a chunk that is mostly dead.
func (a *arena) sparse() (chunk uint32, ok bool) {
	for i, c := range a.chunks {
		if c != nil && uint32(i) != a.at && a.live[i] < uint32(len(c))/2 {
			return uint32(i), true
		}
	}
	return 0, false
}

// each calls fn for every record in a chunk, dead ones too.
func (a *arena) each(chunk uint32, fn func(ref, record)) {
	at := uint32(0)
	if chunk == 0 {
		at = refUnit
	}
	for at < a.fill[chunk] {
		r := ref(chunk<<chunkBits | at/refUnit)
		rec := a.get(r)
		fn(r, rec)
		at += (uint32(len(rec)) + refUnit - 1) &^ (refUnit - 1)
	}
}

// discard lets go of a chunk without live records. Who reads one of its records keeps it.
func (a *arena) discard(chunk uint32) {
	a.bytes -= len(a.chunks[chunk])
	a.chunks[chunk] = nil
	a.free = append(a.free, chunk)
}
