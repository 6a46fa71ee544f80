package filter

import (
	"bytes"
	"encoding/json"
)

// String returns the attribute path as it is written in a filter.
func (p AttrPath) String() string { return string(p.print(nil)) }

func (p AttrPath) print(b []byte) []byte {
	if p.URN != "" {
		b = append(b, p.URN...)
		b = append(b, ':')
	}
	b = append(b, p.Name...)
	if p.Sub != "" {
		b = append(b, '.')
		b = append(b, p.Sub...)
	}
	return b
}

// String returns the literal as JSON.
func (l Literal) String() string {
	if l.Kind != String {
		return l.Text
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(l.Text); err != nil {
		panic(err) // a Go string always encodes
	}
	return string(bytes.TrimSuffix(buf.Bytes(), []byte("\n")))
}

// String returns the path as it is written in a PATCH operation.
func (p Path) String() string {
	b := p.Attr.print(nil)
	if p.Filter != nil {
		b = append(b, '[')
		b = p.Filter.print(b)
		b = append(b, ']')
	}
	if p.Sub != "" {
		b = append(b, '.')
		b = append(b, p.Sub...)
	}
	return string(b)
}

func (e And) String() string       { return string(e.print(nil)) }
func (e Or) String() string        { return string(e.print(nil)) }
func (e Not) String() string       { return string(e.print(nil)) }
func (e Compare) String() string   { return string(e.print(nil)) }
func (e Present) String() string   { return string(e.print(nil)) }
func (e ValuePath) String() string { return string(e.print(nil)) }

func (e And) print(b []byte) []byte {
	for i, t := range e.Terms {
		if i > 0 {
			b = append(b, " and "...)
		}
		if _, or := t.(Or); or {
			b = append(b, '(')
			b = append(t.print(b), ')')
			continue
		}
		b = t.print(b)
	}
	return b
}

func (e Or) print(b []byte) []byte {
	for i, t := range e.Terms {
		if i > 0 {
			b = append(b, " or "...)
		}
		b = t.print(b)
	}
	return b
}

func (e Not) print(b []byte) []byte {
	b = append(b, "not ("...)
	return append(e.X.print(b), ')')
}

func (e Compare) print(b []byte) []byte {
	b = e.Path.print(b)
	b = append(b, ' ')
	b = append(b, e.Op.String()...)
	b = append(b, ' ')
	return append(b, e.Value.String()...)
}

func (e Present) print(b []byte) []byte {
	return append(e.Path.print(b), " pr"...)
}

func (e ValuePath) print(b []byte) []byte {
	b = append(e.Path.print(b), '[')
	return append(e.Filter.print(b), ']')
}
