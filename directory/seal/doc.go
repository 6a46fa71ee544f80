// Package seal encrypts what must be read back (TOTP seeds, shared secrets,
// private keys, job payloads) under keys that never enter the database, and
// makes message authentication keys from them.
//
// Each Purpose has its own Ring: several keys may be present, the newest one
// that has begun seals. A sealed value is
//
//	version (1 byte) | key id (8 bytes) | body
//
// Version 1 is AES-256-GCM, the body nonce | ciphertext. Version 2 is HPKE in
// base mode (RFC 9180: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM),
// the body encapsulated key | ciphertext; it serves Network, whose private half
// only radiusd holds. In both the table, column and row where the value lives
// are bound in, so a value copied elsewhere does not open.
//
// The package knows no database. It reads and writes key files and nothing else.
// Keys and rings print as "[redacted]". Rings are safe for concurrent use.
package seal
