package ldapd

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSpecificationNamesItsTests: each row of the table of requirements in docs/spec/ldap.md names tests, and the tests
// that are named anywhere in it exist.
func TestSpecificationNamesItsTests(t *testing.T) {
	have := map[string]bool{}
	for _, dir := range []string{".", "wire", "projection", "../directory", "../directory/schema", "../internal/proxyheader", "../test", "../cmd/internal/door/ldap"} {
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok {
					have[fn.Name.Name] = true
				}
			}
		}
	}
	text, err := os.ReadFile("../docs/spec/ldap.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "## Requirements and their tests")
	if !found {
		t.Fatal("there is no table of requirements")
	}
	test := regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z][A-Za-z0-9]+`)
	for _, name := range test.FindAllString(string(text), -1) {
		if !have[name] {
			t.Errorf("there is no %s", name)
		}
	}
	rows := 0
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| requirement") {
			continue
		}
		rows++
		if !test.MatchString(line) {
			t.Errorf("no test in %q", strings.TrimSpace(line))
		}
	}
	if rows < 120 {
		t.Errorf("%d rows", rows)
	}
}
