// Package wire is the LDAPv3 codec: BER framing, requests, responses, filters, names and control values.
//
// Specifications: RFC 4511 (protocol), RFC 4514 (names), RFC 4515 (filters as text), RFC 4526 (absolute true and
// false filters), RFC 2696 (paged results), RFC 4532 (Who am I?), X.690 as narrowed by RFC 4511 §5.1.
//
// Guarantees:
//   - Decoding does not copy: every []byte in a Message points into the PDU it was decoded from and lives as long as
//     those bytes do. A Message is reused from one PDU to the next and then allocates nothing.
//   - Every input has a bound: PDU size (Reader.Next), four length octets, 64 levels of filter, 512 filter nodes, and
//     the Max constants of this package. Nothing is allocated for a length that was announced but not sent.
//   - Encoding appends to the caller's buffer and writes the exact, shortest lengths.
//   - parse(print(x)) == x for filters and names.
//
// It does not know the schema: attribute descriptions stay as the client wrote them. It holds no connection, evaluates
// no filter and makes no decision. The zero value of each type is ready for use; none is safe for concurrent use
// unless it says so.
package wire
