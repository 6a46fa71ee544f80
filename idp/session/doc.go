// Package session keeps who is signed in in which browser.
//
// The browser holds 256 random bits in the cookie __Host-sid, the store their
// SHA-256. A value that the server did not give out is never adopted, and each
// sign-in gives a new one. Every use of a session asks the core, behind the
// freshness barrier, whether its user may still do anything: a session from
// before a disable opens nothing, also after the user was enabled again.
package session
