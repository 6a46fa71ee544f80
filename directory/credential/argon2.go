package credential

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	argon2d "github.com/go-crypt/x/argon2"
	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

const (
	saltBytes   = 16
	digestBytes = 32
)

// Why a password cannot be set.
var (
	ErrTooLong = errors.New("password is longer than 1024 bytes")
	ErrNUL     = errors.New("password has a NUL in it")
)

// Params are the parameters of argon2id (RFC 9106 §3.1).
type Params struct {
	Memory  uint32 // KiB
	Time    uint32 // passes
	Threads uint8  // lanes
}

// DefaultParams returns what new passwords are hashed with: 19 MiB, 2 passes,
// 1 lane, about 30 ms.
func DefaultParams() Params { return Params{Memory: 19 << 10, Time: 2, Threads: 1} }

// Hash returns the PHC string of password, composed (NFC), under a salt of 16
// bytes from random. It fails with ErrTooLong, ErrNUL, or when random does.
func (p Params) Hash(random io.Reader, password string) (string, error) {
	composed := norm.NFC.String(password)
	if len(password) > MaxPassword || len(composed) > MaxPassword {
		return "", ErrTooLong
	}
	if strings.ContainsRune(password, 0) {
		return "", ErrNUL
	}
	salt := make([]byte, saltBytes)
	if _, err := io.ReadFull(random, salt); err != nil {
		return "", fmt.Errorf("make salt: %w", err)
	}
	digest := argon2.IDKey([]byte(composed), salt, p.Time, p.Memory, p.Threads, digestBytes)
	return p.encode(salt, digest), nil
}

// Dummy returns a hash that no password matches and that takes as long as a
// real one: what is verified for a name that nobody has.
func (p Params) Dummy(random io.Reader) (string, error) {
	b := make([]byte, saltBytes+digestBytes)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fmt.Errorf("make dummy hash: %w", err)
	}
	return p.encode(b[:saltBytes], b[saltBytes:]), nil
}

// NeedsRehash reports whether v should be replaced by p.Hash of the password
// once that is known: another scheme, or other parameters.
func (p Params) NeedsRehash(v *Verifier) bool { return v.params != p }

func (p Params) encode(salt, digest []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.Memory, p.Time, p.Threads,
		b64.EncodeToString(salt), b64.EncodeToString(digest))
}

// parseArgon2 reads "$argon2id$v=19$m=…,t=…,p=…$salt$digest".
func parseArgon2(encoded string) (*Verifier, error) {
	f := strings.Split(encoded, "$")
	if len(f) != 6 || f[2] != "v=19" {
		return nil, fmt.Errorf("%w: argon2 of another version", ErrUnknownForm)
	}
	scheme := Scheme(f[1])
	p, err := parseArgon2Params(scheme, f[3])
	if err != nil {
		return nil, err
	}
	salt, err1 := base64.RawStdEncoding.Strict().DecodeString(f[4])
	digest, err2 := base64.RawStdEncoding.Strict().DecodeString(f[5])
	// RFC 9106 §3.1: the salt should have 16 bytes, the tag at least 4.
	if err1 != nil || err2 != nil || len(salt) < 8 || len(digest) < minDigest || len(digest) > 128 {
		return nil, fmt.Errorf("%w: argon2 salt or digest", ErrUnknownForm)
	}
	passes := int64(p.Memory) << 10 * int64(p.Time)
	v := &Verifier{
		scheme: scheme,
		weak:   passes < 8<<20,
		cost:   Cost{CPU: time.Duration(passes), Memory: int64(p.Memory) << 10},
		match: func(password []byte) bool {
			return equal(argon2Key(scheme, password, salt, p, uint32(len(digest))), digest)
		},
	}
	if scheme == Argon2id && len(salt) == saltBytes && len(digest) == digestBytes {
		v.params = p
		v.ours = p == DefaultParams()
	}
	return v, nil
}

func argon2Key(scheme Scheme, password, salt []byte, p Params, n uint32) []byte {
	switch scheme {
	case Argon2i:
		return argon2.Key(password, salt, p.Time, p.Memory, p.Threads, n)
	case Argon2d:
		return argon2d.DKey(password, salt, p.Time, p.Memory, uint32(p.Threads), n)
	default:
		return argon2.IDKey(password, salt, p.Time, p.Memory, p.Threads, n)
	}
}

func parseArgon2Params(scheme Scheme, s string) (Params, error) {
	m, t, lanes := 0, 0, 0
	if !keyed(s, ",", map[string]*int{"m": &m, "t": &t, "p": &lanes}) {
		return Params{}, fmt.Errorf("%w: argon2 parameters", ErrUnknownForm)
	}
	// RFC 9106 §3.1: at least one pass and one lane, 8 KiB a lane.
	if t < 1 || lanes < 1 || lanes > 255 || m < 8*lanes {
		return Params{}, fmt.Errorf("%w: argon2 parameters", ErrUnknownForm)
	}
	if m > maxMemory>>10 {
		return Params{}, &CostError{scheme, fmt.Sprintf("memory of %d KiB is over %d", m, maxMemory>>10)}
	}
	if t > maxMemoryPasses>>10/m {
		return Params{}, &CostError{scheme, fmt.Sprintf("%d passes over %d KiB are too many", t, m)}
	}
	if lanes > 16 {
		return Params{}, &CostError{scheme, fmt.Sprintf("%d lanes are over 16", lanes)}
	}
	return Params{Memory: uint32(m), Time: uint32(t), Threads: uint8(lanes)}, nil
}

// keyed reads "k=n" pairs into want; each key must occur exactly once and no
// other may.
func keyed(s, sep string, want map[string]*int) bool {
	pairs := strings.Split(s, sep)
	if len(pairs) != len(want) {
		return false
	}
	seen := make(map[string]bool)
	for _, pair := range pairs {
		k, text, _ := strings.Cut(pair, "=")
		n, ok := number(text)
		if want[k] == nil || seen[k] || !ok {
			return false
		}
		seen[k] = true
		*want[k] = n
	}
	return true
}

// number reads a decimal number without sign or leading zeros that fits 31 bits.
func number(s string) (int, bool) {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != s {
		return 0, false
	}
	return int(n), true
}
