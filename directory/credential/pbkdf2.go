package credential

import (
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
	"time"
)

// newPBKDF2 makes the verifier of PBKDF2 (RFC 8018 §5.2) with the HMAC of
// digest "sha1", "sha256" or "sha512". Of a longer key than one block, the first
// block is computed and compared: it alone decides.
func newPBKDF2(digest string, rounds int, salt, key []byte) (*Verifier, error) {
	if rounds < 1 || len(key) < minDigest {
		return nil, fmt.Errorf("%w: pbkdf2", ErrUnknownForm)
	}
	if rounds > maxPBKDF2Rounds {
		return nil, &CostError{PBKDF2, fmt.Sprintf("%d iterations are over %d", rounds, maxPBKDF2Rounds)}
	}
	v := &Verifier{scheme: PBKDF2}
	perRound := 280 * time.Nanosecond
	switch digest {
	case "sha1":
		v.match, v.weak = pbkdf2Match(sha1.New, rounds, salt, key), rounds < 300_000
	case "sha256":
		v.match, v.weak = pbkdf2Match(sha256.New, rounds, salt, key), rounds < 100_000
	case "sha512":
		v.match, v.weak = pbkdf2Match(sha512.New, rounds, salt, key), rounds < 60_000
		perRound = time.Microsecond
	default:
		return nil, fmt.Errorf("%w: pbkdf2 of another digest", ErrUnknownForm)
	}
	v.cost = Cost{CPU: time.Duration(rounds) * perRound}
	return v, nil
}

func pbkdf2Match[H hash.Hash](h func() H, rounds int, salt, key []byte) func([]byte) bool {
	key = key[:min(len(key), h().Size())]
	return func(password []byte) bool {
		got, err := pbkdf2.Key(h, string(password), salt, rounds, len(key))
		return err == nil && equal(got, key)
	}
}

// parsePBKDF2Django reads "rounds$salt$base64" of "pbkdf2_sha256"; the salt is
// text.
func parsePBKDF2Django(id, rest string) (*Verifier, error) {
	f := strings.Split(rest, "$")
	if len(f) != 3 {
		return nil, fmt.Errorf("%w: pbkdf2", ErrUnknownForm)
	}
	rounds, ok := number(f[0])
	key, err := base64.StdEncoding.Strict().DecodeString(f[2])
	if !ok || err != nil {
		return nil, fmt.Errorf("%w: pbkdf2", ErrUnknownForm)
	}
	return newPBKDF2(strings.TrimPrefix(id, "pbkdf2_"), rounds, []byte(f[1]), key)
}

// parsePBKDF2Werkzeug reads "pbkdf2:sha256:rounds$salt$hex".
func parsePBKDF2Werkzeug(id, rest string) (*Verifier, error) {
	f, g := strings.Split(id, ":"), strings.Split(rest, "$")
	if len(f) != 3 || len(g) != 2 {
		return nil, fmt.Errorf("%w: pbkdf2", ErrUnknownForm)
	}
	rounds, ok := number(f[2])
	key, err := hex.DecodeString(g[1])
	if !ok || err != nil {
		return nil, fmt.Errorf("%w: pbkdf2", ErrUnknownForm)
	}
	return newPBKDF2(f[1], rounds, []byte(g[0]), key)
}

// parsePBKDF2Passlib reads "$pbkdf2-sha256$rounds$salt$key".
func parsePBKDF2Passlib(encoded string) (*Verifier, error) {
	f := strings.SplitN(encoded[1:], "$", 2)
	if len(f) != 2 {
		return nil, fmt.Errorf("%w: pbkdf2", ErrUnknownForm)
	}
	digest := "sha1"
	if _, after, ok := strings.Cut(f[0], "-"); ok {
		digest = after
	}
	return parsePBKDF2Adapted(digest, f[1])
}

// parsePBKDF2Adapted reads "rounds$salt$key" in passlib's adapted base64, which
// OpenLDAP's pw-pbkdf2 and 389-ds write too ("." for "+", no padding).
func parsePBKDF2Adapted(digest, s string) (*Verifier, error) {
	f := strings.Split(s, "$")
	if len(f) != 3 {
		return nil, fmt.Errorf("%w: pbkdf2", ErrUnknownForm)
	}
	rounds, ok := number(f[0])
	salt, err1 := adaptedBase64(f[1])
	key, err2 := adaptedBase64(f[2])
	if !ok || err1 != nil || err2 != nil {
		return nil, fmt.Errorf("%w: pbkdf2", ErrUnknownForm)
	}
	return newPBKDF2(digest, rounds, salt, key)
}

func adaptedBase64(s string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.ReplaceAll(s, ".", "+"), "="))
}

// parsePBKDF2Packed reads the older form of 389-ds: base64 of rounds (4 bytes),
// salt (64) and key (256).
func parsePBKDF2Packed(s string) (*Verifier, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(b) != 4+64+256 {
		return nil, fmt.Errorf("%w: pbkdf2", ErrUnknownForm)
	}
	rounds := binary.BigEndian.Uint32(b)
	if rounds > maxPBKDF2Rounds {
		return nil, &CostError{PBKDF2, fmt.Sprintf("%d iterations are over %d", rounds, maxPBKDF2Rounds)}
	}
	return newPBKDF2("sha256", int(rounds), b[4:68], b[68:])
}
