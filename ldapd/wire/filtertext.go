package wire

import "strings"

// MaxFilterText is the largest filter that ParseFilter takes.
const MaxFilterText = 64 << 10

// String prints the filter as RFC 4515 wants it; ParseFilter gives it back. Octets outside printable ASCII are always
// escaped, so the text is fit for a log line.
func (f *Filter) String() string {
	if len(f.Nodes) == 0 {
		return ""
	}
	return string(f.appendNode(nil, 0))
}

func (f *Filter) appendNode(dst []byte, i int) []byte {
	n := &f.Nodes[i]
	dst = append(dst, '(')
	switch n.Kind {
	case FilterAnd, FilterOr, FilterNot:
		op := byte('&')
		switch n.Kind {
		case FilterOr:
			op = '|'
		case FilterNot:
			op = '!'
		}
		dst = append(dst, op)
		for c := i + 1; c < int(n.End); c = int(f.Nodes[c].End) {
			dst = f.appendNode(dst, c)
		}
	case FilterPresent:
		dst = append(appendDescription(dst, n.Attr), "=*"...)
	case FilterSubstrings:
		dst = append(appendDescription(dst, n.Attr), '=')
		dst = appendPieces(dst, f.Pieces[n.From:n.To])
	case FilterExtensible:
		dst = appendDescription(dst, n.Attr)
		if n.DNAttributes {
			dst = append(dst, ":dn"...)
		}
		if n.Rule != nil {
			dst = appendRule(append(dst, ':'), n.Rule)
		}
		dst = appendAssertion(append(dst, ":="...), n.Value)
	default:
		dst = append(appendDescription(dst, n.Attr), operatorOf(n.Kind)...)
		dst = appendAssertion(dst, n.Value)
	}
	return append(dst, ')')
}

func operatorOf(k FilterKind) string {
	switch k {
	case FilterGreaterOrEqual:
		return ">="
	case FilterLessOrEqual:
		return "<="
	case FilterApprox:
		return "~="
	default:
		return "="
	}
}

func appendPieces(dst []byte, pieces []Piece) []byte {
	star := false
	for _, p := range pieces {
		if p.Kind != PieceInitial && !star {
			dst = append(dst, '*')
		}
		dst = appendAssertion(dst, p.Value)
		star = p.Kind != PieceFinal
		if star {
			dst = append(dst, '*')
		}
	}
	return dst
}

// appendAssertion escapes an assertion value (RFC 4515 §3).
func appendAssertion(dst, v []byte) []byte {
	for _, o := range v {
		if o == '(' || o == ')' || o == '*' || o == '\\' || o < 0x20 || o > 0x7e {
			dst = appendHexPair(dst, o)
			continue
		}
		dst = append(dst, o)
	}
	return dst
}

// appendDescription also escapes what cannot be in an attribute description but may have come over the wire.
func appendDescription(dst, v []byte) []byte {
	for _, o := range v {
		if isTypeOctet(o) || o == ';' || o == '_' {
			dst = append(dst, o)
			continue
		}
		dst = appendHexPair(dst, o)
	}
	return dst
}

// appendRule keeps a rule that is called dn apart from the :dn flag.
func appendRule(dst, rule []byte) []byte {
	if string(rule) == "dn" {
		return append(appendHexPair(dst, rule[0]), rule[1:]...)
	}
	return appendDescription(dst, rule)
}

// ParseFilter reads the string form of RFC 4515. The error is an *Error with ProtocolError.
func ParseFilter(s string) (*Filter, error) {
	if len(s) > MaxFilterText {
		return nil, invalid("filter text too long")
	}
	p := filterParser{s: s, f: &Filter{}}
	if err := p.filter(1); err != nil {
		return nil, err
	}
	if p.i != len(s) {
		return nil, invalid("text after the filter")
	}
	return p.f, nil
}

type filterParser struct {
	s string
	i int
	f *Filter
}

func (p *filterParser) at(o byte) bool { return p.i < len(p.s) && p.s[p.i] == o }

func (p *filterParser) filter(depth int) error {
	if depth > MaxFilterDepth {
		return tooMuch("filter nested too deeply")
	}
	if len(p.f.Nodes)+len(p.f.Pieces) >= MaxFilterNodes {
		return tooMuch("filter with too many parts")
	}
	if !p.at('(') {
		return invalid("filter without an opening parenthesis")
	}
	p.i++
	i := len(p.f.Nodes)
	p.f.Nodes = append(p.f.Nodes, FilterNode{})
	var err error
	switch {
	case p.at('&'):
		err = p.list(i, FilterAnd, depth)
	case p.at('|'):
		err = p.list(i, FilterOr, depth)
	case p.at('!'):
		p.i++
		p.f.Nodes[i].Kind = FilterNot
		err = p.filter(depth + 1)
	default:
		err = p.item(i)
	}
	if err != nil {
		return err
	}
	if !p.at(')') {
		return invalid("filter without a closing parenthesis")
	}
	p.i++
	p.f.Nodes[i].End = uint16(len(p.f.Nodes))
	return nil
}

func (p *filterParser) list(i int, kind FilterKind, depth int) error {
	p.i++
	p.f.Nodes[i].Kind = kind
	for p.at('(') {
		if err := p.filter(depth + 1); err != nil {
			return err
		}
	}
	return nil
}

// item reads everything between the parentheses of a leaf.
func (p *filterParser) item(i int) error {
	end := strings.IndexAny(p.s[p.i:], "()")
	if end < 0 {
		return invalid("filter without a closing parenthesis")
	}
	text := p.s[p.i : p.i+end]
	p.i += end
	eq := strings.IndexByte(text, '=')
	if eq <= 0 {
		return invalid("filter item without an operator")
	}
	n := &p.f.Nodes[i]
	left, right := text[:eq], text[eq+1:]
	switch left[eq-1] {
	case ':':
		return n.parseExtensible(left[:eq-1], right)
	case '>':
		n.Kind, left = FilterGreaterOrEqual, left[:eq-1]
	case '<':
		n.Kind, left = FilterLessOrEqual, left[:eq-1]
	case '~':
		n.Kind, left = FilterApprox, left[:eq-1]
	default:
		n.Kind = FilterEquality
	}
	var err error
	if n.Attr, err = parseDescription(left); err != nil {
		return err
	}
	switch {
	case n.Kind == FilterEquality && right == "*":
		n.Kind = FilterPresent
		return nil
	case n.Kind == FilterEquality && strings.Contains(right, "*"):
		n.Kind = FilterSubstrings
		return p.pieces(i, right)
	}
	n.Value, err = unescape(right)
	return err
}

func (p *filterParser) pieces(i int, text string) error {
	n := &p.f.Nodes[i]
	n.From = uint16(len(p.f.Pieces))
	parts := strings.Split(text, "*")
	for j, part := range parts {
		kind := PieceAny
		switch j {
		case 0:
			kind = PieceInitial
		case len(parts) - 1:
			kind = PieceFinal
		}
		if part == "" {
			if kind == PieceAny {
				return invalid("empty substring")
			}
			continue
		}
		if len(p.f.Nodes)+len(p.f.Pieces) >= MaxFilterNodes {
			return tooMuch("filter with too many parts")
		}
		v, err := unescape(part)
		if err != nil {
			return err
		}
		p.f.Pieces = append(p.f.Pieces, Piece{kind, v})
	}
	n.To = uint16(len(p.f.Pieces))
	return nil
}

// parseExtensible reads attr[:dn][:rule] and the value (RFC 4515 §3, "extensible").
func (n *FilterNode) parseExtensible(left, right string) error {
	n.Kind = FilterExtensible
	attr, rest, ok := strings.Cut(left, ":")
	if ok && (rest == "dn" || strings.HasPrefix(rest, "dn:")) {
		n.DNAttributes = true
		_, rest, ok = strings.Cut(rest, ":")
	}
	var err error
	if attr != "" {
		if n.Attr, err = parseDescription(attr); err != nil {
			return err
		}
	}
	if ok {
		if n.Rule, err = parseDescription(rest); err != nil {
			return err
		}
	}
	if n.Attr == nil && n.Rule == nil {
		return invalid("extensible match without rule and type")
	}
	n.Value, err = unescape(right)
	return err
}

func parseDescription(s string) ([]byte, error) {
	if s == "" || strings.ContainsAny(s, ":<>~ ") {
		return nil, invalid("wrong attribute description")
	}
	return unescape(s)
}

func unescape(s string) ([]byte, error) {
	v := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			v = append(v, s[i])
			continue
		}
		if i+2 >= len(s) {
			return nil, invalid("wrong escape in a filter")
		}
		o, ok := hexPair(s[i+1], s[i+2])
		if !ok {
			return nil, invalid("wrong escape in a filter")
		}
		v = append(v, o)
		i += 2
	}
	return v, nil
}
