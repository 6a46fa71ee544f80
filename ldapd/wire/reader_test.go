package wire

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

func TestReader(t *testing.T) {
	small := unhex(t, "3005 020101 4200")
	big := append(AppendHeader(nil, tagSequence, 100_000), bytes.Repeat([]byte{1}, 100_000)...)
	stream := bytes.Join([][]byte{small, big, small, small, big, small}, nil)
	for name, src := range map[string]io.Reader{
		"whole":       bytes.NewReader(stream),
		"octet-wise":  iotest.OneByteReader(bytes.NewReader(stream)),
		"half blocks": iotest.HalfReader(bytes.NewReader(stream)),
	} {
		t.Run(name, func(t *testing.T) {
			r := NewReader(src)
			for i, want := range [][]byte{small, big, small, small, big, small} {
				got, err := r.Next(1 << 20)
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("PDU %d: %d octets, %v", i, len(got), err)
				}
			}
			if _, err := r.Next(1 << 20); !errors.Is(err, io.EOF) {
				t.Errorf("at the end: %v", err)
			}
		})
	}
}

func TestReaderRefuses(t *testing.T) {
	tests := []struct {
		name, in string
		want     error
	}{
		{"larger than the limit", "3083010000", ErrTooLarge},
		{"4 GiB", "3084ffffffff", ErrTooLarge},
		{"ends in the header", "3082", io.ErrUnexpectedEOF},
		{"ends in the contents", "3005 0201", io.ErrUnexpectedEOF},
		{"nothing", "", io.EOF},
		{"HTTP", "474554202f", &Error{}},
		{"a TLS hello on a plain port", "160301", &Error{}},
		{"indefinite length", "3080", &Error{}},
		{"five length octets", "30850000000001", &Error{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewReader(bytes.NewReader(unhex(t, tt.in))).Next(64 << 10)
			var e *Error
			if wantAny := new(Error); errors.As(tt.want, &wantAny) && tt.want != error(ErrTooLarge) {
				if !errors.As(err, &e) || !e.Fatal {
					t.Errorf("got %v", err)
				}
			} else if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// stalled is a source that returns neither octets nor an error, a few times.
type stalled struct{ times int }

func (s *stalled) Read([]byte) (int, error) {
	if s.times--; s.times >= 0 {
		return 0, nil
	}
	return 0, io.EOF
}

func TestReaderDoesNotSpin(t *testing.T) {
	if _, err := NewReader(&stalled{times: 3}).Next(100); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("got %v, want %v", err, io.ErrNoProgress)
	}
}

// TestReaderTakesNoMoreThanArrived: 4 MiB announced, 10 octets sent.
func TestReaderTakesNoMoreThanArrived(t *testing.T) {
	r := NewReader(bytes.NewReader(append(AppendHeader(nil, tagSequence, 4<<20-8), make([]byte, 10)...)))
	if _, err := r.Next(4 << 20); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	if cap(r.buf) > readerMin {
		t.Errorf("buffer of %d octets", cap(r.buf))
	}
}

func TestReaderGivesBackMemory(t *testing.T) {
	big := append(AppendHeader(nil, tagSequence, 1<<20), make([]byte, 1<<20)...)
	r := NewReader(io.MultiReader(bytes.NewReader(big), bytes.NewReader(unhex(t, "3005 020101 4200"))))
	for range 2 {
		if _, err := r.Next(2 << 20); err != nil {
			t.Fatal(err)
		}
	}
	if cap(r.buf) > readerKeep {
		t.Errorf("buffer of %d octets", cap(r.buf))
	}
}

func TestReaderReady(t *testing.T) {
	two := unhex(t, "3005 020101 4200 3005 020101 42")
	r := NewReader(bytes.NewReader(two))
	if r.Ready(100) {
		t.Error("ready before anything was read")
	}
	if _, err := r.Next(100); err != nil {
		t.Fatal(err)
	}
	if r.Ready(100) || r.Buffered() != 6 {
		t.Errorf("ready with half a PDU, %d octets", r.Buffered())
	}
	r.Reset(bytes.NewReader(nil))
	if r.Buffered() != 0 {
		t.Error("reset kept octets of the old stream")
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("\x30\x05\x02\x01\x01\x42\x00\x30\x82"))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := NewReader(iotest.OneByteReader(bytes.NewReader(in)))
		var got []byte
		for {
			pdu, err := r.Next(1 << 16)
			if err != nil {
				break
			}
			got = append(got, pdu...)
		}
		if !bytes.HasPrefix(in, got) {
			t.Fatal("PDUs are not what was sent")
		}
	})
}
