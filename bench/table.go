package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// table is what a run found out: a section per subject, a line per server.
type table struct{ sections []section }

type section struct {
	title string
	note  string // one sentence: what was asked
	when  string // and one: when, and how busy the machine was
	first string // what the first column names, "" for servers; what is named otherwise is not compared
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
	s.when = fmt.Sprintf("Measured %s, load average %s.", time.Now().UTC().Format("2006-01-02 15:04 UTC"), load())
	t.sections = append(t.sections, s)
	fmt.Fprint(os.Stderr, s)
}

// String renders a section as Markdown. A peer is compared with the last line
// before it that has a target, or else with the first: how many times its rate
// ours is, and how many times its processor time.
func (s section) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s\n\n%s %s\n\n", heading, s.title, s.note, s.when)
	if s.lines[0].fact != "" {
		b.WriteString("| what | measured | target |\n|---|---|---|\n")
		for _, l := range s.lines {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", l.server, l.fact, l.target)
		}
		return b.String()
	}
	first := cmp.Or(s.first, "server")
	b.WriteString("| " + first + " | per second | ours is | CPU each | asking | p50 | p99 | RSS | target |\n|---|---|---|---|---|---|---|---|---|\n")
	ours := s.lines[0].result
	for i, l := range s.lines {
		ratio, cpu := "", micros(l.result.each(l.result.cpu))
		switch {
		case s.first != "":
		case i == 0 || l.target != "":
			ours = l.result
		case l.result.things > 0 && l.result.cpu > 0:
			ratio = fmt.Sprintf("%.1f×", ours.rate()/l.result.rate())
			cpu += fmt.Sprintf(" (ours: %.2f×)", float64(ours.each(ours.cpu))/float64(l.result.each(l.result.cpu)))
		}
		server := l.server
		if l.result.changes > 0 {
			server += fmt.Sprintf(", %.0f changes/s", l.result.changes)
		}
		fmt.Fprintf(&b, "| %s | %.0f | %s | %s | %s | %s | %s | %s | %s |\n", server, l.result.rate(), ratio,
			cpu, micros(l.result.each(l.result.asking)), micros(l.result.p50), micros(l.result.p99), mebibytes(l.result.rss), l.target)
	}
	return b.String()
}

func micros(d time.Duration) string {
	return fmt.Sprintf("%.1f µs", float64(d)/float64(time.Microsecond))
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

const heading = "\n### "

const preface = `# Benchmarks

Written by ` + "`make bench`" + `, which replaces the sections that it measures. Gatehouse and its peers run one after the
other on the same machine; the load generator, and whatever else runs there (see the load average of the last minute),
share the processors with the server, so "CPU each" (the server's own processor time for one operation) says more than
the rate: "asking", the same of the load generator, is the part of it that no server can do anything about. 16 connections, one request in flight on each.
`

// write puts the sections of this run into the file and keeps the others.
func (t *table) write(path string) error {
	before, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	sections := strings.Split(string(before), heading)[1:]
	for _, s := range t.sections {
		rendered := strings.TrimPrefix(s.String(), heading)
		same := func(old string) bool { return strings.HasPrefix(old, s.title+"\n") }
		if i := slices.IndexFunc(sections, same); i >= 0 {
			sections[i] = rendered
		} else {
			sections = append(sections, rendered)
		}
	}
	text := preface + fmt.Sprintf("\n%s, %d processors (%s), %s.\n", runtime.Version(), runtime.NumCPU(), processor(), release())
	return os.WriteFile(path, []byte(strings.Join(append([]string{text}, sections...), heading)), 0o644)
}

// load is the load average of the last minute.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	average, _, _ := strings.Cut(string(b), " ")
	return average
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
