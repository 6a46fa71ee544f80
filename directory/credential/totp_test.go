package credential

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"
)

// RFC 4226 appendix D.
func TestHOTPVectors(t *testing.T) {
	g := TOTP{key: []byte("12345678901234567890"), digits: 6, period: 30, algorithm: "SHA1"}
	for i, want := range []string{"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"} {
		if got := g.Code(int64(i)); got != want {
			t.Errorf("Code(%d) = %s, want %s", i, got, want)
		}
	}
}

// RFC 6238 appendix B.
func TestTOTPVectors(t *testing.T) {
	key := func(n int) []byte { return []byte(strings.Repeat("1234567890", 7)[:n]) }
	generators := map[string]TOTP{
		"SHA1":   {key: key(20), digits: 8, period: 30, algorithm: "SHA1"},
		"SHA256": {key: key(32), digits: 8, period: 30, algorithm: "SHA256"},
		"SHA512": {key: key(64), digits: 8, period: 30, algorithm: "SHA512"},
	}
	tests := []struct {
		unix            int64
		algorithm, want string
	}{
		{59, "SHA1", "94287082"},
		{59, "SHA256", "46119246"},
		{59, "SHA512", "90693936"},
		{1111111109, "SHA1", "07081804"},
		{1111111109, "SHA256", "68084774"},
		{1111111109, "SHA512", "25091201"},
		{1111111111, "SHA1", "14050471"},
		{1111111111, "SHA256", "67062674"},
		{1111111111, "SHA512", "99943326"},
		{1234567890, "SHA1", "89005924"},
		{1234567890, "SHA256", "91819424"},
		{1234567890, "SHA512", "93441116"},
		{2000000000, "SHA1", "69279037"},
		{2000000000, "SHA256", "90698825"},
		{2000000000, "SHA512", "38618901"},
		{20000000000, "SHA1", "65353130"},
		{20000000000, "SHA256", "77737706"},
		{20000000000, "SHA512", "47863826"},
	}
	for _, tt := range tests {
		g := generators[tt.algorithm]
		at := time.Unix(tt.unix, 0)
		if got := g.Code(g.Step(at)); got != tt.want {
			t.Errorf("%s at %d = %s, want %s", tt.algorithm, tt.unix, got, tt.want)
		}
		if step, ok := g.Match(tt.want, at); !ok || step != tt.unix/30 {
			t.Errorf("Match(%s) = %d, %t", tt.want, step, ok)
		}
	}
}

func TestMatchWindow(t *testing.T) {
	g, err := NewTOTP(bytes.NewReader(make([]byte, 20)))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1700000000, 0)
	now := g.Step(at)
	for d := int64(-3); d <= 3; d++ {
		step, ok := g.Match(g.Code(now+d), at)
		if want := d >= -1 && d <= 1; ok != want || ok && step != now+d {
			t.Errorf("code of step %+d: %+d, %t", d, step-now, ok)
		}
	}
	for _, code := range []string{"", "0", g.Code(now)[:5], g.Code(now) + "0", " " + g.Code(now)} {
		if _, ok := g.Match(code, at); ok {
			t.Errorf("%q matches", code)
		}
	}
}

func TestTOTPEncode(t *testing.T) {
	g, err := NewTOTP(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b, err := g.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseTOTP(b)
	if err != nil || again.Code(7) != g.Code(7) {
		t.Errorf("ParseTOTP(Encode): %v", err)
	}
	if s := fmt.Sprintf("%v %+v %#v %s %x", g, g, &g, g, g); strings.Count(s, "[redacted]") != 5 {
		t.Errorf("prints as %s", s)
	}
	for _, bad := range []string{
		``, `{}`, `null`, `{"key":"AAAA","digits":6,"period":30,"algorithm":"SHA1"}`,
		`{"key":"AAAAAAAAAAAAAAAAAAAAAA==","digits":4,"period":30,"algorithm":"SHA1"}`,
		`{"key":"AAAAAAAAAAAAAAAAAAAAAA==","digits":6,"period":0,"algorithm":"SHA1"}`,
		`{"key":"AAAAAAAAAAAAAAAAAAAAAA==","digits":6,"period":30,"algorithm":"MD5"}`,
	} {
		if _, err := ParseTOTP([]byte(bad)); err == nil {
			t.Errorf("ParseTOTP(%s) is accepted", bad)
		}
	}
}

func TestTOTPURI(t *testing.T) {
	g := TOTP{key: []byte("12345678901234567890"), digits: 6, period: 30, algorithm: "SHA1"}
	want := "otpauth://totp/Example%20Ltd:jane@example.com?algorithm=SHA1&digits=6&issuer=Example%20Ltd&period=30&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	if got := g.URI("Example Ltd", "jane@example.com"); got != want {
		t.Errorf("URI = %s, want %s", got, want)
	}
}

func TestAppendedCode(t *testing.T) {
	tests := []struct {
		in, password, code string
		ok                 bool
	}{
		{"secret123456", "secret", "123456", true},
		{"secret;123456", "secret", "123456", true},
		{"secret;;123456", "secret;", "123456", true},
		{"pin987654123456", "pin987654", "123456", true},
		{"123456", "", "123456", true},
		{";123456", "", "123456", true},
		{"secret", "secret", "", false},
		{"secret12345", "secret12345", "", false},
		{"secret;12345", "secret;12345", "", false},
		{"secret12345x", "secret12345x", "", false},
		{"secret١٢٣٤٥٦", "secret١٢٣٤٥٦", "", false},
		{"", "", "", false},
	}
	for _, tt := range tests {
		password, code, ok := AppendedCode(tt.in)
		if password != tt.password || code != tt.code || ok != tt.ok {
			t.Errorf("AppendedCode(%q) = %q, %q, %t", tt.in, password, code, ok)
		}
	}
}
