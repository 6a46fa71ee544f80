// Package eap is the EAP server (RFC 3748) behind radiusd: EAP-TLS with TLS 1.2
// and 1.3 (RFC 5216, RFC 9190), EAP-TTLS with PAP, MS-CHAPv2, EAP-MSCHAPv2 and
// EAP-GTC inside (RFC 5281), PEAPv0 with EAP-MSCHAPv2 and EAP-GTC inside, and
// EAP-MSCHAPv2 by itself. TLS 1.3 in tunnels is RFC 9427.
//
// Guarantees: who gets in is decided behind the Door, by the directory, for the
// name that was proved inside; the name outside is carried along for the log. A
// resumed tunnel is decided again. Conversations are bounded in number, per
// client and per device, in rounds, octets and time; each round is answered by
// its own random State, from the same client and device only. Session keys are
// exported only where TLS binds them to the handshake (RFC 7627).
//
// It sends nothing by itself and keeps nothing but in memory. CHAP, EAP-MD5 and
// TEAP are not done; docs/spec/radius.md lists the rest.
package eap
