package credential

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// parseBcrypt reads "$2b$cost$…". With digested, the password is replaced by
// the hex of its SHA-256 first (Django's bcrypt_sha256). bcrypt itself looks at
// 72 bytes.
func parseBcrypt(encoded string, digested bool) (*Verifier, error) {
	if len(encoded) != 60 || encoded[:2] != "$2" || encoded[3] != '$' || encoded[6] != '$' {
		return nil, fmt.Errorf("%w: bcrypt", ErrUnknownForm)
	}
	switch encoded[2] {
	case 'a', 'b', 'y':
	default:
		return nil, fmt.Errorf("%w: bcrypt of another version", ErrUnknownForm)
	}
	hash := []byte(encoded)
	cost, err := bcrypt.Cost(hash)
	if err != nil || encoded[4] < '0' || encoded[4] > '3' {
		return nil, fmt.Errorf("%w: bcrypt", ErrUnknownForm)
	}
	if cost > maxBcryptCost {
		return nil, &CostError{Bcrypt, fmt.Sprintf("cost %d is over %d", cost, maxBcryptCost)}
	}
	return &Verifier{
		scheme: Bcrypt,
		weak:   cost < 10,
		cost:   Cost{CPU: 85 * time.Microsecond << cost, Memory: 8 << 10},
		match: func(password []byte) bool {
			if digested {
				sum := sha256.Sum256(password)
				password = []byte(hex.EncodeToString(sum[:]))
			}
			return bcrypt.CompareHashAndPassword(hash, password) == nil
		},
	}, nil
}
