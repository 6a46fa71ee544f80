package config

import (
	_ "embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"reflect"
	"strconv"
	"strings"
)

// source is where the field comments live; it is read only by Write.
//
//go:embed config.go
var source string

// Describe writes every key with its default and what it means, in the form
// of a gatehouse.yaml.
func Describe(w io.Writer) error { return Write(w, Default()) }

// Write writes c as an annotated gatehouse.yaml that loads to c.
func Write(w io.Writer, c Config) error {
	docs, err := fieldComments()
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("# Configuration of the Gatehouse daemons. An absent key has its default, [] is\n" +
		"# off, and GATEHOUSE_SECTION__KEY=value in the environment overrides a key.\n")
	writeSection(&b, reflect.ValueOf(c), docs, "")
	_, err = io.WriteString(w, b.String())
	return err
}

func writeSection(b *strings.Builder, section reflect.Value, docs map[string]string, indent string) {
	for _, f := range fieldsOf(section.Type()) {
		value := section.FieldByIndex(f.Index)
		doc := docs[section.Type().Name()+"."+f.Name]
		if f.Type.Kind() == reflect.Struct || (indent == "" && doc != "") {
			b.WriteString("\n")
		}
		for line := range strings.Lines(doc) {
			b.WriteString(indent + "# " + strings.TrimRight(line, "\n") + "\n")
		}
		if f.Type.Kind() == reflect.Struct {
			b.WriteString(indent + keyOf(f) + ":\n")
			writeSection(b, value, docs, indent+"  ")
			continue
		}
		b.WriteString(indent + keyOf(f) + ": " + literal(value) + "\n")
	}
}

func literal(value reflect.Value) string {
	switch value.Kind() {
	case reflect.Slice:
		items := make([]string, value.Len())
		for i := range items {
			items[i] = strconv.Quote(value.Index(i).String())
		}
		return "[" + strings.Join(items, ", ") + "]"
	case reflect.String:
		return strconv.Quote(value.String())
	case reflect.Bool:
		return strconv.FormatBool(value.Bool())
	default:
		return strconv.FormatUint(value.Uint(), 10)
	}
}

// fieldComments returns the comments of the fields in config.go by
// "Type.Field".
func fieldComments() (map[string]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), "config.go", source, parser.ParseComments)
	if err != nil {
		return nil, fmt.Errorf("parse the embedded source: %w", err)
	}
	docs := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		fields, ok := spec.Type.(*ast.StructType)
		if !ok {
			return false
		}
		for _, f := range fields.Fields.List {
			for _, name := range f.Names {
				docs[spec.Name.Name+"."+name.Name] = strings.TrimSpace(f.Doc.Text())
			}
		}
		return false
	})
	return docs, nil
}
