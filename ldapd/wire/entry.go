package wire

import "slices"

// AppendAttribute appends one PartialAttribute (RFC 4511 §4.1.7), the form in which an entry keeps its attributes: a
// search answer is the concatenation of such blobs. No values gives the form that typesOnly asks for.
func AppendAttribute[T []byte | string](dst []byte, name string, values ...T) []byte {
	set := 0
	for _, v := range values {
		set += sizeOf(len(v))
	}
	dst = AppendHeader(dst, tagSequence, sizeOf(len(name))+sizeOf(set))
	dst = AppendOctets(dst, name)
	dst = AppendHeader(dst, tagSet, set)
	for _, v := range values {
		dst = AppendOctets(dst, v)
	}
	return dst
}

// AttributeMarks remembers an attribute whose values are still being appended.
type AttributeMarks struct{ seq, set Mark }

// BeginAttribute starts a PartialAttribute whose values are appended one by one with AppendOctets.
func BeginAttribute(dst []byte, name string) ([]byte, AttributeMarks) {
	var m AttributeMarks
	dst, m.seq = Begin(dst)
	dst = AppendOctets(dst, name)
	dst, m.set = Begin(dst)
	return dst, m
}

// EndAttribute completes the attribute that began at m.
func EndAttribute(dst []byte, m AttributeMarks) []byte {
	return End(End(dst, m.set, tagSet), m.seq, tagSequence)
}

// EntryMark remembers an entry whose attributes are still being appended.
type EntryMark struct {
	start, body int
	id          int32
}

// BeginEntry starts a SearchResultEntry (RFC 4511 §4.5.2) for the request id with the name dn. Append its attributes
// (blobs of AppendAttribute) to the returned buffer, then call EndEntry with the same dn.
func BeginEntry(dst []byte, id int32, dn []byte) ([]byte, EntryMark) {
	m := EntryMark{start: len(dst), id: id}
	// The headers of the message, the operation, the name and the list, and the message id.
	m.body = m.start + 5*headerRoom + len(dn)
	return slices.Grow(dst, m.body-m.start)[:m.body], m
}

// EndEntry completes the entry. controls is empty or a concatenation made by AppendControl.
func EndEntry(dst []byte, m EntryMark, dn, controls []byte) []byte {
	attrs := len(dst) - m.body
	op := sizeOf(len(dn)) + sizeOf(attrs)
	h := appendEnvelope(dst[:m.start], m.id, OpSearchEntry, op, len(controls))
	h = AppendOctets(h, dn)
	h = AppendHeader(h, tagSequence, attrs)
	gap := m.body - len(h)
	copy(dst[len(h):], dst[m.body:])
	return appendControls(dst[:len(dst)-gap], controls)
}

// CancelEntry forgets the entry and everything appended since BeginEntry.
func CancelEntry(dst []byte, m EntryMark) []byte { return dst[:m.start] }
