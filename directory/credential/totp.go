package credential

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// totpWindow is how many steps the clock of a phone may be off, each way.
const totpWindow = 1

// TOTP is a time-based one-time password generator (RFC 6238). It prints as
// "[redacted]"; Encode gives what is to be sealed.
type TOTP struct {
	key       []byte
	digits    int
	period    int64 // seconds
	algorithm string
}

// NewTOTP makes what every authenticator app understands: SHA-1, 6 digits, 30
// seconds, a key of 160 bits from random (RFC 4226 §4 R6).
func NewTOTP(random io.Reader) (TOTP, error) {
	key := make([]byte, 20)
	if _, err := io.ReadFull(random, key); err != nil {
		return TOTP{}, fmt.Errorf("make TOTP key: %w", err)
	}
	return TOTP{key: key, digits: 6, period: 30, algorithm: "SHA1"}, nil
}

type totpJSON struct {
	Key       []byte `json:"key"`
	Digits    int    `json:"digits"`
	Period    int64  `json:"period"`
	Algorithm string `json:"algorithm"`
}

// Encode returns t in the form that ParseTOTP reads. It holds the key.
func (t TOTP) Encode() ([]byte, error) {
	return json.Marshal(totpJSON{t.key, t.digits, t.period, t.algorithm})
}

// ParseTOTP reads what Encode wrote, or an imported generator of SHA1, SHA256 or
// SHA512 with 6 to 8 digits, a period of 15 to 120 seconds and a key of 10 to
// 128 bytes.
func ParseTOTP(encoded []byte) (TOTP, error) {
	var j totpJSON
	if len(encoded) > 1024 || json.Unmarshal(encoded, &j) != nil {
		return TOTP{}, errors.New("not a TOTP generator")
	}
	t := TOTP{j.Key, j.Digits, j.Period, j.Algorithm}
	if t.newHash() == nil || len(t.key) < 10 || len(t.key) > 128 || t.digits < 6 || t.digits > 8 || t.period < 15 || t.period > 120 {
		return TOTP{}, errors.New("TOTP generator of another kind")
	}
	return t, nil
}

func (t TOTP) newHash() func() hash.Hash {
	switch t.algorithm {
	case "SHA1":
		return sha1.New
	case "SHA256":
		return sha256.New
	case "SHA512":
		return sha512.New
	default:
		return nil
	}
}

// Step returns the number of the time step that at lies in (RFC 6238 §4.2).
func (t TOTP) Step(at time.Time) int64 { return at.Unix() / t.period }

// Code returns the code of a step (RFC 4226 §5.3).
func (t TOTP) Code(step int64) string {
	mac := hmac.New(t.newHash(), t.key)
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(step))
	mac.Write(counter[:])
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0x0f
	n := binary.BigEndian.Uint32(sum[offset:]) & 0x7fffffff
	mod := uint32(1)
	for range t.digits {
		mod *= 10
	}
	return fmt.Sprintf("%0*d", t.digits, n%mod)
}

// Match reports whether code is that of the step at, of the one before or of the
// one after, and of which. All three are always computed. The caller must make
// sure that a step is used once (RFC 6238 §5.2): accept only a step above the
// last one, by compare-and-set.
func (t TOTP) Match(code string, at time.Time) (step int64, ok bool) {
	now, found := t.Step(at), 0
	offset := 0
	for i := -totpWindow; i <= totpWindow; i++ {
		same := subtle.ConstantTimeCompare([]byte(t.Code(now+int64(i))), []byte(code))
		offset = subtle.ConstantTimeSelect(same, i+totpWindow, offset)
		found |= same
	}
	if found == 0 {
		return 0, false
	}
	return now + int64(offset-totpWindow), true
}

// URI returns the otpauth address that authenticator apps read from a QR code.
// It holds the key.
func (t TOTP) URI(issuer, account string) string {
	q := url.Values{
		"secret":    {base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(t.key)},
		"issuer":    {issuer},
		"algorithm": {t.algorithm},
		"digits":    {strconv.Itoa(t.digits)},
		"period":    {strconv.FormatInt(t.period, 10)},
	}
	u := url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + issuer + ":" + account}
	// Apps read "+" in a query literally: spaces must be %20.
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	return u.String()
}

// Format writes "[redacted]" for every verb.
func (TOTP) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// MarshalJSON returns "[redacted]".
func (TOTP) MarshalJSON() ([]byte, error) { return []byte(`"[redacted]"`), nil }

// AppendedCode splits a password with a one-time code behind it: ";" and six
// digits, else six trailing digits. It reports false when there is no code. Only
// for accounts of which a factor is required: the password of others may end in
// digits.
func AppendedCode(typed string) (password, code string, ok bool) {
	at := len(typed) - 6
	if at < 0 {
		return typed, "", false
	}
	for _, c := range []byte(typed[at:]) {
		if c < '0' || c > '9' {
			return typed, "", false
		}
	}
	password, code = typed[:at], typed[at:]
	if at > 0 && password[at-1] == ';' {
		password = password[:at-1]
	}
	return password, code, true
}
