package process

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMainExitCodes(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "gatehouse.yaml")
	if err := os.WriteFile(bad, []byte("lpad: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string
	}{
		{name: "version", args: []string{"--version"}, stdout: "ldapd devel"},
		{name: "help", args: []string{"--help"}, stderr: "the configuration file"},
		{name: "unknown flag", args: []string{"--confg", bad}, code: 2, stderr: "-confg"},
		{name: "an argument", args: []string{"start"}, code: 2, stderr: `"start" is not expected`},
		{name: "bad configuration", args: []string{"--config", bad}, code: 1, stderr: `gatehouse.yaml:1:1: unknown key "lpad"`},
		{name: "absent configuration", args: []string{"--config", bad + "x"}, code: 1, stderr: "no such file"},
		{name: "reload nothing", args: []string{"--reload", "x"}, code: 1, stderr: `"x" is not a process id`},
		{name: "reload init", args: []string{"--reload", "1"}, code: 1, stderr: `"1" is not a process id`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := Main(Door{Name: "ldapd"}, tt.args, &stdout, &stderr)
			if code != tt.code || !strings.Contains(stdout.String(), tt.stdout) || !strings.Contains(stderr.String(), tt.stderr) {
				t.Errorf("exit code %d, stdout %q, stderr %q; want %d, %q, %q", code, &stdout, &stderr, tt.code, tt.stdout, tt.stderr)
			}
		})
	}
}
