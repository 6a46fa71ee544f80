package wire

// MaxSortKeys is how many keys one sort may have.
const MaxSortKeys = 16

// SortKey is one key of a server-side sort (RFC 2891 §1.1).
type SortKey struct {
	Attr []byte
	// Rule is the ordering rule, nil when it is that of the attribute.
	Rule    []byte
	Reverse bool
}

// DecodeSort reads the value of a server-side sort control: 1 to MaxSortKeys keys, which point into value.
func DecodeSort(value []byte) ([]SortKey, error) {
	const (
		tagRule    = 0x80
		tagReverse = 0x81
	)
	list, err := controlValue(value, "sort keys")
	if err != nil {
		return nil, err
	}
	var keys []SortKey
	for list.more() {
		in := cursor{rest: list.want(tagSequence, "sort key")}
		k := SortKey{Attr: in.octets("attribute of a sort key")}
		in.needAttr(k.Attr)
		if in.peek() == tagRule {
			_, k.Rule = in.next()
		}
		if in.peek() == tagReverse {
			_, v := in.next()
			k.Reverse = in.err == nil && in.truth(v)
		}
		if err := in.finish(); err != nil || list.err != nil {
			return nil, asInvalid(firstError(list.err, err))
		}
		if len(keys) == MaxSortKeys {
			return nil, tooMuch("too many sort keys")
		}
		keys = append(keys, k)
	}
	if list.err != nil {
		return nil, asInvalid(list.err)
	}
	if len(keys) == 0 {
		return nil, invalid("sort without keys")
	}
	return keys, nil
}

// AppendSortResult appends the server-side sort control of a response (RFC 2891 §1.2). attr names the key at fault,
// empty when it is none.
func AppendSortResult[T []byte | string](dst []byte, code ResultCode, attr T) []byte {
	const tagAttribute = 0x80
	inner := appendInt(nil, tagEnumerated, int32(code))
	if len(attr) > 0 {
		inner = append(AppendHeader(inner, tagAttribute, len(attr)), attr...)
	}
	return AppendControl(dst, OIDSortResponse, false, append(AppendHeader(nil, tagSequence, len(inner)), inner...))
}

// ListView is the value of a virtual list view request (draft-ietf-ldapext-ldapv3-vlv-09 §4).
type ListView struct {
	Before, After int32
	// AtLeast is the target when it is not nil: the first entry whose first sort key is at least this.
	AtLeast []byte
	// Offset and Count are the target otherwise: Offset is 1 for the first of Count entries; a Count of 0 stands for
	// the number that there really are.
	Offset, Count int32
}

// DecodeListView reads the value of a virtual list view control.
func DecodeListView(value []byte) (ListView, error) {
	const (
		tagByOffset = 0xa0
		tagAtLeast  = 0x81
	)
	in, err := controlValue(value, "list view")
	if err != nil {
		return ListView{}, err
	}
	v := ListView{Before: in.integer("entries before"), After: in.integer("entries after")}
	switch tag, target := in.next(); {
	case in.err != nil:
	case tag == tagByOffset:
		at := cursor{rest: target}
		v.Offset, v.Count = at.integer("offset"), at.integer("content count")
		in.err = at.finish()
	case tag == tagAtLeast:
		v.AtLeast = append([]byte{}, target...) // not nil
	default:
		in.fail(invalid("list view with an unknown target"))
	}
	// The context of an earlier answer may follow; it stands for nothing here.
	if err := in.finish(); err != nil {
		return ListView{}, asInvalid(err)
	}
	if v.Before < 0 || v.After < 0 || v.Offset < 0 || v.Count < 0 {
		return ListView{}, invalid("list view with a negative number")
	}
	return v, nil
}

// AppendListView appends the virtual list view control of a response: where the target is, 1 being the first, among
// how many.
func AppendListView(dst []byte, position, count int32, code ResultCode) []byte {
	inner := appendInt(nil, tagInteger, position)
	inner = appendInt(inner, tagInteger, count)
	inner = appendInt(inner, tagEnumerated, int32(code))
	return AppendControl(dst, OIDListViewResponse, false, append(AppendHeader(nil, tagSequence, len(inner)), inner...))
}
