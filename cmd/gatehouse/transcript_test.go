package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/directory/directorytest"
	"gatehouse/directory/geo"
)

var update = flag.Bool("update", false, "write what the commands said into the transcripts")

// A transcript is a session at a shell, in a directory of its own that holds a
// gatehouse.yaml and a country.mmdb, by which 203.0.113.0/24 is in Switzerland:
//
//	# a remark
//	+ FILE          the lines that follow, up to a lone dot, become FILE (0600)
//	$ gatehouse …   a command; quotes hold words together
//	< text          a line of its standard input
//	| text          a line of its standard output
//	! text          a line of its standard error
//	= 1             its exit code, when it is not 0
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			path, err := filepath.Abs(file)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			s := newShell(t)
			directorytest.GeoIP{
				Kind: "GeoLite2-Country", Built: s.now, Networks: map[string]geo.Place{"203.0.113.0/24": {Country: "CH"}},
			}.Write(t, "country.mmdb")
			got := s.replay(t, string(want))
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// shell runs command lines in a directory.
type shell struct {
	dir     string
	now     time.Time
	environ []string
}

const testConfig = `public_url: https://localhost:9443
data_dir: data
`

func newShell(t *testing.T) *shell {
	t.Helper()
	t.Chdir(t.TempDir())
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("gatehouse.yaml", []byte(testConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	return &shell{dir: dir, now: time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)}
}

// run runs one command line.
func (s *shell) run(t *testing.T, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	invocation := &tool{
		in: strings.NewReader(stdin), out: &out, errs: &errs, environ: s.environ,
		now: s.clock, uid: os.Getuid(),
	}
	code = invocation.run(t.Context(), args)
	s.now = s.now.Add(time.Second)
	return out.String(), errs.String(), code
}

// must is run for a command that has to succeed; it returns standard output.
func (s *shell) must(t *testing.T, args ...string) string {
	t.Helper()
	out, errs, code := s.run(t, "", args...)
	if code != exitDone {
		t.Fatalf("gatehouse %s: exit code %d\n%s", strings.Join(args, " "), code, errs)
	}
	return out
}

// replay runs the commands of a transcript and returns it with what they said.
func (s *shell) replay(t *testing.T, script string) string {
	t.Helper()
	var out strings.Builder
	lines := strings.Split(strings.TrimSuffix(script, "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		switch {
		case strings.HasPrefix(line, "+ "):
			var text strings.Builder
			out.WriteString(line + "\n")
			for i++; i < len(lines) && lines[i] != "."; i++ {
				text.WriteString(lines[i] + "\n")
			}
			out.WriteString(text.String() + ".\n")
			if err := os.WriteFile(line[2:], []byte(text.String()), 0o600); err != nil {
				t.Fatal(err)
			}
		case strings.HasPrefix(line, "$ gatehouse"):
			var stdin strings.Builder
			out.WriteString(line + "\n")
			for ; i+1 < len(lines) && strings.HasPrefix(lines[i+1], "< "); i++ {
				out.WriteString(lines[i+1] + "\n")
				stdin.WriteString(lines[i+1][2:] + "\n")
			}
			stdout, stderr, code := s.run(t, stdin.String(), words(line)[2:]...)
			out.WriteString(s.quote("| ", stdout) + s.quote("! ", stderr))
			if code != exitDone {
				fmt.Fprintf(&out, "= %d\n", code)
			}
		case line == "", strings.HasPrefix(line, "#"):
			out.WriteString(line + "\n")
		case strings.HasPrefix(line, "| "), strings.HasPrefix(line, "! "), strings.HasPrefix(line, "= "), line == "|", line == "!":
		default:
			t.Fatalf("line %d of the transcript: %q", i+1, line)
		}
	}
	return out.String()
}

// quote puts a mark before each line, and names in the place of what differs
// from run to run.
func (s *shell) quote(mark, text string) string {
	if text == "" {
		return ""
	}
	for _, r := range []struct{ pattern, name string }{
		{regexp.QuoteMeta(s.dir), "<dir>"},
		{`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`, "<uid>"},
		{`gh_[a-z0-9]+_[a-z2-7]{32}`, "<secret>"},
		{`secret=[A-Z2-7]{32}`, "secret=<seed>"},
		{`\b[a-z2-9]{4}(-[a-z2-9]{4}){4}\b`, "<password>"},
		{`\b[a-z2-9]{4}(-[a-z2-9]{4}){3}\b`, "<code>"},
		{`\b[0-9a-f]{16}\b`, "<key>"},
		{`(ca|tls)-(server|radius|device|nas)-[0-9a-f]+`, "$1-$2-<serial>"},
		{`cli@[^\s"]+`, "cli@<host>"},
		{`operator:[^ ]+ \(uid \d+\)`, "operator:<me>"},
		{`(?m)^[0-9a-z]{12}(  |")`, "<id>$1"},
		{`"id": "[0-9a-z]{12}"`, `"id": "<id>"`},
		{`"(id|ref)": ?"\d{15,}"`, `"$1": "<id>"`},
		{`"(previous|link)": ?"[^"]{44}"`, `"$1": "<link>"`},
		{`(?m)^(\| )?\d{15,}  `, `$1<id>  `},
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.name)
	}
	columns := regexp.MustCompile(`(\S) {2,}`)
	var out strings.Builder
	for line := range strings.Lines(text) {
		line = columns.ReplaceAllString(strings.TrimRight(line, "\n"), "$1  ")
		out.WriteString(strings.TrimRight(mark+line, " ") + "\n")
	}
	return out.String()
}

// words splits a command line as a shell does, with double quotes.
func words(line string) []string {
	var out []string
	for _, m := range regexp.MustCompile(`"([^"]*)"|(\S*"[^"]*"\S*)|(\S+)`).FindAllStringSubmatch(line, -1) {
		out = append(out, strings.ReplaceAll(m[1]+m[2]+m[3], `"`, ""))
	}
	return out
}

// clock is the time of the shell.
func (s *shell) clock() time.Time { return s.now }
