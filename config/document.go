package config

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// document is a configuration being read: the values so far, and where each
// came from, so that a later problem can name the place.
type document struct {
	path        string
	config      Config
	positions   map[string]*token.Position // key → place in the file
	fromEnviron map[string]string          // key → variable that set it
	problems    Problems
}

// problem adds a problem with the value of key.
func (d *document) problem(key, format string, args ...any) {
	p := Problem{File: d.path, Key: key, Message: fmt.Sprintf(format, args...)}
	whole, _, _ := strings.Cut(key, "[")
	if variable, ok := d.fromEnviron[whole]; ok {
		p.Key = variable
	} else if at, ok := d.positions[key]; ok {
		p.Line, p.Column = at.Line, at.Column
	}
	d.problems = append(d.problems, p)
	slices.SortStableFunc(d.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// problemAt adds a problem at a place in the file.
func (d *document) problemAt(at *token.Token, key, format string, args ...any) {
	if d.positions == nil {
		d.positions = map[string]*token.Position{}
	}
	if at != nil {
		d.positions[key] = at.Position
	}
	d.problem(key, format, args...)
}

// decode reads text into the configuration.
func (d *document) decode(text []byte) {
	d.positions = map[string]*token.Position{}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		var syntax yaml.Error
		if errors.As(err, &syntax) {
			d.problemAt(syntax.GetToken(), "", "%s", syntax.GetMessage())
			return
		}
		d.problem("", "%v", err)
		return
	}
	for i, doc := range file.Docs {
		if i > 0 && doc.Body != nil {
			d.problemAt(doc.Body.GetToken(), "", "a second document; there must be one")
			return
		}
	}
	if len(file.Docs) > 0 && file.Docs[0].Body != nil {
		d.section(file.Docs[0].Body, reflect.ValueOf(&d.config).Elem(), "")
	}
}

// section reads a mapping into a struct. prefix is "" or ends in a dot.
func (d *document) section(node ast.Node, into reflect.Value, prefix string) {
	pairs, ok := mapping(node)
	if !ok {
		d.problemAt(node.GetToken(), strings.TrimSuffix(prefix, "."), "must be a mapping of keys to values")
		return
	}
	fields := fieldsOf(into.Type())
	for _, pair := range pairs {
		name := pair.Key.GetToken().Value
		i := slices.IndexFunc(fields, func(f reflect.StructField) bool { return keyOf(f) == name })
		if i < 0 {
			d.problemAt(pair.Key.GetToken(), "", "unknown key %q%s; known are %s", name, inSection(prefix), knownKeys(fields))
			continue
		}
		d.value(pair.Value, into.FieldByIndex(fields[i].Index), prefix+name)
	}
}

// value reads one node into one field. Null is an absent key.
func (d *document) value(node ast.Node, into reflect.Value, key string) {
	if node == nil || node.Type() == ast.NullType {
		return
	}
	d.positions[key] = node.GetToken().Position
	var err error
	switch into.Kind() {
	case reflect.Struct:
		d.section(node, into, key+".")
	case reflect.Slice:
		d.list(node, into, key)
	case reflect.String:
		if _, ok := node.(ast.ScalarNode); !ok {
			d.problem(key, "must be one text")
			return
		}
		err = yaml.NodeToValue(node, into.Addr().Interface())
	case reflect.Bool:
		if node.Type() != ast.BoolType {
			d.problem(key, "must be true or false")
			return
		}
		err = yaml.NodeToValue(node, into.Addr().Interface())
	default:
		if node.Type() != ast.IntegerType {
			d.problem(key, "must be a whole number")
			return
		}
		if err = yaml.NodeToValue(node, into.Addr().Interface()); err != nil {
			d.problem(key, "is too large or negative")
			return
		}
	}
	if err != nil {
		d.problem(key, "%v", err)
	}
}

func (d *document) list(node ast.Node, into reflect.Value, key string) {
	seq, ok := node.(*ast.SequenceNode)
	if !ok {
		d.problem(key, "must be a list, as in [%s]", node.GetToken().Value)
		return
	}
	if into.Type().Elem().Kind() == reflect.Struct {
		into.Set(reflect.MakeSlice(into.Type(), len(seq.Values), len(seq.Values)))
		for i, entry := range seq.Values {
			d.value(entry, into.Index(i), item(key, i))
		}
		return
	}
	values := []string{}
	for i, item := range seq.Values {
		if _, scalar := item.(ast.ScalarNode); !scalar || item.Type() == ast.NullType {
			d.problemAt(item.GetToken(), key, "must be a list of texts")
			return
		}
		var text string
		if err := yaml.NodeToValue(item, &text); err != nil {
			d.problemAt(item.GetToken(), key, "%v", err)
			return
		}
		values = append(values, text)
		d.positions[fmt.Sprintf("%s[%d]", key, i)] = item.GetToken().Position
	}
	into.Set(reflect.ValueOf(values))
}

// mapping returns the pairs of a mapping; a mapping of one pair has a node
// type of its own.
func mapping(node ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	default:
		return nil, false
	}
}

func fieldsOf(t reflect.Type) []reflect.StructField {
	return slices.Collect(t.Fields())
}

func keyOf(f reflect.StructField) string { return f.Tag.Get("yaml") }

func inSection(prefix string) string {
	if prefix == "" {
		return ""
	}
	return " in " + strings.TrimSuffix(prefix, ".")
}

func knownKeys(fields []reflect.StructField) string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = keyOf(f)
	}
	return strings.Join(names, ", ")
}
