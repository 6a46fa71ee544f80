package wire

// Bounds of one add or modify.
const (
	MaxAttributes = 1024
	MaxValues     = 65536
)

// Attribute is an attribute description with values (RFC 4511 §4.1.7).
type Attribute struct {
	Type   []byte
	Values [][]byte
}

// AddRequest is RFC 4511 §4.7.
type AddRequest struct {
	Name       []byte
	Attributes []Attribute
}

// ChangeKind is the operation of one change of a modify.
type ChangeKind int32

// The operations of RFC 4511 §4.6 and RFC 4525. Any other value reaches the server, which refuses it.
const (
	ChangeAdd       ChangeKind = 0
	ChangeDelete    ChangeKind = 1
	ChangeReplace   ChangeKind = 2
	ChangeIncrement ChangeKind = 3
)

// Change is one change of a modify.
type Change struct {
	Kind ChangeKind
	Attribute
}

// ModifyRequest is RFC 4511 §4.6.
type ModifyRequest struct {
	Name    []byte
	Changes []Change
}

func (m *Message) decodeAdd(c *cursor) error {
	r := &m.Add
	r.Name, r.Attributes = c.octets("entry"), r.Attributes[:0]
	list := cursor{rest: c.want(tagSequence, "attributes")}
	if err := c.finish(); err != nil {
		return err
	}
	for list.more() {
		a := m.decodeAttribute(&list)
		if list.err == nil && len(a.Values) == 0 {
			// RFC 4511 §4.7: an Attribute has at least one value.
			return invalid("attribute without values")
		}
		if len(r.Attributes) == MaxAttributes {
			return tooMuch("too many attributes")
		}
		r.Attributes = append(r.Attributes, a)
	}
	return list.err
}

func (m *Message) decodeModify(c *cursor) error {
	r := &m.Modify
	r.Name, r.Changes = c.octets("entry"), r.Changes[:0]
	list := cursor{rest: c.want(tagSequence, "changes")}
	if err := c.finish(); err != nil {
		return err
	}
	for list.more() {
		in := cursor{rest: list.want(tagSequence, "change")}
		if list.err != nil {
			break
		}
		ch := Change{Kind: ChangeKind(in.enumerated("operation")), Attribute: m.decodeAttribute(&in)}
		if err := in.finish(); err != nil {
			return err
		}
		if len(r.Changes) == MaxAttributes {
			return tooMuch("too many changes")
		}
		r.Changes = append(r.Changes, ch)
	}
	return list.err
}

func (m *Message) decodeAttribute(c *cursor) Attribute {
	in := cursor{rest: c.want(tagSequence, "attribute")}
	if c.err != nil {
		return Attribute{}
	}
	a := Attribute{Type: in.octets("attribute description")}
	in.needAttr(a.Type)
	set := cursor{rest: in.want(tagSet, "values")}
	from := len(m.values)
	for set.more() {
		v := set.octets("value")
		if len(m.values) == MaxValues {
			set.fail(tooMuch("too many values"))
		}
		m.values = append(m.values, v)
	}
	if set.err != nil {
		in.fail(set.err)
	}
	if err := in.finish(); err != nil {
		c.fail(err)
		return Attribute{}
	}
	a.Values = m.values[from:len(m.values):len(m.values)]
	return a
}
