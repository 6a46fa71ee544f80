package credential

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/bits"
	"strings"
	"time"

	"golang.org/x/crypto/scrypt"
)

// newScrypt makes the verifier of scrypt (RFC 7914).
func newScrypt(n, r, p int, salt, key []byte) (*Verifier, error) {
	if n < 2 || bits.OnesCount(uint(n)) != 1 || r < 1 || p < 1 || len(key) < minDigest || len(key) > 128 {
		return nil, fmt.Errorf("%w: scrypt", ErrUnknownForm)
	}
	if n > maxMemory/128 || r > maxMemory/128/n {
		return nil, &CostError{Scrypt, fmt.Sprintf("n=%d, r=%d is over %d KiB", n, r, maxMemory>>10)}
	}
	memory := int64(128) * int64(n) * int64(r)
	if int64(p) > maxMemoryPasses/memory || p > 64 {
		return nil, &CostError{Scrypt, fmt.Sprintf("p=%d is too much with n=%d, r=%d", p, n, r)}
	}
	return &Verifier{
		scheme: Scrypt,
		weak:   memory*int64(p) < 8<<20,
		cost:   Cost{CPU: time.Duration(memory) * time.Duration(p) * 4, Memory: memory},
		match: func(password []byte) bool {
			got, err := scrypt.Key(password, salt, n, r, p, len(key))
			return err == nil && equal(got, key)
		},
	}, nil
}

// parseScryptDjango reads "n$salt$r$p$base64"; the salt is text.
func parseScryptDjango(rest string) (*Verifier, error) {
	f := strings.Split(rest, "$")
	if len(f) != 5 {
		return nil, fmt.Errorf("%w: scrypt", ErrUnknownForm)
	}
	n, ok1 := number(f[0])
	r, ok2 := number(f[2])
	p, ok3 := number(f[3])
	key, err := base64.StdEncoding.Strict().DecodeString(f[4])
	if !ok1 || !ok2 || !ok3 || err != nil {
		return nil, fmt.Errorf("%w: scrypt", ErrUnknownForm)
	}
	return newScrypt(n, r, p, []byte(f[1]), key)
}

// parseScryptWerkzeug reads "scrypt:n:r:p$salt$hex".
func parseScryptWerkzeug(id, rest string) (*Verifier, error) {
	f, g := strings.Split(id, ":"), strings.Split(rest, "$")
	if len(f) != 4 || len(g) != 2 {
		return nil, fmt.Errorf("%w: scrypt", ErrUnknownForm)
	}
	n, ok1 := number(f[1])
	r, ok2 := number(f[2])
	p, ok3 := number(f[3])
	key, err := hex.DecodeString(g[1])
	if !ok1 || !ok2 || !ok3 || err != nil {
		return nil, fmt.Errorf("%w: scrypt", ErrUnknownForm)
	}
	return newScrypt(n, r, p, []byte(g[0]), key)
}

// parseScryptPasslib reads "$scrypt$ln=…,r=…,p=…$salt$key".
func parseScryptPasslib(encoded string) (*Verifier, error) {
	f := strings.Split(encoded, "$")
	logN, r, p := 0, 0, 0
	if len(f) != 5 || !keyed(f[2], ",", map[string]*int{"ln": &logN, "r": &r, "p": &p}) {
		return nil, fmt.Errorf("%w: scrypt", ErrUnknownForm)
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(f[3])
	key, err2 := base64.RawStdEncoding.DecodeString(f[4])
	if err1 != nil || err2 != nil || logN < 1 || logN > 30 {
		return nil, fmt.Errorf("%w: scrypt", ErrUnknownForm)
	}
	return newScrypt(1<<logN, r, p, salt, key)
}
