package credential

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"strings"
	"testing"
)

func TestGenerated(t *testing.T) {
	seen := make(map[string]bool)
	for _, id := range []int64{1, 35, 36, 1 << 40, 1<<63 - 1} {
		s, err := NewGenerated(rand.Reader, id)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := GeneratedID(s); !ok || got != id {
			t.Errorf("GeneratedID(%q) = %d, %t; want %d", s, got, ok, id)
		}
		v := HashSecret(s)
		if !CheckSecret(v, s) || CheckSecret(v, s+"x") || CheckSecret(v, "") || CheckSecret("", s) || CheckSecret(s, s) || strings.Contains(v, s) {
			t.Errorf("verifier %q of %q", v, s)
		}
		secret := s[strings.LastIndexByte(s, '_'):]
		if seen[secret] || len(secret) != 33 {
			t.Errorf("secret part %q", secret)
		}
		seen[secret] = true
	}
	for _, id := range []int64{0, -1} {
		if s, err := NewGenerated(rand.Reader, id); err == nil {
			t.Errorf("id %d: %q", id, s)
		}
	}
}

func TestGeneratedIDRefuses(t *testing.T) {
	secret := strings.Repeat("a", 32)
	for _, s := range []string{
		"", "gh_", "gh_1_", "gh__" + secret, "gh_0_" + secret, "gh_01_" + secret, "gh_-1_" + secret, "gh_+1_" + secret,
		"gh_A_" + secret, "GH_a_" + secret, "gh_zzzzzzzzzzzzzz_" + secret, "gh_1_" + secret + "a", "gh_1_" + secret[1:],
		"gh_1_" + secret[1:] + "1", "gh_1_" + secret[1:] + "A", " gh_1_" + secret, "gh_1_" + secret + "\n", "correct horse",
	} {
		if id, ok := GeneratedID(s); ok {
			t.Errorf("GeneratedID(%q) = %d", s, id)
		}
	}
}

func TestEasySecrets(t *testing.T) {
	p, err := NewNetworkPassword(bytes.NewReader([]byte{0, 1, 2, 3, 31, 30, 29, 28, 32, 63, 255, 254, 8, 9, 10, 11, 18, 19, 20, 21}))
	if err != nil || p != "2345-zyxw-2zzy-abcd-kmnp" {
		t.Errorf("%q, %v", p, err)
	}
	for in, want := range map[string]string{
		p:                            p,
		"2345 ZYXW 2ZZY ABCD KMNP":   p,
		" 2345zyxw2zzyabcdkmnp ":     p,
		"2345-zyxw-2zzy-abcd-kmn":    "",
		"2345-zyxw-2zzy-abcd-kmnp2":  "",
		"2345-zyxw-2zzy-abcd-kmn0":   "",
		"2345-zyxw-2zzy-abcd-kmnl":   "",
		"":                           "",
		strings.Repeat("-", 500) + p: "",
	} {
		got, ok := NormalizeNetworkPassword(in)
		if got != want || ok != (want != "") {
			t.Errorf("NormalizeNetworkPassword(%q) = %q, %t; want %q", in, got, ok, want)
		}
	}
	if len(easyAlphabet) != 32 {
		t.Errorf("alphabet of %d", len(easyAlphabet))
	}
	codes, err := NewRecoveryCodes(rand.Reader)
	if err != nil || len(codes) != 10 {
		t.Fatalf("%d codes, %v", len(codes), err)
	}
	for _, c := range codes {
		if got, ok := NormalizeRecoveryCode(strings.ToUpper(c)); !ok || got != c || len(c) != 19 {
			t.Errorf("code %q: %q, %t", c, got, ok)
		}
	}
}

// Vectors: RFC 2759 §9.2 ("clientPass") and passlib.
func TestNTHash(t *testing.T) {
	for in, want := range map[string]string{
		"clientPass": "44ebba8d5312b8d611474411f56989ae",
		"password":   "8846f7eaee8fb117ad06bdd830b7586c",
		"pässwörd€😀": "343b5f56098bef0de4739d82d102f3ca",
		"":           "31d6cfe0d16ae931b73c59d7e0c089c0",
	} {
		got := NTHash(in)
		if hex.EncodeToString(got[:]) != want {
			t.Errorf("NTHash(%q) = %x, want %s", in, got, want)
		}
	}
}

func FuzzGeneratedID(f *testing.F) {
	f.Add("gh_1_" + strings.Repeat("a", 32))
	f.Add("gh_zz_")
	f.Fuzz(func(t *testing.T, s string) {
		id, ok := GeneratedID(s)
		if ok && (id <= 0 || len(s) > 49) {
			t.Errorf("GeneratedID(%q) = %d", s, id)
		}
		if n, ok := NormalizeNetworkPassword(s); ok {
			if again, ok := NormalizeNetworkPassword(n); !ok || again != n {
				t.Errorf("NormalizeNetworkPassword(%q) = %q; of that %q", s, n, again)
			}
		}
	})
}
