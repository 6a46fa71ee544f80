package credential

import (
	"encoding/binary"
	"unicode/utf16"

	"golang.org/x/crypto/md4"
)

// NTHash returns the NT hash of password: MD4 of its UTF-16LE form (RFC 2759
// §8.3). It is as good as the password to whoever has it.
func NTHash(password string) [16]byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(password)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return md4Sum(b)
}

func md4Sum(b []byte) [16]byte {
	h := md4.New()
	h.Write(b)
	return [16]byte(h.Sum(nil))
}
