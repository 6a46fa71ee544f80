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

// TestSpecificationNamesItsTests: each row of the table of requirements in docs/spec/ldap.md names tests, and those exist.
func TestSpecificationNamesItsTests(t *testing.T) {
	have := map[string]bool{}
	for _, dir := range []string{".", "wire", "projection", "../directory", "../directory/schema", "../internal/proxyheader"} {
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
	test := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z]+)`")
	rows := 0
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| requirement") {
			continue
		}
		rows++
		names := test.FindAllStringSubmatch(line, -1)
		if len(names) == 0 {
			t.Errorf("no test in %q", strings.TrimSpace(line))
		}
		for _, n := range names {
			if !have[n[1]] {
				t.Errorf("there is no %s, which %q names", n[1], strings.TrimSpace(line))
			}
		}
	}
	if rows < 60 {
		t.Errorf("%d rows", rows)
	}
}
