package eap

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash"
	"strings"
)

// errNoSecret: RFC 7627 §1: without the extended master secret somebody in the
// middle can make two tunnels with the same keys.
var errNoSecret = errors.New("the device speaks TLS 1.2 without Extended Master Secret (RFC 7627): " +
	"update it, or set legacy_tls: true for the client in radius_clients")

// tunnelKeys derives keys from a TLS connection. What it keeps of the handshake
// decides whether that is safe, whatever GODEBUG says of tlsunsafeekm.
type tunnelKeys struct {
	state    *tls.ConnectionState
	legacy   bool // keys are derived without Extended Master Secret too
	extended bool // it was agreed on
	client   []byte
	server   []byte // the two random values
	master   []byte // only where legacy
}

// export derives n octets for a use (RFC 5705 §4).
func (k *tunnelKeys) export(label string, context []byte, n int) ([]byte, error) {
	switch {
	case k.state.Version >= tls.VersionTLS13 || k.extended:
		b, err := k.state.ExportKeyingMaterial(label, context, n)
		if err != nil {
			return nil, errNoSecret
		}
		return b, nil
	case !k.legacy || len(k.master) == 0 || len(k.server) == 0 || context != nil:
		return nil, errNoSecret
	}
	seed := append([]byte(label), k.client...)
	return prf12(k.state.CipherSuite, k.master, append(seed, k.server...), n), nil
}

// weak reports whether nothing ties the keys of the tunnel to its handshake.
func (k *tunnelKeys) weak() bool {
	return k.state != nil && k.state.Version < tls.VersionTLS13 && !k.extended
}

// prf12 is the pseudorandom function of TLS 1.2 (RFC 5246 §5), with SHA-384 where
// the cipher suite has it (RFC 5288 §3, RFC 5289 §3).
func prf12(suite uint16, secret, seed []byte, n int) []byte {
	sum := func() hash.Hash { return sha256.New() }
	if strings.HasSuffix(tls.CipherSuiteName(suite), "_SHA384") {
		sum = sha512.New384
	}
	var out []byte
	mac := hmac.New(sum, secret)
	for a := seed; len(out) < n; {
		mac.Reset()
		mac.Write(a)
		a = mac.Sum(nil)
		mac.Reset()
		mac.Write(a)
		mac.Write(seed)
		out = mac.Sum(out)
	}
	return out[:n]
}

// Write takes the lines of tls.Config.KeyLogWriter, which is the one way to the
// master secret. Nothing is written anywhere.
func (k *tunnelKeys) Write(line []byte) (int, error) {
	if fields := bytes.Fields(line); len(fields) == 3 && string(fields[0]) == "CLIENT_RANDOM" {
		k.client, k.master = unhex(fields[1]), unhex(fields[2])
	}
	return len(line), nil
}

func unhex(b []byte) []byte {
	out := make([]byte, hex.DecodedLen(len(b)))
	n, _ := hex.Decode(out, b) // of crypto/tls
	return out[:n]
}

const extendedMasterSecret = 23 // RFC 7627 §5.1

// readHello takes from the first octets that the server has sent what crypto/tls
// does not tell: its random value, and whether Extended Master Secret was agreed
// on. Anything but a ServerHello says neither.
//
// RFC 5246 §6.2.1, §7.4.1.3: record, handshake header, version, random, session
// id, cipher suite, compression, extensions.
func (k *tunnelKeys) readHello(b []byte) {
	const record, header, random = 5, 4, 32
	const fixed = record + header + 2 + random + 1
	if len(b) < fixed || b[0] != 22 || b[record] != 2 {
		return
	}
	b = b[:min(len(b), record+header+int(binary.BigEndian.Uint32(b[record:])&0xffffff))]
	if len(b) < fixed {
		return
	}
	k.server = append([]byte{}, b[record+header+2:][:random]...)
	session := int(b[fixed-1])
	if b = b[fixed:]; len(b) < session+5 {
		return
	}
	b = b[session+5:] // cipher suite, compression, length of the extensions
	for len(b) >= 4 {
		size := int(binary.BigEndian.Uint16(b[2:]))
		k.extended = k.extended || binary.BigEndian.Uint16(b) == extendedMasterSecret
		if len(b) < 4+size {
			return
		}
		b = b[4+size:]
	}
}
