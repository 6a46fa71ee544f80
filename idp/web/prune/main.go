// Command prune writes static/tabler.css: the rules of the published style
// sheet beside it that can match something in our templates. Run it with
// "go generate ./idp/web" after a template uses a new class; a test fails until
// then. The published file is kept here so that the result can be made again
// from bytes whose hash is listed.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	css, err := build(".")
	if err == nil {
		err = os.WriteFile("static/tabler.css", []byte(css), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "prune:", err)
		os.Exit(1)
	}
}

// build prunes for the templates below web, the directory of the package.
func build(web string) (string, error) {
	published, err := os.ReadFile(filepath.Join(web, "prune", "tabler.min.css"))
	if err != nil {
		return "", fmt.Errorf("read the published style sheet: %w", err)
	}
	used := make(map[string]bool)
	for _, pattern := range []string{"templates/*.html", "static/app.js"} {
		files, err := filepath.Glob(filepath.Join(web, pattern))
		if err != nil || len(files) == 0 {
			return "", fmt.Errorf("no %s below %s (%w)", pattern, web, err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				return "", fmt.Errorf("read what uses classes: %w", err)
			}
			collectWords(string(text), used)
		}
	}
	return prune(string(published), used), nil
}
