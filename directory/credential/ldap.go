package credential

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"strings"
	"time"
)

// parseLDAP reads a userPassword value with a scheme (RFC 2307 §5.3 and what
// OpenLDAP and 389-ds write): "{SSHA}…", scheme in any case.
func parseLDAP(encoded string) (*Verifier, error) {
	scheme, rest, ok := strings.Cut(encoded[1:], "}")
	if !ok {
		return nil, ErrUnknownForm
	}
	switch strings.ToUpper(scheme) {
	case "SHA":
		return parseSHA(sha1.New, rest, false)
	case "SHA256":
		return parseSHA(sha256.New, rest, false)
	case "SHA512":
		return parseSHA(sha512.New, rest, false)
	case "SSHA":
		return parseSHA(sha1.New, rest, true)
	case "SSHA256":
		return parseSHA(sha256.New, rest, true)
	case "SSHA512":
		return parseSHA(sha512.New, rest, true)
	case "PBKDF2", "PBKDF2-SHA1":
		return parsePBKDF2Adapted("sha1", rest)
	case "PBKDF2-SHA256":
		return parsePBKDF2Adapted("sha256", rest)
	case "PBKDF2-SHA512":
		return parsePBKDF2Adapted("sha512", rest)
	case "PBKDF2_SHA256":
		return parsePBKDF2Packed(rest)
	case "CRYPT", "ARGON2", "BCRYPT":
		if !strings.HasPrefix(rest, "$") {
			return nil, fmt.Errorf("%w: DES crypt", ErrUnknownForm)
		}
		return parseModular(rest)
	default:
		return nil, ErrUnknownForm
	}
}

// parseSHA reads base64 of a digest, followed by the salt when salted.
func parseSHA(newHash func() hash.Hash, rest string, salted bool) (*Verifier, error) {
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(rest, "="))
	size := newHash().Size()
	if err != nil || len(b) < size || salted != (len(b) > size) {
		return nil, fmt.Errorf("%w: SHA", ErrUnknownForm)
	}
	v := &Verifier{scheme: PlainSHA, weak: true, cost: Cost{CPU: time.Microsecond}}
	if salted {
		v.scheme = SaltedSHA
	}
	v.match = func(password []byte) bool {
		h := newHash()
		h.Write(password)
		h.Write(b[size:])
		return equal(h.Sum(nil), b[:size])
	}
	return v, nil
}
