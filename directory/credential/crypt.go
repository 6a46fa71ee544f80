package credential

import (
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"strings"
	"time"

	"github.com/go-crypt/x/crypt"
	"github.com/go-crypt/x/yescrypt"
)

const cryptAlphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func cryptText(s string, n int) bool {
	return len(s) == n && strings.Trim(s, cryptAlphabet) == ""
}

// parseMD5Crypt reads "$1$salt$digest".
func parseMD5Crypt(encoded string) (*Verifier, error) {
	f := strings.Split(encoded, "$")
	if len(f) != 4 || len(f[2]) > 8 || !cryptText(f[3], 22) {
		return nil, fmt.Errorf("%w: md5-crypt", ErrUnknownForm)
	}
	return &Verifier{
		scheme: MD5Crypt,
		weak:   true,
		cost:   Cost{CPU: 300 * time.Microsecond},
		match: func(password []byte) bool {
			return equal(crypt.KeyMD5Crypt(password, []byte(f[2])), []byte(f[3]))
		},
	}, nil
}

// parseSHACrypt reads "$5$salt$digest" and "$6$rounds=n$salt$digest", as in
// Drepper's specification of SHA-crypt.
func parseSHACrypt(encoded string) (*Verifier, error) {
	f := strings.Split(encoded, "$")
	newHash, scheme, size, perRound := sha256.New, SHA256Crypt, 43, 170*time.Nanosecond
	if f[1] == "6" {
		newHash, scheme, size, perRound = sha512.New, SHA512Crypt, 86, 400*time.Nanosecond
	}
	rounds := 5000
	if len(f) == 5 {
		text, ok := strings.CutPrefix(f[2], "rounds=")
		n, valid := number(text)
		if !ok || !valid {
			return nil, fmt.Errorf("%w: %s", ErrUnknownForm, scheme)
		}
		rounds = max(n, 1000) // the specification's lower bound
		f = append(f[:2], f[3:]...)
	}
	if len(f) != 4 || len(f[2]) > 16 || !cryptText(f[3], size) {
		return nil, fmt.Errorf("%w: %s", ErrUnknownForm, scheme)
	}
	if rounds > maxCryptRounds {
		return nil, &CostError{scheme, fmt.Sprintf("%d rounds are over %d", rounds, maxCryptRounds)}
	}
	return &Verifier{
		scheme: scheme,
		weak:   rounds < 5000,
		cost:   Cost{CPU: time.Duration(rounds) * perRound},
		match: func(password []byte) bool {
			return equal(crypt.KeySHACrypt(newHash, password, []byte(f[2]), rounds), []byte(f[3]))
		},
	}, nil
}

// parseYescrypt reads "$y$jNr$salt$digest" with the parameters that crypt(3)
// of Linux distributions writes.
func parseYescrypt(encoded string) (*Verifier, error) {
	f := strings.Split(encoded, "$")
	if len(f) != 5 || len(f[2]) != 3 || f[2][0] != 'j' || f[3] == "" || !cryptText(f[4], 43) {
		return nil, fmt.Errorf("%w: yescrypt", ErrUnknownForm)
	}
	logN := strings.IndexByte(cryptAlphabet, f[2][1]) + 1
	r := strings.IndexByte(cryptAlphabet, f[2][2]) + 1
	if logN < 10 || r < 1 || yescrypt.Decode64([]byte(f[3])) == nil {
		return nil, fmt.Errorf("%w: yescrypt", ErrUnknownForm)
	}
	memory := int64(128*r) << logN
	if logN > 18 || r > 32 || memory > maxMemory {
		return nil, &CostError{Yescrypt, fmt.Sprintf("memory of %d KiB is over %d", memory>>10, maxMemory>>10)}
	}
	setting := []byte(strings.Join(f[:4], "$"))
	return &Verifier{
		scheme: Yescrypt,
		weak:   memory < 2<<20,
		cost:   Cost{CPU: time.Duration(memory) * 9 / 2, Memory: memory},
		match: func(password []byte) bool {
			got, err := yescrypt.Hash(password, setting)
			return err == nil && equal(got, []byte(encoded))
		},
	}, nil
}
