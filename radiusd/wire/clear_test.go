package wire

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// clearRequest is an Access-Request of RADIUS/1.1 (RFC 9765 §4.1), laid out by
// hand: Reserved-1 and Reserved-2 are not zero, because they are to be ignored.
const clearRequest = `01 5a 00 25 de ad be ef 01 02 03 04 05 06 07 08
	09 0a 0b 0c 01 06 6e 65 6d 6f 02 0b 61 72 63 20 74 61 6e 67 00`

func mustDecodeClear(tb testing.TB, b []byte) Packet {
	tb.Helper()
	p, err := DecodeClear(b)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func TestClearPacket(t *testing.T) {
	p := mustDecodeClear(t, unhex(t, clearRequest))
	if !p.Clear() || !p.Clone().Clear() || p.Token() != [4]byte{0xde, 0xad, 0xbe, 0xef} {
		t.Errorf("clear %v, token %x", p.Clear(), p.Token())
	}
	// The last octet is part of the password: nothing is padded.
	if password, err := p.Password(nil); err != nil || string(password) != "arc tang\x00" {
		t.Errorf("password %q, %v", password, err)
	}
	for _, length := range []int{0, 129} {
		raw := append(bytes.Clone(p.Raw()[:26]), byte(UserPassword), byte(2+length))
		raw = append(raw, strings.Repeat("x", length)...)
		raw[3] = byte(len(raw))
		if _, err := mustDecodeClear(t, raw).Password(nil); !errors.Is(err, ErrPassword) {
			t.Errorf("a password of %d octets: %v", length, err)
		}
	}
}

// RFC 9765 §5.2: whatever a Message-Authenticator is like, it is ignored.
func TestClearIgnoresMessageAuthenticator(t *testing.T) {
	raw := append(unhex(t, clearRequest), 80, 3, 1, 80, 3, 1)
	raw[3] = byte(len(raw))
	if p := mustDecodeClear(t, raw); p.HasMessageAuthenticator() {
		t.Error("it counts")
	}
	if _, err := Decode(raw); !errors.Is(err, ErrDuplicate) {
		t.Errorf("in the older version: %v", err)
	}
}

func TestClearReply(t *testing.T) {
	e := NewReply(nil, AccessAccept, mustDecodeClear(t, unhex(t, clearRequest)), true)
	e.AddString(UserName, "nemo")
	e.AddMPPEKeys([]byte("recv"), []byte("send"), nil, 0)
	got, err := e.Finish(nil)
	want := unhex(t, `02 00 00 32 de ad be ef 00 00 00 00 00 00 00 00
		00 00 00 00 01 06 6e 65 6d 6f
		1a 0c 00 00 01 37 11 06 72 65 63 76 1a 0c 00 00 01 37 10 06 73 65 6e 64`)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got  %x, %v\nwant %x", got, err, want)
	}
}

// FuzzDecodeClear checks that both versions of the protocol take the same
// octets for a packet, but for Message-Authenticator, and that a reply keeps
// the Token.
func FuzzDecodeClear(f *testing.F) {
	f.Add(unhex(f, clearRequest))
	f.Add(unhex(f, vectorRequest))
	f.Add(append([]byte{1, 7, 0, 23}, append(make([]byte, 16), 80, 3, 1)...))
	f.Add([]byte{52, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := DecodeClear(b)
		if _, other := Decode(b); other != nil && !errors.Is(other, ErrDuplicate) && !errors.Is(err, other) {
			t.Fatalf("%v, the other version says %v", err, other)
		}
		if err != nil {
			return
		}
		if _, err := p.Password(nil); err == nil && !p.Has(UserPassword) {
			t.Fatal("a password out of nothing")
		}
		out, err := NewReply(nil, AccessReject, p, true).Finish(nil)
		if err != nil || len(out) != MinLength || out[1] != 0 || !bytes.Equal(out[4:8], b[4:8]) {
			t.Fatalf("reply %x, %v", out, err)
		}
	})
}
