package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

// terminal asks on the terminal that standard input is.
type terminal struct {
	in   *os.File
	errs io.Writer
}

// openTerminal returns a terminal when in and errs are one, else nil: a
// question that nobody sees is not asked.
func openTerminal(in, errs *os.File) prompter {
	if !term.IsTerminal(int(in.Fd())) || !term.IsTerminal(int(errs.Fd())) {
		return nil
	}
	return &terminal{in: in, errs: errs}
}

// Secret asks without an echo. An interrupt gives the echo back before it ends
// the process.
func (t *terminal) Secret(label string) (string, error) {
	fd := int(t.in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("use the terminal: %w", err)
	}
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	defer func() {
		signal.Stop(interrupts)
		close(done)
	}()
	go func() {
		select {
		case <-interrupts:
			_ = term.Restore(fd, before)
			_, _ = fmt.Fprintln(t.errs)
			os.Exit(128 + int(syscall.SIGINT))
		case <-done:
		}
	}()
	if _, err := fmt.Fprint(t.errs, label); err != nil {
		return "", err
	}
	typed, err := term.ReadPassword(fd)
	_, _ = fmt.Fprintln(t.errs)
	if err != nil {
		return "", fmt.Errorf("read from the terminal: %w", err)
	}
	return string(typed), nil
}
