package oidc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// The algorithms that tokens are signed with (RFC 7518 §3.1).
const (
	ES256 = "ES256"
	RS256 = "RS256"
)

// The types of our tokens (the typ header). They keep one kind of token from
// being taken for another.
const (
	typeID     = "JWT"
	typeAccess = "at+jwt" // RFC 9068 §2.1
)

// signingKey is a key pair of the store, ready to sign.
type signingKey struct {
	kid     string
	alg     string
	private crypto.Signer // nil: published only
	public  crypto.PublicKey
	headers map[string]string // encoded JOSE header by typ
}

// newSigningKey reads a key pair; private may be nil (PKCS #8 otherwise).
func newSigningKey(kid, alg string, private, public []byte) (*signingKey, error) {
	pub, err := x509.ParsePKIXPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("parse public key: %w", err)
	}
	k := &signingKey{kid: kid, alg: alg, public: pub, headers: make(map[string]string)}
	if !fits(alg, pub) {
		return nil, fmt.Errorf("a key for %s is of the type %T", alg, pub)
	}
	if private != nil {
		parsed, err := x509.ParsePKCS8PrivateKey(private)
		if err != nil {
			return nil, errors.New("parse private key: not PKCS #8") // the cause could hold key bytes
		}
		signer, ok := parsed.(crypto.Signer)
		if !ok || !samePublic(signer.Public(), pub) {
			return nil, errors.New("the private key does not belong to the public key")
		}
		k.private = signer
	}
	for _, typ := range []string{typeID, typeAccess} {
		header, err := json.Marshal(map[string]string{"alg": alg, "kid": kid, "typ": typ})
		if err != nil {
			return nil, fmt.Errorf("encode JOSE header: %w", err)
		}
		k.headers[typ] = base64.RawURLEncoding.EncodeToString(header)
	}
	return k, nil
}

func samePublic(a, b crypto.PublicKey) bool {
	eq, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && eq.Equal(b)
}

func fits(alg string, public crypto.PublicKey) bool {
	switch p := public.(type) {
	case *ecdsa.PublicKey:
		return alg == ES256 && p.Curve == elliptic.P256()
	case *rsa.PublicKey:
		return alg == RS256 && p.N.BitLen() >= 2048
	default:
		return false
	}
}

// sign returns claims as a JWS in compact serialisation (RFC 7515 §7.1).
func (k *signingKey) sign(typ string, claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encode claims: %w", err)
	}
	input := make([]byte, 0, 1024)
	input = append(input, k.headers[typ]...)
	input = append(input, '.')
	input = base64.RawURLEncoding.AppendEncode(input, payload)
	digest := sha256.Sum256(input)
	var sig []byte
	switch p := k.private.(type) {
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, p, digest[:])
		if err != nil {
			return "", fmt.Errorf("sign with %s: %w", k.kid, err)
		}
		// RFC 7518 §3.4: R and S as 32 octets each, not DER.
		sig = make([]byte, 64)
		r.FillBytes(sig[:32])
		s.FillBytes(sig[32:])
	case *rsa.PrivateKey:
		if sig, err = rsa.SignPKCS1v15(nil, p, crypto.SHA256, digest[:]); err != nil {
			return "", fmt.Errorf("sign with %s: %w", k.kid, err)
		}
	default:
		return "", fmt.Errorf("the key %s cannot sign", k.kid)
	}
	input = append(input, '.')
	return string(base64.RawURLEncoding.AppendEncode(input, sig)), nil
}

// verify reports whether sig is the key's signature of input.
func (k *signingKey) verify(input string, sig []byte) bool {
	digest := sha256.Sum256([]byte(input))
	switch p := k.public.(type) {
	case *ecdsa.PublicKey:
		return len(sig) == 64 && ecdsa.Verify(p, digest[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:]))
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(p, crypto.SHA256, digest[:], sig) == nil
	default:
		return false
	}
}

// maxToken is the longest token that is looked at.
const maxToken = 16 << 10

// errToken is why a token was not believed; it says no more to the outside.
var errToken = errors.New("the token is not one of ours, or not for this use")

// openToken checks the signature of a token of ours and decodes its claims. The
// algorithm is the key's, whatever the header says; a header with anything but
// alg, kid and typ (crit, jwk, jku, zip …) is refused.
func (s *keySet) openToken(token, typ string, claims any) error {
	if len(token) > maxToken {
		return errToken
	}
	input, sig64, _ := cutLast(token, '.')
	head64, payload64, ok := strings.Cut(input, ".")
	if !ok || strings.Contains(payload64, ".") {
		return errToken
	}
	head, err1 := base64.RawURLEncoding.Strict().DecodeString(head64)
	payload, err2 := base64.RawURLEncoding.Strict().DecodeString(payload64)
	sig, err3 := base64.RawURLEncoding.Strict().DecodeString(sig64)
	if errors.Join(err1, err2, err3) != nil {
		return errToken
	}
	var header map[string]string
	if json.Unmarshal(head, &header) != nil || len(header) != 3 || header["typ"] != typ {
		return errToken
	}
	k := s.byKID[header["kid"]]
	if k == nil || header["alg"] != k.alg || !k.verify(input, sig) {
		return errToken
	}
	if err := json.Unmarshal(payload, claims); err != nil {
		return errToken
	}
	return nil
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	i := strings.LastIndexByte(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// jwk is a public key as JSON (RFC 7517, RFC 7518 §6).
type jwk struct {
	Kty string `json:"kty"`
	Use string `json:"use,omitempty"`
	Alg string `json:"alg,omitempty"`
	KID string `json:"kid,omitempty"`
	Crv string `json:"crv,omitempty"`
	X   string `json:"x,omitempty"`
	Y   string `json:"y,omitempty"`
	N   string `json:"n,omitempty"`
	E   string `json:"e,omitempty"`
}

func newJWK(public crypto.PublicKey) (jwk, error) {
	switch p := public.(type) {
	case *ecdsa.PublicKey:
		point, err := p.Bytes() // 0x04 ‖ X ‖ Y
		if err != nil {
			return jwk{}, fmt.Errorf("encode public key: %w", err)
		}
		return jwk{Kty: "EC", Crv: "P-256", X: encode64(point[1:33]), Y: encode64(point[33:])}, nil
	case *rsa.PublicKey:
		return jwk{Kty: "RSA", N: encode64(p.N.Bytes()), E: encode64(big.NewInt(int64(p.E)).Bytes())}, nil
	default:
		return jwk{}, fmt.Errorf("a key of the type %T has no JWK here", public)
	}
}

// thumbprint is the kid of a key: its SHA-256 thumbprint (RFC 7638 §3).
func thumbprint(public crypto.PublicKey) (string, error) {
	j, err := newJWK(public)
	if err != nil {
		return "", err
	}
	// RFC 7638 §3.3: the required members only, in lexicographic order.
	members := fmt.Sprintf(`{"crv":%q,"kty":%q,"x":%q,"y":%q}`, j.Crv, j.Kty, j.X, j.Y)
	if j.Kty == "RSA" {
		members = fmt.Sprintf(`{"e":%q,"kty":%q,"n":%q}`, j.E, j.Kty, j.N)
	}
	sum := sha256.Sum256([]byte(members))
	return encode64(sum[:]), nil
}

func encode64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
