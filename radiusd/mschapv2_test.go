package radiusd

import (
	"bytes"
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/rfc2759"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc3079"
	"layeh.com/radius/vendors/microsoft"

	"gatehouse/directory/schema"
)

// msRequest is an Access-Request with MS-CHAPv2, computed by another library.
func msRequest(t *testing.T, name, hashed, password string) (*radius.Packet, []byte) {
	t.Helper()
	p := accessRequest(t, name, "")
	p.Del(rfc2865.UserPassword_Type)
	challenge, peer := bytes.Repeat([]byte{7}, 16), bytes.Repeat([]byte{9}, 16)
	response, err := rfc2759.GenerateNTResponse(challenge, peer, []byte(hashed), []byte(password))
	if err != nil {
		t.Fatal(err)
	}
	value := append([]byte{42, 0}, peer...)
	value = append(value, make([]byte, 8)...)
	value = append(value, response...)
	if err := microsoft.MSCHAPChallenge_Add(p, challenge); err != nil {
		t.Fatal(err)
	}
	if err := microsoft.MSCHAP2Response_Add(p, value); err != nil {
		t.Fatal(err)
	}
	return p, response
}

// msKey is a key of MPPE, computed by another library, which names it by the side
// that asks.
func msKey(t *testing.T, response []byte, password string, send bool) []byte {
	t.Helper()
	key, err := rfc3079.MakeKey(response, []byte(password), send)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestMSCHAPv2(t *testing.T) {
	w := newWorld(t, schema.RADIUSClient{Methods: []string{schema.MethodMSCHAPv2}, Realms: []string{"CORP"}})
	phone := w.networkPassword(w.alice)
	for _, name := range []string{"alice", `CORP\alice`} {
		p, response := msRequest(t, name, "alice", phone)
		reply := w.ask(p)
		if reply.Code != radius.CodeAccessAccept {
			t.Fatalf("%s: %v", name, reply.Code)
		}
		want, err := rfc2759.GenerateAuthenticatorResponse(bytes.Repeat([]byte{7}, 16), bytes.Repeat([]byte{9}, 16), response, []byte("alice"), []byte(phone))
		if err != nil {
			t.Fatal(err)
		}
		if got := microsoft.MSCHAP2Success_Get(reply); string(got) != "\x2a"+want {
			t.Errorf("success %q, want %q", got, want)
		}
		recv, send := msKey(t, response, phone, false), msKey(t, response, phone, true)
		if got := microsoft.MSMPPERecvKey_Get(reply, p); !bytes.Equal(got, recv) {
			t.Errorf("receive key %x, want %x", got, recv)
		}
		if got := microsoft.MSMPPESendKey_Get(reply, p); !bytes.Equal(got, send) {
			t.Errorf("send key %x, want %x", got, send)
		}
	}
	wrong, _ := msRequest(t, "alice", "alice", alicePassword)
	w.rejected(t, wrong)
	other, _ := msRequest(t, "bob", "alice", phone)
	w.rejected(t, other)
	short, _ := msRequest(t, "alice", "alice", phone)
	short.Del(rfc2865.VendorSpecific_Type)
	_ = microsoft.MSCHAP2Response_Add(short, make([]byte, 49))
	w.rejected(t, short)
}

// A client that does not name MS-CHAPv2 has none.
func TestMSCHAPv2IsNamed(t *testing.T) {
	w := newWorld(t, schema.RADIUSClient{})
	p, _ := msRequest(t, "alice", "alice", w.networkPassword(w.alice))
	w.rejected(t, p)
}
