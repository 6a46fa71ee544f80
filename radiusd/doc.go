// Package radiusd is the RADIUS server: access points, switches and VPN gateways
// ask it who may enter (RFC 2865) and tell it what became of that (RFC 2866), over
// UDP or over TLS (RFC 6614), there also in RADIUS/1.1 (RFC 9765).
//
// Guarantees: every decision is the directory's; what could not be decided is
// answered by silence, never by a reject. A packet is looked at only when it
// proves the client's shared secret (RFC 3579 §3.2) or comes over a connection
// that has shown the client's certificate, and every Access-* answer is signed. A
// repeated packet gets the same octets and runs nothing twice (RFC 5080 §2.2.2).
// An Access-Accept leaves after its session is stored, an Accounting-Response
// after the record is. The answer leaves from the address that was asked. One bad
// packet ends nothing but itself, or the connection that it came over.
//
// It speaks PAP, MS-CHAPv2 and what package eap does. It sends Disconnect-
// and CoA-Requests (RFC 5176) and takes none; docs/spec/radius.md lists what is done, section by section.
package radiusd
