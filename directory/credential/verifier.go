package credential

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"
)

// Limits on what is looked at.
const (
	MaxPassword = 1024 // bytes of a password
	MaxEncoded  = 2048 // bytes of an encoded hash
)

// Caps on the cost of an imported hash.
const (
	maxBcryptCost   = 12
	maxPBKDF2Rounds = 1_000_000
	maxCryptRounds  = 1_000_000 // $5$, $6$
	maxMemory       = 64 << 20  // bytes; argon2, scrypt, yescrypt
	maxMemoryPasses = 640 << 20 // bytes written in all passes; argon2, scrypt
	minDigest       = 16        // bytes; a shorter one would match by chance
)

// ErrUnknownForm says that a string is no password hash of a form we read.
var ErrUnknownForm = errors.New("unknown form of password hash")

// CostError says that a hash is of a known form, but too expensive to verify.
type CostError struct {
	Scheme Scheme
	What   string // for example "cost 15 is over 12"
}

// Error names the form and the limit.
func (e *CostError) Error() string { return fmt.Sprintf("%s hash: %s", e.Scheme, e.What) }

// Scheme names the algorithm of a hash, for people and metrics.
type Scheme string

// The schemes.
const (
	Argon2id    Scheme = "argon2id"
	Argon2i     Scheme = "argon2i"
	Argon2d     Scheme = "argon2d"
	Bcrypt      Scheme = "bcrypt"
	Scrypt      Scheme = "scrypt"
	Yescrypt    Scheme = "yescrypt"
	PBKDF2      Scheme = "pbkdf2"
	SHA256Crypt Scheme = "sha256-crypt"
	SHA512Crypt Scheme = "sha512-crypt"
	MD5Crypt    Scheme = "md5-crypt"
	SaltedSHA   Scheme = "salted-sha" // {SSHA}, {SSHA256}, {SSHA512}
	PlainSHA    Scheme = "sha"        // {SHA}, {SHA256}, {SHA512}
)

// Cost is roughly what one computation of a hash takes, on a core of the kind
// that Gatehouse was measured on.
type Cost struct {
	CPU    time.Duration
	Memory int64 // bytes
}

// Slow reports whether the computation must queue for a core.
func (c Cost) Slow() bool { return c.CPU >= 500*time.Microsecond }

// Verifier is a parsed password hash. It is immutable and safe for concurrent
// use, and prints nothing of the hash.
type Verifier struct {
	scheme Scheme
	cost   Cost
	weak   bool
	params Params // of a hash in the exact form of Params.Hash; else zero
	ours   bool   // made by DefaultParams, so of a composed password
	match  func(password []byte) bool
}

// Parse reads an encoded password hash. The forms are: argon2 PHC strings, bcrypt
// ($2a$ $2b$ $2y$), crypt ($1$ $5$ $6$ $y$), LDAP's {SHA…} {SSHA…} {PBKDF2…}
// {CRYPT} {ARGON2} {BCRYPT}, those of Django and Werkzeug, and passlib's
// $pbkdf2…$ and $scrypt$. Errors are ErrUnknownForm, possibly wrapped, or
// *CostError, and never repeat the hash.
func Parse(encoded string) (*Verifier, error) {
	if len(encoded) > MaxEncoded {
		return nil, ErrUnknownForm
	}
	if strings.HasPrefix(encoded, "{") {
		return parseLDAP(encoded)
	}
	if strings.HasPrefix(encoded, "$") {
		return parseModular(encoded)
	}
	return parseFramework(encoded)
}

// parseModular reads "$id$…", the forms of crypt(3) and PHC strings.
func parseModular(encoded string) (*Verifier, error) {
	id, _, _ := strings.Cut(encoded[1:], "$")
	switch id {
	case "argon2id", "argon2i", "argon2d":
		return parseArgon2(encoded)
	case "2a", "2b", "2y":
		return parseBcrypt(encoded, false)
	case "1":
		return parseMD5Crypt(encoded)
	case "5", "6":
		return parseSHACrypt(encoded)
	case "y":
		return parseYescrypt(encoded)
	case "pbkdf2", "pbkdf2-sha1", "pbkdf2-sha256", "pbkdf2-sha512":
		return parsePBKDF2Passlib(encoded)
	case "scrypt":
		return parseScryptPasslib(encoded)
	default:
		return nil, ErrUnknownForm
	}
}

// parseFramework reads the forms of web frameworks: Django's "algorithm$…" and
// Werkzeug's "algorithm:parameters$…".
func parseFramework(encoded string) (*Verifier, error) {
	id, rest, ok := strings.Cut(encoded, "$")
	if !ok {
		return nil, ErrUnknownForm
	}
	switch {
	case id == "argon2" && strings.HasPrefix(rest, "argon2"):
		return parseArgon2("$" + rest)
	case id == "bcrypt":
		return parseBcrypt(rest, false)
	case id == "bcrypt_sha256":
		return parseBcrypt(rest, true)
	case id == "scrypt":
		return parseScryptDjango(rest)
	case strings.HasPrefix(id, "scrypt:"):
		return parseScryptWerkzeug(id, rest)
	case id == "pbkdf2_sha256" || id == "pbkdf2_sha1":
		return parsePBKDF2Django(id, rest)
	case strings.HasPrefix(id, "pbkdf2:"):
		return parsePBKDF2Werkzeug(id, rest)
	default:
		return nil, ErrUnknownForm
	}
}

// Scheme returns the algorithm.
func (v *Verifier) Scheme() Scheme { return v.scheme }

// Cost returns what one Verify takes. It is at most twice that when the
// password has another composed form (NFC) and the hash is an imported one.
func (v *Verifier) Cost() Cost { return v.cost }

// Weak reports whether whoever steals the hash can try passwords quickly.
func (v *Verifier) Weak() bool { return v.weak }

// Verify reports whether password is the one that was hashed. Imported hashes
// were made from the bytes as typed, so those are tried first, then their
// composed form (NFC); our own are made from the composed form. A password over
// MaxPassword bytes, or with a NUL in it, is wrong: HMAC pads keys with NULs, so
// PBKDF2 and scrypt cannot tell "x" from "x" and a NUL.
func (v *Verifier) Verify(password string) bool {
	if len(password) > MaxPassword || strings.ContainsRune(password, 0) {
		return false
	}
	composed := norm.NFC.String(password)
	if v.ours {
		return v.match([]byte(composed))
	}
	return v.match([]byte(password)) || composed != password && v.match([]byte(composed))
}

// Verify parses encoded and verifies password against it. An error means that
// encoded cannot be used; a wrong password is not an error.
func Verify(encoded, password string) (ok bool, err error) {
	v, err := Parse(encoded)
	if err != nil {
		return false, err
	}
	return v.Verify(password), nil
}

// String returns the scheme.
func (v *Verifier) String() string { return string(v.scheme) }

// GoString returns the scheme.
func (v *Verifier) GoString() string { return string(v.scheme) }

func equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }
