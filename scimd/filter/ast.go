package filter

// Limits of what is read, in bytes of input and in levels of parentheses,
// brackets and negations.
const (
	MaxBytes = 4096
	MaxDepth = 10
)

// Op is a comparison operator of RFC 7644 §3.4.2.2, table 3.
type Op uint8

// The operators. Presence ("pr") is its own expression, [Present].
const (
	Eq Op = iota
	Ne
	Co
	Sw
	Ew
	Gt
	Ge
	Lt
	Le
)

// String returns the operator as it is written in a filter.
func (o Op) String() string {
	switch o {
	case Eq:
		return "eq"
	case Ne:
		return "ne"
	case Co:
		return "co"
	case Sw:
		return "sw"
	case Ew:
		return "ew"
	case Gt:
		return "gt"
	case Ge:
		return "ge"
	case Lt:
		return "lt"
	case Le:
		return "le"
	}
	return "?"
}

// Kind is the JSON type of a [Literal].
type Kind uint8

// The kinds of comparison values.
const (
	Null Kind = iota
	Bool
	Number
	String
)

// Literal is a comparison value. Text is the decoded string, the number as it
// was written, "true" or "false", or "null".
type Literal struct {
	Kind Kind
	Text string
}

// AttrPath names an attribute: [URN ":"] Name ["." Sub]. URN has no trailing
// colon. A path that is nothing but a schema URN cannot be told from an
// attribute by syntax and comes out with the URN's last label as its Name; the
// caller, who knows the schemas, looks at URN + ":" + Name.
type AttrPath struct {
	URN, Name, Sub string
}

// Expr is a filter: one of [And], [Or], [Not], [Compare], [Present],
// [ValuePath]. Expressions are values without hidden state and are never
// modified after Parse returned them.
type Expr interface {
	// String returns the filter in canonical form.
	String() string
	print(b []byte) []byte
}

// And holds when every term holds. It has two or more terms, none of them And.
type And struct{ Terms []Expr }

// Or holds when one term holds. It has two or more terms, none of them Or.
type Or struct{ Terms []Expr }

// Not holds when X does not.
type Not struct{ X Expr }

// Compare compares an attribute with a value.
type Compare struct {
	Path  AttrPath
	Op    Op
	Value Literal
}

// Present holds when the attribute has a non-empty value.
type Present struct{ Path AttrPath }

// ValuePath holds when one element of the multi-valued attribute Path matches
// Filter, whose attribute names are sub-attributes of Path. It contains no
// further ValuePath.
type ValuePath struct {
	Path   AttrPath
	Filter Expr
}

// Path is the target of a PATCH operation: Attr, or the elements of Attr that
// match Filter, or the sub-attribute Sub of those. Without a Filter a
// sub-attribute is in Attr.Sub, with one it is in Sub.
type Path struct {
	Attr   AttrPath
	Filter Expr
	Sub    string
}
