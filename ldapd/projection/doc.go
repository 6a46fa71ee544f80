// Package projection is the directory as LDAP sees it, kept in memory for searching: users, groups, service accounts
// and the containers around them, with their attributes rendered ahead and the indexes that filters need.
//
// It is loaded from one consistent snapshot of the directory and then follows the change feed. The directory stays the
// truth: nothing is decided here, and no password or secret is kept here: the NT hashes that Samba servers read go
// from the core through a Selection into the answer.
//
// Specifications: RFC 4511 §4.5 (search) and §4.10 (compare), RFC 4512 (models), RFC 4515 and RFC 4517 (filters and
// matching rules), RFC 4518 (string preparation), RFC 4526 (absolute filters), RFC 4529 ("@class"), RFC 3673 ("+"),
// RFC 4530 (entryUUID), RFC 5020 (entryDN), RFC 2307 and rfc2307bis, RFC 2798 (inetOrgPerson).
//
// Guarantees:
//   - Before the first complete load every question is answered with ErrNotReady. After it the last complete state is
//     served, also while the directory's database cannot be reached.
//   - A batch of entries is selected from one state, in the order of Position, which is the same on every host and
//     after a restart. An entry that does not change is never skipped and never comes twice.
//   - An attribute that a Viewer may not see is unknown to them: not returned, and Undefined in filters and compare.
//   - The DN in member, uniqueMember, memberOf and manager is byte-equal to the DN of the entry it names.
//   - Nothing that a filter asks for makes it fail: what cannot be evaluated is Undefined (RFC 4511 §4.5.1.7).
//
// It does not know connections, result codes, controls, the root DSE or the subschema. All methods of Index may be
// called by several goroutines; a Cursor belongs to one.
package projection
