package filter

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error says where in the input, counted in bytes from 0, the grammar was left
// and why. Its text may be shown to the sender.
type Error struct {
	Pos int
	Msg string
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("at byte %d: %s", e.Pos, e.Msg) }

// Options chooses what is read beyond RFC 7644. The zero value is the standard.
type Options struct {
	// Unquoted reads userName eq jdoe as userName eq "jdoe", and True, FALSE
	// and the like as the JSON literals.
	Unquoted bool
}

// Parse reads a filter (RFC 7644 §3.4.2.2). Its error is always an *[Error].
func Parse(s string, o Options) (Expr, error) {
	p, err := newParser(s, o)
	if err != nil {
		return nil, err
	}
	p.spaces()
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	p.spaces()
	if p.pos < len(p.in) {
		return nil, p.errorf("unexpected %q", p.rest())
	}
	return e, nil
}

// ParsePath reads the path of a PATCH operation (RFC 7644 §3.5.2). Its error is
// always an *[Error].
func ParsePath(s string, o Options) (Path, error) {
	p, err := newParser(strings.Trim(s, " "), o)
	if err != nil {
		return Path{}, err
	}
	var out Path
	if out.Attr, err = p.attrPath(); err != nil {
		return Path{}, err
	}
	if p.peek() == '[' {
		if out.Filter, err = p.brackets(out.Attr); err != nil {
			return Path{}, err
		}
		if p.accept('.') {
			if out.Sub, err = p.name(); err != nil {
				return Path{}, err
			}
		}
	}
	if p.pos < len(p.in) {
		return Path{}, p.errorf("unexpected %q", p.rest())
	}
	return out, nil
}

// ParseAttrPath reads an attribute name as the parameters attributes,
// excludedAttributes and sortBy carry it (RFC 7644 §3.10).
func ParseAttrPath(s string) (AttrPath, error) {
	p, err := ParsePath(s, Options{})
	if err != nil {
		return AttrPath{}, err
	}
	if p.Filter != nil {
		return AttrPath{}, &Error{Pos: 0, Msg: "a filter has no place here"}
	}
	return p.Attr, nil
}

type parser struct {
	in         string
	pos        int
	depth      int
	inBrackets bool
	opts       Options
}

func newParser(s string, o Options) (*parser, error) {
	if len(s) > MaxBytes {
		return nil, &Error{Pos: MaxBytes, Msg: fmt.Sprintf("longer than %d bytes", MaxBytes)}
	}
	if !utf8.ValidString(s) {
		return nil, &Error{Msg: "not UTF-8"}
	}
	return &parser{in: s, opts: o}, nil
}

func (p *parser) errorf(format string, args ...any) error {
	return &Error{Pos: p.pos, Msg: fmt.Sprintf(format, args...)}
}

// rest returns the beginning of what is left, for messages.
func (p *parser) rest() string {
	s := p.in[p.pos:]
	if len(s) <= 20 {
		return s
	}
	cut := 20
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut]
}

func (p *parser) peek() byte {
	if p.pos < len(p.in) {
		return p.in[p.pos]
	}
	return 0
}

func (p *parser) accept(c byte) bool {
	if p.peek() != c || p.pos >= len(p.in) {
		return false
	}
	p.pos++
	return true
}

// spaces skips spaces and reports whether there was one.
func (p *parser) spaces() bool {
	start := p.pos
	for p.peek() == ' ' {
		p.pos++
	}
	return p.pos > start
}

func (p *parser) enter() error {
	p.depth++
	if p.depth > MaxDepth {
		return p.errorf("nested deeper than %d", MaxDepth)
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

// keyword consumes the word w, in any case, when it stands between spaces.
func (p *parser) keyword(w string) bool {
	start := p.pos
	if !p.spaces() && start > 0 && p.in[start-1] != ')' && p.in[start-1] != ']' {
		return false
	}
	end := p.pos + len(w)
	if end < len(p.in) && strings.EqualFold(p.in[p.pos:end], w) && (p.in[end] == ' ' || p.in[end] == '(') {
		p.pos = end
		p.spaces()
		return true
	}
	p.pos = start
	return false
}

func (p *parser) or() (Expr, error) {
	var terms []Expr
	for {
		t, err := p.and()
		if err != nil {
			return nil, err
		}
		if nested, ok := t.(Or); ok {
			terms = append(terms, nested.Terms...)
		} else {
			terms = append(terms, t)
		}
		if !p.keyword("or") {
			break
		}
	}
	if len(terms) == 1 {
		return terms[0], nil
	}
	return Or{terms}, nil
}

func (p *parser) and() (Expr, error) {
	var terms []Expr
	for {
		t, err := p.term()
		if err != nil {
			return nil, err
		}
		terms = conjoin(terms, t)
		if !p.keyword("and") {
			break
		}
	}
	if len(terms) == 1 {
		return terms[0], nil
	}
	return And{terms}, nil
}

// conjoin appends t to the terms of an And, which never contains an And.
func conjoin(terms []Expr, t Expr) []Expr {
	if nested, ok := t.(And); ok {
		return append(terms, nested.Terms...)
	}
	return append(terms, t)
}

func (p *parser) term() (Expr, error) {
	if p.peek() == '(' {
		return p.group()
	}
	if p.negation() {
		x, err := p.group()
		if err != nil {
			return nil, err
		}
		return Not{x}, nil
	}
	path, err := p.attrPath()
	if err != nil {
		return nil, err
	}
	if p.peek() == '[' {
		return p.valuePath(path)
	}
	return p.comparison(path)
}

// negation consumes "not" when a parenthesis follows; otherwise an attribute
// may well be called so.
func (p *parser) negation() bool {
	if len(p.in)-p.pos < 4 || !strings.EqualFold(p.in[p.pos:p.pos+3], "not") {
		return false
	}
	start := p.pos
	p.pos += 3
	p.spaces()
	if p.peek() == '(' {
		return true
	}
	p.pos = start
	return false
}

func (p *parser) group() (Expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.pos++ // the parenthesis
	p.spaces()
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	p.spaces()
	if !p.accept(')') {
		return nil, p.errorf("missing )")
	}
	return e, nil
}

// valuePath reads the rest of path[filter], and of path[filter].sub op value,
// which becomes path[filter and sub op value].
func (p *parser) valuePath(path AttrPath) (Expr, error) {
	inner, err := p.brackets(path)
	if err != nil {
		return nil, err
	}
	if !p.accept('.') {
		return ValuePath{path, inner}, nil
	}
	sub, err := p.name()
	if err != nil {
		return nil, err
	}
	cmp, err := p.comparison(AttrPath{Name: sub})
	if err != nil {
		return nil, err
	}
	terms := conjoin(nil, inner)
	// An Or in front prints in parentheses of its own.
	if _, or := inner.(Or); or && p.depth+depth(inner)+2 > MaxDepth {
		return nil, p.errorf("nested deeper than %d", MaxDepth)
	}
	return ValuePath{path, And{append(terms, cmp)}}, nil
}

// depth returns how many levels e has when it is printed.
func depth(e Expr) int {
	deepest := 0
	switch e := e.(type) {
	case And:
		for _, t := range e.Terms {
			d := depth(t)
			if _, or := t.(Or); or {
				d++
			}
			deepest = max(deepest, d)
		}
	case Or:
		for _, t := range e.Terms {
			deepest = max(deepest, depth(t))
		}
	case Not:
		return 1 + depth(e.X)
	case ValuePath:
		return 1 + depth(e.Filter)
	}
	return deepest
}

func (p *parser) brackets(path AttrPath) (Expr, error) {
	// RFC 7644 §3.4.2.2: a valuePath filters the elements of one attribute;
	// it does not nest and its attribute has no sub-attribute yet.
	if p.inBrackets || path.Sub != "" {
		return nil, p.errorf("a value filter is not allowed here")
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.inBrackets = true
	defer func() { p.inBrackets = false }()
	p.pos++ // the bracket
	p.spaces()
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	p.spaces()
	if !p.accept(']') {
		return nil, p.errorf("missing ]")
	}
	return e, nil
}

func (p *parser) comparison(path AttrPath) (Expr, error) {
	if !p.spaces() {
		return nil, p.errorf("an operator must follow %s", path)
	}
	start := p.pos
	for isAlpha(p.peek()) {
		p.pos++
	}
	word := p.in[start:p.pos]
	if strings.EqualFold(word, "pr") {
		return Present{path}, nil
	}
	op, ok := operator(word)
	if !ok {
		p.pos = start
		return nil, p.errorf("unknown operator %q", word)
	}
	if !p.spaces() {
		return nil, p.errorf("a value must follow %s", op)
	}
	v, err := p.literal()
	if err != nil {
		return nil, err
	}
	return Compare{path, op, v}, nil
}

func operator(word string) (Op, bool) {
	for op := Eq; op <= Le; op++ {
		if strings.EqualFold(word, op.String()) {
			return op, true
		}
	}
	return 0, false
}
