package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// A backup file is the line archiveMagic, a line of JSON (archiveHeader), what
// the store wrote, and the SHA-256 of everything before it.
const (
	archiveMagic     = "gatehouse backup 1\n"
	archiveHeaderMax = 1 << 20
)

// archiveHeader says what a backup is of, and which keys it needs. It holds no
// key.
type archiveHeader struct {
	Version   string       `json:"version"`
	Created   time.Time    `json:"created"`
	Engine    string       `json:"engine"` // "sqlite" or "postgres"
	Domain    string       `json:"domain"`
	PublicURL string       `json:"public_url"`
	Keys      []archiveKey `json:"keys"`
}

// archiveKey names a sealing key.
type archiveKey struct {
	Purpose string `json:"purpose"`
	ID      string `json:"id"`
}

// writeArchive writes a backup whose content payload writes.
func writeArchive(w io.Writer, h archiveHeader, payload func(io.Writer) error) error {
	sum := sha256.New()
	buffered := bufio.NewWriterSize(io.MultiWriter(w, sum), 1<<20)
	line, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if _, err := buffered.WriteString(archiveMagic + string(line) + "\n"); err != nil {
		return err
	}
	if err := payload(buffered); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	_, err = w.Write(sum.Sum(nil))
	return err
}

// openArchive reads and checks a backup of size bytes, and returns its header
// and its content.
func openArchive(f io.ReaderAt, size int64) (archiveHeader, io.Reader, error) {
	var h archiveHeader
	end := size - sha256.Size
	if end < int64(len(archiveMagic)) {
		return h, nil, errors.New("it is not a backup")
	}
	r := bufio.NewReader(io.NewSectionReader(f, 0, min(end, archiveHeaderMax)))
	magic, err := r.ReadString('\n')
	if err != nil || magic != archiveMagic {
		return h, nil, errors.New("it is not a backup of this version")
	}
	line, err := r.ReadBytes('\n')
	if err != nil {
		return h, nil, errors.New("it is damaged: its head has no end")
	}
	if err := json.NewDecoder(bytes.NewReader(line)).Decode(&h); err != nil {
		return h, nil, fmt.Errorf("it is damaged: %w", err)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(f, 0, end)); err != nil {
		return h, nil, err
	}
	var want [sha256.Size]byte
	if _, err := f.ReadAt(want[:], end); err != nil && !errors.Is(err, io.EOF) {
		return h, nil, err
	}
	if subtle.ConstantTimeCompare(want[:], sum.Sum(nil)) != 1 {
		return h, nil, errors.New("it is damaged or cut off: its checksum is not right")
	}
	start := int64(len(archiveMagic) + len(line))
	return h, io.NewSectionReader(f, start, end-start), nil
}

// openBackup opens a backup file.
func openBackup(path string) (*os.File, archiveHeader, io.Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, archiveHeader{}, nil, fmt.Errorf("read the backup: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, archiveHeader{}, nil, errors.Join(fmt.Errorf("read the backup: %w", err), f.Close())
	}
	h, payload, err := openArchive(f, info.Size())
	if err != nil {
		return nil, h, nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return f, h, payload, nil
}
