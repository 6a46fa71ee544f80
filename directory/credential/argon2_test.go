package credential

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"testing/iotest"
)

func TestHash(t *testing.T) {
	small := Params{Memory: 64, Time: 1, Threads: 1}
	for _, p := range []Params{DefaultParams(), small} {
		hash, err := p.Hash(rand.Reader, "pa\u0308ssword")
		if err != nil {
			t.Fatal(err)
		}
		v, err := Parse(hash)
		if err != nil {
			t.Fatal(err)
		}
		if !v.Verify("p\u00e4ssword") || !v.Verify("pa\u0308ssword") || v.Verify("password") {
			t.Errorf("%s does not verify", hash)
		}
		if p.NeedsRehash(v) {
			t.Errorf("%s needs a rehash with its own parameters", hash)
		}
		if (Params{Memory: 128, Time: 1, Threads: 1}).NeedsRehash(v) != true {
			t.Errorf("%s needs no rehash with other parameters", hash)
		}
		again, err := p.Hash(rand.Reader, "p\u00e4ssword")
		if err != nil || again == hash {
			t.Errorf("two hashes are equal: %v", err)
		}
	}
	if v, err := Parse("{SSHA}0IWXldXFVZ7t3Labg0KrWqyxprtzYWx0c2FsdA=="); err != nil || !small.NeedsRehash(v) {
		t.Errorf("{SSHA} needs no rehash: %v", err)
	}
}

func TestHashRefuses(t *testing.T) {
	p := Params{Memory: 64, Time: 1, Threads: 1}
	if _, err := p.Hash(rand.Reader, strings.Repeat("x", MaxPassword+1)); !errors.Is(err, ErrTooLong) {
		t.Errorf("too long: %v", err)
	}
	if _, err := p.Hash(rand.Reader, "a\x00b"); !errors.Is(err, ErrNUL) {
		t.Errorf("NUL: %v", err)
	}
	if _, err := p.Hash(iotest.ErrReader(errors.New("empty")), "x"); err == nil {
		t.Error("hashed without randomness")
	}
	hash, err := p.Hash(rand.Reader, strings.Repeat("x", MaxPassword))
	if err != nil {
		t.Fatal(err)
	}
	if ok, _ := Verify(hash, strings.Repeat("x", MaxPassword)); !ok {
		t.Error("1024 bytes are refused")
	}
	const of1025 = "{SHA}3AhJ3JfS59X1dbGr3F+pbUmJFl8=" // of 1025 times "x"
	if ok, _ := Verify(of1025, strings.Repeat("x", MaxPassword+1)); ok {
		t.Error("1025 bytes are looked at")
	}
}

func TestDummy(t *testing.T) {
	p := DefaultParams()
	dummy, err := p.Dummy(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d, err := Parse(dummy)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := p.Hash(rand.Reader, "x")
	if err != nil {
		t.Fatal(err)
	}
	real, err := Parse(hash)
	if err != nil {
		t.Fatal(err)
	}
	if d.Verify("x") || d.Cost() != real.Cost() || len(dummy) != len(hash) || p.NeedsRehash(d) {
		t.Errorf("dummy %s is told from %s", dummy, hash)
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, tt := range imported() {
		b.Run(tt.name, func(b *testing.B) {
			v, err := Parse(tt.hash)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				v.Verify("x")
			}
			b.ReportMetric(float64(v.Cost().CPU), "estimate-ns")
		})
	}
}
