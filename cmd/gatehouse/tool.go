package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strconv"
	"time"

	"gatehouse/directory"
)

// The exit codes.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitRefused = 3
)

// tool is one invocation of the command line: its streams, its environment and
// the flags that every command has.
type tool struct {
	in       io.Reader
	out      io.Writer // what was asked for
	errs     io.Writer // everything else
	terminal prompter  // nil: there is nobody to ask
	environ  []string
	now      func() time.Time
	uid      int // the real one

	configFile string // --config
	json       bool   // --json, of the commands that have it
}

// newTool returns the invocation that this process is.
func newTool() *tool {
	return &tool{
		in: os.Stdin, out: os.Stdout, errs: os.Stderr, terminal: openTerminal(os.Stdin, os.Stderr),
		environ: os.Environ(), now: time.Now, uid: os.Getuid(),
	}
}

// run executes a command line and returns the exit code.
func (t *tool) run(ctx context.Context, args []string) int {
	root := t.rootCommand()
	root.SetArgs(args)
	return t.report(root.ExecuteContext(ctx))
}

// usageError is a command line that makes no sense.
type usageError struct{ msg string }

func (e *usageError) Error() string { return e.msg }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// refusal is the answer of a guard.
type refusal struct{ msg string }

func (e *refusal) Error() string { return e.msg }

func refusef(format string, args ...any) error { return &refusal{fmt.Sprintf(format, args...)} }

// answered ends a command that has already said everything.
type answered struct{ code int }

func (e *answered) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// report says what went wrong and returns the exit code.
func (t *tool) report(err error) int {
	if err == nil {
		return exitDone
	}
	var said *answered
	if errors.As(err, &said) {
		return said.code
	}
	t.say("gatehouse: %s", sentence(err))
	var usage *usageError
	var refused *refusal
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &refused), directory.Is(err, directory.Denied):
		return exitRefused
	default:
		return exitFailed
	}
}

// sentence is what the operator reads: of an error of the core that nobody
// wrapped its message, when that says all.
func sentence(err error) string {
	var e *directory.Error
	if errors.As(err, &e) && e.Err == nil && e.Msg != "" && e.Error() == err.Error() {
		return e.Msg
	}
	return err.Error()
}

// say writes a line to standard error.
func (t *tool) say(format string, args ...any) {
	_, _ = fmt.Fprintf(t.errs, format+"\n", args...) // there is nowhere left to complain
}

// print writes a line to standard output.
func (t *tool) print(format string, args ...any) error {
	_, err := fmt.Fprintf(t.out, format+"\n", args...)
	return err
}

// getenv looks up a variable of the environment.
func (t *tool) getenv(key string) string {
	for _, pair := range t.environ {
		if len(pair) > len(key) && pair[:len(key)] == key && pair[len(key)] == '=' {
			return pair[len(key)+1:]
		}
	}
	return ""
}

// operator is who works at this command line.
func (t *tool) operator() directory.Actor {
	a := directory.Actor{Kind: directory.ActorOperator, Name: "uid " + strconv.Itoa(t.uid), Via: "cli", OS: "uid " + strconv.Itoa(t.uid)}
	if account, err := user.LookupId(strconv.Itoa(t.uid)); err == nil {
		a.Name = account.Username
	}
	// sudo tells who called it; only root's own word counts.
	if sudo := t.getenv("SUDO_UID"); sudo != "" && t.uid == 0 {
		if n, err := strconv.ParseUint(sudo, 10, 32); err == nil {
			a.OS += ", sudo uid " + strconv.FormatUint(n, 10)
		}
	}
	return a
}
