// Package ldapd is the LDAP server of Gatehouse as a library: it answers LDAPv3 clients from the projection and lets
// the core decide every bind.
//
// Specifications: RFC 4511 (protocol), RFC 4512 (models), RFC 4513 (authentication), RFC 2696 (paged results),
// RFC 2891 (sort), RFC 3062 (Password Modify), RFC 3673 ("+"), RFC 3876 (matched values), RFC 3909 (Cancel), RFC 4525
// (increment), RFC 4526 (absolute filters), RFC 4527 (read entry), RFC 4528 (assertion), RFC 4532 (Who am I?).
// docs/spec/ldap.md lists what is done, section by section, and where we differ.
//
// Guarantees:
//   - A bind is decided by directory.Authenticate and by nothing else. A failure to decide is never invalidCredentials.
//   - The state of a bind belongs to one connection. When the account behind it may no longer be used the connection
//     gets a Notice of Disconnection and ends, within a second of the change.
//   - A search is answered from one complete state of the directory, or with unavailable.
//   - Whatever a client sends, memory and time spent on it are bounded, and no request ends the process.
//   - A write is one transaction of the core under the rights of the bound identity, and is seen by this connection's
//     searches when it is answered.
//
// It does not follow referrals or aliases, or evaluate any rule about who may enter or write.
package ldapd
