package eap

import (
	"bytes"
	"context"
	"crypto/tls"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/directory/schema"
)

// clientHello returns the first flight of a device.
func clientHello(tb testing.TB, f *fixture) []byte {
	tb.Helper()
	p := newPipe()
	go func() {
		defer p.end()
		_ = tls.Client(p, &tls.Config{ServerName: "radius.example.com", RootCAs: f.ca.Pool()}).HandshakeContext(context.WithoutCancel(tb.Context()))
	}()
	hello, _ := p.exchange(nil)
	_ = p.Close()
	return hello
}

func FuzzPacket(f *testing.F) {
	f.Add([]byte{2, 1, 0, 10, 1, 'a', 'l', 'i', 'c', 'e'})
	f.Add([]byte{2, 1, 0, 5, 3})
	f.Add([]byte{2, 1, 255, 255, 3, 25})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, ok := parse(b)
		if !ok {
			return
		}
		again, ok := parse(p.encode())
		if !ok || again.code != p.code || again.id != p.id || again.typ != p.typ || !bytes.Equal(again.data, p.data) {
			t.Errorf("%+v came back as %+v", p, again)
		}
	})
}

func FuzzAVPs(f *testing.F) {
	f.Add(appendAVP(appendAVP(nil, avpCode{code: avpUserName}, []byte("alice")), avpCode{vendorMicrosoft, avpMS2Response}, make([]byte, 50)))
	f.Add([]byte{0, 0, 0, 1, 0x40, 0, 0, 7})
	f.Add([]byte{0, 0, 0, 1, 0xc0, 0, 0, 8, 0, 0, 1, 55})
	f.Add([]byte{0, 0, 0, 1, 0x40, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := parseAVPs(b)
		if err != nil {
			return
		}
		var encoded []byte
		for _, a := range list {
			encoded = appendAVP(encoded, a.avpCode, a.data)
		}
		again, err := parseAVPs(encoded)
		if err != nil || len(again) != len(list) {
			t.Fatalf("%d attributes came back as %d, %v", len(list), len(again), err)
		}
		for i := range list {
			if again[i].avpCode != list[i].avpCode || !bytes.Equal(again[i].data, list[i].data) {
				t.Errorf("%+v came back as %+v", list[i], again[i])
			}
		}
		_, _ = readAVPs(b)
	})
}

func FuzzTLVs(f *testing.F) {
	b := binding{cmk: [20]byte{1}}
	f.Add(append(makeTLV(tlvRequired|tlvResult, []byte{0, 1}), b.tlv(bindingReply, [32]byte{})...))
	f.Add([]byte{0, 12, 0, 1, 0})
	f.Add([]byte{0, 12, 255, 255})
	f.Fuzz(func(t *testing.T, raw []byte) {
		list, err := parseTLVs(raw)
		if err != nil {
			return
		}
		var again []byte
		for _, v := range list {
			again = append(again, v.raw...)
		}
		if !bytes.Equal(again, raw) {
			t.Errorf("%x came back as %x", raw, again)
		}
		_, _ = b.agreed(packet{code: Response, id: 1, typ: TypeTLV, data: raw}.encode(), 1)
	})
}

func FuzzMSCHAPv2Response(f *testing.F) {
	f.Add(append([]byte{msResponse, 7, 0, 59, msValueSize}, append(make([]byte, msValueSize), "alice"...)...), byte(7))
	f.Fuzz(func(t *testing.T, b []byte, id byte) {
		p, name, ok := msProof(b, id)
		if ok && (len(p.UserName) > len(name) || len(name) > len(b)) {
			t.Errorf("%q from %q", p.UserName, name)
		}
	})
}

// What is taken apart is put together again, and nothing else comes of it.
func FuzzFragments(f *testing.F) {
	f.Add([]byte("a TLS message that is longer than one packet"), 101)
	f.Fuzz(func(t *testing.T, message []byte, mtu int) {
		if len(message) > maxMessage {
			return
		}
		var sender, receiver frame
		sender.load(message)
		for {
			data := sender.send(fragmentSize(mtu))
			if len(data)+headerSize+1 > fragmentSize(mtu) {
				t.Fatalf("a packet of %d octets", len(data)+headerSize+1)
			}
			whole, err := receiver.receive(data)
			if err != nil {
				t.Fatal(err)
			}
			if whole != nil {
				if diff := cmp.Diff(message, whole); len(message) > 0 && diff != "" || sender.pending() {
					t.Error(diff)
				}
				return
			}
			if more, err := sender.receive(receiver.send(fragmentSize(mtu))); more != nil || err != nil {
				t.Fatalf("an acknowledgement gave %v, %v", more, err)
			}
		}
	})
}

// A device may send anything at all.
func FuzzConversation(f *testing.F) {
	f.Add([]byte{21, 3, 0, 22, 3, 1, 0, 0}, byte(TypeTTLS))
	f.Add([]byte{26, 0, 2, 1, 0, 59, 49}, byte(TypeMSCHAPv2))
	f.Fuzz(func(t *testing.T, script []byte, typ byte) {
		fixture := newFixture(t)
		p := fixture.peer(Type(typ), nil)
		p.round.Methods = []string{schema.MethodEAPTTLS, schema.MethodPEAP, schema.MethodEAPTLS, schema.MethodEAPMSCHAPv2}
		if a := p.identify(); a.Verdict != Challenge {
			return
		}
		for len(script) >= 2 {
			n := min(int(script[1]), len(script)-2)
			if a := p.send(Type(script[0]), script[2:2+n]); a.Verdict == Accepted {
				t.Fatalf("let in: %+v", a)
			} else if a.Verdict != Challenge {
				break
			}
			script = script[2+n:]
		}
		fixture.sweep(fixture.clock.Now().Add(2 * maxLife))
		if fixture.Open() != 0 {
			t.Error("a conversation is left")
		}
	})
}
