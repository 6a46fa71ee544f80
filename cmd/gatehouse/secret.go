package main

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"gatehouse/directory"
	"gatehouse/directory/credential"
)

const maxSecretFile = 64 << 10

// prompter asks the person at the terminal.
type prompter interface {
	// Secret asks for something that is not shown while it is typed.
	Secret(label string) (string, error)
}

// readSecret reads a secret from the file of a flag ("-": standard input), else
// by a prompt, else as the first line of standard input.
func (t *tool) readSecret(flag, file, label string) (directory.Secret, error) {
	switch {
	case file == "-":
		return t.secretFromInput(flag)
	case file != "":
		return secretFromFile(flag, file)
	case t.terminal != nil:
		return t.askTwice(label)
	default:
		return t.secretFromInput(flag)
	}
}

func secretFromFile(flag, path string) (directory.Secret, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("--%s: %w", flag, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("--%s: %w", flag, err)
	}
	if mode := info.Mode(); mode.IsRegular() && mode.Perm()&0o077 != 0 {
		return "", fmt.Errorf("--%s: %s can be read by others (mode %04o); chmod 600 it", flag, path, mode.Perm())
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err != nil {
		return "", fmt.Errorf("--%s: %w", flag, err)
	}
	return oneLine(flag, path, string(text))
}

func (t *tool) secretFromInput(flag string) (directory.Secret, error) {
	line, err := bufio.NewReader(io.LimitReader(t.in, maxSecretFile+1)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read standard input: %w", err)
	}
	return oneLine(flag, "standard input", line)
}

func oneLine(flag, where, text string) (directory.Secret, error) {
	if len(text) > maxSecretFile {
		return "", fmt.Errorf("%s holds more than %d bytes", where, maxSecretFile)
	}
	text = strings.TrimRight(text, "\r\n")
	switch {
	case text == "":
		return "", fmt.Errorf("%s is empty; give the secret by --%s or on standard input", where, flag)
	case strings.ContainsAny(text, "\r\n"):
		return "", fmt.Errorf("%s holds more than one line", where)
	}
	return directory.Secret(text), nil
}

// askTwice asks for a new secret and for the same again.
func (t *tool) askTwice(label string) (directory.Secret, error) {
	first, err := t.terminal.Secret(label + ": ")
	if err != nil {
		return "", err
	}
	if first == "" {
		return "", errors.New("nothing was typed; nothing was changed")
	}
	again, err := t.terminal.Secret("The same again: ")
	if err != nil {
		return "", err
	}
	if first != again {
		return "", errors.New("the two are not the same; nothing was changed")
	}
	return directory.Secret(first), nil
}

// makePassword makes a password that people can type.
func makePassword() (directory.Secret, error) {
	password, err := credential.NewNetworkPassword(rand.Reader)
	if err != nil {
		return "", fmt.Errorf("make a password: %w", err)
	}
	return directory.Secret(password), nil
}

// printSecret writes a secret that was just made, alone on the last line.
func (t *tool) printSecret(s directory.Secret) error { return t.print("%s", s.Reveal()) }

// createSecret makes a secret for a person, says so, and prints it.
func (t *tool) createSecret(c *cobra.Command, person, said string, add func(*directory.Writer, directory.User) (directory.Secret, error)) error {
	var made directory.Secret
	err := t.write(c, func(w *directory.Writer) error {
		u, err := w.UserByName(directory.Person, person)
		if err != nil {
			return err
		}
		made, err = add(w, u)
		return err
	})
	if err != nil {
		return err
	}
	t.say(said, person)
	return t.printSecret(made)
}
