package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"gatehouse/test/stage"
)

func main() {
	only := flag.String("only", "ldap,radius,lockdown,flood,idle", "what to measure: ldap, radius (with eap), eap, lockdown, flood, idle, projection, ldap1m")
	run := runner{}
	flag.DurationVar(&run.length, "time", 2*time.Second, "how long to measure each")
	flag.IntVar(&run.people, "users", 10_000, "people in the directory (ldap, radius)")
	flag.IntVar(&run.million, "projection-users", 1_000_000, "people in the directory (projection, ldap1m)")
	flag.StringVar(&run.match, "match", "", "only questions with this in their title (ldap, ldap1m)")
	flag.BoolVar(&run.alone, "alone", false, "without the peers (ldap)")
	flag.StringVar(&run.output, "o", filepath.Join("bench", "README.md"), "where the table goes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run.all(ctx, strings.Split(*only, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// runner holds what all measurements share.
type runner struct {
	length  time.Duration
	people  int
	million int
	match   string
	alone   bool
	output  string

	dir      string
	binaries string
	table    table

	crowd  crowd // that projection has left in loaded, for ldap1m
	loaded *stage.Gatehouse
}

// part is a subject that can be measured by itself.
type part struct {
	name string
	run  func(context.Context) error
}

func (r *runner) all(ctx context.Context, only []string) (err error) {
	parts := []part{
		{"ldap", r.ldap},
		{"radius", r.radius},
		{"eap", r.eap},
		{"lockdown", r.lockdown},
		{"flood", r.flood},
		{"idle", r.idle},
		{"projection", r.projection},
		{"ldap1m", r.ldapMillion},
	}
	for _, name := range only {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			return fmt.Errorf("there is nothing called %q to measure", name)
		}
	}
	if r.dir, err = os.MkdirTemp("", "gatehouse-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(r.dir)) }()
	if err := os.Chmod(r.dir, 0o711); err != nil {
		return err
	}
	r.binaries = filepath.Join(r.dir, "bin")
	if err := os.Mkdir(r.binaries, 0o755); err != nil {
		return err
	}
	// Built as the packages are.
	if err := os.Setenv("CGO_ENABLED", "0"); err != nil {
		return err
	}
	if _, err := stage.Build(ctx, r.binaries, "-trimpath", "-ldflags=-s -w"); err != nil {
		return err
	}
	for _, part := range parts {
		if !slices.Contains(only, part.name) || part.name == "eap" && slices.Contains(only, "radius") {
			continue // radius has eap in it
		}
		fmt.Fprintln(os.Stderr, "measuring", part.name)
		if err := part.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return r.table.write(r.output)
}

// scratch is an empty folder.
func (r *runner) scratch(name string) (string, error) {
	dir := filepath.Join(r.dir, name)
	return dir, os.Mkdir(dir, 0o755)
}
