package credential

import (
	"fmt"
	"io"
	"strings"
)

// easyAlphabet has 32 characters, of which no two look alike on paper: no 0, 1,
// l, o.
const easyAlphabet = "23456789abcdefghijkmnpqrstuvwxyz"

const (
	easyGroup        = 4
	networkGroups    = 5 // 100 bits
	recoveryGroups   = 4 // 80 bits
	recoveryCodes    = 10
	maxEasyTypedSize = 128
)

// NewNetworkPassword makes a password that people type into phones: five groups
// of four easy characters, "abcd-efgh-jkmn-pqrs-tuvw", 100 bits from random.
func NewNetworkPassword(random io.Reader) (string, error) { return newEasy(random, networkGroups) }

// NormalizeNetworkPassword returns the form that NewNetworkPassword made of what
// somebody typed: case, spaces and hyphens do not matter. It reports false when
// that cannot be a network password.
func NormalizeNetworkPassword(typed string) (string, bool) {
	return normalizeEasy(typed, networkGroups)
}

// NewRecoveryCodes makes ten codes of 80 bits each. Store HashSecret of each.
func NewRecoveryCodes(random io.Reader) ([]string, error) {
	codes := make([]string, recoveryCodes)
	for i := range codes {
		code, err := newEasy(random, recoveryGroups)
		if err != nil {
			return nil, err
		}
		codes[i] = code
	}
	return codes, nil
}

// NormalizeRecoveryCode does for recovery codes what NormalizeNetworkPassword
// does for network passwords.
func NormalizeRecoveryCode(typed string) (string, bool) { return normalizeEasy(typed, recoveryGroups) }

func newEasy(random io.Reader, groups int) (string, error) {
	b := make([]byte, groups*easyGroup)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fmt.Errorf("make secret: %w", err)
	}
	for i := range b {
		b[i] = easyAlphabet[b[i]%32] // 256 is a multiple of 32: no bias
	}
	return hyphenate(b), nil
}

func normalizeEasy(typed string, groups int) (string, bool) {
	if len(typed) > maxEasyTypedSize {
		return "", false
	}
	b := make([]byte, 0, groups*easyGroup)
	for _, r := range strings.ToLower(typed) {
		switch {
		case r == ' ' || r == '-':
		case len(b) < cap(b) && strings.ContainsRune(easyAlphabet, r):
			b = append(b, byte(r))
		default:
			return "", false
		}
	}
	if len(b) != cap(b) {
		return "", false
	}
	return hyphenate(b), true
}

func hyphenate(b []byte) string {
	var s strings.Builder
	for i, c := range b {
		if i > 0 && i%easyGroup == 0 {
			s.WriteByte('-')
		}
		s.WriteByte(c)
	}
	return s.String()
}
