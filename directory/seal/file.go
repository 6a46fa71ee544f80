package seal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	privateSuffix = ".key"
	publicSuffix  = ".pub"
	maxKeys       = 64 // keys of one purpose in a directory
)

// FileName returns the name of k's file in a key directory:
// "totp-5f3a….key", or ".pub" for a public half.
func (k *Key) FileName() string {
	suffix := privateSuffix
	if k.secret == nil {
		suffix = publicSuffix
	}
	return string(k.purpose) + "-" + k.id.String() + suffix
}

// WriteFile writes k into dir under its FileName with mode 0400 (0444 for a
// public half), flushed to disk, and returns the path. A file that is already
// there is never replaced.
func (k *Key) WriteFile(dir string) (path string, err error) {
	mode := fs.FileMode(0o400)
	if k.secret == nil {
		mode = 0o444
	}
	path = filepath.Join(dir, k.FileName())
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, mode)
	if err != nil {
		return "", fmt.Errorf("write %s key: %w", k.purpose, err)
	}
	_, err = f.Write(k.Export())
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return "", fmt.Errorf("write %s key: %w", k.purpose, err)
	}
	return path, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// ReadFile reads a key file. It refuses a symbolic link, anything but a regular
// file, a private key that group or others may read or write, and a key whose
// id is not the one in the file's name.
func ReadFile(path string) (*Key, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, fmt.Errorf("key file %s is a symbolic link", path)
	}
	if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("key file %s is not a regular file", path)
	}
	private := strings.HasSuffix(path, privateSuffix)
	if mode := info.Mode().Perm(); private && mode&0o077 != 0 {
		return nil, fmt.Errorf("key file %s is open to others (mode %04o): chmod 0400 it", path, mode)
	}
	text, err := io.ReadAll(io.LimitReader(f, 1024))
	if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	k, err := ParseKey(text)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	if k.FileName() != filepath.Base(path) {
		return nil, fmt.Errorf("key file %s holds %s key %s", path, k.purpose, k.id)
	}
	return k, nil
}

// Load reads the ring of purpose from dir, where its files are named as
// FileName does. No file of that purpose is an error that wraps fs.ErrNotExist.
func Load(dir string, purpose Purpose, now func() time.Time) (*Ring, error) {
	paths, err := files(dir, purpose)
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no %s key in %s: %w", purpose, dir, fs.ErrNotExist)
	}
	if len(paths) > maxKeys {
		return nil, fmt.Errorf("more than %d %s keys in %s", maxKeys, purpose, dir)
	}
	keys := make([]*Key, 0, len(paths))
	for _, path := range paths {
		k, err := ReadFile(path)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return NewRing(purpose, dir, now, keys...)
}

func files(dir string, purpose Purpose) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read key directory: %w", err)
	}
	var paths []string
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), string(purpose)+"-")
		if ok && (strings.HasSuffix(rest, privateSuffix) || strings.HasSuffix(rest, publicSuffix)) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths, nil
}
