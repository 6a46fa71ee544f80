package wire

import (
	"bytes"
	"testing"

	"layeh.com/radius"
)

// FuzzDecode checks that whatever is accepted stays inside Length, that the
// other library accepts it too with the same attributes, and that encoding
// the attributes again gives the same octets.
func FuzzDecode(f *testing.F) {
	f.Add(unhex(f, vectorRequest))
	f.Add(unhex(f, vectorAccept))
	f.Add(append(unhex(f, vectorAccept), "padding"...))
	f.Add(append([]byte{1, 7, 0, 38}, append(make([]byte, 16), append([]byte{80, 18}, make([]byte, 16)...)...)...))
	f.Add(append([]byte{1, 7, 0, 33}, append(make([]byte, 16), 26, 13, 0, 0, 0, 9, 1, 3, 'a', 1, 3, 'b', 0)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Decode(b)
		if err != nil {
			return
		}
		if len(p.Raw()) > len(b) || len(p.Raw()) > MaxLength {
			t.Fatalf("%d octets out of %d", len(p.Raw()), len(b))
		}
		other, err := radius.Parse(p.Raw(), []byte("s"))
		if err != nil {
			t.Fatalf("layeh refuses: %v", err)
		}
		e := NewReply(nil, p.Code(), p, false)
		n := 0
		for typ, v := range p.Attributes() {
			if !bytes.Equal(other.Attributes[n].Attribute, v) || byte(other.Attributes[n].Type) != byte(typ) {
				t.Fatalf("attribute %d differs", n)
			}
			n++
			if len(v) == 0 {
				return // the encoder never sends what RFC 2865 §5 forbids
			}
			e.Add(typ, v)
		}
		out, err := e.Finish(NewKey([]byte("s")))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(out[headerSize:], p.Raw()[headerSize:]) {
			t.Fatal("attributes changed")
		}
		p.VerifyRequest(NewKey([]byte("s")))
		p.VerifyAccounting(NewKey([]byte("s")))
		for range p.VendorAttributes(VendorCisco) {
		}
	})
}

// FuzzPassword checks reveal(hide(x)) == x up to the padding.
func FuzzPassword(f *testing.F) {
	f.Add([]byte("arctangent"), []byte("xyzzy5461"), []byte("0123456789abcdef"))
	f.Add([]byte(""), []byte(""), []byte(""))
	f.Fuzz(func(t *testing.T, password, secret, nonce []byte) {
		var auth [16]byte
		copy(auth[:], nonce)
		key := NewKey(secret)
		hidden, err := HidePassword(password, auth, key)
		if err != nil {
			if len(password) <= MaxPassword {
				t.Fatal(err)
			}
			return
		}
		got, err := RevealPassword(hidden, auth, key)
		if err != nil || !bytes.Equal(got, bytes.TrimRight(password, "\x00")) {
			t.Fatalf("%q came back as %q, %v", password, got, err)
		}
		_, _ = RevealPassword(password, auth, key)
	})
}

func BenchmarkAccept(b *testing.B) {
	key := NewKey([]byte("a secret of the network"))
	raw := unhex(b, vectorRequest)
	buf := make([]byte, 0, MaxLength)
	b.ReportAllocs()
	for b.Loop() {
		request, err := Decode(raw)
		if err != nil {
			b.Fatal(err)
		}
		request.VerifyAccounting(key)
		e := NewReply(buf, AccessAccept, request, true)
		e.AddString(UserName, "alice")
		e.AddVLAN("101")
		if _, err := e.Finish(key); err != nil {
			b.Fatal(err)
		}
	}
}
