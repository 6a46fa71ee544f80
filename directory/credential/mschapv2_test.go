package credential

import (
	"encoding/hex"
	"testing"

	"layeh.com/radius/rfc2759"
	"layeh.com/radius/rfc3079"
)

// The example of RFC 2759 §9.2, and the keys of RFC 3079 §3.5.3.
func TestMSCHAPv2Vector(t *testing.T) {
	exchange := MSCHAPv2{UserName: "User"}
	unhex := func(dst []byte, s string) {
		t.Helper()
		b, err := hex.DecodeString(s)
		if err != nil || copy(dst, b) != len(b) {
			t.Fatal(s, err)
		}
	}
	unhex(exchange.AuthenticatorChallenge[:], "5B5D7C7D7B3F2F3E3C2C602132262628")
	unhex(exchange.PeerChallenge[:], "21402324255E262A28295F2B3A337C7E")
	hash := NTHash("clientPass")
	response := exchange.Response(hash)
	if got := hex.EncodeToString(response[:]); got != "82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df" {
		t.Errorf("response %s", got)
	}
	if got := exchange.AuthenticatorResponse(hash, response); got != "S=407A5589115FD0D6209F510FE9C04566932CDA56" {
		t.Errorf("authenticator response %s", got)
	}
	recv, send := MSCHAPv2Keys(hash, response)
	if got := hex.EncodeToString(send[:]); got != "8b7cdc149b993a1ba118cb153f56dccb" {
		t.Errorf("send key %s", got)
	}
	theirs, err := rfc3079.MakeKey(response[:], []byte("clientPass"), false)
	if err != nil || string(theirs) != string(recv[:]) {
		t.Errorf("receive key %x, theirs %x, %v", recv, theirs, err)
	}
}

func FuzzMSCHAPv2(f *testing.F) {
	f.Add([]byte("0123456789abcdef"), []byte("fedcba9876543210"), "alice", "pass word")
	f.Fuzz(func(t *testing.T, authenticator, peer []byte, user, password string) {
		if len(authenticator) != 16 || len(peer) != 16 {
			return
		}
		theirs, err := rfc2759.GenerateNTResponse(authenticator, peer, []byte(user), []byte(password))
		if err != nil {
			return
		}
		exchange := MSCHAPv2{AuthenticatorChallenge: [16]byte(authenticator), PeerChallenge: [16]byte(peer), UserName: user}
		if ours := exchange.Response(NTHash(password)); string(ours[:]) != string(theirs) {
			t.Errorf("%x, theirs %x", ours, theirs)
		}
	})
}
