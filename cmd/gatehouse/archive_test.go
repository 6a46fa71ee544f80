package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func archive(t testing.TB, h archiveHeader, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	err := writeArchive(&b, h, func(w io.Writer) error { _, err := io.WriteString(w, content); return err })
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestArchive(t *testing.T) {
	want := archiveHeader{
		Version: "1", Created: time.Unix(0, 0).UTC(), Engine: "sqlite", Domain: "example.com", PublicURL: "https://id.example.com",
		Keys: []archiveKey{{Purpose: "totp", ID: "0123456789abcdef"}},
	}
	for _, content := range []string{"", "x", strings.Repeat("many\n", 1<<20)} {
		b := archive(t, want, content)
		got, r, err := openArchive(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if read, err := io.ReadAll(r); err != nil || string(read) != content {
			t.Errorf("%d bytes come back as %d, %v", len(content), len(read), err)
		}
	}
}

func TestArchiveRefuses(t *testing.T) {
	good := archive(t, archiveHeader{Engine: "sqlite"}, "content")
	flip := func(at int) []byte {
		b := bytes.Clone(good)
		b[at] ^= 1
		return b
	}
	for _, tt := range []struct {
		name string
		in   []byte
		want string
	}{
		{name: "empty", want: "not a backup"},
		{name: "something else", in: []byte(strings.Repeat("SQLite format 3\x00", 10)), want: "not a backup"},
		{name: "a later version", in: bytes.Replace(good, []byte("backup 1"), []byte("backup 2"), 1), want: "not a backup of this version"},
		{name: "no end of the head", in: []byte(archiveMagic + strings.Repeat("{", 2*archiveHeaderMax)), want: "its head has no end"},
		{name: "no JSON", in: []byte(archiveMagic + "{\n" + strings.Repeat("x", 100)), want: "damaged"},
		{name: "the head edited", in: flip(len(archiveMagic) + 3), want: "damaged"},
		{name: "the content edited", in: flip(len(good) - 35), want: "checksum"},
		{name: "the checksum edited", in: flip(len(good) - 1), want: "checksum"},
		{name: "cut off", in: good[:len(good)-1], want: "checksum"},
		{name: "longer", in: append(bytes.Clone(good), 0), want: "checksum"},
	} {
		_, _, err := openArchive(bytes.NewReader(tt.in), int64(len(tt.in)))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
}

func FuzzOpenArchive(f *testing.F) {
	f.Add([]byte(""))
	f.Add([]byte(archiveMagic))
	f.Add(archive(f, archiveHeader{Engine: "sqlite", Keys: []archiveKey{{}}}, "content"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, r, err := openArchive(bytes.NewReader(b), int64(len(b)))
		if (r == nil) == (err == nil) {
			t.Errorf("%v and %v", r, err)
		}
	})
}
