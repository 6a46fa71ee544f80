package wire

import (
	"strings"
	"testing"
)

func TestEncoderRefuses(t *testing.T) {
	request := mustDecode(t, unhex(t, vectorRequest))
	tests := []struct {
		name string
		add  func(*Encoder)
	}{
		{"empty value", func(e *Encoder) { e.AddString(ReplyMessage, "") }},
		{"value over 253", func(e *Encoder) { e.AddString(ReplyMessage, strings.Repeat("x", 254)) }},
		{"packet over 4096", func(e *Encoder) {
			for range 17 {
				e.AddString(ReplyMessage, strings.Repeat("x", 253))
			}
		}},
		{"vendor value over 247", func(e *Encoder) { e.AddVendor(VendorCisco, 1, make([]byte, 248)) }},
		{"empty vendor value", func(e *Encoder) { e.AddVendor(VendorCisco, 1, nil) }},
		{"tag over 31", func(e *Encoder) { e.AddTaggedUint24(TunnelType, 32, 13) }},
		{"tagged value over 24 bits", func(e *Encoder) { e.AddTaggedUint24(TunnelType, 0, 1<<24) }},
		{"VLAN that begins like a tag", func(e *Encoder) { e.AddVLAN("\x01office") }},
		{"VLAN without a name", func(e *Encoder) { e.AddVLAN("") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := NewReply(nil, AccessAccept, request, true)
			tt.add(e)
			e.AddString(UserName, "after the mistake")
			if b, err := e.Finish(NewKey([]byte("s"))); err == nil {
				t.Errorf("no error, %d octets", len(b))
			}
		})
	}
}

func TestEncoderReusesItsBuffer(t *testing.T) {
	request := mustDecode(t, unhex(t, vectorRequest))
	buf := make([]byte, 0, 512)
	e := NewReply(buf, AccessReject, request, true)
	out, err := e.Finish(NewKey([]byte("s")))
	if err != nil {
		t.Fatal(err)
	}
	if &out[0] != &buf[:1][0] {
		t.Error("a buffer that was large enough was not used")
	}
}

func TestTaggedString(t *testing.T) {
	tests := []struct {
		name, in string
		tag      byte
		text     string
	}{
		{"untagged", "101", 0, "101"},
		{"tag 0", "\x00101", 0, "101"},
		{"tag 31", "\x1foffice", 31, "office"},
		{"first letter is not a tag", "\x20office", 0, "\x20office"},
		{"nothing", "", 0, ""},
	}
	request := mustDecode(t, unhex(t, vectorRequest))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tag, text := TaggedString([]byte(tt.in))
			if tag != tt.tag || string(text) != tt.text {
				t.Errorf("%d %q, want %d %q", tag, text, tt.tag, tt.text)
			}
			if tt.text == "" {
				return
			}
			e := NewReply(nil, AccessAccept, request, false)
			e.AddTaggedString(TunnelPrivateGroupID, tt.tag, tt.text)
			out, err := e.Finish(NewKey([]byte("s")))
			if err != nil {
				t.Fatal(err)
			}
			v, _ := mustDecode(t, out).Lookup(TunnelPrivateGroupID)
			if tag, text := TaggedString(v); tag != tt.tag || string(text) != tt.text {
				t.Errorf("encoded: %d %q", tag, text)
			}
		})
	}
}

func TestVendorAttributesStopAtMistakes(t *testing.T) {
	tests := []struct {
		name, in string
		want     int
	}{
		{"two", "\x00\x00\x00\x09\x01\x03a\x01\x03b", 2},
		{"other vendor", "\x00\x00\x00\x0a\x01\x03a", 0},
		{"inner length leaves", "\x00\x00\x00\x09\x01\x09a", 0},
		{"inner length 0", "\x00\x00\x00\x09\x01\x00a", 0},
		{"no room for a vendor", "\x00\x00", 0},
		{"second one broken", "\x00\x00\x00\x09\x01\x03a\x01", 1},
	}
	request := mustDecode(t, unhex(t, vectorRequest))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := NewReply(nil, AccessAccept, request, false)
			e.AddString(VendorSpecific, tt.in)
			out, err := e.Finish(NewKey([]byte("s")))
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for range mustDecode(t, out).VendorAttributes(VendorCisco) {
				n++
			}
			if n != tt.want {
				t.Errorf("%d attributes, want %d", n, tt.want)
			}
		})
	}
}

func TestCodeNames(t *testing.T) {
	for c, want := range map[Code]string{AccessRequest: "Access-Request", CoANAK: "CoA-NAK", 99: "Code-99"} {
		if c.String() != want {
			t.Errorf("%d is %q", c, c)
		}
	}
}
