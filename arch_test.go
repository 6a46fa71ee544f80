// Package gatehouse_test holds the rules that the whole repository keeps.
package gatehouse_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	module           = "gatehouse"
	maxFileLines     = 600
	maxTestFileLines = 1000
	maxFunctionLines = 100
)

// listed is what `go list` says about a package.
type listed struct {
	ImportPath, Dir                    string
	Imports                            []string
	GoFiles, TestGoFiles, XTestGoFiles []string
}

// name returns the path inside the module: "ldapd/wire".
func (p listed) name() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

// ours returns the imports of this module, without those of tests: a test may
// use whatever it needs.
func (p listed) ours() []string {
	var names []string
	for _, path := range p.Imports {
		if name, ok := strings.CutPrefix(path, module+"/"); ok {
			names = append(names, name)
		}
	}
	return names
}

func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Dir,Imports,GoFiles,TestGoFiles,XTestGoFiles", "./...")
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// arrow says what the packages that match from may import of ours. A pattern
// is a package, or with /... a package and what is below it. The first arrow
// that matches a package counts.
type arrow struct {
	from   string
	to     []string
	reason string
}

func arrows() []arrow {
	core := []string{"directory", "directory/credential", "directory/policy", "directory/schema", "directory/seal", "directory/geo", "directory/name", "directory/authority"}
	pure := core[1:]
	daemon := func(name string, extra ...string) arrow {
		return arrow{
			from:   name + "/...",
			to:     slices.Concat(core, []string{name + "/...", "internal/..."}, extra),
			reason: "a daemon knows the core and nothing else: not how rows are stored, not how it is configured, not the other daemons",
		}
	}
	all := []arrow{
		{from: "directory", to: pure, reason: "the core holds the decisions and knows no protocol and no database"},
		{from: "directory/sqlstore/...", to: slices.Concat(core, []string{"directory/sqlstore/...", "internal/..."}), reason: "the store implements what the core declares"},
		{from: "directory/directorytest/...", to: slices.Concat(core, []string{"directory/directorytest/...", "directory/sqlstore", "internal/..."}), reason: "tests stand on the core and on the real store, never on a daemon"},
	}
	for _, child := range pure {
		all = append(all, arrow{from: child + "/...", reason: "the children of the core are pure functions"})
	}
	return append(all,
		arrow{from: "idp/oidc/...", to: slices.Concat(core, []string{"idp/oidc/...", "idp/edge", "idp/session", "idp/signin", "idp/web", "internal/..."}), reason: "OIDC and SAML never need each other; what both need is idp/session and idp/edge"},
		arrow{from: "idp/saml/...", to: slices.Concat(core, []string{"idp/saml/...", "idp/edge", "idp/session", "idp/signin", "idp/web", "internal/..."}), reason: "OIDC and SAML never need each other; what both need is idp/session and idp/edge"},
		daemon("ldapd"), daemon("radiusd"), daemon("scimd"),
		arrow{from: "idp/api/...", to: slices.Concat(core, []string{"idp/...", "site", "internal/..."}), reason: "the API applies a site.yaml and knows no store"},
		daemon("idp"),
		arrow{from: "internal/...", reason: "internal packages are tools without a subject; they import nothing of ours"},
		arrow{from: "config", to: []string{"directory/geo", "directory/authority"}, reason: "the configuration is read before anything is built; that a GeoIP file opens and an imported CA can work needs nothing else"},
		arrow{from: "site", to: core, reason: "site.yaml is applied through the core's API"},
		arrow{
			from:   "cmd/...",
			to:     []string{"cmd/...", "config", "site", "directory/...", "ldapd/...", "radiusd/...", "scimd/...", "idp/...", "internal/..."},
			reason: "commands wire the product together; tests and benchmarks are not part of it",
		},
		arrow{from: "test/...", to: []string{"test/...", "internal/..."}, reason: "acceptance tests see what an operator sees: binaries, files and protocols"},
		arrow{from: "bench/...", to: []string{"..."}, reason: "benchmarks may measure everything"},
	)
}

func matches(pattern, name string) bool {
	prefix, tree := strings.CutSuffix(pattern, "...")
	if !tree {
		return pattern == name
	}
	prefix = strings.TrimSuffix(prefix, "/")
	return prefix == "" || name == prefix || strings.HasPrefix(name, prefix+"/")
}

func TestArrows(t *testing.T) {
	all := arrows()
	for _, p := range packages(t) {
		if p.ImportPath == module {
			continue
		}
		i := slices.IndexFunc(all, func(a arrow) bool { return matches(a.from, p.name()) })
		if i < 0 {
			t.Errorf("%s: no arrow says what it may import; add one to arch_test.go", p.name())
			continue
		}
		for _, target := range p.ours() {
			if err := allowed(all[i], p.name(), target); err != nil {
				t.Error(err)
			}
		}
	}
}

func allowed(a arrow, from, target string) error {
	if !slices.ContainsFunc(a.to, func(pattern string) bool { return matches(pattern, target) }) {
		return fmt.Errorf("%s must not import %s: %s", from, target, a.reason)
	}
	return nil
}

// The rules themselves, on imports that would break them.
func TestArrowsCatch(t *testing.T) {
	all := arrows()
	for _, tt := range []struct {
		from, to string
		ok       bool
	}{
		{from: "directory", to: "directory/name", ok: true},
		{from: "directory", to: "directory/sqlstore"},
		{from: "directory", to: "internal/listen"},
		{from: "directory/name", to: "directory"},
		{from: "directory/sqlstore", to: "internal/hostlock", ok: true},
		{from: "ldapd", to: "ldapd/wire", ok: true},
		{from: "ldapd", to: "directory/sqlstore"},
		{from: "ldapd/projection", to: "config"},
		{from: "ldapd", to: "radiusd/wire"},
		{from: "idp", to: "idp/oidc", ok: true},
		{from: "idp/oidc", to: "idp/saml"},
		{from: "idp/saml", to: "idp/oidc"},
		{from: "internal/daemon", to: "internal/listen"},
		{from: "cmd/ldapd", to: "directory/sqlstore", ok: true},
		{from: "cmd/ldapd", to: "test/stage"},
		{from: "config", to: "directory"},
		{from: "scimd", to: "config"},
		{from: "ldapd", to: "cmd/ldapd"},
		{from: "test", to: "directory"},
		{from: "site", to: "directory/sqlstore"},
	} {
		i := slices.IndexFunc(all, func(a arrow) bool { return matches(a.from, tt.from) })
		if i < 0 {
			t.Fatalf("no arrow for %s", tt.from)
		}
		if err := allowed(all[i], tt.from, tt.to); (err == nil) != tt.ok {
			t.Errorf("%s → %s: %v, want ok %v", tt.from, tt.to, err, tt.ok)
		}
	}
}

func TestSizes(t *testing.T) {
	for _, p := range packages(t) {
		for _, name := range slices.Concat(p.GoFiles, p.TestGoFiles, p.XTestGoFiles) {
			checkSizes(t, p.name()+"/"+name, filepath.Join(p.Dir, name))
		}
	}
}

func checkSizes(t *testing.T, name, path string) {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Error(err)
		return
	}
	if ast.IsGenerated(file) {
		return
	}
	isTest, limit := strings.HasSuffix(name, "_test.go"), maxFileLines
	if isTest {
		limit = maxTestFileLines
	}
	if lines := files.File(file.FileStart).LineCount(); lines > limit {
		t.Errorf("%s has %d lines, more than %d: split it by noun or operation", name, lines, limit)
	}
	for _, declaration := range file.Decls {
		f, ok := declaration.(*ast.FuncDecl)
		if !ok || f.Body == nil || isTest {
			continue
		}
		if lines := files.Position(f.End()).Line - files.Position(f.Pos()).Line + 1; lines > maxFunctionLines {
			t.Errorf("%s: %s has %d lines, more than %d", name, f.Name.Name, lines, maxFunctionLines)
		}
	}
}

// Modules are only what the checksum database says they are.
func TestChecksumsAreVerified(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "env", "-json", "GONOSUMDB", "GOSUMDB", "GOFLAGS", "GOINSECURE").Output()
	if err != nil {
		t.Fatal(err)
	}
	var env map[string]string
	if err := json.Unmarshal(out, &env); err != nil {
		t.Fatal(err)
	}
	if err := checksumsVerified(env); err != nil {
		t.Error(err)
	}
}

func checksumsVerified(env map[string]string) error {
	switch {
	case env["GONOSUMDB"] != "":
		return fmt.Errorf("GONOSUMDB=%s: modules would not be checked", env["GONOSUMDB"])
	case env["GOSUMDB"] == "off":
		return errors.New("GOSUMDB=off: modules would not be checked")
	case env["GOINSECURE"] != "", strings.Contains(env["GOFLAGS"], "-insecure"):
		return errors.New("GOINSECURE or GOFLAGS=-insecure: modules would come unprotected")
	case strings.Contains(env["GOFLAGS"], "-mod=mod"):
		return errors.New("GOFLAGS=-mod=mod: go.mod could change while building")
	default:
		return nil
	}
}

func TestChecksumsVerified(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   map[string]string
		ok   bool
	}{
		{name: "default", in: map[string]string{"GOSUMDB": "sum.golang.org", "GOFLAGS": "-buildvcs=false"}, ok: true},
		{name: "no database", in: map[string]string{"GOSUMDB": "off"}},
		{name: "not for some", in: map[string]string{"GONOSUMDB": "example.com"}},
		{name: "insecure flag", in: map[string]string{"GOFLAGS": "-insecure"}},
		{name: "insecure hosts", in: map[string]string{"GOINSECURE": "*"}},
		{name: "go.mod may change", in: map[string]string{"GOFLAGS": "-mod=mod"}},
	} {
		if err := checksumsVerified(tt.in); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
