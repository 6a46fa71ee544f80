package site

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

const (
	maxFile   = 64 << 20
	maxSecret = 64 << 10
	maxDepth  = 32
)

// Problem is a mistake in the file. It never repeats a secret.
type Problem struct {
	File         string
	Line, Column int // from 1; 0: the file as a whole
	Message      string
	Err          error // what the directory said, when it did
}

// Error says where and what, in one line.
func (p *Problem) Error() string {
	if p.Line == 0 {
		return p.File + ": " + p.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
}

// Unwrap returns what the directory said.
func (p *Problem) Unwrap() error { return p.Err }

// text is the file as it was read, for saying where a mistake is.
type text struct {
	path string
	file *ast.File
}

// Parse reads the file at path. An unknown or repeated key, and a file with
// secrets that others can read, are errors. Files that it names (password_file …)
// are relative to it and are read too.
func Parse(path string) (*Site, error) {
	b, mode, err := readBounded(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("read the site file: %w", err)
	}
	s, err := parse(path, b)
	if err != nil {
		return nil, err
	}
	if err := s.readFiles(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if s.hasSecrets() && mode.Perm()&0o007 != 0 {
		return nil, &Problem{File: path, Message: fmt.Sprintf("holds secrets and can be read by others (mode %04o); chmod 600 it", mode.Perm())}
	}
	return s, nil
}

func readBounded(path string, limit int64) ([]byte, os.FileMode, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return b, info.Mode(), err
}

func parse(path string, b []byte) (s *Site, err error) {
	defer func() { // the decoder panics on some documents that its parser lets pass
		if r := recover(); r != nil {
			s, err = nil, &Problem{File: path, Message: fmt.Sprintf("cannot be read as YAML: %v", r)}
		}
	}()
	if err := checkDepth(path, b); err != nil {
		return nil, err
	}
	file, err := parser.ParseBytes(b, 0)
	if err != nil {
		return nil, syntaxProblem(path, err)
	}
	if err := checkPlain(path, file); err != nil {
		return nil, err
	}
	s = &Site{text: &text{path: path, file: file}}
	documents := slices.DeleteFunc(slices.Clone(file.Docs), func(d *ast.DocumentNode) bool { return d.Body == nil })
	switch len(documents) {
	case 0:
		return s, nil
	case 1:
	default:
		return nil, &Problem{File: path, Message: "there is a second document; a site file has one"}
	}
	if err := yaml.NodeToValue(documents[0].Body, s, yaml.Strict()); err != nil {
		return nil, syntaxProblem(path, err)
	}
	return s, nil
}

// checkDepth refuses nesting that no site file has before the parser recurses.
func checkDepth(path string, b []byte) error {
	depth := 0
	for _, c := range b {
		switch c {
		case '[', '{':
			if depth++; depth > maxDepth {
				return &Problem{File: path, Message: fmt.Sprintf("nested deeper than %d levels", maxDepth)}
			}
		case ']', '}':
			depth = max(depth-1, 0)
		}
	}
	return nil
}

// plain finds what a site file has no use for: anchors, aliases and tags can
// make a small file large, or mean something else than it says.
type plain struct{ found ast.Node }

func (p *plain) Visit(n ast.Node) ast.Visitor {
	switch n.Type() {
	case ast.AnchorType, ast.AliasType, ast.TagType, ast.MergeKeyType:
		p.found = n
		return nil
	default:
		return p
	}
}

func checkPlain(path string, file *ast.File) error {
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		v := &plain{}
		ast.Walk(v, doc.Body)
		if v.found != nil {
			at := v.found.GetToken().Position
			return &Problem{File: path, Line: at.Line, Column: at.Column, Message: "anchors, aliases and tags are not taken; write the value out"}
		}
	}
	return nil
}

func syntaxProblem(path string, err error) error {
	p := &Problem{File: path, Message: err.Error()}
	var y yaml.Error
	if errors.As(err, &y) {
		p.Message = y.GetMessage()
		if t := y.GetToken(); t != nil {
			p.Line, p.Column = t.Position.Line, t.Position.Column
		}
	}
	return p
}

// problem makes a Problem at a place such as "$.users[2].emails".
func (t *text) problem(place, format string, args ...any) *Problem {
	p := &Problem{File: t.path, Message: fmt.Sprintf(format, args...)}
	path, err := yaml.PathString(place)
	if err != nil {
		return p
	}
	node, err := path.FilterFile(t.file)
	if err != nil || node == nil {
		return p
	}
	if m, ok := node.(*ast.MappingNode); ok && len(m.Values) > 0 {
		node = m.Values[0].Key
	}
	if tok := node.GetToken(); tok != nil {
		p.Line, p.Column = tok.Position.Line, tok.Position.Column
	}
	return p
}
