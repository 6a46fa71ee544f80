// Package credential holds the arithmetic of credentials: hashing and verifying
// passwords, our own (argon2id, RFC 9106) and every imported form; secrets that
// Gatehouse generates; NT hashes; one-time codes (RFC 4226, RFC 6238) and
// recovery codes.
//
// Everything here is pure: no clock, no randomness and no state but what is
// passed in. The package decides nothing: who may try, how often, and what a
// match is worth is the business of package directory. Comparisons are in
// constant time. What would cost more than the caps allow is refused when it is
// parsed, before any work is done.
package credential
