package proxyheader_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"gatehouse/internal/proxyheader"
)

const signature = "\r\n\r\n\x00\r\nQUIT\n"

func TestRead(t *testing.T) {
	tests := []struct {
		name, in, want string
		fails          bool
	}{
		{"IPv4", signature + "\x21\x11\x00\x0c\xcb\x00\x71\x07\x7f\x00\x00\x01\x9c\x40\x01\x85", "203.0.113.7:40000", false},
		{"IPv6", signature + "\x21\x21\x00\x24\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x01" + strings.Repeat("\x00", 16) + "\x9c\x40\x01\x85", "[2001:db8::1]:40000", false},
		{"IPv4 in IPv6", signature + "\x21\x21\x00\x24" + strings.Repeat("\x00", 10) + "\xff\xff\xcb\x00\x71\x07" + strings.Repeat("\x00", 16) + "\x9c\x40\x01\x85", "203.0.113.7:40000", false},
		{"with more behind the addresses", signature + "\x21\x11\x00\x10\xcb\x00\x71\x07\x7f\x00\x00\x01\x9c\x40\x01\x85\x04\x00\x01\x00", "203.0.113.7:40000", false},
		{"the proxy itself", signature + "\x20\x00\x00\x00", "invalid AddrPort", false},
		{"the proxy itself, with addresses", signature + "\x20\x11\x00\x0c\xcb\x00\x71\x07\x7f\x00\x00\x01\x9c\x40\x01\x85", "invalid AddrPort", false},
		{"a unix socket", signature + "\x21\x31\x00\xd8" + strings.Repeat("\x00", 216), "invalid AddrPort", false},
		{"version 1", "PROXY TCP4 203.0.113.7 127.0.0.1 40000 389\r\n", "", true},
		{"version 3", signature + "\x31\x11\x00\x0c\xcb\x00\x71\x07\x7f\x00\x00\x01\x9c\x40\x01\x85", "", true},
		{"unknown command", signature + "\x22\x11\x00\x0c\xcb\x00\x71\x07\x7f\x00\x00\x01\x9c\x40\x01\x85", "", true},
		{"addresses cut off", signature + "\x21\x11\x00\x04\xcb\x00\x71\x07", "", true},
		{"too long", signature + "\x21\x11\xff\xff" + strings.Repeat("\x00", 0xffff), "", true},
		{"cut off", signature + "\x21\x11\x00\x0c\xcb", "", true},
		{"a bind", "\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00\x00\x00", "", true},
		{"nothing", "", "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := strings.NewReader(tt.in + "behind")
			got, err := proxyheader.Read(r)
			if tt.fails {
				if err == nil {
					t.Errorf("read %v", got)
				}
				return
			}
			if err != nil || got.String() != tt.want {
				t.Errorf("got %v, %v; want %s", got, err, tt.want)
			}
			if rest, _ := io.ReadAll(r); string(rest) != "behind" {
				t.Errorf("behind the header are %q", rest)
			}
		})
	}
}

// FuzzRead: whatever comes, no more than a header is read, and what is refused gives no address.
func FuzzRead(f *testing.F) {
	f.Add([]byte(signature + "\x21\x11\x00\x0c\xcb\x00\x71\x07\x7f\x00\x00\x01\x9c\x40\x01\x85"))
	f.Add([]byte(signature + "\x20\x00\x00\x00"))
	f.Add([]byte("PROXY TCP4 203.0.113.7 127.0.0.1 40000 389\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		got, err := proxyheader.Read(r)
		if err != nil && got.IsValid() {
			t.Errorf("%v and %v", got, err)
		}
		if read := len(b) - r.Len(); read > 16+4<<10 && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("read %d octets", read)
		}
	})
}
