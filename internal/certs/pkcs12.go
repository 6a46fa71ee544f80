package certs

import (
	"bytes"
	"crypto/cipher"
	"crypto/des" // what phones read is 3DES; see PKCS12.
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"fmt"
	"slices"
	"unicode/utf16"
)

// pkcs12Rounds is how often the password is hashed. It holds for passwords that
// cannot be guessed; see PKCS12.
const pkcs12Rounds = 2048

// PKCS12 packs a certificate, its chain and its private key into a file that
// devices import (RFC 7292), under a password. name is what they show.
//
// The file is encrypted with 3DES and authenticated with SHA-1: what iOS and
// macOS before 2024, and Windows before 2019, can read is nothing else. It is
// as strong as the password, which must therefore be random.
func PKCS12(c *tls.Certificate, name, password string) ([]byte, error) {
	p := &pkcs12{password: bmp(password)}
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("pack a certificate: %w", err)
	}
	id := sha1.Sum(c.Certificate[0])
	attributes := []asn1.RawValue{
		p.attribute(oidFriendlyName(), asn1.RawValue{Tag: asn1.TagBMPString, Bytes: bmp(name)[:2*len(utf16.Encode([]rune(name)))]}),
		p.attribute(oidLocalKeyID(), id[:]),
	}
	var bags []safeBag
	for i, der := range c.Certificate {
		bag := safeBag{ID: oidCertBag(), Value: p.explicit(certBag{ID: oidX509(), Data: p.explicit(der)})}
		if i == 0 {
			bag.Attributes = attributes
		}
		bags = append(bags, bag)
	}
	algorithm, hidden := p.encrypt(p.marshal(bags))
	certificates := contentInfo{oidEncryptedData(), p.explicit(encryptedData{Content: encryptedContent{
		Type: oidData(), Algorithm: algorithm, Content: asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, Bytes: hidden},
	}})}
	algorithm, hidden = p.encrypt(key)
	keys := p.marshal([]safeBag{{
		ID: oidShroudedKeyBag(), Value: p.explicit(shroudedKey{algorithm, hidden}), Attributes: attributes,
	}})
	safe := p.marshal([]contentInfo{certificates, {oidData(), p.explicit(keys)}})
	file := p.marshal(pfx{Version: 3, Safe: contentInfo{oidData(), p.explicit(safe)}, MAC: p.mac(safe)})
	if p.err != nil {
		return nil, fmt.Errorf("pack a certificate: %w", p.err)
	}
	return file, nil
}

// The structures of RFC 7292 §4 and RFC 5652 §8.
type (
	pfx struct {
		Version int
		Safe    contentInfo
		MAC     macData
	}
	contentInfo struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue
	}
	macData struct {
		Digest struct {
			Algorithm pkix.AlgorithmIdentifier
			Digest    []byte
		}
		Salt   []byte
		Rounds int
	}
	encryptedData struct {
		Version int
		Content encryptedContent
	}
	encryptedContent struct {
		Type      asn1.ObjectIdentifier
		Algorithm pkix.AlgorithmIdentifier
		Content   asn1.RawValue
	}
	safeBag struct {
		ID         asn1.ObjectIdentifier
		Value      asn1.RawValue
		Attributes []asn1.RawValue `asn1:"set,omitempty"`
	}
	certBag struct {
		ID   asn1.ObjectIdentifier
		Data asn1.RawValue
	}
	shroudedKey struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
)

// pkcs12 encodes; the first mistake sticks.
type pkcs12 struct {
	password []byte
	err      error
}

func (p *pkcs12) marshal(v any) []byte {
	b, err := asn1.Marshal(v)
	if err != nil && p.err == nil {
		p.err = err
	}
	return b
}

// explicit wraps v as [0] EXPLICIT.
func (p *pkcs12) explicit(v any) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: p.marshal(v)}
}

// attribute is a type and a set of one value.
func (p *pkcs12) attribute(id asn1.ObjectIdentifier, value any) asn1.RawValue {
	set := p.marshal(asn1.RawValue{Tag: asn1.TagSet, IsCompound: true, Bytes: p.marshal(value)})
	return asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: slices.Concat(p.marshal(id), set)}
}

// encrypt is pbeWithSHAAnd3-KeyTripleDES-CBC (RFC 7292 Appendix C).
func (p *pkcs12) encrypt(plain []byte) (pkix.AlgorithmIdentifier, []byte) {
	salt := newSalt()
	block, err := des.NewTripleDESCipher(p.derive(1, salt, 24))
	if err != nil && p.err == nil {
		p.err = err
		return pkix.AlgorithmIdentifier{}, nil
	}
	pad := block.BlockSize() - len(plain)%block.BlockSize()
	out := append(bytes.Clone(plain), bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, p.derive(2, salt, block.BlockSize())).CryptBlocks(out, out)
	parameters := p.marshal(struct {
		Salt   []byte
		Rounds int
	}{salt, pkcs12Rounds})
	return pkix.AlgorithmIdentifier{Algorithm: oidTripleDES(), Parameters: asn1.RawValue{FullBytes: parameters}}, out
}

func (p *pkcs12) mac(safe []byte) macData {
	m := macData{Salt: newSalt(), Rounds: pkcs12Rounds}
	m.Digest.Algorithm = pkix.AlgorithmIdentifier{Algorithm: oidSHA1(), Parameters: asn1.NullRawValue}
	h := hmac.New(sha1.New, p.derive(3, m.Salt, sha1.Size))
	h.Write(safe)
	m.Digest.Digest = h.Sum(nil)
	return m
}

func newSalt() []byte {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	return salt
}

// derive is RFC 7292 Appendix B.2 with SHA-1: purpose is 1 for keys, 2 for IVs,
// 3 for MACs.
func (p *pkcs12) derive(purpose byte, salt []byte, size int) (out []byte) {
	const v = sha1.BlockSize
	fill := func(b []byte) []byte {
		filled := make([]byte, (len(b)+v-1)/v*v)
		for i := range filled {
			filled[i] = b[i%len(b)]
		}
		return filled
	}
	diversifier := bytes.Repeat([]byte{purpose}, v)
	input := append(fill(salt), fill(p.password)...)
	for len(out) < size {
		sum := sha1.Sum(append(bytes.Clone(diversifier), input...))
		for range pkcs12Rounds - 1 {
			sum = sha1.Sum(sum[:])
		}
		out = append(out, sum[:]...)
		b := fill(sum[:])[:v]
		for block := range slices.Chunk(input, v) {
			carry := uint(1)
			for i := v - 1; i >= 0; i-- {
				carry += uint(block[i]) + uint(b[i])
				block[i] = byte(carry)
				carry >>= 8
			}
		}
	}
	return out[:size]
}

// bmp is a text in UTF-16, big-endian, with the zero that RFC 7292 Appendix B.1
// puts behind a password.
func bmp(s string) (b []byte) {
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.BigEndian.AppendUint16(b, u)
	}
	return append(b, 0, 0)
}

// The object identifiers of RFC 7292 and RFC 2985.
func oidData() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1} }

func oidEncryptedData() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 6}
}

func oidFriendlyName() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 20}
}

func oidLocalKeyID() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 21} }

func oidX509() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 22, 1} }

func oidShroudedKeyBag() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 2}
}

func oidCertBag() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 3}
}

func oidTripleDES() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 3}
}
func oidSHA1() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26} }
