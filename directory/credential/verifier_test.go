package credential

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// imported are hashes of "pässword" that other programs made: libxcrypt,
// Python's hashlib, argon2-cffi, Django, passlib, and the layouts of OpenLDAP,
// 389-ds and Werkzeug.
func imported() []struct{ name, hash string } {
	return []struct{ name, hash string }{
		{"md5-crypt", `$1$saltsalt$QgbQ7EUpcKNQTLgSVL4qr/`},
		{"sha256-crypt", `$5$saltstringsalt$iMr6RwHX6P6MNY9xHPWaWfuJKCTgXvC.SLj9Lh8nzh6`},
		{"sha256-crypt rounds", `$5$rounds=1400$anotherlongsalts$GDB5jowbz4wnn8yBVliwbO2ixXImnaoQlLnifMICHd7`},
		{"sha512-crypt", `$6$saltstring$CSTM8ggie.dU5m6eoS07/LZ2D/r4hrX.jxMSo1fYZexnehwOFJu1o2u1p.BZSnrxIhERrHnuxI8ONbt/kSPvF0`},
		{"sha512-crypt rounds", `$6$rounds=10000$saltstringsaltst$HFsX104uG7LLutG0I8gCtM/CzG5.39Rcpek26OrxSSX7N2QMD/ghH.Q/.fgEE6733h62KrnA17OJsRDHdJME4.`},
		{"yescrypt", `$y$j9T$F5Jx5fExrKuPp53xLKQ..1$uDe9DzkRaoLcpK3XsX1COmq9ojeDZPPU7hopiHbrFR8`},
		{"yescrypt small", `$y$j75$F5Jx5fExrKuPp53xLKQ..1$bwYVuyUbuLcejC2qyuNUGzrZCPh6ah9pprbZHFC64e/`},
		{"bcrypt 2b", `$2b$05$abcdefghijklmnopqrstuucZGbUxuMlEqps0qcu2pjhO7vaatQZIC`},
		{"bcrypt 2y", `$2y$05$abcdefghijklmnopqrstuucZGbUxuMlEqps0qcu2pjhO7vaatQZIC`},
		{"bcrypt 2a", `$2a$05$abcdefghijklmnopqrstuucZGbUxuMlEqps0qcu2pjhO7vaatQZIC`},
		{"SHA", `{SHA}I7dElEdfX4dJgLdnbVEeI9iG2mQ=`},
		{"SSHA", `{SSHA}0IWXldXFVZ7t3Labg0KrWqyxprtzYWx0c2FsdA==`},
		{"SHA256", `{SHA256}NHgme1YSeRtAmIkGs6eJfrarUB4EuV7TL5nQr99mnZw=`},
		{"SSHA256", `{SSHA256}/AJOdwZqq+lNlMip8fPwf7IsnZG4+46O05qOwdf0kqlzYWx0c2FsdA==`},
		{"SHA512", `{SHA512}KF3icbSeAO9oGc8Ku/AxXpfCXLo2FhZ8dw78Umxki03hH0sA3HH67TOjEse6g2kNPtFKqq32tiKqSJlv8H7IpA==`},
		{"SSHA512", `{SSHA512}gwKQTaZQyX1ouf87kyFc/WY/guXg7rm2uH+cK+8tyGaeizK6KKHxXf5Y4VxWKqncNNj9v5Rm4OzDgubeG3z1DnNhbHRzYWx0`},
		{"PBKDF2", `{PBKDF2}1000$MDEyMzQ1Njc4Ofv//jM0NQ$tpoKSskhTDSIicYuxeJohT52fZI`},
		{"PBKDF2-SHA1", `{PBKDF2-SHA1}1000$MDEyMzQ1Njc4Ofv//jM0NQ$tpoKSskhTDSIicYuxeJohT52fZI`},
		{"PBKDF2-SHA256", `{PBKDF2-SHA256}1000$MDEyMzQ1Njc4Ofv//jM0NQ$BRoCls4F6rS8e3gkH8BCXfqw7QmqC9hgq8mFqGieHWg`},
		{"PBKDF2-SHA512", `{PBKDF2-SHA512}1000$MDEyMzQ1Njc4Ofv//jM0NQ$F5jfRwvRuRqdosQu4mE/WTV.DJhVSTTzAUbfUqn77Qji84e9Zq2FYJrSJgMoYzO/ZPMoVgVJ13UI9I27TStMoQ`},
		{"PBKDF2_SHA256 packed", `{PBKDF2_SHA256}AAAIAAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj9cEJD6APLFEo7qXdxiFnDF29Odug8cwpvo6nrFa+FIJk+Ih0s/Wi8dBdv1MFXq6hrQ/KKdEtsz9lDfk3to00XxWzXzCawQwl5loI/rQST25Bgz147pvNFsLNy3uCIBQdmd6E7BGn320tnoYTjIGFb7W/czvdVFGRgPapPfCHf8U6aMzq7k+2TT9XZ6x4zTJCT+71DyibB9JCArfNqd2rfw3uwzLJkucr6Rr9XnO9EYhSpn9fXIn57JmtgAfJns8Jl0jlTD3v6CKUGeFZWVMxFKWrSzbhWgDRmMHYrCHorOgw149zWXfV9Ek9AdiriUQt18gp9Kj/+2FluFkP7bhjkb`},
		{"django PBKDF2PasswordHasher", `pbkdf2_sha256$1000$seasaltseasalt$Vi4foQ+mNwQSIJwpAUPp5iCYMbBHWANcWUFJ5z51VZg=`},
		{"django PBKDF2SHA1PasswordHasher", `pbkdf2_sha1$1000$seasaltseasalt$7+nhmlerzZNPW6vScAe/b3lg+PY=`},
		{"django ScryptPasswordHasher", `scrypt$1024$seasaltseasalt$8$2$9ujHCgX/DmSuLVBTd0WTS7HZfDI7zUvd1qD25FdXCEZ9MA49CB8BIxHeiA5l+LLnneSpbVMn0zm9zhJ7IXvDYw==`},
		{"django bcrypt_sha256", `bcrypt_sha256$$2b$05$abcdefghijklmnopqrstuuI9lzFE7QbllssCRi/6Jv/Og3IzLLjdG`},
		{"django bcrypt", `bcrypt$$2b$05$abcdefghijklmnopqrstuucZGbUxuMlEqps0qcu2pjhO7vaatQZIC`},
		{"django argon2", `argon2$argon2id$v=19$m=1024,t=2,p=2$c2Vhc2FsdHNlYXNhbHQ$+r4SWuNVE2gzodeFI+rlm+AaA6TBQHF0yt4oHThWfWk`},
		{"argon2 ID", `$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$5sHZ8kzpN+Y+tTsbxxBO/khZeYve0V1/mKeqU8ZGB7A`},
		{"argon2 I", `$argon2i$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$MdehGz3DVkWCwvCnqsyMclrtvblc6b/QpyQx6ZNRGWM`},
		{"argon2 D", `$argon2d$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$QhCy5QeJULC0qwU//xvSD00RIXgtJ7Ushh/Oh+yV2Ms`},
		{"argon2 ours", `$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Y2bjJGfuQForcv6vcOu8Uc2uZ2P2gnZLTJF2sXvydKU`},
		{"argon2 lanes", `$argon2id$v=19$m=256,t=1,p=4$c29tZXNhbHQ$GsPSyuwkg/m3/QMXDgwyLT5VH66+3dPI`},
		{"passlib sha1", `$pbkdf2$1000$MDEyMzQ1Njc4OWFiY2RlZg$Xuk/mKPBRhbLsojtsFDMxeS28vA`},
		{"passlib sha256", `$pbkdf2-sha256$1000$MDEyMzQ1Njc4OWFiY2RlZg$rybsuBlIHCOEKCPpDvTVloYHkPEiKOiJqqYGLCHAfF0`},
		{"passlib sha512", `$pbkdf2-sha512$1000$MDEyMzQ1Njc4OWFiY2RlZg$20MTVzg/n3H4pkjP7rPbs9uXGvJYlRG4j32EBHiNeegrbijWGjc63LMIJzA0jtIUGL4tJ0FCjR9uzA3gQvH7WA`},
		{"passlib scrypt", `$scrypt$ln=10,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$YvUgAXFpmzVXONT09h2Ur/0chpC0umdvyARbkR7DGzY`},
		{"werkzeug scrypt", `scrypt:1024:8:1$salty$7120305c6c268d9ed2b9c3d1b5321591ad1f1c5b3cfd0b4ea73dc698dfb1fd9a6dda64ff1327da0ef8d255b760c8eff88152cb4e1e6fd32930e5bd0430b2a38c`},
		{"werkzeug pbkdf2", `pbkdf2:sha256:1000$salty$bb6fa19e53504bcad61894040a4ecd70ffc3e2b23abbeb15651d4c3c9291a769`},
		{"crypt bcrypt", `{CRYPT}$2y$05$abcdefghijklmnopqrstuucZGbUxuMlEqps0qcu2pjhO7vaatQZIC`},
		{"crypt yescrypt", `{crypt}$y$j75$F5Jx5fExrKuPp53xLKQ..1$bwYVuyUbuLcejC2qyuNUGzrZCPh6ah9pprbZHFC64e/`},
	}
}

func TestVerifyImported(t *testing.T) {
	for _, tt := range imported() {
		t.Run(tt.name, func(t *testing.T) {
			v, err := Parse(tt.hash)
			if err != nil {
				t.Fatal(err)
			}
			if !v.Verify("p\u00e4ssword") {
				t.Error("the right password is refused")
			}
			if !v.Verify("pa\u0308ssword") {
				t.Error("the right password, decomposed, is refused")
			}
			for _, wrong := range []string{"", "password", "p\u00e4sswor", "p\u00e4ssword ", "P\u00e4ssword", "p\u00e4ssword\x00"} {
				if v.Verify(wrong) {
					t.Errorf("%q is accepted", wrong)
				}
			}
			if s := fmt.Sprintf("%v %+v %#v", v, v, v); strings.Contains(s, tt.hash[len(tt.hash)-8:]) {
				t.Errorf("prints as %s", s)
			}
		})
	}
}

// TestChangedHash: no bit of the digest is ignored.
func TestChangedHash(t *testing.T) {
	for _, tt := range imported() {
		// Six characters before the end: inside the digest in every form. 389-ds
		// stores eight blocks of which the first decides: change that one.
		at := len(tt.hash) - 6
		if tt.name == "PBKDF2_SHA256 packed" {
			at = len("{PBKDF2_SHA256}") + (4+64)*4/3 + 8
		}
		swap := byte('b')
		if tt.hash[at] == swap {
			swap = 'c'
		}
		changed := tt.hash[:at] + string(swap) + tt.hash[at+1:]
		if ok, err := Verify(changed, "p\u00e4ssword"); ok {
			t.Errorf("%s: a changed hash matches (%v)", tt.name, err)
		}
	}
}

// TestRawBytesFirst: what another system hashed decomposed, or not as UTF-8 at
// all, still opens with the bytes it was hashed from.
func TestRawBytesFirst(t *testing.T) {
	tests := []struct{ name, hash, password string }{
		{"decomposed", "{SHA}NRplV2d6UfTJ5YdZFKOTTx8kXpA=", "pa\u0308ssword"},
		{"latin-1", "{SHA}K7hZzQGUulQ5zHoGt4+xCQzKh4c=", "p\xe4ssword"},
	}
	for _, tt := range tests {
		if ok, err := Verify(tt.hash, tt.password); !ok || err != nil {
			t.Errorf("%s: %t, %v", tt.name, ok, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	const (
		salt16   = "MDEyMzQ1Njc4OWFiY2RlZg"
		digest32 = "rybsuBlIHCOEKCPpDvTVloYHkPEiKOiJqqYGLCHAfF0"
		bcrypt53 = "abcdefghijklmnopqrstuucZGbUxuMlEqps0qcu2pjhO7vaatQZIC"
	)
	sha6 := strings.Repeat("a", 86)
	tests := []struct {
		name, in string
		costly   bool
	}{
		{"empty", "", false},
		{"plain text", "hunter2", false},
		{"plain text with a dollar", "hunt$er2", false},
		{"unknown scheme", "{MYHASH}abc", false},
		{"clear", "{CLEAR}abc", false},
		{"no brace", "{SSHA", false},
		{"empty SSHA", "{SSHA}", false},
		{"SSHA without salt", "{SSHA}I7dElEdfX4dJgLdnbVEeI9iG2mQ=", false},
		{"SHA with salt", "{SHA}0IWXldXFVZ7t3Labg0KrWqyxprtzYWx0c2FsdA==", false},
		{"SHA cut", "{SHA}I7dElEdfX4dJ", false},
		{"DES crypt", "{CRYPT}abJnggxhB/yWI", false},
		{"nested scheme", "{CRYPT}{SSHA}0IWXldXFVZ7t3Labg0KrWqyxprtzYWx0c2FsdA==", false},
		{"too long", "{SSHA}" + strings.Repeat("A", 3000), false},
		{"bcrypt 12", "$2b$13$" + bcrypt53, true},
		{"bcrypt 31", "$2b$31$" + bcrypt53, true},
		{"bcrypt 99", "$2b$99$" + bcrypt53, false},
		{"bcrypt 03", "$2b$03$" + bcrypt53, false},
		{"bcrypt 2x", "$2x$05$" + bcrypt53, false},
		{"bcrypt cut", "$2b$05$" + bcrypt53[1:], false},
		{"pbkdf2 over 1M", "$pbkdf2-sha256$1000001$" + salt16 + "$" + digest32, true},
		{"pbkdf2 0", "$pbkdf2-sha256$0$" + salt16 + "$" + digest32, false},
		{"pbkdf2 negative", "$pbkdf2-sha256$-5$" + salt16 + "$" + digest32, false},
		{"pbkdf2 overflow", "$pbkdf2-sha256$4294967297$" + salt16 + "$" + digest32, false},
		{"pbkdf2 without key", "$pbkdf2-sha256$1000$" + salt16 + "$", false},
		{"pbkdf2 short key", "$pbkdf2-sha256$1000$" + salt16 + "$AAAA", false},
		{"pbkdf2 md5", "$pbkdf2-md5$1000$" + salt16 + "$" + digest32, false},
		{"django without key", "pbkdf2_sha256$1000$salt$", false},
		{"werkzeug md5", "pbkdf2:md5:1000$salt$00000000000000000000000000000000", false},
		{"sha-crypt over 1M", "$6$rounds=1000001$salt$" + sha6, true},
		{"sha-crypt digest cut", "$6$salt$" + sha6[1:], false},
		{"sha-crypt without digest", "$6$salt$", false},
		{"sha-crypt long salt", "$6$12345678901234567$" + sha6, false},
		{"sha-crypt rounds not a number", "$6$rounds=x$salt$" + sha6, false},
		{"md5-crypt without digest", "$1$salt$", false},
		{"md5-crypt long salt", "$1$123456789$QgbQ7EUpcKNQTLgSVL4qr/", false},
		{"yescrypt 128 MiB", "$y$jCT$abcdefgh$wPWF6ZngZZxi0TBX8BqPcYXMIarFww.baLy6hMEGMb9", true},
		{"yescrypt other flags", "$y$/75$abcdefgh$wPWF6ZngZZxi0TBX8BqPcYXMIarFww.baLy6hMEGMb9", false},
		{"yescrypt without salt", "$y$j75$$wPWF6ZngZZxi0TBX8BqPcYXMIarFww.baLy6hMEGMb9", false},
		{"yescrypt without digest", "$y$j75$abcdefgh$", false},
		{"scrypt 128 MiB", "scrypt:131072:8:1$s$" + strings.Repeat("00", 64), true},
		{"scrypt huge r", "scrypt:2:2000000000:1$s$" + strings.Repeat("00", 64), true},
		{"scrypt huge p", "scrypt:16384:8:2000000000$s$" + strings.Repeat("00", 64), true},
		{"scrypt n not a power", "scrypt:1000:8:1$s$" + strings.Repeat("00", 64), false},
		{"scrypt without key", "scrypt:1024:8:1$s$", false},
		{"scrypt ln 63", "$scrypt$ln=63,r=8,p=1$" + salt16 + "$" + digest32, false},
		{"argon2 over 64 MiB", "$argon2id$v=19$m=65537,t=1,p=1$" + salt16 + "$" + digest32, true},
		{"argon2 4 TiB", "$argon2id$v=19$m=2147483647,t=2147483647,p=1$" + salt16 + "$" + digest32, true},
		{"argon2 many passes", "$argon2id$v=19$m=65536,t=11,p=1$" + salt16 + "$" + digest32, true},
		{"argon2 many lanes", "$argon2id$v=19$m=65536,t=1,p=200$" + salt16 + "$" + digest32, true},
		{"argon2 no pass", "$argon2id$v=19$m=65536,t=0,p=1$" + salt16 + "$" + digest32, false},
		{"argon2 no lane", "$argon2id$v=19$m=65536,t=1,p=0$" + salt16 + "$" + digest32, false},
		{"argon2 no memory", "$argon2id$v=19$m=0,t=1,p=1$" + salt16 + "$" + digest32, false},
		{"argon2 twice m", "$argon2id$v=19$m=64,m=64,p=1$" + salt16 + "$" + digest32, false},
		{"argon2 version 16", "$argon2id$v=16$m=64,t=1,p=1$" + salt16 + "$" + digest32, false},
		{"argon2 without digest", "$argon2id$v=19$m=64,t=1,p=1$" + salt16 + "$", false},
		{"argon2 short digest", "$argon2id$v=19$m=64,t=1,p=1$" + salt16 + "$AAAAAA", false},
		{"argon2 huge digest", "$argon2id$v=19$m=64,t=1,p=1$" + salt16 + "$" + strings.Repeat("A", 400), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := Parse(tt.in)
			if err == nil {
				t.Fatalf("parsed as %v", v)
			}
			costly := (*CostError)(nil)
			if errors.As(err, &costly) != tt.costly || errors.Is(err, ErrUnknownForm) == tt.costly {
				t.Errorf("error %v, want a cost error: %t", err, tt.costly)
			}
			if len(tt.in) > 5 && strings.Contains(err.Error(), tt.in[5:]) {
				t.Errorf("the error repeats the hash: %v", err)
			}
		})
	}
}

func TestWeak(t *testing.T) {
	tests := []struct {
		hash string
		want bool
	}{
		{"{SSHA}0IWXldXFVZ7t3Labg0KrWqyxprtzYWx0c2FsdA==", true},
		{"$1$saltsalt$QgbQ7EUpcKNQTLgSVL4qr/", true},
		{"$2b$05$abcdefghijklmnopqrstuucZGbUxuMlEqps0qcu2pjhO7vaatQZIC", true},
		{"$2b$10$abcdefghijklmnopqrstuucZGbUxuMlEqps0qcu2pjhO7vaatQZIC", false},
		{"$pbkdf2-sha256$600000$MDEyMzQ1Njc4OWFiY2RlZg$rybsuBlIHCOEKCPpDvTVloYHkPEiKOiJqqYGLCHAfF0", false},
		{"$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Y2bjJGfuQForcv6vcOu8Uc2uZ2P2gnZLTJF2sXvydKU", false},
	}
	for _, tt := range tests {
		if v, err := Parse(tt.hash); err != nil || v.Weak() != tt.want {
			t.Errorf("%s: weak %t, want %t (%v)", tt.hash, v.Weak(), tt.want, err)
		}
	}
}

func TestCost(t *testing.T) {
	for _, tt := range imported() {
		v, err := Parse(tt.hash)
		if err != nil {
			t.Fatal(err)
		}
		slow := strings.Contains(tt.name, "SHA") && !strings.Contains(tt.name, "PBKDF2") || v.Scheme() == MD5Crypt
		if c := v.Cost(); c.CPU <= 0 || slow && c.Slow() {
			t.Errorf("%s: cost %v", tt.name, c)
		}
	}
}

func FuzzVerify(f *testing.F) {
	for _, tt := range imported() {
		f.Add(tt.hash, "p\u00e4ssword")
	}
	f.Fuzz(func(t *testing.T, encoded, password string) {
		v, err := Parse(encoded)
		if err != nil || v.Cost().CPU > 3_000_000 {
			return
		}
		known := false
		for _, tt := range imported() {
			known = known || strings.Contains(encoded, tt.hash[len(tt.hash)-20:len(tt.hash)-4])
		}
		if v.Verify(password) && !known && v.Scheme() != PlainSHA && v.Scheme() != SaltedSHA {
			t.Errorf("%q matches %q", password, encoded)
		}
	})
}
