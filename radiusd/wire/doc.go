// Package wire reads and writes RADIUS packets.
//
// It implements the packet format of RFC 2865 §3 and §5, the accounting
// authenticator of RFC 2866 §3, the Message-Authenticator of RFC 3579 §3.2,
// User-Password hiding of RFC 2865 §5.2, vendor attributes of RFC 2865 §5.26
// and tagged tunnel attributes of RFC 2868; and the same packets without any
// of MD5 for RADIUS/1.1 (RFC 9765).
//
// Guarantees: [Decode] never reads beyond the Length field and never copies;
// every attribute it yields lies inside the packet; every comparison of a
// secret-dependent value takes constant time; an [Encoder] never produces a
// packet over [MaxLength] or an attribute over [MaxValue].
//
// It knows no transport, no clients and no meaning of attributes beyond their
// encoding. RFC 6929 extended attributes are carried as opaque values.
package wire
