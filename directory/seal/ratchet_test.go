package seal_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"testing"

	"gatehouse/directory/seal"
)

func TestRatchet(t *testing.T) {
	r, err := seal.NewRatchet(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	first := r.Reveal()
	macs := map[string]bool{}
	for range 5 {
		again, err := seal.ParseRatchet(r.Reveal())
		if err != nil {
			t.Fatal(err)
		}
		mac := r.MACKey().Sum([]byte("x"))
		if !bytes.Equal(mac, again.MACKey().Sum([]byte("x"))) {
			t.Error("the same key makes two MACs")
		}
		macs[string(mac)] = true
		r.Advance()
	}
	if len(macs) != 5 {
		t.Errorf("5 keys made %d MACs", len(macs))
	}
	// From the first key the later ones are found.
	verifier, err := seal.ParseRatchet(first)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		verifier.Advance()
	}
	if !bytes.Equal(verifier.Reveal(), r.Reveal()) {
		t.Error("the verifier arrives at another key")
	}
	if got := fmt.Sprintf("%v %+v %x", r, r, r); bytes.Contains([]byte(got), []byte(fmt.Sprintf("%x", r.Reveal()))) {
		t.Errorf("printed: %s", got)
	}
	for _, bad := range [][]byte{nil, first[:31], append(first, 0)} {
		if _, err := seal.ParseRatchet(bad); err == nil {
			t.Errorf("a ratchet of %d bytes", len(bad))
		}
	}
}
