package sqlstore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"gatehouse/directory"
)

// field moves one column between a row and the database. Scan gets what the
// driver gives: int64, string, []byte, bool or nil; Value returns the same.
type field interface {
	scan(src any) error
	value() any
}

// clean makes s a text that both engines store: PostgreSQL refuses NUL and
// invalid UTF-8, and an attempt with such a name must still be audited.
func clean(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

type textField[T ~string] struct{ p *T }

func text[T ~string](p *T) field { return textField[T]{p} }

// scan keeps the string of the previous row when it is the same, so that
// repeated labels are held in memory once.
func (f textField[T]) scan(src any) error {
	s, ok := src.(string)
	if !ok {
		return wrongType("text", src)
	}
	if string(*f.p) != s {
		*f.p = T(s)
	}
	return nil
}

func (f textField[T]) value() any { return clean(string(*f.p)) }

type numberField[T ~int64 | ~int] struct{ p *T }

func number[T ~int64 | ~int](p *T) field { return numberField[T]{p} }

func (f numberField[T]) scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return wrongType("number", src)
	}
	*f.p = T(n)
	return nil
}

func (f numberField[T]) value() any { return int64(*f.p) }

type flagField struct{ p *bool }

func flag(p *bool) field { return flagField{p} }

func (f flagField) scan(src any) error {
	switch v := src.(type) {
	case bool:
		*f.p = v
	case int64:
		*f.p = v != 0
	default:
		return wrongType("flag", src)
	}
	return nil
}

func (f flagField) value() any { return *f.p }

type timeField struct{ p *time.Time }

func micros(p *time.Time) field { return timeField{p} }

func (f timeField) scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return wrongType("time", src)
	}
	if n == 0 {
		*f.p = time.Time{}
		return nil
	}
	*f.p = time.UnixMicro(n).UTC()
	return nil
}

func (f timeField) value() any { return stamp(*f.p) }

// stamp is t as it is stored.
func stamp(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

type blobField struct{ p *[]byte }

func blob(p *[]byte) field { return blobField{p} }

func (f blobField) scan(src any) error {
	switch v := src.(type) {
	case nil:
		*f.p = nil
	case []byte:
		*f.p = v
	default:
		return wrongType("blob", src)
	}
	return nil
}

func (f blobField) value() any {
	if len(*f.p) == 0 {
		return nil
	}
	return *f.p
}

// keyField is a text that is stored as bytes, so that both engines sort it
// alike and find it by prefix.
type keyField struct{ p *string }

func key(p *string) field { return keyField{p} }

func (f keyField) scan(src any) error {
	b, ok := src.([]byte)
	if !ok && src != nil {
		return wrongType("key", src)
	}
	*f.p = string(b)
	return nil
}

func (f keyField) value() any { return []byte(*f.p) }

// jsonField is JSON that the row holds as bytes.
type jsonField struct{ p *[]byte }

func rawJSON(p *[]byte) field { return jsonField{p} }

func (f jsonField) scan(src any) error {
	s, ok := src.(string)
	if !ok {
		return wrongType("json", src)
	}
	*f.p = nil
	if s != "" {
		*f.p = []byte(s)
	}
	return nil
}

func (f jsonField) value() any { return clean(string(*f.p)) }

// listField is a slice that is stored as a JSON array.
type listField[T any] struct{ p *[]T }

func list[T any](p *[]T) field { return listField[T]{p} }

func (f listField[T]) scan(src any) error {
	s, ok := src.(string)
	if !ok {
		return wrongType("list", src)
	}
	*f.p = nil
	if s == "" || s == "[]" {
		return nil
	}
	if err := json.Unmarshal([]byte(s), f.p); err != nil {
		return fmt.Errorf("read a list: %w", err)
	}
	return nil
}

func (f listField[T]) value() any {
	if len(*f.p) == 0 {
		return "[]"
	}
	return encode(*f.p)
}

// optionalField is a struct that is stored as a JSON object; nil is "".
type optionalField[T any] struct{ p **T }

func optional[T any](p **T) field { return optionalField[T]{p} }

func (f optionalField[T]) scan(src any) error {
	s, ok := src.(string)
	if !ok {
		return wrongType("object", src)
	}
	*f.p = nil
	if s == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(s), f.p); err != nil {
		return fmt.Errorf("read an object: %w", err)
	}
	return nil
}

func (f optionalField[T]) value() any {
	if *f.p == nil {
		return ""
	}
	return encode(*f.p)
}

type attributesField struct{ p *directory.Attributes }

func attributes(p *directory.Attributes) field { return attributesField{p} }

func (f attributesField) scan(src any) error {
	s, ok := src.(string)
	if !ok {
		return wrongType("attributes", src)
	}
	if a, ok := parseAttributes(s); ok {
		*f.p = a
		return nil
	}
	*f.p = directory.Attributes{}
	if err := json.Unmarshal([]byte(s), f.p); err != nil {
		return fmt.Errorf("read attributes: %w", err)
	}
	return nil
}

func (f attributesField) value() any {
	if len(*f.p) == 0 {
		return "{}"
	}
	return encode(*f.p)
}

// encode writes v, which holds nothing but strings and numbers, as JSON.
func encode(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("sqlstore: encode %T: %v", v, err))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// parseAttributes reads what encode wrote for attributes without escapes:
// {"key":["value",…],…} and no spaces. Values share the memory of s. Loading a
// million users spends most of its time here; anything unexpected is left to
// encoding/json.
func parseAttributes(s string) (directory.Attributes, bool) {
	if s == "{}" {
		return directory.Attributes{}, true
	}
	if len(s) < 2 || s[0] != '{' || strings.IndexByte(s, '\\') >= 0 {
		return nil, false
	}
	out := make(directory.Attributes, 4)
	for rest := s[1:]; ; {
		k, r, ok := cutString(rest)
		if !ok || !strings.HasPrefix(r, ":[") {
			return nil, false
		}
		var values []string
		for r = r[2:]; ; {
			v, tail, ok := cutString(r)
			if !ok || tail == "" {
				return nil, false
			}
			values, r = append(values, v), tail[1:]
			if tail[0] == ']' {
				break
			}
			if tail[0] != ',' {
				return nil, false
			}
		}
		out[k] = values
		switch {
		case r == "}":
			return out, true
		case strings.HasPrefix(r, ","):
			rest = r[1:]
		default:
			return nil, false
		}
	}
}

// cutString takes a JSON string without escapes off s.
func cutString(s string) (value, rest string, ok bool) {
	if s == "" || s[0] != '"' {
		return "", "", false
	}
	end := strings.IndexByte(s[1:], '"')
	if end < 0 {
		return "", "", false
	}
	return s[1 : 1+end], s[2+end:], true
}

func wrongType(want string, src any) error {
	return fmt.Errorf("the database returned %T where a %s was expected", src, want)
}
