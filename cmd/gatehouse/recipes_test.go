package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// recipeSite is what the recipes take for granted.
const recipeSite = `groups:
  - {name: staff}
  - {name: admins}
`

// TestRecipes: `apply --dry-run` accepts each block of site.yaml in the recipes, and the index names every recipe.
func TestRecipes(t *testing.T) {
	folder, err := filepath.Abs("../../docs/radius")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(folder + "/*.md")
	if err != nil || len(pages) < 2 {
		t.Fatalf("the recipes: %d pages, %v", len(pages), err)
	}
	index, err := os.ReadFile(folder + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	s := newShell(t)
	s.must(t, "init", "--admin", "alice")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("site.yaml", recipeSite)
	s.must(t, "apply", "-f", "site.yaml")
	block := regexp.MustCompile("(?ms)^ *```yaml\n(.*?)^ *```$")
	secretFile := regexp.MustCompile(`(?:secret|password)_file: (\S+?)[,}\n]`)
	found := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(page)
		if name != "README.md" && !strings.Contains(string(index), "("+name+")") {
			t.Errorf("the index does not name %s", name)
		}
		for _, b := range block.FindAllSubmatch(text, -1) {
			found++
			t.Run(name, func(t *testing.T) {
				for _, file := range secretFile.FindAllSubmatch(b[1], -1) {
					write(string(file[1]), "a secret of this test alone")
				}
				write("site.yaml", string(b[1]))
				out, errs, code := s.run(t, "", "apply", "-f", "site.yaml", "--dry-run")
				if code != exitDone || !strings.Contains(out+errs, "create radius client") {
					t.Errorf("exit code %d\n%s%s\n%s", code, out, errs, b[1])
				}
			})
		}
	}
	if found < 12 {
		t.Errorf("%d blocks of site.yaml were found", found)
	}
}
