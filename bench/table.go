package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// table is what a run found out: a section per subject, a line per server.
type table struct{ sections []section }

type section struct {
	title string
	note  string // one sentence: what was asked
	lines []line
}

// line is one server, or one fact when result has measured nothing.
type line struct {
	server string
	target string // what Gatehouse must reach; "" for a peer
	result result
	fact   string
}

func (t *table) add(s section) {
	t.sections = append(t.sections, s)
	fmt.Fprint(os.Stderr, s)
}

// String renders a section as Markdown. Rates of peers are followed by how
// many times faster the first line is.
func (s section) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n### %s\n\n%s\n\n", s.title, s.note)
	if s.lines[0].fact != "" {
		b.WriteString("| what | measured | target |\n|---|---|---|\n")
		for _, l := range s.lines {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", l.server, l.fact, l.target)
		}
		return b.String()
	}
	b.WriteString("| server | per second | ours is | CPU each | p50 | p99 | RSS | target |\n|---|---|---|---|---|---|---|---|\n")
	ours := s.lines[0].result.rate()
	for i, l := range s.lines {
		ratio := ""
		if i > 0 && l.result.rate() > 0 {
			ratio = fmt.Sprintf("%.1f×", ours/l.result.rate())
		}
		fmt.Fprintf(&b, "| %s | %.0f | %s | %s | %s | %s | %s | %s |\n", l.server, l.result.rate(), ratio,
			micros(l.result.cost()), micros(l.result.p50), micros(l.result.p99), mebibytes(l.result.rss), l.target)
	}
	return b.String()
}

func micros(d time.Duration) string {
	return fmt.Sprintf("%.1f µs", float64(d)/float64(time.Microsecond))
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

const preface = `# Benchmarks

Written by ` + "`make bench`" + `; the last run only. Gatehouse and its peers run one after the other on the same machine; the
load generator shares the processors with the server, so "CPU each" (the server's own processor time for one operation)
says more than the rate. 16 connections, one request in flight on each.
`

// write replaces the file by this run.
func (t *table) write(path string) error {
	var b strings.Builder
	b.WriteString(preface)
	fmt.Fprintf(&b, "\n%s, %s, %d processors (%s), %s.\n", time.Now().UTC().Format("2006-01-02 15:04 UTC"), runtime.Version(), runtime.NumCPU(), processor(), release())
	for _, s := range t.sections {
		b.WriteString(s.String())
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

func processor() string { return valueOf("/proc/cpuinfo", "model name", ":") }

func release() string {
	return strings.Trim(valueOf("/etc/os-release", "PRETTY_NAME", "="), `"`)
}

// valueOf is the value of the first line that begins with key.
func valueOf(path, key, separator string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, separator); ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
