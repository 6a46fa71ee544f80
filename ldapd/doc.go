// Package ldapd is the LDAP server of Gatehouse as a library: it answers LDAPv3 clients from the projection and lets
// the core decide every bind.
//
// Specifications: RFC 4511 (protocol), RFC 4512 (models), RFC 4513 (authentication), RFC 2696 (paged results),
// RFC 3673 ("+"), RFC 4526 (absolute filters), RFC 4532 (Who am I?). docs/spec/ldap.md lists what is done, section by
// section, and where we differ.
//
// Guarantees:
//   - A bind is decided by directory.Authenticate and by nothing else. A failure to decide is never invalidCredentials.
//   - The state of a bind belongs to one connection. When the account behind it may no longer be used the connection
//     gets a Notice of Disconnection and ends, within a second of the change.
//   - A search is answered from one complete state of the directory, or with unavailable.
//   - Whatever a client sends, memory and time spent on it are bounded, and no request ends the process.
//
// It does not write to the directory, follow referrals or aliases, or evaluate any rule about who may enter.
package ldapd
