// Package authority judges certificates that CAs outside this directory have
// issued, for EAP-TLS: chains (RFC 5280 §6), revocation by CRL files (§5, §6.3)
// and the one name in the subject alternative name that says whose a certificate
// is (§4.2.1.6).
//
// Guarantees: each authority is trusted for its own purpose and by its own anchors
// alone; a list that is missing, damaged, not signed by the issuer or past its
// nextUpdate denies, unless the authority is soft about that; what is revoked is
// refused either way. Files that change are taken over, and what cannot be read
// is complained of once. It knows no users: who a name is, the caller finds out.
//
// Delta and indirect lists, distribution points and OCSP are not done.
package authority
