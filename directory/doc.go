// Package directory is the core of Gatehouse: the people, groups, credentials,
// applications and decisions that every protocol daemon shares.
//
// A daemon asks two questions of it: who is this (Authenticate), and may they
// enter here (Authorize). The answer is a Decision. An error means that no
// decision could be made and is never shown as one. Changes go through Write,
// one transaction each, checked against the rights of the Actor, audited, and
// published on the change feed in commit order.
//
// The package holds no SQL, HTTP, LDAP or RADIUS. It declares Store, which
// directory/sqlstore implements for SQLite and PostgreSQL. All methods of
// Directory are safe for concurrent use.
package directory
