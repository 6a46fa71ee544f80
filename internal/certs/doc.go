// Package certs is the built-in certificate authority and the server
// certificate of a process.
//
// An Authority issues certificates of one kind; the caller keeps its private
// key sealed. A Source gives crypto/tls the current certificate and changes it
// without a restart; when a new one cannot be had it keeps the old one.
// Certificates are X.509 v3 (RFC 5280) with ECDSA P-256 keys; names are only
// in the subject alternative name (RFC 9525 §2).
package certs
