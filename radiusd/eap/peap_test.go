package eap

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"
)

// insidePEAP is how a device speaks in the tunnel of PEAPv0: without EAP headers.
func insidePEAP(c *tls.Conn, answer ...byte) ([]byte, error) {
	if _, err := c.Write(answer); err != nil {
		return nil, err
	}
	b := make([]byte, 1024)
	n, err := c.Read(b)
	return b[:n], err
}

// gtc is the script of PEAP/EAP-GTC. result makes what the device answers to the
// result, from the identifier and the keys.
func gtc(password string, result func(id byte, keys keyMaterial) []byte) func(*tls.Conn) error {
	return func(c *tls.Conn) error {
		b := make([]byte, 1024)
		n, err := c.Read(b)
		if err != nil || n != 1 || b[0] != byte(TypeIdentity) {
			return fmt.Errorf("asked %v, %w", b[:n], err)
		}
		if b, err = insidePEAP(c, append([]byte{byte(TypeIdentity)}, "alice"...)...); err != nil || b[0] != byte(TypeMSCHAPv2) {
			return fmt.Errorf("asked %v, %w", b, err)
		}
		if b, err = insidePEAP(c, byte(TypeNAK), byte(TypeGTC)); err != nil || b[0] != byte(TypeGTC) {
			return fmt.Errorf("asked %v, %w", b, err)
		}
		if b, err = insidePEAP(c, append([]byte{byte(TypeGTC)}, password...)...); err != nil {
			return err
		}
		p, ok := parse(b)
		if !ok || p.typ != TypeTLV {
			return fmt.Errorf("asked %v", b)
		}
		state := c.ConnectionState()
		material, err := state.ExportKeyingMaterial("EXPORTER_EAP_TLS_Key_Material", []byte{byte(TypePEAP)}, 128)
		if err != nil {
			return err
		}
		_, err = c.Write(result(p.id, keyMaterial(material)))
		return err
	}
}

func TestPEAP(t *testing.T) {
	agree := makeTLV(tlvRequired|tlvResult, []byte{0, 1})
	answer := func(id byte, tlvs ...byte) []byte {
		return packet{code: Response, id: id, typ: TypeTLV, data: tlvs}.encode()
	}
	var keys keyMaterial
	bind := func(kind byte, isk [32]byte, spoil func([]byte)) func(byte, keyMaterial) []byte {
		return func(id byte, k keyMaterial) []byte {
			keys = k
			b := newBinding(k, isk)
			tlv := b.tlv(kind, [32]byte{1, 2, 3})
			spoil(tlv)
			return answer(id, append(append([]byte{}, agree...), tlv...)...)
		}
	}
	good := func([]byte) {}
	for _, tt := range []struct {
		name     string
		password string
		result   func(byte, keyMaterial) []byte
		want     Verdict
		bound    bool
		detail   string
	}{
		{"bound", secret, bind(bindingReply, [32]byte{}, good), Accepted, true, ""},
		{"not bound", secret, func(id byte, k keyMaterial) []byte { keys = k; return answer(id, agree...) }, Accepted, false, ""},
		{"wrong password", "wrong", bind(bindingReply, [32]byte{}, good), Rejected, false, ""},
		{"bound to another second phase", secret, bind(bindingReply, [32]byte{1}, good), Rejected, false, "another tunnel"},
		{"MAC changed", secret, bind(bindingReply, [32]byte{}, func(b []byte) { b[len(b)-1]++ }), Rejected, false, "another tunnel"},
		{"nonce changed", secret, bind(bindingReply, [32]byte{}, func(b []byte) { b[10]++ }), Rejected, false, "another tunnel"},
		{"the server's own TLV", secret, bind(0, [32]byte{}, good), Rejected, false, "another tunnel"},
		{"says no", secret, func(id byte, _ keyMaterial) []byte { return answer(id, 0x80, 3, 0, 2, 0, 2) }, Rejected, false, "says that it failed"},
		{"says nothing", secret, func(id byte, _ keyMaterial) []byte { return answer(id) }, Rejected, false, "no result"},
		{"to another request", secret, func(id byte, _ keyMaterial) []byte { return answer(id+1, agree...) }, Rejected, false, "no answer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			p := f.peer(TypePEAP, gtc(tt.password, tt.result))
			a := p.run()
			if a.Verdict != tt.want || !strings.Contains(a.Detail, tt.detail) || a.Method != "peap/gtc" {
				t.Fatalf("%+v, %v", a, p.failed)
			}
			if tt.want != Accepted {
				return
			}
			want := keys.msk()
			if b := newBinding(keys, [32]byte{}); tt.bound {
				want = b.msk()
			}
			if a.MSK != want {
				t.Error("the keys are not those of the device")
			}
		})
	}
}
