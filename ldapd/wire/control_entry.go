package wire

// Bounds of one dereference control.
const (
	maxDerefs          = 16
	maxDerefAttributes = 64
)

// DecodeAssertion reads the value of an assertion control (RFC 4528 §3), a filter, into f.
func DecodeAssertion(f *Filter, value []byte) error {
	c := cursor{rest: value}
	f.decode(&c)
	if c.err == nil && c.more() {
		c.fail(malformed("octets after the assertion"))
	}
	return asInvalid(c.err)
}

// DecodeMatchedValues reads the value of a matched values control (RFC 3876 §2) into f: an or of its items.
func DecodeMatchedValues(f *Filter, value []byte) error {
	list, err := controlValue(value, "matched values")
	if err != nil {
		return err
	}
	f.reset()
	f.Nodes = append(f.Nodes, FilterNode{Kind: FilterOr})
	for list.more() {
		i := len(f.Nodes)
		f.decodeNode(&list, 2)
		if list.err != nil {
			break
		}
		switch n := &f.Nodes[i]; {
		case n.Kind == FilterAnd, n.Kind == FilterOr, n.Kind == FilterNot:
			list.fail(invalid("matched values with a filter that is not simple"))
		case n.DNAttributes:
			// RFC 3876 §2: SimpleMatchingAssertion has no dnAttributes.
			list.fail(invalid("matched values with dnAttributes"))
		}
	}
	if list.err != nil {
		return asInvalid(list.err)
	}
	if len(f.Nodes) == 1 {
		return invalid("matched values without a filter")
	}
	f.Nodes[0].End = uint16(len(f.Nodes))
	return nil
}

// DecodeSelection reads the value of a pre-read or post-read control (RFC 4527 §3): attributes, which point into value.
func DecodeSelection(value []byte) ([][]byte, error) {
	list, err := controlValue(value, "attribute selection")
	if err != nil {
		return nil, err
	}
	return attributeList(&list, MaxSearchAttributes)
}

func attributeList(list *cursor, most int) ([][]byte, error) {
	out := [][]byte{}
	for list.more() {
		a := list.octets("attribute")
		if len(out) == most {
			return nil, tooMuch("too many attributes")
		}
		out = append(out, a)
	}
	return out, asInvalid(list.err)
}

// AppendRead appends a pre-read or post-read control of a response. entry is the contents of a SearchResultEntry, as
// EntryContents returns them.
func AppendRead(dst []byte, oid string, entry []byte) []byte {
	return AppendControl(dst, oid, false, append(AppendHeader(nil, byte(OpSearchEntry), len(entry)), entry...))
}

// EntryContents returns the contents of the SearchResultEntry in one message that BeginEntry and EndEntry made, nil
// when it is none.
func EntryContents(message []byte) []byte {
	frame := cursor{rest: message}
	c := cursor{rest: frame.want(tagSequence, "message")}
	c.integer("message id")
	entry := c.want(byte(OpSearchEntry), "entry")
	if frame.err != nil || c.err != nil {
		return nil
	}
	return entry
}

// Dereference is one attribute to be dereferenced (draft-masarati-ldap-deref-00): of the entries that the values of Attr
// name, Attributes are wanted.
type Dereference struct {
	Attr       []byte
	Attributes [][]byte
}

// DecodeDeref reads the value of a dereference control.
func DecodeDeref(value []byte) ([]Dereference, error) {
	list, err := controlValue(value, "dereferences")
	if err != nil {
		return nil, err
	}
	var out []Dereference
	for list.more() {
		in := cursor{rest: list.want(tagSequence, "dereference")}
		d := Dereference{Attr: in.octets("attribute to dereference")}
		in.needAttr(d.Attr)
		attrs := cursor{rest: in.want(tagSequence, "attributes to return")}
		if err := in.finish(); err != nil || list.err != nil {
			return nil, asInvalid(firstError(list.err, err))
		}
		if d.Attributes, err = attributeList(&attrs, maxDerefAttributes); err != nil {
			return nil, err
		}
		if len(out) == maxDerefs {
			return nil, tooMuch("too many dereferences")
		}
		out = append(out, d)
	}
	if list.err != nil {
		return nil, asInvalid(list.err)
	}
	if len(out) == 0 {
		return nil, invalid("nothing to dereference")
	}
	return out, nil
}

// AppendDerefResult appends one DerefRes: the attribute, the value that was followed, and what was found behind it
// (blobs of AppendAttribute), left out when empty.
func AppendDerefResult(dst []byte, attr string, value, attributes []byte) []byte {
	const tagAttributes = 0xa0
	size := sizeOf(len(attr)) + sizeOf(len(value))
	if len(attributes) > 0 {
		size += sizeOf(len(attributes))
	}
	dst = AppendHeader(dst, tagSequence, size)
	dst = AppendOctets(AppendOctets(dst, attr), value)
	if len(attributes) > 0 {
		dst = append(AppendHeader(dst, tagAttributes, len(attributes)), attributes...)
	}
	return dst
}

// AppendDeref appends the dereference control of an entry, made of results of AppendDerefResult.
func AppendDeref(dst, results []byte) []byte {
	return AppendControl(dst, OIDDeref, false, append(AppendHeader(nil, tagSequence, len(results)), results...))
}

// controlValue opens a control value that is one SEQUENCE and nothing behind it.
func controlValue(value []byte, what string) (cursor, error) {
	c := cursor{rest: value}
	in := cursor{rest: c.want(tagSequence, what)}
	if c.err == nil && c.more() {
		c.fail(malformed("octets after the control value"))
	}
	return in, asInvalid(c.err)
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
