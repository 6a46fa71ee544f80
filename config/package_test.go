package config

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

// The package installs the annotated file that the structs give.
func TestPackageFile(t *testing.T) {
	const path = "../packaging/gatehouse.yaml"
	var b bytes.Buffer
	if err := Write(&b, Packaged()); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.String(), string(have)); diff != "" {
		t.Errorf("go test ./config -update writes it anew\n%s", diff)
	}
}

// What the package installs must not start before somebody has named the
// organisation.
func TestPackageFileAsksForNames(t *testing.T) {
	_, err := Load("../packaging/gatehouse.yaml", nil)
	if err == nil {
		t.Fatal("the file of the package loads as it is")
	}
	if _, err := Load("../packaging/gatehouse.yaml", []string{"GATEHOUSE_PUBLIC_URL=https://id.example.org", "GATEHOUSE_DOMAIN=example.org"}); err != nil {
		t.Error(err)
	}
}
