package filter

import (
	"encoding/json"
	"strings"
)

func (p *parser) literal() (Literal, error) {
	if p.peek() == '"' {
		return p.quoted()
	}
	start := p.pos
	for p.pos < len(p.in) && !strings.ContainsRune(" ()[]\"", rune(p.in[p.pos])) {
		p.pos++
	}
	word := p.in[start:p.pos]
	name := word
	if p.opts.Unquoted {
		name = strings.ToLower(word)
	}
	switch {
	case word == "":
	case name == "null":
		return Literal{Null, "null"}, nil
	case name == "true" || name == "false":
		return Literal{Bool, name}, nil
	case (word[0] == '-' || isDigit(word[0])) && json.Valid([]byte(word)):
		return Literal{Number, word}, nil
	case p.opts.Unquoted:
		return Literal{String, word}, nil
	}
	p.pos = start
	return Literal{}, p.errorf("a value is a JSON string, number, true, false or null")
}

func (p *parser) quoted() (Literal, error) {
	start := p.pos
	for i := start + 1; i < len(p.in); i++ {
		switch p.in[i] {
		case '\\':
			i++
		case '"':
			var s string
			if err := json.Unmarshal([]byte(p.in[start:i+1]), &s); err != nil {
				return Literal{}, p.errorf("not a JSON string")
			}
			p.pos = i + 1
			return Literal{String, s}, nil
		}
	}
	return Literal{}, p.errorf("missing closing quote")
}

// attrPath reads [URN ":"] name ["." sub].
func (p *parser) attrPath() (AttrPath, error) {
	var out AttrPath
	if len(p.in)-p.pos > 4 && strings.EqualFold(p.in[p.pos:p.pos+4], "urn:") {
		end := p.pos
		colon := end
		for end < len(p.in) && isURN(p.in[end]) {
			if p.in[end] == ':' {
				colon = end
			}
			end++
		}
		if colon == p.pos+3 {
			return out, p.errorf("a schema URN has more than one label")
		}
		out.URN = p.in[p.pos:colon]
		p.pos = colon + 1
	}
	var err error
	if out.Name, err = p.name(); err != nil {
		return out, err
	}
	if p.accept('.') {
		if out.Sub, err = p.name(); err != nil {
			return out, err
		}
	}
	return out, nil
}

// name reads ATTRNAME of RFC 7643 §2.1, and $ref.
func (p *parser) name() (string, error) {
	start := p.pos
	if c := p.peek(); !isAlpha(c) && c != '$' {
		return "", p.errorf("an attribute name must stand here")
	}
	p.pos++
	for c := p.peek(); isAlpha(c) || isDigit(c) || c == '-' || c == '_'; c = p.peek() {
		p.pos++
	}
	return p.in[start:p.pos], nil
}

func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isURN(c byte) bool {
	return isAlpha(c) || isDigit(c) || c == ':' || c == '.' || c == '-' || c == '_'
}
