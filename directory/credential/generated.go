package credential

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const (
	generatedPrefix = "gh_"
	generatedBytes  = 20 // 160 bits
	generatedText   = generatedBytes * 8 / 5
	verifierPrefix  = "sha256:"
)

func generatedEncoding() *base32.Encoding {
	return base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
}

// NewGenerated makes a secret that programs carry (app password, API token, SCIM
// token, client secret): "gh_<id>_<32 characters>", the id in base 36, 160 bits
// from random. The id, which must be positive, finds the row it belongs to.
func NewGenerated(random io.Reader, id int64) (string, error) {
	if id <= 0 {
		return "", fmt.Errorf("generated secret for id %d", id)
	}
	b := make([]byte, generatedBytes)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fmt.Errorf("make secret: %w", err)
	}
	return generatedPrefix + strconv.FormatInt(id, 36) + "_" + generatedEncoding().EncodeToString(b), nil
}

// GeneratedID returns the id that a secret made by NewGenerated carries. It
// reports false for everything else, whatever it begins with.
func GeneratedID(presented string) (id int64, ok bool) {
	rest, ok := strings.CutPrefix(presented, generatedPrefix)
	if !ok || len(rest) > 13+1+generatedText {
		return 0, false
	}
	text, secret, ok := strings.Cut(rest, "_")
	if !ok || len(secret) != generatedText {
		return 0, false
	}
	if _, err := generatedEncoding().DecodeString(secret); err != nil {
		return 0, false
	}
	id, err := strconv.ParseInt(text, 36, 64)
	if err != nil || id <= 0 || strconv.FormatInt(id, 36) != text {
		return 0, false
	}
	return id, true
}

// HashSecret returns the verifier of a generated secret: its SHA-256. Only for
// secrets of at least 80 random bits, which cannot be guessed from it.
func HashSecret(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return verifierPrefix + hex.EncodeToString(sum[:])
}

// CheckSecret reports in constant time whether presented is the secret that
// HashSecret made verifier from. A verifier of another form matches nothing.
func CheckSecret(verifier, presented string) bool {
	return strings.HasPrefix(verifier, verifierPrefix) && len(presented) <= MaxPassword &&
		equal([]byte(verifier), []byte(HashSecret(presented)))
}
