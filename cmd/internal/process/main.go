package process

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
	"time"

	"gatehouse/config"
	"gatehouse/internal/buildinfo"
	"gatehouse/internal/daemon"
)

// The exit codes of every command.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// Main is the command of one daemon; it returns the exit code.
func Main(door Door, args []string, stdout, stderr io.Writer) int {
	name := door.Name
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	file := flags.String("config", "", "the configuration `file` (default: ./gatehouse.yaml, else /etc/gatehouse/gatehouse.yaml, else the built-in defaults)")
	version := flags.Bool("version", false, "print the version and end")
	reload := flags.String("reload", "", "tell the running daemon with this process `id` to read its certificate again, and end")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitDone
		}
		return exitUsage
	}
	if flags.NArg() > 0 {
		_, _ = fmt.Fprintf(stderr, "%s: %q is not expected; see %s --help\n", name, flags.Arg(0), name)
		return exitUsage
	}
	var err error
	switch {
	case *version:
		_, err = fmt.Fprintf(stdout, "%s %s (%s)\n", name, buildinfo.Version(), buildinfo.GoVersion())
	case *reload != "":
		err = hangUp(*reload)
	default:
		err = run(door, *file, stderr)
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return exitFailed
	}
	return exitDone
}

func run(door Door, file string, stderr io.Writer) error {
	if file == "" {
		file = config.Find()
	}
	c, err := config.Load(file, os.Environ())
	if err != nil {
		return err
	}
	log, err := daemon.NewLogger(stderr, c.Log.Level, c.Log.Format)
	if err != nil {
		return err
	}
	return Run(context.Background(), Options{Config: c, Daemon: door.Name, Getenv: os.Getenv, Log: log, Now: time.Now}, door)
}

// hangUp sends SIGHUP.
func hangUp(pid string) error {
	n, err := strconv.Atoi(pid)
	if err != nil || n <= 1 {
		return fmt.Errorf("%q is not a process id", pid)
	}
	if err := syscall.Kill(n, syscall.SIGHUP); err != nil {
		return fmt.Errorf("tell process %d to reload: %w", n, err)
	}
	return nil
}
