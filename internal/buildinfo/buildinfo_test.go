package buildinfo

import (
	"strings"
	"testing"
)

func TestVersion(t *testing.T) {
	if got := Version(); got != "devel" {
		t.Errorf("Version of a test binary = %q", got)
	}
	version = "1.2.3"
	t.Cleanup(func() { version = "" })
	if got := Version(); got != "1.2.3" {
		t.Errorf("Version set by the linker = %q", got)
	}
	if !strings.HasPrefix(GoVersion(), "go") {
		t.Errorf("GoVersion = %q", GoVersion())
	}
}
