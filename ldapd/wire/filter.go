package wire

// FilterKind is the choice of a filter node. The values are the BER tags of RFC 4511 §4.5.1.7.
type FilterKind byte

// The choices of Filter in RFC 4511 §4.5.1.7.
const (
	FilterAnd            FilterKind = 0xa0
	FilterOr             FilterKind = 0xa1
	FilterNot            FilterKind = 0xa2
	FilterEquality       FilterKind = 0xa3
	FilterSubstrings     FilterKind = 0xa4
	FilterGreaterOrEqual FilterKind = 0xa5
	FilterLessOrEqual    FilterKind = 0xa6
	FilterPresent        FilterKind = 0x87
	FilterApprox         FilterKind = 0xa8
	FilterExtensible     FilterKind = 0xa9
)

// Bounds of one filter. Pieces of substring assertions count as nodes.
const (
	MaxFilterNodes = 512
	MaxFilterDepth = 64
)

// Filter is a search filter as a flat tree in pre-order: Nodes[0] is the root, the children of Nodes[i] begin at i+1,
// and Nodes[i].End is the index just after the last descendant of i. A loop over children reads
//
//	for c := i + 1; c < int(f.Nodes[i].End); c = int(f.Nodes[c].End) { … }
//
// A filter that was decoded or parsed without an error has at least one node, at most MaxFilterNodes nodes and pieces
// together, at most MaxFilterDepth levels, and exactly one child under each FilterNot.
type Filter struct {
	Nodes []FilterNode
	// Pieces holds the substrings of all FilterSubstrings nodes.
	Pieces []Piece
}

// FilterNode is one node. Which fields mean something depends on Kind.
type FilterNode struct {
	Kind FilterKind
	// DNAttributes is set by the :dn: of an extensible match.
	DNAttributes bool
	// End is the index just after this node and its descendants.
	End uint16
	// From and To bound the pieces of a FilterSubstrings node in Filter.Pieces; at least one.
	From, To uint16
	// Attr is the attribute description as the client sent it, not checked and not folded; never empty except in an
	// extensible match that names only a rule.
	Attr []byte
	// Value is the assertion value; nil for And, Or, Not, Present and Substrings.
	Value []byte
	// Rule is the matching rule of an extensible match, nil when absent.
	Rule []byte
}

// PieceKind says where in the value a piece must be.
type PieceKind byte

// The choices of SubstringFilter.substrings (RFC 4511 §4.5.1.7.2), by their BER tags.
const (
	PieceInitial PieceKind = 0x80
	PieceAny     PieceKind = 0x81
	PieceFinal   PieceKind = 0x82
)

// Piece is one part of a substring assertion. Initial comes first and final last, each at most once.
type Piece struct {
	Kind  PieceKind
	Value []byte
}

// reset empties f and keeps its memory.
func (f *Filter) reset() {
	f.Nodes, f.Pieces = f.Nodes[:0], f.Pieces[:0]
}

// decode reads one filter element into f, which is emptied first.
func (f *Filter) decode(c *cursor) {
	f.reset()
	f.decodeNode(c, 1)
}

func (f *Filter) decodeNode(c *cursor, depth int) {
	if c.err != nil {
		return
	}
	tag, val := c.next()
	if c.err != nil {
		return
	}
	if depth > MaxFilterDepth {
		c.fail(tooMuch("filter nested too deeply"))
		return
	}
	if len(f.Nodes)+len(f.Pieces) >= MaxFilterNodes {
		c.fail(tooMuch("filter with too many parts"))
		return
	}
	i := len(f.Nodes)
	f.Nodes = append(f.Nodes, FilterNode{Kind: FilterKind(tag)})
	in := cursor{rest: val}
	switch FilterKind(tag) {
	case FilterAnd, FilterOr:
		// RFC 4526 §2: an empty and is true, an empty or is false.
		for in.more() {
			f.decodeNode(&in, depth+1)
		}
	case FilterNot:
		f.decodeNode(&in, depth+1)
		if in.more() {
			in.fail(malformed("not with more than one filter"))
		}
	case FilterEquality, FilterGreaterOrEqual, FilterLessOrEqual, FilterApprox:
		n := &f.Nodes[i]
		n.Attr = in.octets("attribute description")
		n.Value = in.octets("assertion value")
		in.needAttr(n.Attr)
		in.err = in.finish()
	case FilterPresent:
		f.Nodes[i].Attr = val
		in.needAttr(val)
	case FilterSubstrings:
		f.decodeSubstrings(&in, i)
	case FilterExtensible:
		f.Nodes[i].decodeExtensible(&in)
	default:
		// RFC 4511 §4.5.1.7: the choices are extensible, so an unknown one is answered, not disconnected.
		in.fail(invalid("unknown kind of filter"))
	}
	if in.err != nil {
		c.fail(in.err)
		return
	}
	f.Nodes[i].End = uint16(len(f.Nodes))
}

func (f *Filter) decodeSubstrings(in *cursor, i int) {
	attr := in.octets("attribute description")
	in.needAttr(attr)
	list := cursor{rest: in.want(tagSequence, "substrings")}
	from := len(f.Pieces)
	for list.more() {
		tag, val := list.next()
		if list.err != nil {
			break
		}
		kind := PieceKind(tag)
		switch {
		case kind != PieceInitial && kind != PieceAny && kind != PieceFinal:
			list.fail(invalid("unknown kind of substring"))
		case kind == PieceInitial && len(f.Pieces) > from,
			len(f.Pieces) > from && f.Pieces[len(f.Pieces)-1].Kind == PieceFinal:
			// RFC 4511 §4.5.1.7.2: initial is the first of the list, final the last.
			list.fail(invalid("substrings out of order"))
		case len(val) == 0:
			// RFC 4517 §3.3.30: a substring has at least one character.
			list.fail(invalid("empty substring"))
		case len(f.Nodes)+len(f.Pieces) >= MaxFilterNodes:
			list.fail(tooMuch("filter with too many parts"))
		default:
			f.Pieces = append(f.Pieces, Piece{Kind: kind, Value: val})
		}
	}
	if list.err != nil {
		in.fail(list.err)
		return
	}
	if in.err == nil && len(f.Pieces) == from {
		// RFC 4511 §4.5.1.7.2: SIZE (1..MAX).
		in.fail(invalid("substring filter without substrings"))
	}
	n := &f.Nodes[i]
	n.Attr, n.From, n.To = attr, uint16(from), uint16(len(f.Pieces))
	in.err = in.finish()
}

// decodeExtensible reads a MatchingRuleAssertion (RFC 4511 §4.5.1.7.7).
func (n *FilterNode) decodeExtensible(in *cursor) {
	const (
		tagRule  = 0x81
		tagType  = 0x82
		tagValue = 0x83
		tagDN    = 0x84
	)
	if in.peek() == tagRule {
		_, n.Rule = in.next()
	}
	if in.peek() == tagType {
		_, n.Attr = in.next()
	}
	n.Value = in.want(tagValue, "match value")
	if in.peek() == tagDN {
		_, v := in.next()
		n.DNAttributes = in.err == nil && in.truth(v)
	}
	in.err = in.finish()
	// RFC 4511 §4.5.1.7.7: without a rule there is a type, and neither is an empty string.
	if in.err == nil && len(n.Rule) == 0 && (n.Rule != nil || len(n.Attr) == 0) {
		in.fail(invalid("extensible match without rule and type"))
	}
	if in.err == nil && n.Attr != nil && len(n.Attr) == 0 {
		in.fail(invalid("empty attribute description"))
	}
}

// needAttr refuses an empty attribute description. Any other string is let through: an attribute that nobody knows
// makes the filter Undefined, never an error (RFC 4511 §4.5.1.7).
func (c *cursor) needAttr(attr []byte) {
	if c.err == nil && len(attr) == 0 {
		c.fail(invalid("empty attribute description"))
	}
}
