package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
)

// RFC 2865 §7.1: user nemo logs in with password arctangent.
const (
	vectorSecret  = "xyzzy5461"
	vectorRequest = `01 00 00 38 0f 40 3f 94 73 97 80 57 bd 83 d5 cb
		98 f4 22 7a 01 06 6e 65 6d 6f 02 12 0d be 70 8d
		93 d4 13 ce 31 96 e4 3f 78 2a 0a ee 04 06 c0 a8
		01 10 05 06 00 00 00 03`
	vectorAccept = `02 00 00 26 86 fe 22 0e 76 24 ba 2a 10 05 f6 bf
		9b 55 e0 b2 06 06 00 00 00 01 0f 06 00 00 00 00
		0e 06 c0 a8 01 03`
)

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func mustDecode(tb testing.TB, b []byte) Packet {
	tb.Helper()
	p, err := Decode(b)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func TestDecode(t *testing.T) {
	header := func(length byte, attributes ...byte) []byte {
		return append(append([]byte{1, 7, 0, length}, make([]byte, 16)...), attributes...)
	}
	mac := append([]byte{80, 18}, make([]byte, 16)...)
	tests := []struct {
		name string
		in   []byte
		want error
	}{
		{"nothing", nil, ErrShort},
		{"19 octets", header(20)[:19], ErrShort},
		{"no attributes", header(20), nil},
		{"length below 20", header(19), ErrLength},
		{"length over 4096", append([]byte{1, 1, 0x10, 1}, make([]byte, 4200)...), ErrLength},
		{"shorter than length", header(26, 1, 5, 'b', 'o', 'b'), ErrShort},
		{"padding is ignored", header(25, 1, 5, 'b', 'o', 'b', 0xff, 0xff, 0xff), nil},
		{"attribute without length", header(21, 1), ErrAttribute},
		{"attribute of length 0", header(22, 1, 0), ErrAttribute},
		{"attribute of length 1", header(22, 1, 1), ErrAttribute},
		{"attribute reaches into the padding", header(24, 1, 5, 'b', 'o', 'b'), ErrAttribute},
		{"empty attribute", header(22, 1, 2), nil},
		{"message-authenticator", header(38, mac...), nil},
		{"two message-authenticators", header(56, append(mac, mac...)...), ErrDuplicate},
		{"short message-authenticator", header(25, 80, 5, 1, 2, 3), ErrDuplicate},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Decode(tt.in)
			if !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if err == nil && len(p.Raw()) != int(tt.in[3]) {
				t.Errorf("raw is %d octets, want Length %d", len(p.Raw()), tt.in[3])
			}
		})
	}
}

func TestVectors(t *testing.T) {
	request := mustDecode(t, unhex(t, vectorRequest))
	type attribute struct {
		Type  Type
		Value string
	}
	var got []attribute
	for typ, v := range request.Attributes() {
		if typ != UserPassword {
			got = append(got, attribute{typ, string(v)})
		}
	}
	want := []attribute{{UserName, "nemo"}, {NASIPAddress, "\xc0\xa8\x01\x10"}, {NASPort, "\x00\x00\x00\x03"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	hidden, _ := request.Lookup(UserPassword)
	password, err := RevealPassword(hidden, request.Authenticator(), NewKey([]byte(vectorSecret)))
	if err != nil || string(password) != "arctangent" {
		t.Errorf("password %q, %v", password, err)
	}
	again, err := HidePassword(password, request.Authenticator(), NewKey([]byte(vectorSecret)))
	if err != nil || !bytes.Equal(again, hidden) {
		t.Errorf("hidden again as %x, %v, want %x", again, err, hidden)
	}
	if port, ok := request.Uint32(NASPort); !ok || port != 3 {
		t.Errorf("NAS-Port %d, %v", port, ok)
	}

	e := NewReply(nil, AccessAccept, request, false)
	e.AddUint32(ServiceType, 1)
	e.AddUint32(15, 0)
	e.Add(14, []byte{192, 168, 1, 3})
	accept, err := e.Finish(NewKey([]byte(vectorSecret)))
	if err != nil || !bytes.Equal(accept, unhex(t, vectorAccept)) {
		t.Errorf("accept %x, %v", accept, err)
	}
	if !mustDecode(t, accept).VerifyReply(request.Authenticator(), NewKey([]byte(vectorSecret))) {
		t.Error("the accept of the RFC does not verify")
	}
}

func TestPasswordSizes(t *testing.T) {
	auth, secret := [16]byte{1, 2, 3}, []byte("s3cret")
	key := NewKey(secret)
	for _, n := range []int{0, 1, 15, 16, 17, 32, 127, 128} {
		in := bytes.Repeat([]byte{'p'}, n)
		hidden, err := HidePassword(in, auth, key)
		if err != nil {
			t.Fatal(err)
		}
		out, err := RevealPassword(hidden, auth, key)
		if err != nil || !bytes.Equal(in, out) {
			t.Errorf("%d octets came back as %q, %v", n, out, err)
		}
		if n == 0 {
			continue // RFC 2865 §5.2 has no empty password; the other side refuses it
		}
		packet := radius.New(radius.CodeAccessRequest, secret)
		packet.Authenticator = auth
		packet.Add(rfc2865.UserPassword_Type, hidden)
		if theirs := rfc2865.UserPassword_Get(packet); !bytes.Equal(theirs, in) {
			t.Errorf("%d octets: layeh reads %q", n, theirs)
		}
	}
	for _, n := range []int{0, 15, 17, 144} {
		if _, err := RevealPassword(make([]byte, n), auth, key); !errors.Is(err, ErrPassword) {
			t.Errorf("value of %d octets: %v", n, err)
		}
	}
	if _, err := HidePassword(make([]byte, 129), auth, key); !errors.Is(err, ErrPassword) {
		t.Errorf("129 octets hidden: %v", err)
	}
}

func TestUint32OfWrongSize(t *testing.T) {
	p := mustDecode(t, append([]byte{1, 1, 0, 23}, append(make([]byte, 16), 5, 3, 9)...))
	if _, ok := p.Uint32(NASPort); ok {
		t.Error("an integer of one octet was read")
	}
	if p.Has(UserName) || !p.Has(NASPort) {
		t.Error("Has is wrong")
	}
}
