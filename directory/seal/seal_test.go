package seal

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func at(sec int64) func() time.Time { return func() time.Time { return time.Unix(sec, 0) } }

func mustKey(t *testing.T, p Purpose, begins int64) *Key {
	t.Helper()
	k, err := NewKey(p, rand.Reader, time.Unix(begins, 0))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func mustRing(t *testing.T, p Purpose, now int64, keys ...*Key) *Ring {
	t.Helper()
	r, err := NewRing(p, "test keys", at(now), keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var here = Place{Table: "credentials", Column: "sealed", Row: "42"}

func TestSealOpen(t *testing.T) {
	for _, p := range Purposes() {
		t.Run(string(p), func(t *testing.T) {
			r := mustRing(t, p, 10, mustKey(t, p, 1))
			for _, plain := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("k"), 4000)} {
				sealed, err := r.Seal(here, plain)
				if err != nil {
					t.Fatal(err)
				}
				if len(plain) > 1 && bytes.Contains(sealed, plain) {
					t.Error("the plaintext is in the sealed value")
				}
				got, err := r.Open(here, sealed)
				if err != nil || !bytes.Equal(got, plain) {
					t.Errorf("Open = %q, %v; want %q", got, err, plain)
				}
				again, _ := r.Seal(here, plain)
				if bytes.Equal(again, sealed) {
					t.Error("two seals are equal: the nonce is not random")
				}
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, p := range []Purpose{TOTP, Network} {
		key := mustKey(t, p, 1)
		r := mustRing(t, p, 10, key)
		sealed, err := r.Seal(here, []byte("seed"))
		if err != nil {
			t.Fatal(err)
		}
		changed := func(i int) []byte {
			b := bytes.Clone(sealed)
			b[i] ^= 1
			return b
		}
		missing := new(MissingKeyError)
		tests := []struct {
			name   string
			place  Place
			sealed []byte
			is     error
			as     any
		}{
			{"other row", Place{"credentials", "sealed", "43"}, sealed, ErrDamaged, nil},
			{"other column", Place{"credentials", "label", "42"}, sealed, ErrDamaged, nil},
			{"other table", Place{"users", "sealed", "42"}, sealed, ErrDamaged, nil},
			{"shifted parts", Place{"credentialss", "ealed", "42"}, sealed, ErrDamaged, nil},
			{"changed body", here, changed(len(sealed) - 1), ErrDamaged, nil},
			{"changed nonce", here, changed(headerBytes), ErrDamaged, nil},
			{"changed key id", here, changed(3), nil, &missing},
			{"unknown version", here, changed(0)[:], ErrNotSealed, nil},
			{"cut in the body", here, sealed[:len(sealed)-5], ErrDamaged, nil},
			{"cut at the header", here, sealed[:headerBytes], ErrDamaged, nil},
			{"cut in the header", here, sealed[:4], ErrNotSealed, nil},
			{"empty", here, nil, ErrNotSealed, nil},
		}
		for _, tt := range tests {
			t.Run(string(p)+"/"+tt.name, func(t *testing.T) {
				b := tt.sealed
				if tt.name == "unknown version" {
					b[0] = 77
				}
				got, err := r.Open(tt.place, b)
				if err == nil {
					t.Fatalf("opened as %q", got)
				}
				if tt.is != nil && !errors.Is(err, tt.is) {
					t.Errorf("error %v, want %v", err, tt.is)
				}
				if tt.as != nil && !errors.As(err, tt.as) {
					t.Errorf("error %v, want a %T", err, tt.as)
				}
			})
		}
	}
}

func TestWrongVersionForPurpose(t *testing.T) {
	// A value whose version byte is swapped must not reach the other cipher.
	r := mustRing(t, TOTP, 10, mustKey(t, TOTP, 1))
	sealed, err := r.Seal(here, []byte("seed"))
	if err != nil {
		t.Fatal(err)
	}
	sealed[0] = versionHPKE
	if _, err := r.Open(here, sealed); !errors.Is(err, ErrNotSealed) {
		t.Errorf("error %v, want ErrNotSealed", err)
	}
}

func TestMissingKey(t *testing.T) {
	old, other := mustKey(t, TOTP, 1), mustKey(t, TOTP, 1)
	sealed, err := mustRing(t, TOTP, 10, old).Seal(here, []byte("seed"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = mustRing(t, TOTP, 10, other).Open(here, sealed)
	want := "sealed with totp key " + old.ID().String() + ", which is not in test keys"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want it to say %q", err, want)
	}
}

func TestRotation(t *testing.T) {
	old, next := mustKey(t, Jobs, 100), mustKey(t, Jobs, 200)
	before := mustRing(t, Jobs, 150, next, old)
	sealed, err := before.Seal(here, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	if before.Active() != old {
		t.Error("a key sealed before it began")
	}
	after := mustRing(t, Jobs, 200, next, old)
	if after.Active() != next || !after.Stale(sealed) || before.Stale(sealed) {
		t.Error("rotation did not happen at the time the new key begins")
	}
	if got, err := after.Open(here, sealed); err != nil || string(got) != "x" {
		t.Errorf("after rotation: %q, %v", got, err)
	}
}

func TestNetworkPublicHalf(t *testing.T) {
	private := mustKey(t, Network, 1)
	radiusd := mustRing(t, Network, 10, private)
	others := mustRing(t, Network, 10, private.Public())
	sealed, err := others.Seal(here, []byte("nt hash"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := others.Open(here, sealed); err == nil || !strings.Contains(err.Error(), "only the public half") {
		t.Errorf("the public half: error %v", err)
	}
	if got, err := radiusd.Open(here, sealed); err != nil || string(got) != "nt hash" {
		t.Errorf("radiusd: %q, %v", got, err)
	}
	if _, err := others.MACKey("x"); err == nil {
		t.Error("a MAC key came out of a public half")
	}
	if bytes.Contains(private.Public().Export(), private.Export()[25:]) {
		t.Error("the public half holds the secret")
	}
}

func TestMACKeys(t *testing.T) {
	old, next := mustKey(t, Lookup, 1), mustKey(t, Lookup, 2)
	before, after := mustRing(t, Lookup, 10, old), mustRing(t, Lookup, 10, old, next)
	k, err := before.MACKey("class")
	if err != nil {
		t.Fatal(err)
	}
	sum := k.Sum([]byte("ab"), []byte("c"))
	keys, err := after.MACKeys("class")
	if err != nil || len(keys) != 2 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	if keys[0].Verify(sum, []byte("ab"), []byte("c")) || !keys[1].Verify(sum, []byte("ab"), []byte("c")) {
		t.Error("the old key is not the second")
	}
	if !k.Verify(sum[:16], []byte("ab"), []byte("c")) || k.Verify(sum[:15], []byte("ab"), []byte("c")) || k.Verify(nil, []byte("ab")) {
		t.Error("shortened sums: 16 bytes and more only")
	}
	if k.Verify(sum, []byte("a"), []byte("bc")) {
		t.Error("parts are not kept apart")
	}
	if other, _ := before.MACKey("cookie"); bytes.Equal(other.Sum([]byte("ab"), []byte("c")), sum) {
		t.Error("two uses share a key")
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	k := mustKey(t, Network, 1700000000)
	path, err := k.WriteFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o400 {
		t.Errorf("mode %o, want 0400", info.Mode().Perm())
	}
	if _, err := k.WriteFile(dir); !errors.Is(err, fs.ErrExist) {
		t.Errorf("written twice: %v", err)
	}
	if _, err := k.Public().WriteFile(dir); err != nil {
		t.Fatal(err)
	}
	r, err := Load(dir, Network, at(1800000000))
	if err != nil {
		t.Fatal(err)
	}
	if ks := r.Keys(); len(ks) != 1 || ks[0].ID() != k.ID() || ks[0].secret == nil || !ks[0].Begins().Equal(k.Begins()) {
		t.Errorf("loaded %d keys, want the private one once", len(ks))
	}
	if _, err := Load(dir, TOTP, at(0)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no key of the purpose: %v", err)
	}
}

func TestReadFileRefuses(t *testing.T) {
	k, other := mustKey(t, TOTP, 1), mustKey(t, TOTP, 1)
	tests := []struct {
		name string
		make func(t *testing.T, path string) error
		want string
	}{
		{"group readable", func(_ *testing.T, p string) error { return write(p, k.Export(), 0o440) }, "open to others (mode 0440)"},
		{"world readable", func(_ *testing.T, p string) error { return write(p, k.Export(), 0o404) }, "open to others"},
		{"group writable", func(_ *testing.T, p string) error { return write(p, k.Export(), 0o420) }, "open to others"},
		{"symbolic link", func(t *testing.T, p string) error {
			real := filepath.Join(t.TempDir(), "k")
			return errors.Join(write(real, k.Export(), 0o400), os.Symlink(real, p))
		}, "symbolic link"},
		{"directory", func(_ *testing.T, p string) error { return os.Mkdir(p, 0o700) }, "not a regular file"},
		{"another key", func(_ *testing.T, p string) error { return write(p, other.Export(), 0o400) }, "holds totp key " + other.ID().String()},
		{"garbage", func(_ *testing.T, p string) error { return write(p, []byte("hunter2"), 0o400) }, "not a key"},
		{"empty", func(_ *testing.T, p string) error { return write(p, nil, 0o400) }, "not a key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := tt.make(t, filepath.Join(dir, k.FileName())); err != nil {
				t.Fatal(err)
			}
			_, err := Load(dir, TOTP, at(0))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want it to say %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Error("the error repeats the file")
			}
		})
	}
}

func write(path string, b []byte, mode fs.FileMode) error {
	return errors.Join(os.WriteFile(path, b, 0o600), os.Chmod(path, mode))
}

func TestRingRefusesOtherPurpose(t *testing.T) {
	if _, err := NewRing(TOTP, "x", at(0), mustKey(t, Jobs, 1)); err == nil {
		t.Error("a jobs key in the totp ring")
	}
	if _, err := NewRing(TOTP, "x", at(0)); err == nil {
		t.Error("an empty ring")
	}
}

func TestRedaction(t *testing.T) {
	k := mustKey(t, TOTP, 1)
	r := mustRing(t, TOTP, 10, k)
	m, err := r.MACKey("x")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{k, *k, r, *r, m, *m, struct{ K *Key }{k}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
			if s := fmt.Sprintf(verb, v); strings.Contains(s, fmt.Sprintf("%x", k.secret[:4])) || strings.Contains(s, fmt.Sprintf("%v", k.secret[:4])) || !strings.Contains(s, redacted) && !strings.Contains(s, "K:") && !strings.Contains(s, "{") {
				t.Errorf("%s of %T: %s", verb, v, s)
			}
		}
		b, err := json.Marshal(v)
		if err != nil || !bytes.Contains(b, []byte(redacted)) {
			t.Errorf("JSON of %T: %s, %v", v, b, err)
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(io.MultiWriter(&log), nil)).Info("x", "v", v)
		if strings.Contains(log.String(), fmt.Sprintf("%x", k.secret[:4])) {
			t.Errorf("log of %T: %s", v, log.String())
		}
	}
}

func FuzzParseKey(f *testing.F) {
	k, err := NewKey(Network, bytes.NewReader(make([]byte, 64)), time.Unix(5, 0))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(k.Export())
	f.Add(k.Public().Export())
	f.Add([]byte("GATEHOUSE-KEY-1:totp:0:AAAA"))
	f.Add([]byte(":::"))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := ParseKey(text)
		if err != nil {
			return
		}
		again, err := ParseKey(k.Export())
		if err != nil || again.ID() != k.ID() || !bytes.Equal(again.Export(), k.Export()) {
			t.Errorf("ParseKey(Export) of %q: %v", text, err)
		}
	})
}

func FuzzOpen(f *testing.F) {
	var rings []*Ring
	for _, p := range []Purpose{TOTP, Network} {
		k, err := NewKey(p, bytes.NewReader(make([]byte, 64)), time.Unix(5, 0))
		if err != nil {
			f.Fatal(err)
		}
		r, err := NewRing(p, "fuzz", at(10), k)
		if err != nil {
			f.Fatal(err)
		}
		rings = append(rings, r)
		f.Add(append([]byte{versionGCM}, k.id[:]...))
		f.Add(append([]byte{versionHPKE}, k.id[:]...))
	}
	f.Fuzz(func(t *testing.T, sealed []byte) {
		for _, r := range rings {
			if got, err := r.Open(here, sealed); err == nil {
				t.Errorf("%x opened as %q", sealed, got)
			}
		}
	})
}
